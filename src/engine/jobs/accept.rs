//! Follow a branch that was rewritten on the remote: look at what is left behind, then move.

use crate::domain::{Revision, Rewrite};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, commit, fetch, observe, push};
use crate::engine::journal::Intent;
use crate::engine::{Command, Event, Failure};
use jiff::Timestamp;

/// Fetches, and compares what is followed with what the remote has now.
pub(super) async fn compare(ctx: &Context, repository: &str) -> Result<String, Stop> {
    // A rewritten branch is what this is for, though a fault of every other fetch.
    let fetched = fetch::fetch(ctx, repository).await;
    let rewrite = ctx.world.git(repository, crate::git::Repository::rewrite).await?;
    if rewrite.is_none() {
        fetched?;
    }
    let said = match &rewrite {
        Some(rewrite) => format!("{repository} was rewritten: {}", words(rewrite)),
        None => format!("{repository} was not rewritten"),
    };
    ctx.emit(Event::RewriteLoaded { repository: repository.to_owned(), rewrite }).await;
    Ok(said)
}

/// Follows the branch to the tip that somebody confirmed; refuses when it moved since.
pub(super) async fn run(ctx: &Context, repository: &str, tip: Revision) -> Result<String, Stop> {
    let rewrite = ctx.world.git(repository, crate::git::Repository::rewrite).await?;
    let Some(rewrite) = rewrite else {
        return Ok(format!("{repository} was not rewritten; nothing was changed"));
    };
    if rewrite.tip != tip {
        let message = format!(
            "the branch of `{repository}` moved again: it is at {}, not at {}",
            rewrite.tip.short(),
            tip.short()
        );
        return Err(Failure::new(message)
            .hint("look at what would be left behind once more")
            .into());
    }
    record(ctx, repository, &rewrite).await?;
    ctx.world.update_repository(repository, |state| {
        state.error = None;
        state.rewritten_from = None;
    });
    push::tell_pending(ctx, repository).await?;
    commit::reload_log(ctx, repository).await?;
    let fed = ctx.world.settings.mappings.values();
    for mapping in fed.filter(|mapping| mapping.repository == repository) {
        ctx.check()?;
        observe::observe(ctx, &mapping.name).await?;
    }
    Ok(format!("{repository} is followed to {}: {}", tip.short(), words(&rewrite)))
}

async fn record(ctx: &Context, repository: &str, rewrite: &Rewrite) -> Result<(), Stop> {
    ctx.check()?;
    let tip = rewrite.tip.clone();
    let intent = Intent::Accept { repository: repository.to_owned(), tip: tip.to_string() };
    let line = Command::Accept { repository: repository.to_owned(), tip: tip.clone() }.line();
    let journal = &ctx.world.journal;
    let id = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 1, 1, "accept").map_err(Failure::from)?;
    let accepted = ctx.world.git(repository, move |git| git.accept(&tip)).await;
    let (state, message) = match &accepted {
        Ok(()) => ("done", words(rewrite)),
        Err(Stop::Failed(failure)) => ("failed", failure.message.clone()),
        Err(_) => ("cancelled", "stopped".to_owned()),
    };
    let error = accepted.is_err().then_some(message.as_str());
    journal.after(id, (1, 1), "accept", error).map_err(Failure::from)?;
    journal.end(id, state, Some(&message), Timestamp::now()).map_err(Failure::from)?;
    accepted
}

fn words(rewrite: &Rewrite) -> String {
    let commits = if rewrite.count == 1 { "commit" } else { "commits" };
    let (before, tip) = (rewrite.before.short(), rewrite.tip.short());
    format!("{} {commits} of {before} left behind, {tip} is new", rewrite.count)
}
