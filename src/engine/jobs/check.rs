//! Check a repository: every stage by itself, with what to do where one fails.

use crate::engine::Event;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::git;

/// Runs the checks and tells them. A failing check is a result, not a failed job.
pub(super) async fn run(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let settings = ctx.world.repository(repository)?.clone();
    let mut checks = Vec::new();
    match ctx.world.credential(repository).await {
        Err(failure) => checks.push(("credential".to_owned(), false, failure.to_string())),
        Ok(credential) => {
            checks.push(("credential".to_owned(), true, settings.authentication.word().to_owned()));
            let known_hosts = ctx.world.settings.known_hosts.clone();
            let remote = settings.remote.clone();
            let checked =
                tokio::task::spawn_blocking(move || git::check(&remote, &credential, known_hosts.as_deref()))
                    .await
                    .map_err(|error| crate::engine::Failure::new(format!("the check ended early: {error}")))?;
            checks.extend(checked.into_iter().map(|check| (check.name, check.passed, check.detail)));
        }
    }
    let failed = checks.iter().filter(|(_, passed, _)| !passed).count();
    ctx.emit(Event::RepositoryChecked { name: repository.to_owned(), checks }).await;
    Ok(match failed {
        0 => format!("{repository}: every check passed"),
        failed => format!("{repository}: {failed} checks failed"),
    })
}
