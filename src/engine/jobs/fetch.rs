//! Fetch a repository.

use crate::domain::Revision;
use crate::engine::error::Stop;
use crate::engine::event::RepositoryState;
use crate::engine::jobs::{Context, observe};
use crate::engine::{Event, Progress};
use crate::git::{FetchProgress, Flow};
use jiff::Timestamp;

/// Fetches, then looks at the mappings that it feeds.
pub(super) async fn run(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let tip = fetch(ctx, repository).await?;
    for mapping in ctx.world.settings.mappings.values().filter(|mapping| mapping.repository == repository) {
        ctx.check()?;
        observe::observe(ctx, &mapping.name).await?;
    }
    Ok(format!("{repository} is at {}", tip.short()))
}

/// Fetches and tells the state of the repository, also when it cannot be reached.
pub(super) async fn fetch(ctx: &Context, repository: &str) -> Result<Revision, Stop> {
    let credential = match ctx.world.credential(repository).await {
        Ok(credential) => credential,
        Err(failure) => return failed(ctx, repository, failure.into()).await,
    };
    let progress = ctx.clone();
    let fetched = ctx
        .world
        .git(repository, move |git| git.fetch(&credential, &mut |step| watch(&progress, &step)))
        .await;
    match fetched {
        Ok(fetched) => {
            let pending = ctx.world.git(repository, |git| Ok(git.pending()?.len())).await?;
            let state = RepositoryState {
                tip: Some(fetched.tip.clone()),
                fetched_at: Some(Timestamp::now()),
                error: None,
                pending,
                rewritten_from: fetched.before.filter(|_| fetched.forced),
            };
            ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
            Ok(fetched.tip)
        }
        Err(stop) => failed(ctx, repository, stop).await,
    }
}

fn watch(ctx: &Context, step: &FetchProgress) -> Flow {
    ctx.progress(Progress {
        done: step.received_objects as u64,
        total: Some(step.total_objects as u64),
        unit: "objects",
        what: format!("{} bytes", step.received_bytes),
    });
    if ctx.token.is_cancelled() { Flow::Stop } else { Flow::Continue }
}

// What was known stays known, with its age; the fault stands beside it.
async fn failed(ctx: &Context, repository: &str, stop: Stop) -> Result<Revision, Stop> {
    let stop = if ctx.token.is_cancelled() { Stop::Cancelled } else { stop };
    if let Stop::Failed(failure) = &stop {
        let known = ctx.world.git(repository, |git| Ok((git.tip(), git.fetched_at(), git.pending()?.len()))).await;
        let (tip, fetched_at, pending) = known.unwrap_or_default();
        let state =
            RepositoryState { tip, fetched_at, error: Some(failure.clone()), pending, rewritten_from: None };
        ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
    }
    Err(stop)
}
