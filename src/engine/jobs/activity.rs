//! Load the journal, and say of what was interrupted how far it came.

use crate::domain::Revision;
use crate::engine::error::Stop;
use crate::engine::event::JournalEntry;
use crate::engine::jobs::Context;
use crate::engine::journal::{Intent, Operation};
use crate::engine::{Event, Failure};
use crate::git::Fate;

/// Loads every entry.
pub(super) async fn run(ctx: &Context) -> Result<String, Stop> {
    let entries = tell(ctx).await?;
    let open = entries.iter().filter(|entry| entry.state == "interrupted").count();
    Ok(match open {
        0 => format!("{} entries", entries.len()),
        open => format!("{open} interrupted; `gitdeck activity --continue ID` finishes one"),
    })
}

/// Reads the journal and tells it.
pub(super) async fn tell(ctx: &Context) -> Result<Vec<JournalEntry>, Stop> {
    let operations = ctx.world.journal.operations().map_err(Failure::from)?;
    let mut entries = Vec::with_capacity(operations.len());
    for operation in operations {
        let mut entry = operation.entry.clone();
        if entry.state == "interrupted" {
            entry.message = Some(how_far(ctx, &operation).await);
        }
        entries.push(entry);
    }
    ctx.emit(Event::JournalLoaded { entries: entries.clone() }).await;
    Ok(entries)
}

/// What an interrupted operation did and what it did not.
pub(super) async fn how_far(ctx: &Context, operation: &Operation) -> String {
    let (done, total) = operation.entry.steps;
    let open = match operation.open_steps.as_slice() {
        [] => String::new(),
        steps => format!("; begun, outcome unknown: {}", steps.join(", ")),
    };
    match &operation.intent {
        Intent::Sync { revision, .. } => {
            let short = revision.get(..7).unwrap_or(revision);
            format!("{short}: applied {done} of {total}{open}")
        }
        Intent::Commit { repository, .. } => {
            match made(ctx, repository, operation.entry.id).await {
                Ok(Some(revision)) => format!("the commit was made: {revision}"),
                Ok(None) => "the commit was not made".to_owned(),
                Err(_) => "whether the commit was made cannot be told now".to_owned(),
            }
        }
        Intent::Offer { repository, branch, .. } => offered(ctx, repository, branch, done).await,
        Intent::Revert { repository, revision, .. } => reverted(ctx, repository, revision).await,
        Intent::Push { repository, head } => {
            let short = head.get(..7).unwrap_or(head);
            match ctx.world.git(repository, crate::git::Repository::pending).await {
                Ok(pending) if pending.is_empty() => format!("{short} is on the remote"),
                Ok(pending) => {
                    format!("{short} was not seen on the remote; {} commits wait", pending.len())
                }
                Err(_) => format!("whether {short} arrived cannot be told now"),
            }
        }
        Intent::Drop { repository, revision } => {
            let short = revision.get(..7).unwrap_or(revision);
            match ctx.world.git(repository, crate::git::Repository::pending).await {
                Ok(waiting) if waiting.iter().any(|c| c.revision.as_str() == revision) => {
                    format!("{short} still waits for a push")
                }
                Ok(_) => format!("{short} was dropped"),
                Err(_) => format!("whether {short} was dropped cannot be told now"),
            }
        }
        Intent::Accept { repository, tip } => {
            let short = tip.get(..7).unwrap_or(tip);
            match ctx.world.git(repository, |git| Ok(git.tip())).await {
                Ok(Some(followed)) if followed.as_str() == tip => format!("{short} is followed"),
                Ok(_) => format!("{short} is not followed yet"),
                Err(_) => format!("whether {short} is followed cannot be told now"),
            }
        }
        Intent::Suspend { .. }
        | Intent::Resume { .. }
        | Intent::StopHealing { .. }
        | Intent::HandOver { .. }
        | Intent::Record { .. }
        | Intent::Regress { .. } => {
            format!("{done} of {total} done{open}")
        }
    }
}

/// What became of a commit on a branch of its own, of whose two steps some were done.
async fn offered(ctx: &Context, repository: &str, branch: &str, done: usize) -> String {
    let name = branch.to_owned();
    match ctx.world.git(repository, move |git| git.offered(&name)).await {
        Ok(Some(commit)) => {
            format!("{} was made for {branch} and not seen there", commit.revision.short())
        }
        Ok(None) if done > 1 => format!("it was pushed to {branch}"),
        Ok(None) => "the commit was not made".to_owned(),
        Err(_) => "whether the commit was made cannot be told now".to_owned(),
    }
}

/// What became of the commit of a revert.
async fn reverted(ctx: &Context, repository: &str, revision: &str) -> String {
    let id = Revision::new(revision);
    let short = id.short().to_owned();
    match ctx.world.git(repository, move |git| git.fate(&id)).await {
        Ok(Fate::Unknown) => "the revert was not committed".to_owned(),
        Ok(Fate::Pending) => format!("the revert was committed: {short}; it waits for a push"),
        Ok(Fate::OnRemote) => format!("the revert was committed and pushed: {short}"),
        Ok(Fate::Rebuilt(new)) => format!("the revert was committed: {}", new.short()),
        Err(_) => "whether the revert was committed cannot be told now".to_owned(),
    }
}

/// The short id of the commit that an entry made, if it did. The trailer tells, not the order of events.
pub(super) async fn made(ctx: &Context, repository: &str, id: u64) -> Result<Option<String>, Stop> {
    let trailer = format!("{}: {id}", super::commit::OPERATION_TRAILER);
    ctx.world
        .git(repository, move |git| {
            let query = crate::git::LogQuery { from: git.head(), limit: 200, ..Default::default() };
            let page = git.log(&query)?;
            let found = page
                .commits
                .iter()
                .find(|commit| commit.message.lines().any(|line| line == trailer));
            Ok(found.map(|commit| commit.revision.short().to_owned()))
        })
        .await
}
