//! Drop a commit that waits for a push: the way out of a conflict with the remote.

use crate::domain::Revision;
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, commit, push};
use crate::engine::journal::Intent;
use crate::engine::{Command, Failure};
use jiff::Timestamp;

/// Drops the commit; later waiting commits are made again without it, or nothing is dropped where they build on it.
pub(super) async fn run(ctx: &Context, repository: &str, revision: &str) -> Result<String, Stop> {
    ctx.world.repository(repository)?;
    let text = revision.to_owned();
    let revision = ctx.world.git(repository, move |git| git.resolve(&text)).await?;
    if !waits(ctx, repository, revision.as_str()).await? {
        let failure = Failure::new(format!(
            "{} does not wait for a push in `{repository}`; nothing was dropped",
            revision.short()
        ));
        return Err(failure
            .hint(format!("`gitdeck log {repository}` marks what waits; what is on the branch is undone by another commit"))
            .into());
    }
    record(ctx, repository, &revision).await?;
    push::tell_pending(ctx, repository).await?;
    commit::reload_log(ctx, repository).await?;
    Ok(format!("{repository}: dropped {}", revision.short()))
}

/// Whether a commit waits for a push.
pub(super) async fn waits(ctx: &Context, repository: &str, revision: &str) -> Result<bool, Stop> {
    let waiting = ctx.world.git(repository, crate::git::Repository::pending).await?;
    Ok(waiting.iter().any(|commit| commit.revision.as_str() == revision))
}

async fn record(ctx: &Context, repository: &str, revision: &Revision) -> Result<(), Stop> {
    ctx.check()?;
    let (name, revision) = (repository.to_owned(), revision.clone());
    let line = Command::Drop { repository: name.clone(), revision: revision.to_string() }.line();
    let intent = Intent::Drop { repository: name, revision: revision.to_string() };
    let journal = &ctx.world.journal;
    let id = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 1, 1, "drop").map_err(Failure::from)?;
    let short = revision.short().to_owned();
    let dropped = ctx.world.git(repository, move |git| git.discard_pending(&revision)).await;
    let (state, message) = match &dropped {
        Ok(()) => ("done", format!("dropped {short}")),
        Err(Stop::Failed(failure)) => ("failed", failure.message.clone()),
        Err(_) => ("cancelled", "stopped".to_owned()),
    };
    let error = dropped.is_err().then_some(message.as_str());
    journal.after(id, (1, 1), "drop", error).map_err(Failure::from)?;
    journal.end(id, state, Some(&message), Timestamp::now()).map_err(Failure::from)?;
    dropped
}
