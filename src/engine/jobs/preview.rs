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
    // Whether others have to go first is for the sync to say; here they may well go in the same run.
    let options = SyncOptions { ignore_dependencies: true, ..SyncOptions::default() };
    let seen = look(ctx, mapping, at, &options, aside).await?;
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
