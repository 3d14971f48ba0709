//! Act on a mapping unasked: sync a new commit, correct drift, stop a fight.

use crate::cluster::TURN;
use crate::domain::automation::{Claim, Decision, Drifted, Ended, Fight, Situation, decide};
use crate::domain::{Automation, EngineKind, Mapping, Plan, Refusal, Revision, Source, SyncState};
use crate::engine::error::Stop;
use crate::engine::jobs::look::{Look, look};
use crate::engine::jobs::observe::{Seen, observe};
use crate::engine::jobs::render::sources;
use crate::engine::jobs::{Context, depends, sync};
use crate::engine::journal::{AUTO, Intent};
use crate::engine::{Command, Failure, Outcome, SyncOptions, handle};
use jiff::Timestamp;
use std::time::Duration;

/// Pause before a look where a fetch is awaited.
const SOON: Duration = Duration::from_secs(1);

/// What is to be done with a mapping unasked, from what was seen of it.
pub(super) async fn weigh(
    ctx: &Context,
    mapping: &Mapping,
    seen: &Look,
    behind: usize,
) -> Decision {
    let (plan, inventory) = (&seen.plan, &seen.inventory);
    let policy = &mapping.sync;
    let ours = mapping.engine == EngineKind::Direct && mapping.source == Source::Git;
    if !ours || !(policy.auto || policy.self_heal) {
        return Decision::Nothing;
    }
    let now = Timestamp::now();
    let synced = inventory.synced_revision.as_ref();
    let situation = Situation {
        mapping,
        read_only: ctx.world.settings.safety.read_only,
        plan,
        behind,
        synced,
        unpinned: &seen.basis.unpinned,
        suspension: inventory.suspension.as_ref().filter(|suspension| suspension.holds(now)),
        old: old(ctx, mapping, &plan.revision, synced).await,
        automation: &inventory.automation,
        moved_on: moved_on(ctx, mapping, &plan.revision, &inventory.automation).await,
        holder: &ctx.world.process,
        pace: &ctx.world.settings.pace,
        now,
    };
    decide(&situation)
}

/// The decision in words, where there is something to say.
pub(super) fn words(decision: &Decision) -> Option<String> {
    match decision {
        Decision::Nothing | Decision::Sync | Decision::Record | Decision::Heal(_) => None,
        Decision::Held(reason) => Some(reason.clone()),
        Decision::Later(due, why) => {
            Some(format!("{why}; next at {}", due.strftime("%H:%M:%S UTC")))
        }
        Decision::Stop(fight) => Some(fight.to_string()),
    }
}

/// Why the tip may not be the newest: a cluster is never taken back to what was fetched long ago.
async fn old(
    ctx: &Context,
    mapping: &Mapping,
    tip: &Revision,
    synced: Option<&Revision>,
) -> Option<String> {
    let synced = synced.filter(|synced| *synced != tip)?;
    let (from, to) = (tip.clone(), synced.clone());
    let beyond =
        ctx.world.git(&mapping.repository, move |git| git.ahead(Some(&from), &to, &[""])).await;
    let known = beyond.is_ok_and(|commits| commits == 0);
    (!known).then(|| {
        format!("the cluster is at {}, which is not part of the branch as fetched", synced.short())
    })
}

/// Whether Git asks for something else since healing was stopped.
async fn moved_on(
    ctx: &Context,
    mapping: &Mapping,
    tip: &Revision,
    automation: &Automation,
) -> bool {
    let Some(fight) = &automation.fight else { return false };
    let (from, to) = (fight.revision.clone(), tip.clone());
    let paths = sources(ctx, mapping, tip).await;
    let count = move |git: &crate::git::Repository| git.ahead(Some(&from), &to, &paths);
    ctx.world.git(&mapping.repository, count).await.is_ok_and(|commits| commits > 0)
}

