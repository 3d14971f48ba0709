//! Carry out a revert as it was confirmed: commit, push, sync. One entry of the journal holds all of it, so that what a
//! killed process left can be finished.

use crate::domain::{Refusal, Revision, SyncState};
use crate::engine::error::Stop;
use crate::engine::intent::IntendedSync;
use crate::engine::jobs::commit::reload_log;
use crate::engine::jobs::{Context, observe, offer, push, resume, sync};
use crate::engine::journal::Intent;
use crate::engine::revert::{Confirmed, Wish};
use crate::engine::{Command, Event, Failure};
use crate::git::Fate;
use jiff::Timestamp;

/// Begins an entry, takes every step, and ends the entry.
pub(super) async fn run(ctx: &Context, wish: &Wish, confirmed: &Confirmed) -> Result<String, Stop> {
    ctx.check()?;
    let line = {
        let (wish, confirmed) = (Box::new(wish.clone()), Box::new(confirmed.clone()));
        Command::Revert { wish, confirmed }.line()
    };
    if let Some(branch) = &wish.branch {
        return offer::drafted(ctx, (wish.mapping.as_deref(), branch), confirmed, &line).await;
    }
    let intended = |(mapping, digest, options): &(String, String, _)| {
        IntendedSync::of(mapping.clone(), digest.clone(), options)
    };
    let intent = Intent::Revert {
        repository: confirmed.repository.clone(),
        mapping: wish.mapping.clone(),
        base: Some(confirmed.base.to_string()),
        revision: confirmed.draft.to_string(),
        push: confirmed.push,
        syncs: confirmed.syncs.iter().map(intended).collect(),
    };
    let journal = &ctx.world.journal;
    let entry = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    let done = Box::pin(steps(ctx, entry, wish.mapping.as_deref(), confirmed)).await;
    let (state, message) = match &done {
        Ok(said) => ("done", said.clone()),
        Err(stop) => words(stop),
    };
    journal.end(entry, state, Some(&message), Timestamp::now()).map_err(Failure::from)?;
    done
}

/// Takes every step that is not taken yet.
pub(super) async fn steps(
    ctx: &Context,
    entry: u64,
    mapping: Option<&str>,
    confirmed: &Confirmed,
) -> Result<String, Stop> {
    let total = 1 + usize::from(confirmed.push) + confirmed.syncs.len();
    let committed = commit(ctx, entry, mapping, confirmed);
    let mut said = vec![step(ctx, entry, (1, total), COMMIT, committed).await?];
    if !confirmed.push {
        return Ok(format!("{}; it waits for a push", said.remove(0)));
    }
    said = vec![step(ctx, entry, (2, total), "push", pushed(ctx, &confirmed.repository)).await?];
    if !confirmed.syncs.is_empty() {
        is_pushed(ctx, confirmed).await?;
    }
    for (number, one) in (3..).zip(&confirmed.syncs) {
        ctx.check()?;
        let what = format!("sync {}", one.0);
        let synced = Box::pin(synced(ctx, &confirmed.draft, one));
        said.push(step(ctx, entry, (number, total), &what, synced).await?);
    }
    Ok(said.join("; "))
}

/// One step with its intent before it and its outcome after it.
async fn step(
    ctx: &Context,
    entry: u64,
    place: (usize, usize),
    what: &str,
    work: impl Future<Output = Result<String, Stop>>,
) -> Result<String, Stop> {
    let journal = &ctx.world.journal;
    journal.before(entry, place.0, place.1, what).map_err(Failure::from)?;
    let done = work.await;
    let error = done.as_ref().err().map(|stop| words(stop).1);
    journal.after(entry, place, what, error.as_deref()).map_err(Failure::from)?;
    done
}

/// How an entry ends, and why.
fn words(stop: &Stop) -> (&'static str, String) {
    match stop {
        Stop::Failed(failure) => ("failed", failure.message.clone()),
        Stop::Refused(why) if matches!(why[..], [Refusal::Moved { .. }]) => {
            ("failed", "refused: the world moved since it was confirmed".to_owned())
        }
        Stop::Refused(_) => ("failed", "refused".to_owned()),
        Stop::Cancelled => ("cancelled", "stopped between two steps".to_owned()),
    }
}

/// The name of the first step.
const COMMIT: &str = "commit";

