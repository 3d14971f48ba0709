//! Find out why a mapping does not come up, when somebody looks at it.

use crate::cluster::{Cluster, Vigil};
use crate::domain::{Manifest, Mapping, Stall};
use crate::engine::error::Stop;
use crate::engine::jobs::look::{Blind, look};
use crate::engine::jobs::render::render;
use crate::engine::jobs::{Context, depends};
use crate::engine::{Event, Failure, SyncOptions};
use std::sync::Arc;
use std::time::Duration;

/// Asks the cluster about the pods and the events of what does not come up, and tells what is known of the first. Nobody
/// asks unless somebody looks: what is merely watched costs no request for each object.
pub(super) async fn run(ctx: &Context, name: &str) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let (options, known) = (SyncOptions::default(), depends::Sight::Known);
    let stall = match Box::pin(look(ctx, mapping, None, &options, known)).await {
        Ok(seen) => ask(&seen.cluster, mapping, seen.basis.desired()).await?,
        // What runs is what was synced last, whatever cannot be rendered now.
        Err(Blind::Desired(failure, _)) => {
            let cluster = ctx.world.cluster(&mapping.target.context).await?;
            let inventory = cluster.inventory(name).await.map_err(Failure::from)?;
            let synced = inventory.synced_revision.ok_or(failure)?;
            let rendered = render(ctx, mapping, &synced).await?.unwrap_or_default();
            ask(&cluster, mapping, &rendered).await?
        }
        Err(blind) => return Err(blind.into()),
    };
    let Some(stall) = stall else { return Ok(format!("{name}: nothing fails")) };
    let said = format!("{name}: {}", stall.words());
    ctx.emit(Event::Stalled { mapping: name.to_owned(), stall: Arc::new(stall) }).await;
    Ok(said)
}

async fn ask(
    cluster: &Cluster,
    mapping: &Mapping,
    desired: &[Manifest],
) -> Result<Option<Stall>, Failure> {
    Ok(Vigil::new(cluster, mapping, desired, Duration::ZERO).diagnose().await?)
}