/// Does what is to be done and waits for its end; returns when to look again.
pub(super) async fn act(ctx: &Context, seen: &Seen) -> Option<Duration> {
    let name = &seen.status.name;
    let command = match &seen.decision {
        Decision::Nothing | Decision::Held(_) => return None,
        Decision::Later(due, _) => return Some(until(*due)),
        Decision::Stop(fight) => {
            Command::StopHealing { mapping: name.clone(), fight: Box::new(fight.clone()) }
        }
        Decision::Sync | Decision::Heal(_) if !ctx.world.is_fetched(&seen.status.repository) => {
            return Some(SOON);
        }
        Decision::Record => Command::Record { mapping: name.clone(), last_at: seen.acted_at },
        Decision::Sync => auto_sync(seen, seen.plan.as_ref()?, None, Vec::new()),
        Decision::Heal(drifted) => heal(ctx, seen, drifted).await?,
    };
    let (_, end) = handle::start(&ctx.world, &ctx.events, command);
    match end.await {
        // Whoever was faster, or moved the world, is seen by the next look.
        Ok(Outcome::Done(_) | Outcome::Refused(_) | Outcome::Failed(_)) => Some(SOON / 4),
        Ok(Outcome::Cancelled) | Err(_) => None,
    }
}

fn until(due: Timestamp) -> Duration {
    let left = due.duration_since(Timestamp::now());
    Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10)
}

fn auto_sync(
    seen: &Seen,
    plan: &Plan,
    revision: Option<&Revision>,
    corrects: Vec<Drifted>,
) -> Command {
    Command::AutoSync {
        mapping: seen.status.name.clone(),
        revision: revision.map(ToString::to_string),
        confirmed: plan.digest.clone(),
        corrects,
        last_at: seen.acted_at,
    }
}

/// Drift is corrected to what was synced, not to commits that nobody asked to be synced.
async fn heal(ctx: &Context, seen: &Seen, drifted: &[Drifted]) -> Option<Command> {
    let (name, plan) = (&seen.status.name, seen.plan.as_ref()?);
    let synced = seen.status.synced_revision.as_ref()?;
    if seen.status.behind == 0 {
        return Some(auto_sync(seen, plan, None, drifted.to_vec()));
    }
    let mapping = ctx.world.mapping(name).ok()?;
    let at = Some(synced.as_str());
    let options = SyncOptions::default();
    let back = look(ctx, mapping, at, &options, depends::Sight::Known);
    let back = Box::pin(back).await.ok()?;
    let drifted = Drifted::of(&back.plan);
    // What it reads from elsewhere may not be what was synced.
    let is_known = back.basis.unpinned.is_empty();
    let clear = is_known && back.plan.refusals.is_empty() && !drifted.is_empty();
    clear.then(|| auto_sync(seen, &back.plan, Some(synced), drifted))
}

/// What to sync unasked.
pub(super) struct Order {
    pub mapping: String,
    /// Revision; the tip of the branch where nothing is given.
    pub revision: Option<String>,
    /// Digest of the plan that was weighed.
    pub confirmed: String,
    /// Drift that it corrects; none where it brings a commit.
    pub corrects: Vec<Drifted>,
    /// When anybody acted last, as far as it was known.
    pub last_at: Option<Timestamp>,
}

