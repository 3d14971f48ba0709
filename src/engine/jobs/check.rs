//! Check a repository: every stage by itself, with what to do where one fails.

use crate::domain::Revision;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::{Command, Event, Failure};
use crate::git;

/// Runs the checks and tells them. A failing check is a result, not a failed job.
pub(super) async fn run(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let settings = ctx.world.repository(repository)?.clone();
    let mut checks = Vec::new();
    match ctx.credential(repository).await {
        Err(failure) => checks.push(("credential".to_owned(), false, failure.to_string())),
        Ok(credential) => {
            checks.push(("credential".to_owned(), true, settings.authentication.word().to_owned()));
            let (places, remote) = (ctx.world.places(), settings.remote.clone());
            let checked =
                tokio::task::spawn_blocking(move || git::check(&places, &remote, &credential))
                    .await
                    .map_err(|error| Failure::new(format!("the check ended early: {error}")))?;
            if checked.reachable {
                ctx.world.refused.forget(repository);
            }
            let left = left(ctx, repository, checked.tip.clone()).await?;
            checks.extend(stages(&settings.remote.branch, checked, left));
        }
    }
    let failed = checks.iter().filter(|(_, passed, _)| !passed).count();
    ctx.emit(Event::RepositoryChecked { name: repository.to_owned(), checks }).await;
    Ok(match failed {
        0 => format!("{repository}: every check passed"),
        failed => format!("{repository}: {failed} checks failed"),
    })
}

/// Why the branch is not followed to where it is now, if the last fetch saw that it was rewritten.
async fn left(
    ctx: &Context,
    repository: &str,
    tip: Option<Revision>,
) -> Result<Option<String>, Stop> {
    let Some(tip) = tip else { return Ok(None) };
    // A mirror that cannot be read says nothing of the remote.
    let Ok(rewrite) = ctx.world.git(repository, git::Repository::rewrite).await else {
        return Ok(None);
    };
    let command = Command::Compare { repository: repository.to_owned() };
    Ok(rewrite.filter(|rewrite| rewrite.tip == tip).map(|rewrite| {
        format!(
            "was rewritten: {} is no longer part of {}; `{}` shows what would be left behind, and follows it",
            rewrite.before.short(),
            rewrite.tip.short(),
            command.line()
        )
    }))
}

fn stages(
    branch: &str,
    checked: git::RemoteCheck,
    left: Option<String>,
) -> Vec<(String, bool, String)> {
    let mut problems =
        checked.problems.into_iter().map(|problem| Failure::from(problem).to_string());
    let mut detail = |passed: bool, fine: &str| {
        if passed {
            fine.to_owned()
        } else {
            problems.next().unwrap_or_else(|| "not known".to_owned())
        }
    };
    let mut stages = Vec::new();
    let reached = checked.reachable;
    stages.push((
        "reachable".to_owned(),
        reached,
        detail(reached, "answers and takes the credential"),
    ));
    if let Some(here) = checked.branch {
        let (passed, told) = match left {
            Some(left) if here => (false, left),
            _ => (here, detail(here, "is there")),
        };
        stages.push((format!("branch {branch}"), passed, told));
    }
    if let Some(open) = checked.push {
        stages.push((
            "push".to_owned(),
            open,
            detail(open, "may begin; a protected branch shows when pushing"),
        ));
    }
    stages
}
