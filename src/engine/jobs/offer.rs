//! A commit on a branch of its own: made on top of the tracked branch, pushed, and left to be merged by others.

use crate::domain::pull_request::address;
use crate::domain::{Commit, Mapping};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::commit::{Draft, OPERATION_TRAILER, Request, line};
use crate::engine::journal::Intent;
use crate::engine::{Branch, Confirmed, Event, Failure};
use crate::git::{Flow, GitError};
use jiff::Timestamp;

/// What the push of a branch is called in the journal.
pub(super) fn push_step(branch: &str) -> String {
    format!("push {branch}")
}

/// Makes the commit and pushes it. Nothing is kept where the push fails: whoever made the edits still has them.
pub(super) async fn run(
    ctx: &Context,
    mapping: &Mapping,
    request: &Request,
    (branch, draft): (&Branch, Draft),
) -> Result<String, Stop> {
    let name = named(branch, &mapping.name);
    let repository = &mapping.repository;
    check_free(ctx, repository, &name).await?;
    let intent = Intent::Offer {
        mapping: mapping.name.clone(),
        repository: repository.clone(),
        branch: name.clone(),
        revision: None,
    };
    let said = line(mapping, request);
    let id = ctx.world.journal.begin(intent, &said, Timestamp::now()).map_err(Failure::from)?;
    let done = steps(ctx, id, (mapping, request, &name), draft).await;
    ended(ctx, id, done)
}

/// Pushes what was drafted for a branch of its own, as it was drafted. The entry belongs to the repository where no mapping
/// is given.
pub(super) async fn drafted(
    ctx: &Context,
    (mapping, branch): (Option<&str>, &Branch),
    confirmed: &Confirmed,
    line: &str,
) -> Result<String, Stop> {
    let Confirmed { repository, base, draft, .. } = confirmed;
    let subject = mapping.unwrap_or(repository);
    let name = named(branch, subject);
    check_free(ctx, repository, &name).await?;
    let intent = Intent::Offer {
        mapping: subject.to_owned(),
        repository: repository.clone(),
        branch: name.clone(),
        revision: Some(draft.to_string()),
    };
    let id = ctx.world.journal.begin(intent, line, Timestamp::now()).map_err(Failure::from)?;
    let (base, draft, of) = (base.clone(), draft.clone(), name.clone());
    let made = ctx.world.git(repository, move |git| git.publish_apart(&base, &draft, &of));
    let done = commit_and_push(ctx, id, (subject, repository, &name), made).await;
    ended(ctx, id, done)
}

fn named(branch: &Branch, subject: &str) -> String {
    match branch {
        Branch::Named(name) => name.clone(),
        Branch::Generated => {
            format!("gitdeck/{subject}-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"))
        }
    }
}

async fn check_free(ctx: &Context, repository: &str, branch: &str) -> Result<(), Stop> {
    let credential = ctx.credential(repository).await?;
    let free = branch.to_owned();
    ctx.world
        .git(repository, move |git| git.is_free(&credential, &free, &mut |_| Flow::Continue))
        .await?;
    ctx.check()
}

fn ended(ctx: &Context, id: u64, done: Result<String, Stop>) -> Result<String, Stop> {
    let (state, message) = match &done {
        Ok(said) => ("done", said.clone()),
        Err(Stop::Failed(failure)) => ("failed", failure.message.clone()),
        Err(_) => ("cancelled", "stopped".to_owned()),
    };
    let journal = &ctx.world.journal;
    journal.end(id, state, Some(&message), Timestamp::now()).map_err(Failure::from)?;
    done
}

async fn steps(
    ctx: &Context,
    id: u64,
    (mapping, request, branch): (&Mapping, &Request, &str),
    draft: Draft,
) -> Result<String, Stop> {
    let mut commit = draft.request(mapping, (request, false), id);
    let name = branch.to_owned();
    let made = ctx.world.git(&mapping.repository, move |git| {
        // The files were read with what waits for a push, and the branch is to bring none of that.
        commit.expected_base = commit.expected_base.or_else(|| git.head());
        match git.commit_apart(&commit, &name) {
            Err(GitError::Moved { paths }) => Ok(Err(paths)),
            made => made.map(Ok),
        }
    });
    let made = async { made.await.and_then(|made| made.map_err(moved)) };
    commit_and_push(ctx, id, (&mapping.name, &mapping.repository, branch), made).await
}