/// Makes the commit, once: who dropped it afterwards does not want it.
async fn commit(
    ctx: &Context,
    entry: u64,
    mapping: Option<&str>,
    confirmed: &Confirmed,
) -> Result<String, Stop> {
    let (repository, draft) = (&confirmed.repository, confirmed.draft.clone());
    let of = draft.clone();
    match ctx.world.git(repository, move |git| git.fate(&of)).await? {
        Fate::Unknown if is_taken(ctx, entry, COMMIT)? => {
            let hint =
                format!("`gitdeck activity --discard {entry}` ends it; revert again to have it");
            let message = format!(
                "{} was committed and dropped since, so it is not made again",
                draft.short()
            );
            return Err(Failure::new(message).hint(hint).into());
        }
        Fate::Unknown => {}
        Fate::Pending | Fate::OnRemote | Fate::Rebuilt(_) => {
            return Ok(format!("{} was committed before", draft.short()));
        }
    }
    let base = confirmed.base.clone();
    let commit = ctx.world.git(repository, move |git| git.publish(&base, &draft)).await?;
    let said = format!("committed {} {}", commit.revision.short(), commit.title());
    let (repository, mapping) = (repository.clone(), mapping.unwrap_or_default().to_owned());
    ctx.emit(Event::Committed { repository: repository.clone(), mapping, commit }).await;
    push::tell_pending(ctx, &repository).await?;
    reload_log(ctx, &repository).await?;
    Ok(said)
}

/// What a draft stands on; entries of old versions do not say it, and have one commit.
pub(super) async fn base(
    ctx: &Context,
    repository: &str,
    said: Option<String>,
    draft: &Revision,
) -> Result<Revision, Stop> {
    if let Some(said) = said {
        return Ok(Revision::new(said));
    }
    let of = draft.clone();
    let commit = ctx.world.git(repository, move |git| git.described(&of)).await?;
    Ok(commit.parents.first().cloned().unwrap_or_else(|| draft.clone()))
}

/// Pushes; a push that was interrupted has an entry of its own, which ends with this one.
async fn pushed(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let is_it =
        |intent: &Intent| matches!(intent, Intent::Push { repository: of, .. } if of == repository);
    match interrupted(ctx, is_it)? {
        Some(entry) => Box::pin(resume::proceed(ctx, entry)).await,
        None => Box::pin(push::run(ctx, repository)).await,
    }
}

/// Syncs what was planned at the commit; what was begun is gone on with.
async fn synced(
    ctx: &Context,
    draft: &Revision,
    (mapping, digest, options): &(String, String, crate::engine::SyncOptions),
) -> Result<String, Stop> {
    let at = draft.to_string();
    let is_it = |intent: &Intent| matches!(intent, Intent::Sync { mapping: of, revision, .. } if of == mapping && *revision == at);
    if let Some(entry) = interrupted(ctx, is_it)? {
        return resume::proceed(ctx, entry).await;
    }
    let request =
        sync::Request::confirmed(mapping.clone(), Some(at), digest.clone(), options.clone());
    match sync::run(ctx, request).await {
        Err(Stop::Refused(why)) => already(ctx, mapping, draft).await.ok_or(Stop::Refused(why)),
        synced => synced,
    }
}

/// Whether a step of an entry was taken already, by a process that ended.
fn is_taken(ctx: &Context, entry: u64, step: &str) -> Result<bool, Failure> {
    let all = ctx.world.journal.operations().map_err(Failure::from)?;
    let own = all.iter().find(|one| one.entry.id == entry);
    Ok(own.is_some_and(|one| one.done_steps.iter().any(|done| done == step)))
}

/// The interrupted entry that was to do something.
fn interrupted(ctx: &Context, is_it: impl Fn(&Intent) -> bool) -> Result<Option<u64>, Failure> {
    let all = ctx.world.journal.operations().map_err(Failure::from)?;
    let found = all.iter().find(|one| one.entry.state == "interrupted" && is_it(&one.intent));
    Ok(found.map(|one| one.entry.id))
}

/// A commit that was made again on a newer tip has other trees than the one whose plans were shown.
async fn is_pushed(ctx: &Context, confirmed: &Confirmed) -> Result<(), Stop> {
    let draft = confirmed.draft.clone();
    let what = match ctx.world.git(&confirmed.repository, move |git| git.fate(&draft)).await? {
        Fate::OnRemote => return Ok(()),
        Fate::Rebuilt(new) => format!(
            "it was pushed as {}, on top of commits that nobody has seen; sync what is there now",
            new.short()
        ),
        Fate::Pending | Fate::Unknown => "the commit is not on the branch".to_owned(),
    };
    Err(Stop::Refused(vec![Refusal::Moved { what }]))
}

/// Where a mapping syncs by itself, that may have been faster.
async fn already(ctx: &Context, mapping: &str, revision: &Revision) -> Option<String> {
    let status = observe::observe(ctx, mapping).await.ok()?;
    let is_there =
        status.synced_revision.as_ref() == Some(revision) && status.sync == SyncState::Synced;
    is_there.then(|| format!("{mapping} is at {} already", revision.short()))
}
