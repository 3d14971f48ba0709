//! What may have made a mapping ill, found out only where it is.

use crate::domain::automation::Drifted;
use crate::domain::suspect::{Failing, MOST, Suspect, Touch, rank};
use crate::domain::{
    Health, Inventory, Manifest, Mapping, MappingStatus, Plan, Revision, SyncState,
};
use crate::engine::error::Stop;
use crate::engine::jobs::render::sources;
use crate::engine::jobs::{Context, attribute};
use crate::git::LogQuery;
use std::sync::Arc;

/// Failing objects whose lines are looked at.
const LOOKED_AT: usize = 5;

/// The suspects of a mapping that is degraded, that was healthy at what runs and is not ready any more, or whose tip cannot
/// be rendered or synced; nobody where it is well, on its way, or never was well.
pub(super) async fn find(
    ctx: &Context,
    mapping: &Mapping,
    status: &MappingStatus,
    inventory: &Inventory,
    seen: Option<(&Plan, &[Manifest])>,
) -> Vec<Suspect> {
    // After a sync it is on its way as it should be; at a revision that was healthy it fell back.
    let fell = matches!(status.health, Health::Progressing | Health::Missing)
        && inventory.healthy.as_ref().map(|one| &one.revision) == status.synced_revision.as_ref();
    let ill = status.health == Health::Degraded || status.sync == SyncState::Error || fell;
    let Some(to) = until(status).filter(|_| ill) else { return Vec::new() };
    let healthy = inventory.healthy.as_ref().map(|healthy| &healthy.revision);
    let from = healthy.or(inventory.synced_revision.as_ref());
    let touches = match from {
        Some(from) if from != to => touches(ctx, mapping, from, to).await.unwrap_or_default(),
        _ => Arc::default(),
    };
    let Some((plan, desired)) = seen else { return rank(&touches, &[], &[]) };
    let mut failing = Vec::new();
    let worst = if fell { status.health } else { Health::Degraded };
    let sick = plan.objects.iter().filter(|one| one.health == worst);
    for planned in sick.take(LOOKED_AT) {
        let object = planned.object.clone();
        let manifest =
            desired.iter().find(|one| attribute::manifest_is(one, &object.key(), mapping));
        let origin = manifest.map(|manifest| &manifest.origin);
        let authors = match origin {
            Some(origin) => attribute::authors(ctx, mapping, &plan.revision, origin).await,
            None => Vec::new(),
        };
        failing.push(Failing { object, file: origin.map(|origin| origin.file.clone()), authors });
    }
    rank(&touches, &failing, &Drifted::of(plan))
}

/// The revision that is ill: what runs, or what cannot be made to run.
fn until(status: &MappingStatus) -> Option<&Revision> {
    match status.sync {
        SyncState::Error => status.desired_revision.as_ref(),
        _ => status.synced_revision.as_ref(),
    }
}

/// The newest commits between two revisions that touch the mapping, with their files.
async fn touches(
    ctx: &Context,
    mapping: &Mapping,
    from: &Revision,
    to: &Revision,
) -> Result<Arc<Vec<Touch>>, Stop> {
    let key = (mapping.name.clone(), from.clone(), to.clone());
    if let Some(known) = ctx.world.sickness.touches(&key) {
        return Ok(known);
    }
    let mut beside = sources(ctx, mapping, to).await;
    let (from, to, path) = (from.clone(), to.clone(), mapping.path.clone());
    let read = move |git: &crate::git::Repository| {
        let limit = git.ahead(Some(&from), &to, &beside)?.min(MOST);
        beside.retain(|one| *one != path);
        let query =
            LogQuery { from: Some(to), path: Some(path), beside, limit, ..LogQuery::default() };
        let mut touches = Vec::new();
        for commit in git.log(&query)?.commits.into_iter().take(limit) {
            let changes = git.details(&commit.revision)?.files;
            let names = changes.into_iter().flat_map(|one| [Some(one.path), one.old_path]);
            touches.push(Touch { files: names.flatten().collect(), commit });
        }
        Ok(touches)
    };
    let found = Arc::new(ctx.world.git(&mapping.repository, read).await?);
    ctx.world.sickness.keep(key, &found);
    Ok(found)
}