async fn commit_and_push(
    ctx: &Context,
    id: u64,
    (mapping, repository, branch): (&str, &str, &str),
    made: impl Future<Output = Result<Commit, Stop>>,
) -> Result<String, Stop> {
    let journal = &ctx.world.journal;
    journal.before(id, 1, 2, "commit").map_err(Failure::from)?;
    let made = made.await;
    let error = made.as_ref().err().map(words);
    journal.after(id, (1, 2), "commit", error.as_deref()).map_err(Failure::from)?;
    let commit = made?;
    let pushed = push(ctx, id, (mapping, repository, branch), commit).await;
    if pushed.is_err() {
        let name = branch.to_owned();
        ctx.world.git(repository, move |git| git.forget_offer(&name)).await?;
    }
    pushed
}

/// What is known of a commit for a branch that a killed process may have made.
pub(super) struct Made {
    /// Entry of the journal.
    pub entry: u64,
    /// The commit where it was drafted before.
    pub revision: Option<String>,
    /// Whether it was pushed.
    pub is_pushed: bool,
}

/// Goes on with what a killed process left: pushes what was made, or says that it was not.
pub(super) async fn proceed(
    ctx: &Context,
    Made { entry, revision, is_pushed }: Made,
    (mapping, repository, branch): (&str, &str, &str),
) -> Result<String, Stop> {
    let name = branch.to_owned();
    let offered = ctx.world.git(repository, move |git| git.offered(&name)).await?;
    let trailer = format!("{OPERATION_TRAILER}: {entry}");
    let is_it = |commit: &Commit| match &revision {
        Some(revision) => commit.revision.as_str() == revision,
        None => commit.message.lines().any(|line| line == trailer),
    };
    match offered.filter(is_it) {
        Some(commit) => push(ctx, entry, (mapping, repository, branch), commit).await,
        None if is_pushed => Ok(format!("it was pushed to {branch}")),
        None if revision.is_some() => {
            Ok("the commits were not made; revert again to have them".to_owned())
        }
        None => Ok("the commit was not made; the edit has to be made again".to_owned()),
    }
}

async fn push(
    ctx: &Context,
    id: u64,
    (mapping, repository, branch): (&str, &str, &str),
    commit: Commit,
) -> Result<String, Stop> {
    let credential = ctx.credential(repository).await?;
    let journal = &ctx.world.journal;
    let what = push_step(branch);
    journal.before(id, 2, 2, &what).map_err(Failure::from)?;
    let (name, revision, progress) = (branch.to_owned(), commit.revision.clone(), ctx.clone());
    let pushed = ctx.world.git(repository, move |git| {
        git.offer(&credential, &name, &revision, &mut |step| {
            progress.transferred(&step);
            Flow::Continue
        })
    });
    let pushed = pushed.await;
    let error = pushed.as_ref().err().map(words);
    journal.after(id, (2, 2), &what, error.as_deref()).map_err(Failure::from)?;
    let said = pushed?;
    let name = branch.to_owned();
    ctx.world.git(repository, move |git| git.forget_offer(&name)).await?;
    let remote = &ctx.world.repository(repository)?.remote;
    let address = address(&remote.url, &remote.branch, branch, &said);
    let told = match &address {
        Some(address) => format!("pushed {} to {branch}; {address}", commit.revision.short()),
        None => format!("pushed {} to {branch}", commit.revision.short()),
    };
    let (mapping, branch) = (mapping.to_owned(), branch.to_owned());
    ctx.emit(Event::Offered { mapping, commit, branch, address, said }).await;
    Ok(told)
}

/// The branch would have other files than those that were read.
fn moved(paths: Vec<String>) -> Stop {
    let message = format!("{} changed since, or a commit that waits changes it", paths.join(", "));
    Failure::new(message).hint("push or drop the commit that waits, or edit again").into()
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Failed(failure) => failure.message.clone(),
        _ => "stopped".to_owned(),
    }
}
