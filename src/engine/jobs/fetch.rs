//! Fetch a repository.

use crate::domain::{Credential, HostKey, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, index, observe, push};
use crate::engine::{Command, Event, Failure};
use crate::git::{FetchProgress, Fetched, Flow, GitError, Upstream};
use jiff::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Fetches, then, where asked, looks at the mappings that it feeds.
pub(super) async fn run(ctx: &Context, repository: &str, look: bool) -> Result<String, Stop> {
    let tip = match fetch(ctx, repository).await {
        // It was fetched, and waits for its first commit.
        Err(Stop::Failed(_)) if ctx.world.is_empty(repository) => {
            return Ok(format!("{repository} is empty; the next commit is its first"));
        }
        fetched => fetched?,
    };
    let fed = ctx.world.settings.mappings.values();
    for mapping in fed.filter(|mapping| look && mapping.repository == repository) {
        ctx.check()?;
        ctx.world.ask_anew(mapping);
        observe::observe(ctx, &mapping.name).await?;
    }
    Ok(format!("{repository} is at {}", tip.short()))
}

/// Fetches and tells the state of the repository, also when it cannot be reached.
pub(super) async fn fetch(ctx: &Context, repository: &str) -> Result<Revision, Stop> {
    match ctx.credential(repository).await {
        Ok(credential) => with(ctx, repository, credential).await,
        Err(failure) => failed(ctx, repository, failure.into()).await,
    }
}

/// [`fetch`] where nobody asked for it: a server that refused this very credential is left alone.
pub(super) async fn unasked(ctx: &Context, repository: &str) -> Result<Revision, Stop> {
    match ctx.credential(repository).await {
        Ok(credential) if ctx.world.refused.holds(repository, &credential) => {
            let known = ctx.world.unfetched(repository);
            let known = known.unwrap_or_else(|| Failure::new("the credential was refused"));
            Err(known.into())
        }
        Ok(credential) => with(ctx, repository, credential).await,
        Err(failure) => failed(ctx, repository, failure.into()).await,
    }
}

async fn with(ctx: &Context, repository: &str, credential: Credential) -> Result<Revision, Stop> {
    let progress = ctx.clone();
    let shown = credential.clone();
    let fetched = ctx
        .world
        .git(repository, move |git| {
            match git.fetch(&shown, &mut |step| watch(&progress, &step)) {
                Ok(fetched) => Ok(Ok((fetched, push::known(git)?))),
                // Somebody may accept the key, and what was refused is remembered.
                Err(error @ (GitError::HostUnknown { .. } | GitError::Authentication { .. })) => {
                    Ok(Err(error))
                }
                Err(error) => Err(error),
            }
        })
        .await;
    match fetched {
        Ok(Err(error)) => {
            let is_refused = matches!(error, GitError::Authentication { .. });
            ctx.world.update_repository(repository, |state| {
                state.unknown_host = key_of(&error);
                state.refused = is_refused;
            });
            let failure = Failure::from(error);
            if !is_refused {
                return told(ctx, repository, failure.into()).await;
            }
            let rest = ctx.world.refused.note(repository, credential);
            told(ctx, repository, resting(ctx, failure, rest).into()).await
        }
        Ok(Ok((fetched, (followed, pending)))) => {
            ctx.world.refused.forget(repository);
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
                state.refused = false;
                state.empty = fetched.upstream == Upstream::Empty;
                state.rewritten_from =
                    (fetched.upstream == Upstream::Rewritten).then_some(fetched.before).flatten();
            });
            ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
            let none = || Failure::new(format!("repository `{repository}` has no commit"));
            match problem {
                Some(problem) => Err(problem.into()),
                None => followed.ok_or_else(|| none().into()),
            }
        }
        Err(stop) => {
            // It is another fault now, and polling tells when it is over.
            ctx.world.refused.forget(repository);
            failed(ctx, repository, stop).await
        }
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
        Upstream::Empty => {
            Some(Failure::new(format!("repository `{repository}` is empty")).hint(format!(
                "`gitdeck edit`, `commit` and `mapping export` make the first commit of `{branch}`"
            )))
        }
    }
}

/// What becomes of polling, in words for those who wait for it.
fn resting(ctx: &Context, failure: Failure, rest: Duration) -> Failure {
    if !ctx.world.lasts.load(Ordering::Relaxed) {
        return failure;
    }
    let minutes = rest.as_secs() / 60;
    failure.hint(format!(
        "polling rests for {minutes} minutes, so that no account gets locked; a changed credential or configuration is tried \
         by itself, and `Ctrl-R` tries at once"
    ))
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

// A fault of another kind than those that somebody can answer.
async fn failed(ctx: &Context, repository: &str, stop: Stop) -> Result<Revision, Stop> {
    if !ctx.token.is_cancelled() {
        ctx.world.update_repository(repository, |state| state.refused = false);
    }
    told(ctx, repository, stop).await
}

// What was known stays known, with its age; the fault stands beside it.
async fn told(ctx: &Context, repository: &str, stop: Stop) -> Result<Revision, Stop> {
    let stop = if ctx.token.is_cancelled() { Stop::Cancelled } else { stop };
    if let Stop::Failed(failure) = &stop {
        let state = ctx.world.update_repository(repository, |state| {
            state.error = Some(failure.clone());
            // Nobody knows now: a first commit beside others would be a second root.
            state.empty = false;
        });
        ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
    }
    Err(stop)
}
