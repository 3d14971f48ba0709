//! Observe a mapping: status, plan and health, from live data.

use crate::domain::automation::{Decision, Drifted};
use crate::domain::depends::Standing;
use crate::domain::{Health, Inventory, Mapping, MappingStatus, Plan, Revision, SyncState};
use crate::engine::error::Stop;
use crate::engine::jobs::live_changes::Common;
use crate::engine::jobs::look::{Blind, Look, look};
use crate::engine::jobs::render::{render, sources};
use crate::engine::jobs::{Context, auto, depends, fetch, record, suspects};
use crate::engine::status::{Sight, assess};
use crate::engine::{Event, SyncOptions};
use jiff::Timestamp;
use std::sync::Arc;

/// Fetches where asked, looks, and tells what was seen. A mapping that cannot be seen is a fact, not a failed job.
pub(super) async fn run(ctx: &Context, name: &str, with_fetch: bool) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    if !mapping.connected {
        return Ok(format!("{name}: {}", observe(ctx, name).await?.sync.word()));
    }
    let looking = async {
        if with_fetch {
            ctx.world.ask_anew(mapping);
            // What was fetched before still tells much; the repository's own state says that it is old.
            if let Err(Stop::Cancelled) = fetch::fetch(ctx, &mapping.repository).await {
                return Err(Stop::Cancelled);
            }
        }
        observe(ctx, name).await
    };
    // The cluster is reached while Git is fetched; nobody waits for that alone.
    let reaching = async {
        ctx.world.prepare(&mapping.target.context).await;
        std::future::pending().await
    };
    let status = tokio::select! {
        status = looking => status?,
        never = reaching => never,
    };
    Ok(format!("{name}: {}", status.sync.word()))
}

/// What was seen of a mapping.
pub(super) struct Seen {
    pub status: MappingStatus,
    /// The plan of the tip; nothing where it could not be made.
    pub plan: Option<Arc<Plan>>,
    /// What is to be done unasked.
    pub decision: Decision,
    /// The onset of drift as it is on record.
    pub noted_onset: Option<Timestamp>,
    /// Of a recorded mapping, what the tip and the cluster have in common.
    pub common: Common,
    /// When anybody acted on it unasked last.
    pub acted_at: Option<Timestamp>,
}

/// Looks at a mapping and tells what was seen.
pub(super) async fn observe(ctx: &Context, name: &str) -> Result<MappingStatus, Stop> {
    Ok(see(ctx, name).await?.status)
}

/// [`observe`], with what is to be done about it.
pub(super) async fn see(ctx: &Context, name: &str) -> Result<Seen, Stop> {
    let mapping = ctx.world.mapping(name)?;
    if !mapping.connected {
        return Ok(not_looked_at(ctx, mapping).await);
    }
    let options = SyncOptions::default();
    let seen = Box::pin(look(ctx, mapping, None, &options, depends::Sight::Known)).await;
    let now = Timestamp::now();
    let (mut plan, mut decision) = (None, Decision::Nothing);
    let (mut noted_onset, mut acted_at, mut common) = (None, None, Common::default());
    let status = match seen {
        Ok(seen) => {
            let (status, decided) = status_of(ctx, name, &seen, now).await?;
            (decision, noted_onset) = (decided, seen.inventory.drift_since);
            acted_at = seen.inventory.automation.last_at;
            common = record::common(ctx, mapping, &seen).await;
            let seen = plan.insert(Arc::new(seen.plan));
            ctx.emit(Event::Planned { plan: Arc::clone(seen), at: now }).await;
            status
        }
        Err(blind) => {
            let mut status = blind_status(ctx, mapping, blind, now).await?;
            // What is wrong may be what it waits for: a kind that the other one brings.
            if status.sync == SyncState::Error && !mapping.depends_on.is_empty() {
                let (known, at) = (depends::Sight::Known, status.desired_revision.clone());
                status.waits = depends::waits(ctx, mapping, at.as_ref(), &[], known).await;
            }
            status
        }
    };
    let standing = Standing::of(&status, plan.as_deref());
    ctx.world.note_standing(name, &standing);
    ctx.emit(Event::MappingObserved { status: Box::new(status.clone()) }).await;
    Ok(Seen { status, plan, decision, noted_onset, common, acted_at })
}

/// A mapping that is disconnected: neither its repository nor its cluster is asked.
async fn not_looked_at(ctx: &Context, mapping: &Mapping) -> Seen {
    let status = MappingStatus::unseen(mapping);
    ctx.world.note_standing(&mapping.name, &Standing::of(&status, None));
    ctx.emit(Event::MappingObserved { status: Box::new(status.clone()) }).await;
    Seen {
        status,
        plan: None,
        decision: Decision::Nothing,
        noted_onset: None,
        common: Common::default(),
        acted_at: None,
    }
}

