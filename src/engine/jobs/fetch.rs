//! Fetch a repository.

use crate::domain::{HostKey, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, index, observe, push};
use crate::engine::{Command, Event, Failure};
use crate::git::{FetchProgress, Fetched, Flow, GitError, Upstream};
use jiff::Timestamp;

/// Fetches, then, where asked, looks at the mappings that it feeds.
pub(super) async fn run(ctx: &Context, repository: &str, look: bool) -> Result<String, Stop> {
    let tip = fetch(ctx, repository).await?;
    let fed = ctx.world.settings.mappings.values();
    for mapping in fed.filter(|mapping| look && mapping.repository == repository) {
        ctx.check()?;
        ctx.world.remote.forget(&mapping.name);
        observe::observe(ctx, &mapping.name).await?;
    }
    Ok(format!("{repository} is at {}", tip.short()))
}

/// Fetches and tells the state of the repository, also when it cannot be reached.
pub(super) async fn fetch(ctx: &Context, repository: &str) -> Result<Revision, Stop> {
    let credential = match ctx.credential(repository).await {
        Ok(credential) => credential,
        Err(failure) => return failed(ctx, repository, failure.into()).await,
    };
    let progress = ctx.clone();
    let fetched = ctx
        .world
        .git(repository, move |git| {
            match git.fetch(&credential, &mut |step| watch(&progress, &step)) {
                Ok(fetched) => Ok(Ok((fetched, push::known(git)?))),
                // Somebody may accept the key, so that it is told by itself too.
                Err(error @ GitError::HostUnknown { .. }) => Ok(Err(error)),
                Err(error) => Err(error),
            }
        })
        .await;
    match fetched {
        Ok(Err(error)) => {
            ctx.world.update_repository(repository, |state| state.unknown_host = key_of(&error));
            failed(ctx, repository, error.into()).await
        }
        Ok(Ok((fetched, (followed, pending)))) => {
            if fetched.upstream == Upstream::Advanced {
                index::begin(ctx, repository);
            }
            let problem = problem(ctx, repository, &fetched);
            let state = ctx.world.update_repository(repository, |state| {
                state.tip.clone_from(&followed);
                state.fetched_at = Some(Timestamp::now());
                state.error.clone_from(&problem);
                state.pending = pending;
                state.unknown_host = None;
                state.rewritten_from =
                    (fetched.upstream == Upstream::Rewritten).then_some(fetched.before).flatten();
            });
            ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
            match (problem, followed) {
                (None, Some(tip)) => Ok(tip),
                (Some(problem), _) => Err(problem.into()),
                (None, None) => {
                    Err(Failure::new(format!("repository `{repository}` has no commit")).into())
                }
            }
        }
        Err(stop) => failed(ctx, repository, stop).await,
    }
}

// A branch that was rewritten or is gone is never followed silently.
fn problem(ctx: &Context, repository: &str, fetched: &Fetched) -> Option<Failure> {
    let branch = ctx
        .world
        .repository(repository)
        .map(|settings| settings.remote.branch.clone())
        .unwrap_or_default();
    let old = fetched.before.as_ref().map_or("nothing", Revision::short);
    match fetched.upstream {
        Upstream::Unchanged | Upstream::Advanced => None,
        Upstream::Rewritten => Some(
            Failure::new(format!(
                "branch `{branch}` of `{repository}` was rewritten: {old} is no longer part of {}",
                fetched.tip.as_ref().map_or("it", Revision::short)
            ))
            .hint(format!(
                "what was known stays; `{}` shows what would be left behind, and follows it",
                Command::Compare { repository: repository.to_owned() }.line()
            )),
        ),
        Upstream::Gone => Some(
            Failure::new(format!(
                "branch `{branch}` of `{repository}` is gone; what was known of {old} stays"
            ))
            .hint("push the branch again, or set another `branch` in the configuration"),
        ),
        Upstream::Empty => Some(
            Failure::new(format!("repository `{repository}` is empty"))
                .hint(format!("push a first commit to `{branch}`")),
        ),
    }
}

fn key_of(error: &GitError) -> Option<HostKey> {
    let GitError::HostUnknown { host, kind, fingerprint } = error else { return None };
    let (host, kind, fingerprint) = (host.clone(), kind.clone(), fingerprint.clone());
    Some(HostKey { host, kind, fingerprint })
}

fn watch(ctx: &Context, step: &FetchProgress) -> Flow {
    ctx.transferred(step);
    if ctx.token.is_cancelled() { Flow::Stop } else { Flow::Continue }
}

// What was known stays known, with its age; the fault stands beside it.
async fn failed(ctx: &Context, repository: &str, stop: Stop) -> Result<Revision, Stop> {
    let stop = if ctx.token.is_cancelled() { Stop::Cancelled } else { stop };
    if let Stop::Failed(failure) = &stop {
        let state =
            ctx.world.update_repository(repository, |state| state.error = Some(failure.clone()));
        ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
    }
    Err(stop)
}