/// Takes the turn, syncs as a human would, and notes how it ended.
pub(super) async fn run(ctx: &Context, order: Order) -> Result<String, Stop> {
    let name = order.mapping.clone();
    let mapping = ctx.world.mapping(&name)?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let (holder, now) = (&ctx.world.process, Timestamp::now());
    let claim = Claim { holder: holder.clone(), until: now + TURN };
    let turn =
        |automation: &mut Automation| automation.take_turn(&claim, (order.last_at, &[]), now);
    let automation = cluster.automate(&name, turn).await.map_err(Failure::from)?;
    if automation.claim.as_ref() != Some(&claim) {
        return Ok(format!("{name} is left to another gitdeck, which was faster"));
    }
    let request = sync::Request {
        mapping: name.clone(),
        revision: order.revision,
        confirmed: Some(order.confirmed),
        options: SyncOptions::default(),
        owner: Some(AUTO.to_owned()),
        resumed: None,
    };
    let work = Box::pin(sync::carry(ctx, request));
    let result = cluster.while_holding(&name, holder, work).await;
    let ended = match &result {
        Ok(_) => Ended::Done,
        Err((_, Stop::Failed(_))) => Ended::Failed,
        Err((_, Stop::Refused(_) | Stop::Cancelled)) => Ended::Left,
    };
    let revision = match &result {
        Ok((revision, _)) => Some(revision),
        Err((revision, _)) => revision.as_ref(),
    };
    let now = Timestamp::now();
    let tip = Revision::new(String::new());
    let note = |automation: &mut Automation| {
        automation.note(ended, revision.unwrap_or(&tip), &order.corrects, now);
    };
    let noted = cluster.automate(&name, note).await.map_err(Failure::from);
    let (_, said) = result.map_err(|(_, stop)| stop)?;
    noted?;
    Ok(match order.corrects.as_slice() {
        [] => said,
        [one] => format!("corrected {} of {}", one.path, one.object),
        [one, more @ ..] => {
            format!("corrected {} of {} and {} more", one.path, one.object, more.len())
        }
    })
}

/// Writes into the record that healing rests, so that every console sees it, and says it as a failure.
pub(super) async fn stop_healing(
    ctx: &Context,
    name: &str,
    fight: Box<Fight>,
) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let (journal, said) = (&ctx.world.journal, fight.to_string());
    let line = Command::StopHealing { mapping: name.to_owned(), fight: fight.clone() }.line();
    let intent = Intent::StopHealing { mapping: name.to_owned() };
    let id = journal.begin(intent, &line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 0, 1, "stop healing").map_err(Failure::from)?;
    let stop = |automation: &mut Automation| automation.fight = Some((*fight).clone());
    let written = cluster.automate(name, stop).await.map_err(Failure::from);
    let error = written.as_ref().err().map(|failure| failure.message.as_str());
    journal.after(id, (0, 1), "stop healing", error).map_err(Failure::from)?;
    let (state, message) = match error {
        Some(error) => ("failed", error),
        None => ("done", said.as_str()),
    };
    journal.end(id, state, Some(message), Timestamp::now()).map_err(Failure::from)?;
    written?;
    observe(ctx, name).await?;
    let resume = Command::Resume { mapping: name.to_owned() }.line();
    Err(Failure::new(format!("{said}, so drift of {name} is not corrected any more"))
        .hint(format!("settle who owns the value; then `{resume}`, or change it in Git"))
        .into())
}

/// Writes down when drift was first seen, so that a restart and other consoles know. Only what watches does this: a
/// glance writes nothing.
pub(super) async fn note_onset(ctx: &Context, seen: &Seen) {
    let status = &seen.status;
    let drifts = status.sync == SyncState::Drifted;
    let onset = status.drift_since.filter(|_| drifts);
    let refusals = seen.plan.iter().flat_map(|plan| &plan.refusals);
    let foreign = refusals.into_iter().any(|one| matches!(one, Refusal::Held { .. }));
    if ctx.world.settings.safety.read_only || foreign || seen.noted_onset == onset {
        return;
    }
    if !ctx.world.sickness.may_note(&status.name) {
        return;
    }
    let Ok(mapping) = ctx.world.mapping(&status.name) else { return };
    let Ok(cluster) = ctx.world.cluster(&mapping.target.context).await else { return };
    if let Err(error) = cluster.note_drift(&status.name, onset).await {
        tracing::debug!(%error, mapping = status.name, "the onset of drift was not recorded");
        ctx.world.sickness.not_noted(&status.name);
    }
}
