//! Wait until everything that was applied does its work, or say why it does not.

use crate::cluster::Vigil;
use crate::domain::Stall;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::look::Look;
use crate::engine::{Event, Failure};
use std::sync::Arc;
use std::time::Duration;

/// Waits at most this long. What is in vain ends it early, with the pod's own words.
pub(super) async fn wait(
    ctx: &Context,
    name: &str,
    seen: &Look,
    limit: Duration,
) -> Result<(), Stop> {
    let mapping = ctx.world.mapping(name)?;
    let mut vigil = Vigil::new(&seen.cluster, mapping, seen.basis.desired(), limit);
    let waited = ctx.read(async {
        let waited = vigil.wait(|what| ctx.doing(what)).await;
        waited.map_err(|error| Stop::from(Failure::from(error)))
    });
    let Some(stall) = waited.await? else { return Ok(()) };
    Err(stalled(ctx, name, stall, (limit, vigil.elapsed())).await)
}

/// Tells everything that is known of what does not come up, and ends in a sentence.
async fn stalled(
    ctx: &Context,
    name: &str,
    stall: Stall,
    (limit, waited): (Duration, Duration),
) -> Stop {
    let head = if stall.hopeless.is_some() {
        format!("{name} does not come up")
    } else {
        format!("{name} is not healthy after {} s", limit.as_secs())
    };
    let seconds = waited.as_secs();
    let failure = Failure::new(format!("{head}: {}", stall.words())).hint(format!(
        "it was applied and stays so; waited {seconds} s; mend the cause and sync again, or `gitdeck status {name}` shows it as it comes up"
    ));
    ctx.emit(Event::Stalled { mapping: name.to_owned(), stall: Arc::new(stall) }).await;
    failure.into()
}
