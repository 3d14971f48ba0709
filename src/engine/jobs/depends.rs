//! What a mapping waits for: the mappings that it depends on, as they stand now.

use crate::domain::depends::{PATIENCE, Standing, is_dependent};
use crate::domain::{Mapping, MappingStatus, Plan, Refusal, Revision, Wait};
use crate::engine::error::Stop;
use crate::engine::jobs::look::sight;
use crate::engine::jobs::observe::{blind_status, status_of};
use crate::engine::jobs::render::sources;
use crate::engine::jobs::wait::wait;
use crate::engine::jobs::{Context, sync};
use crate::engine::{Outcome, SyncOptions};
use jiff::Timestamp;
use std::time::Duration;

/// How long what was seen of a mapping is believed where nothing watches it: one look serves all that depend on it.
const RECENT: Duration = Duration::from_secs(5);

/// Whether what was seen a moment ago will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// To be shown.
    Known,
    /// To be shown, of a commit that the mapping is not to have: what it claims stays.
    Aside,
    /// Before a write.
    Fresh,
}

/// Refuses a plan while a mapping that this one depends on is not ready. Those that go before it in the same run are
/// waited for when its turn comes.
pub(super) async fn hold(
    ctx: &Context,
    mapping: &Mapping,
    plan: &mut Plan,
    options: &SyncOptions,
    sight: Sight,
) {
    if options.ignore_dependencies || !is_dependent(plan) {
        return;
    }
    let revision = plan.revision.clone();
    let waits = waits(ctx, mapping, Some(&revision), &options.after, sight).await;
    plan.refusals.extend(waits.into_iter().map(Refusal::Waits));
}

/// Which of the mappings that this one depends on are not ready, and why.
pub(super) async fn waits(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&Revision>,
    after: &[String],
    sight: Sight,
) -> Vec<Wait> {
    let mut waits = Vec::new();
    for name in mapping.depends_on.iter().filter(|name| !after.contains(name)) {
        let standing = standing(ctx, name, sight).await;
        let missing = missing(ctx, mapping, revision, (name, &standing)).await;
        if let Some(why) = standing.lacks(missing) {
            waits.push(Wait { mapping: name.clone(), why, failed: false });
        }
    }
    waits
}

/// The commits that a dependency lacks of the revision that is to be applied, where both are of one repository.
async fn missing(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&Revision>,
    (name, standing): (&str, &Standing),
) -> usize {
    let Ok(dependency) = ctx.world.mapping(name) else { return 0 };
    let (Some(synced), Some(revision)) = (standing.synced.clone(), revision.cloned()) else {
        return 0;
    };
    if dependency.repository != mapping.repository || synced == revision {
        return 0;
    }
    let paths = sources(ctx, dependency, &revision).await;
    let count = move |git: &crate::git::Repository| git.ahead(Some(&synced), &revision, &paths);
    // Where the repository does not have one of both, the plan of the dependency tells what it lacks.
    ctx.world.git(&mapping.repository, count).await.unwrap_or(0)
}

/// How a mapping stands: as seen last where that is watched or a moment old, else looked at now, once for all who ask.
async fn standing(ctx: &Context, name: &str, sight: Sight) -> Standing {
    let recent = || match sight {
        Sight::Known | Sight::Aside => ctx.world.standings.recent(name, RECENT),
        Sight::Fresh => None,
    };
    if let Some(known) = recent() {
        return known;
    }
    let turn = ctx.world.standings.turn(name);
    let _mine = turn.lock().await;
    if let Some(known) = recent() {
        return known;
    }
    let found = look_at(ctx, name).await;
    ctx.world.note_standing(name, &found);
    found
}

async fn look_at(ctx: &Context, name: &str) -> Standing {
    let Ok(mapping) = ctx.world.mapping(name) else { return Standing::default() };
    if !mapping.connected {
        return Standing::of(&MappingStatus::unseen(mapping), None);
    }
    let now = Timestamp::now();
    let seen = Box::pin(sight(ctx, mapping, None, &SyncOptions::default(), Sight::Fresh)).await;
    let found = match seen {
        Ok(seen) => match Box::pin(status_of(ctx, name, &seen, now)).await {
            Ok((status, _)) => Ok(Standing::of(&status, Some(&seen.plan))),
            Err(stop) => Err(stop),
        },
        Err(blind) => {
            blind_status(ctx, mapping, blind, now).await.map(|status| Standing::of(&status, None))
        }
    };
    found.unwrap_or_else(|_| Standing::unseen())
}

/// Waits for those that go before a sync in the same run, and until what it depends on is healthy where that was asked
/// for. One that ended badly or does not come up is why this one is skipped.
pub(super) async fn take_turn(ctx: &Context, request: &sync::Request) -> Result<(), Stop> {
    let mapping = ctx.world.mapping(&request.mapping)?;
    let mut waits = Vec::new();
    for (name, end) in &ctx.after {
        ctx.doing(format!("waiting for {name}"));
        let mut end = end.clone();
        let ended = ctx.token.run_until_cancelled(end.wait_for(Option::is_some)).await;
        let outcome = ended.ok_or(Stop::Cancelled)?.ok().and_then(|outcome| outcome.clone());
        if let Some(why) = bad_end(outcome.as_ref()) {
            waits.push(Wait { mapping: name.clone(), why, failed: true });
        }
    }
    if waits.is_empty() && !request.options.ignore_dependencies {
        for name in &mapping.depends_on {
            let together = ctx.after.iter().any(|(first, _)| first == name);
            let limit = request.options.wait.or(together.then_some(PATIENCE));
            if let Some(limit) = limit
                && let Some(why) = come_up(ctx, name, limit).await?
            {
                waits.push(Wait { mapping: name.clone(), why, failed: true });
                break;
            }
        }
    }
    if waits.is_empty() {
        return Ok(());
    }
    Err(Stop::Refused(waits.into_iter().map(Refusal::Waits).collect()))
}

fn bad_end(outcome: Option<&Outcome>) -> Option<String> {
    match outcome {
        Some(Outcome::Done(_)) => None,
        Some(Outcome::Failed(failure)) => Some(format!("failed: {}", failure.message)),
        Some(Outcome::Refused(refusals)) => {
            let skipped = |one: &Refusal| matches!(one, Refusal::Waits(wait) if wait.failed);
            let word = if refusals.iter().any(skipped) { "was skipped" } else { "was refused" };
            Some(word.to_owned())
        }
        Some(Outcome::Cancelled) | None => Some("was stopped".to_owned()),
    }
}

/// Waits until a mapping is healthy; the answer is why it does not become so.
async fn come_up(ctx: &Context, name: &str, limit: Duration) -> Result<Option<String>, Stop> {
    let mapping = ctx.world.mapping(name)?;
    if !mapping.connected {
        return Ok(Some("is disconnected".to_owned()));
    }
    let options = SyncOptions::default();
    let looked = Box::pin(sight(ctx, mapping, None, &options, Sight::Fresh));
    let seen = ctx.read(async { looked.await.map_err(Stop::from) }).await;
    let waited = match seen {
        Ok(seen) => wait(ctx, name, &seen, limit).await,
        Err(stop) => Err(stop),
    };
    match waited {
        Ok(()) => Ok(None),
        Err(Stop::Failed(failure)) => Ok(Some(format!("failed: {}", failure.message))),
        Err(stop) => Err(stop),
    }
}
