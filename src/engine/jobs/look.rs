//! One look at a mapping: tip, inventory, rendered trees and the plan between them.

use crate::cluster::{Cluster, PlanOptions, PlanRequest};
use crate::domain::{Inventory, Mapping, Plan, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, attribute};
use crate::engine::world::Rendered;
use crate::engine::{Failure, SyncOptions};
use crate::render;
use std::sync::Arc;

/// Everything that was seen.
pub(super) struct Look {
    pub cluster: Cluster,
    pub revision: Revision,
    pub inventory: Inventory,
    pub desired: Rendered,
    pub plan: Plan,
}

/// Where a look ended early, so that the status can say which side failed.
pub(super) enum Blind {
    /// The repository has no such revision, or the tree does not render: the mapping is in error.
    Desired(Failure, Option<Revision>),
    /// The cluster cannot be seen: the mapping is unknown.
    Live(Failure, Revision),
    /// Somebody asked.
    Cancelled,
}

impl From<Blind> for Stop {
    fn from(blind: Blind) -> Self {
        match blind {
            Blind::Desired(failure, _) | Blind::Live(failure, _) => Self::Failed(failure),
            Blind::Cancelled => Self::Cancelled,
        }
    }
}

/// Renders and plans one mapping at a revision (the fetched tip where nothing is given).
pub(super) async fn look(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&str>,
    options: &SyncOptions,
) -> Result<Look, Blind> {
    let revision = desired_revision(ctx, mapping, revision).await.map_err(|stop| desired(stop, None))?;
    let rendered = render(ctx, mapping, &revision).await.map_err(|stop| desired(stop, Some(&revision)))?;
    let live = |failure| Blind::Live(failure, revision.clone());
    let cluster = ctx.world.cluster(&mapping.target.context).await.map_err(live)?;
    let inventory = cluster.inventory(&mapping.name).await.map_err(Failure::from).map_err(live)?;
    let previous = match &inventory.synced_revision {
        Some(synced) if *synced != revision => render(ctx, mapping, synced).await.ok(),
        Some(_) => Some(Arc::clone(&rendered)),
        None => None,
    };
    let request = PlanRequest {
        mapping,
        revision: &revision,
        desired: &rendered,
        previous: previous.as_ref().map(|manifests| manifests.as_slice()),
        inventory: &inventory,
        options: PlanOptions {
            prune: options.prune.unwrap_or(mapping.sync.prune),
            allow_delete: options.allow_delete,
            recreate: options.recreate,
            take_over: options.take_over,
        },
    };
    let mut plan = cluster.plan(&request).await.map_err(Failure::from).map_err(live)?;
    attribute::commits(ctx, mapping, &rendered, &mut plan).await;
    Ok(Look { cluster, revision, inventory, desired: rendered, plan })
}

fn desired(stop: Stop, revision: Option<&Revision>) -> Blind {
    match stop {
        Stop::Failed(failure) => Blind::Desired(failure, revision.cloned()),
        Stop::Refused(_) | Stop::Cancelled => Blind::Cancelled,
    }
}

/// The revision that a mapping is to have: what was asked for, or the tip as fetched last.
pub(super) async fn desired_revision(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&str>,
) -> Result<Revision, Stop> {
    let (repository, branch) = {
        let settings = ctx.world.repository(&mapping.repository)?;
        (settings.remote.name.clone(), settings.remote.branch.clone())
    };
    match revision {
        Some(text) => {
            let text = text.to_owned();
            ctx.world.git(&repository, move |git| git.resolve(&text)).await
        }
        None => {
            let tip = ctx.world.git(&repository, |git| Ok(git.tip())).await?;
            tip.ok_or_else(|| {
                Failure::new(format!("repository `{repository}` was not fetched yet, or branch `{branch}` has no commit"))
                    .hint(format!("`gitdeck repo check {repository}` says which"))
                    .into()
            })
        }
    }
}

/// The manifests of a mapping at a revision; a revision never changes, so each is rendered once.
pub(super) async fn render(ctx: &Context, mapping: &Mapping, revision: &Revision) -> Result<Rendered, Stop> {
    if let Some(kept) = ctx.world.rendered(&mapping.name, revision) {
        return Ok(kept);
    }
    let (at, path) = (revision.clone(), mapping.path.clone());
    let files = ctx.world.git(&mapping.repository, move |git| git.tree(&at, &path)).await?;
    let root = mapping.path.clone();
    let manifests = tokio::task::spawn_blocking(move || {
        let files: Vec<_> = files
            .into_iter()
            .map(|file| render::SourceFile { path: file.path, content: file.content })
            .collect();
        render::render(&root, &files)
    })
    .await
    .map_err(|error| Failure::new(format!("rendering ended early: {error}")))?
    .map_err(Failure::from)?;
    let manifests = Arc::new(manifests);
    ctx.world.keep_rendered(&mapping.name, revision, Arc::clone(&manifests));
    Ok(manifests)
}
