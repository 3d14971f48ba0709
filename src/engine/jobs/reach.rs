//! Reach a cluster ahead of a plan.

use crate::engine::error::Stop;
use crate::engine::jobs::Context;

/// Connects and learns what is served. What fails is said by the plan, which needs it.
pub(super) async fn run(ctx: &Context, context: String) -> Result<String, Stop> {
    ctx.world.prepare(&context).await;
    Ok(context)
}
