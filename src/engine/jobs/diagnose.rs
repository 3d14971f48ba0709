//! Find out why a mapping does not come up, when somebody looks at it.

use crate::cluster::Vigil;
use crate::engine::error::Stop;
use crate::engine::jobs::look::look;
use crate::engine::jobs::{Context, depends};
use crate::engine::{Event, Failure, SyncOptions};
use std::sync::Arc;
use std::time::Duration;

/// Asks the cluster about the pods and the events of what does not come up, and tells what is known of the first. Nobody
/// asks unless somebody looks: what is merely watched costs no request for each object.
pub(super) async fn run(ctx: &Context, name: &str) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let (options, known) = (SyncOptions::default(), depends::Sight::Known);
    let seen = Box::pin(look(ctx, mapping, None, &options, known)).await?;
    let vigil = Vigil::new(&seen.cluster, mapping, seen.basis.desired(), Duration::ZERO);
    let Some(stall) = vigil.diagnose().await.map_err(Failure::from)? else {
        return Ok(format!("{name}: nothing fails"));
    };
    let said = format!("{name}: {}", stall.words());
    ctx.emit(Event::Stalled { mapping: name.to_owned(), stall: Arc::new(stall) }).await;
    Ok(said)
}
