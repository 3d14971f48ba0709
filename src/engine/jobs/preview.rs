//! Plan a mapping at a commit that may never be synced.

use crate::domain::Revision;
use crate::engine::error::Stop;
use crate::engine::jobs::look::look;
use crate::engine::jobs::{Context, depends};
use crate::engine::{Event, Failure, SyncOptions};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Rests first: who moves on meanwhile has asked for nothing.
pub(super) async fn run(
    ctx: &Context,
    name: &str,
    revision: &Revision,
    rest: Duration,
) -> Result<String, Stop> {
    tokio::time::sleep(rest).await;
    let mapping = ctx.world.mapping(name)?;
    let (at, aside) = (Some(revision.as_str()), depends::Sight::Aside);
    let seen = look(ctx, mapping, at, &SyncOptions::default(), aside).await?;
    if seen.revision != *revision {
        return Err(Failure::new(format!("{revision} is another commit by now")).into());
    }
    let (job, plan) = (ctx.job, Arc::new(seen.plan));
    let (short, count) = (revision.short(), plan.operations.len());
    ctx.emit(Event::Previewed { job, plan, at: Timestamp::now() }).await;
    Ok(match count {
        1 => format!("{name} would take 1 operation to be at {short}"),
        many => format!("{name} would take {many} operations to be at {short}"),
    })
}
