//! Plan one mapping.

use crate::engine::error::Stop;
use crate::engine::jobs::look::look;
use crate::engine::jobs::observe::status_of;
use crate::engine::jobs::{Context, depends};
use crate::engine::{Event, Failure, SyncOptions};
use jiff::Timestamp;
use std::sync::Arc;

/// Plans at a revision; a plan of the tip tells the status of the mapping as well.
pub(super) async fn run(
    ctx: &Context,
    name: &str,
    revision: Option<String>,
    options: &SyncOptions,
) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let known = depends::Sight::Known;
    // Whoever plans wants what is there now; what is confirmed then is this plan.
    ctx.world.ask_anew(mapping);
    let mut seen = look(ctx, mapping, revision.as_deref(), options, known).await?;
    seen.plan.cluster_uid = seen.cluster.uid().await.map_err(Failure::from)?;
    let now = Timestamp::now();
    // What would be without its dependencies is no observation: the mapping still waits for them.
    if revision.is_none() && !options.ignore_dependencies {
        let (status, _) = status_of(ctx, name, &seen, now).await?;
        ctx.emit(Event::MappingObserved { status: Box::new(status) }).await;
    }
    let summary = seen.plan.summary;
    ctx.emit(Event::Planned { plan: Arc::new(seen.plan), at: now }).await;
    Ok(format!(
        "{name}: +{} ~{} -{} ={}",
        summary.create,
        summary.update + summary.recreate + summary.take_over,
        summary.delete,
        summary.unchanged
    ))
}
