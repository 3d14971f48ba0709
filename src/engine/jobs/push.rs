//! Push what waits in the outbox of a repository.

use crate::domain::{PushOutcome, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, commit, observe};
use crate::engine::journal::Intent;
use crate::engine::{Command, Event, Failure};
use crate::git::{Flow, GitError, Repository};
use jiff::Timestamp;

/// Pushes, then looks at the mappings that the pushed commits touch.
pub(super) async fn run(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let touched = touched_paths(ctx, repository).await?;
    let outcome = attempt(ctx, repository).await?;
    let told = ended(ctx, repository, outcome.clone()).await?;
    if let Some(PushOutcome::Pushed { .. }) = outcome {
        observe_touched(ctx, repository, &touched).await?;
    }
    Ok(told)
}

/// Pushes and tells what came of it; nothing where nothing waits.
pub(super) async fn attempt(ctx: &Context, repository: &str) -> Result<Option<PushOutcome>, Stop> {
    ctx.world.repository(repository)?;
    let Some(head) = ctx.world.git(repository, |git| Ok(git.head())).await? else {
        return Err(Failure::new(format!("repository `{repository}` has nothing to push")).into());
    };
    let waits = !ctx.world.git(repository, Repository::pending).await?.is_empty();
    let outcome = if waits {
        ctx.check()?;
        record(ctx, repository, &head).await?
    } else {
        // Another gitdeck may have pushed it: what this one believes is set right.
        PushOutcome::UpToDate { revision: head }
    };
    ctx.emit(Event::Pushed { repository: repository.to_owned(), outcome: outcome.clone() }).await;
    tell_pending(ctx, repository).await?;
    commit::reload_log(ctx, repository).await?;
    Ok(waits.then_some(outcome))
}

/// What came of a push, in words.
pub(super) async fn ended(
    ctx: &Context,
    repository: &str,
    outcome: Option<PushOutcome>,
) -> Result<String, Stop> {
    let branch = &ctx.world.repository(repository)?.remote.branch;
    let head = ctx.world.git(repository, |git| Ok(git.head())).await?;
    let head = head.as_ref().map_or("nothing", Revision::short);
    match outcome {
        None => Ok(format!("{repository}: nothing waits for a push, {head} was pushed already")),
        Some(PushOutcome::Pushed { revision, rebuilt }) => {
            Ok(format!("pushed {} to {branch}{}", revision.short(), again(&rebuilt)))
        }
        Some(PushOutcome::UpToDate { revision }) => {
            Ok(format!("{branch} is at {} already", revision.short()))
        }
        Some(PushOutcome::Conflict { paths, remote }) => Err(Failure::new(format!(
            "not pushed: {branch} moved to {} and changed {} as well",
            remote.short(),
            paths.join(", ")
        ))
        .hint(format!(
            "the commit is kept in the outbox; look at the remote's change, then drop the commit (`gitdeck push {repository} --drop {head}`, Ctrl-X on it in the console) and edit again",
        ))
        .into()),
        Some(PushOutcome::Refused { reason }) => {
            Err(Failure::new(format!("the server refused the push: {reason}"))
                .hint("the commit is kept in the outbox; a protected branch needs a pull request or other rights")
                .into())
        }
    }
}

/// What became of commits that had to be made again: their ids changed.
fn again(rebuilt: &[(Revision, Revision)]) -> String {
    let pairs: Vec<String> = rebuilt
        .iter()
        .map(|(old, new)| format!("{} is now {}", old.short(), new.short()))
        .collect();
    match pairs.as_slice() {
        [] => String::new(),
        pairs => format!(
            "; others were faster, so that it was rebuilt on the new tip: {}",
            pairs.join(", ")
        ),
    }
}

async fn record(ctx: &Context, repository: &str, head: &Revision) -> Result<PushOutcome, Stop> {
    let credential = ctx.credential(repository).await?;
    let journal = &ctx.world.journal;
    let intent = Intent::Push { repository: repository.to_owned(), head: head.to_string() };
    let line = Command::Push { repository: repository.to_owned() }.line();
    let id = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    let what = format!("push {}", head.short());
    journal.before(id, 1, 1, &what).map_err(Failure::from)?;
    let progress = ctx.clone();
    let pushed = ctx
        .world
        .git(repository, move |git| {
            git.push(&credential, &mut |step| {
                progress.transferred(&step);
                Flow::Continue
            })
        })
        .await;
    let (state, message) = match &pushed {
        Ok(PushOutcome::Pushed { revision, rebuilt }) => {
            ("done", format!("pushed {}{}", revision.short(), again(rebuilt)))
        }
        Ok(PushOutcome::UpToDate { .. }) => ("done", "was there already".to_owned()),
        Ok(PushOutcome::Conflict { .. }) => {
            ("failed", "the branch moved on the same paths".to_owned())
        }
        Ok(PushOutcome::Refused { .. }) => ("failed", "the server refused".to_owned()),
        Err(Stop::Failed(failure)) => ("failed", failure.message.clone()),
        Err(_) => ("cancelled", "stopped".to_owned()),
    };
    let error = (state != "done").then_some(message.as_str());
    journal.after(id, (1, 1), &what, error).map_err(Failure::from)?;
    journal.end(id, state, Some(&message), Timestamp::now()).map_err(Failure::from)?;
    pushed
}

/// Tells how many commits wait, without asking the remote.
pub(super) async fn tell_pending(ctx: &Context, repository: &str) -> Result<(), Stop> {
    let (tip, pending) = ctx.world.git(repository, known).await?;
    let state = ctx.world.update_repository(repository, |state| {
        state.tip = tip;
        state.pending = pending;
    });
    ctx.emit(Event::RepositoryObserved { name: repository.to_owned(), state }).await;
    Ok(())
}

/// The tip, and how many commits wait.
pub(super) fn known(git: &Repository) -> Result<(Option<Revision>, usize), GitError> {
    Ok((git.tip(), git.pending()?.len()))
}

async fn touched_paths(ctx: &Context, repository: &str) -> Result<Vec<String>, Stop> {
    ctx.world
        .git(repository, |git| {
            let mut paths = Vec::new();
            for commit in git.pending()? {
                let files = git.details(&commit.revision)?.files;
                paths.extend(
                    files.into_iter().flat_map(|file| [Some(file.path), file.old_path]).flatten(),
                );
            }
            Ok(paths)
        })
        .await
}

async fn observe_touched(ctx: &Context, repository: &str, touched: &[String]) -> Result<(), Stop> {
    let below = |path: &str| {
        touched
            .iter()
            .any(|file| path.is_empty() || file == path || file.starts_with(&format!("{path}/")))
    };
    let mappings = ctx.world.settings.mappings.values();
    for mapping in
        mappings.filter(|mapping| mapping.repository == repository && below(&mapping.path))
    {
        observe::observe(ctx, &mapping.name).await?;
    }
    Ok(())
}