/// The status of a mapping that could not be planned.
pub(super) async fn blind_status(
    ctx: &Context,
    mapping: &Mapping,
    blind: Blind,
    now: Timestamp,
) -> Result<MappingStatus, Stop> {
    let (failure, desired) = match blind {
        Blind::Cancelled => return Err(Stop::Cancelled),
        Blind::Desired(failure, desired) => (failure, desired),
        Blind::Live(failure, revision) => {
            let (desired, unseen) = (Some(revision), Some(failure.to_string()));
            return Ok(assess(mapping, &Sight { desired, unseen, ..Sight::default() }, now));
        }
    };
    // What runs is still the revision that was applied last.
    let known = match ctx.world.cluster(&mapping.target.context).await {
        Ok(cluster) => cluster.inventory(&mapping.name).await.ok(),
        Err(_) => None,
    };
    let error = Some(failure.to_string());
    let sight = Sight { desired, inventory: known.as_ref(), error, ..Sight::default() };
    let mut status = assess(mapping, &sight, now);
    if let Some(inventory) = &known {
        status.health = still(ctx, mapping, inventory).await.unwrap_or(Health::Unknown);
        status.suspects = suspects::find(ctx, mapping, &status, inventory, None).await;
    }
    Ok(status)
}

/// The health of what runs, although what is to run cannot be told: that of the objects of the synced revision.
async fn still(ctx: &Context, mapping: &Mapping, inventory: &Inventory) -> Option<Health> {
    let synced = inventory.synced_revision.as_ref()?;
    let rendered = render(ctx, mapping, synced).await.ok()??;
    let cluster = ctx.world.cluster(&mapping.target.context).await.ok()?;
    let objects = cluster.health(mapping, &rendered).await.ok()?;
    Some(objects.iter().map(|one| one.health).max().unwrap_or(Health::Healthy))
}

/// The status that follows from a look, and what is to be done unasked.
pub(super) async fn status_of(
    ctx: &Context,
    name: &str,
    seen: &Look,
    now: Timestamp,
) -> Result<(MappingStatus, Decision), Stop> {
    let mapping = ctx.world.mapping(name)?;
    // Where live changes become commits, nothing but a difference is left to be done.
    let level = mapping.is_recorded() && seen.plan.operations.is_empty();
    let known = seen.inventory.synced_revision.as_ref();
    let behind = if level { 0 } else { behind(ctx, mapping, known, &seen.revision).await? };
    let sight = Sight {
        desired: Some(seen.revision.clone()),
        inventory: Some(&seen.inventory),
        plan: Some(&seen.plan),
        behind,
        error: ctx.world.failure(name, &seen.revision),
        unseen: None,
    };
    let mut status = assess(mapping, &sight, now);
    status.drift_since = onset(&seen.plan, &seen.inventory, now);
    let decision = if mapping.is_recorded() {
        record::weigh(ctx, mapping, seen).await
    } else {
        auto::weigh(ctx, mapping, seen, status.behind).await
    };
    let made = Some((&seen.plan, seen.basis.desired()));
    status.suspects = suspects::find(ctx, mapping, &status, &seen.inventory, made).await;
    status.waits = seen.plan.waits().cloned().collect();
    status.held = auto::words(&decision);
    status.remote = seen.basis.unpinned.to_vec();
    let fight = seen.inventory.automation.fight.clone();
    status.fight = fight.filter(|_| matches!(decision, Decision::Held(_))).map(Box::new);
    Ok((status, decision))
}

/// Since when the cluster differs: what is on record, else the oldest change that the server knows the time of.
fn onset(plan: &Plan, inventory: &Inventory, now: Timestamp) -> Option<Timestamp> {
    let drifted = Drifted::of(plan);
    let first = drifted.iter().filter_map(|one| one.since).min();
    (!drifted.is_empty()).then(|| inventory.drift_since.or(first).unwrap_or(now))
}

/// Commits between two revisions that touch a mapping.
pub(super) async fn behind(
    ctx: &Context,
    mapping: &Mapping,
    from: Option<&Revision>,
    to: &Revision,
) -> Result<usize, Stop> {
    if from == Some(to) {
        return Ok(0);
    }
    let (from, to) = (from.cloned(), to.clone());
    let paths = sources(ctx, mapping, &to).await;
    let count =
        ctx.world.git(&mapping.repository, move |git| git.ahead(from.as_ref(), &to, &paths));
    match count.await {
        // The record names a commit that this repository never had or has lost: the plan alone tells what differs.
        Err(Stop::Failed(failure)) if failure.usage => Ok(0),
        counted => counted,
    }
}
