//! Keep everything observed: poll the repositories, watch the clusters, look again at what changed.

use crate::cluster::{Cluster, Notice, WatchState};
use crate::domain::{Health, MappingStatus, Plan, Refusal};
use crate::engine::error::Stop;
use crate::engine::event::ClusterState;
use crate::engine::jobs::{Context, activity, auto, commit, fetch, look, observe, record, regress};
use crate::engine::{Event, Failure};
use futures::StreamExt;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Mappings that are looked at side by side.
const OBSERVERS: usize = 8;
/// Changes that arrive within this time are one look: a rollout changes an object many times a second.
const SETTLE: Duration = Duration::from_millis(150);
/// How long the first look at a mapping waits until its objects are watched.
const PREPARE: Duration = Duration::from_secs(5);
/// Pause before a lost cluster is asked again.
const RECONNECT: Duration = Duration::from_secs(5);
/// How often the round trip to a cluster is measured.
const MEASURE: Duration = Duration::from_secs(30);
/// A mapping whose cluster could not be seen is looked at again after this time.
const SECOND_LOOK: Duration = Duration::from_secs(30);
/// How often a mapping that is on its way is looked at: some of what ends that is announced by no change.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// How often a mapping with an object that the server would not take is looked at: longer than such a verdict is
/// remembered, and seldom enough that an object that is never taken costs next to nothing.
const LIFTED: Duration = Duration::from_secs(60);
/// How long no look is to come before it counts as quiet.
const QUIET: Duration = Duration::from_secs(2);

/// What made a look necessary.
enum Trigger {
    /// The branch of a repository moved.
    Repository(String),
    /// An object of a mapping changed.
    Mapping(String),
}

/// Runs until it is cancelled.
pub(super) async fn run(ctx: &Context) -> Result<String, Stop> {
    ctx.world.lasts.store(true, Ordering::Relaxed);
    activity::tell(ctx).await?;
    ctx.world.standings.watch();
    let (sender, mut inbox) = mpsc::channel(256);
    let settings = &ctx.world.settings;
    let mut tasks = JoinSet::new();
    for repository in settings.repositories.keys() {
        tasks.spawn(poll(ctx.clone(), repository.clone(), sender.clone()));
    }
    let contexts: BTreeSet<String> =
        settings.connected().map(|m| m.target.context.clone()).collect();
    for context in contexts {
        tasks.spawn(watch_cluster(ctx.clone(), context, sender.clone()));
    }
    let mut looks = Looks::default();
    loop {
        looks.start(ctx);
        let next = looks.next_due();
        tokio::select! {
            Some(trigger) = inbox.recv() => match trigger {
                Trigger::Mapping(name) => looks.want(name, SETTLE),
                Trigger::Repository(repository) => {
                    for mapping in settings.mappings.values().filter(|m| m.repository == repository) {
                        looks.want(mapping.name.clone(), Duration::ZERO);
                    }
                }
            },
            Some(ended) = looks.running.join_next() => {
                if let Ok((name, again)) = ended {
                    looks.busy.remove(&name);
                    if let Some(after) = again {
                        looks.want(name, after);
                    }
                }
                if looks.are_over() {
                    ctx.world.rest();
                }
            }
            moved = ctx.world.standings.moved() => {
                let waits = |on: &[String]| on.iter().any(|one| moved.contains(one));
                for one in settings.mappings.values().filter(|one| waits(&one.depends_on)) {
                    looks.want(one.name.clone(), SETTLE);
                }
            }
            () = sleep_until(next) => {}
        }
    }
}

/// Which mappings are to be looked at, and when.
#[derive(Default)]
struct Looks {
    due: BTreeMap<String, Instant>,
    busy: BTreeSet<String>,
    running: JoinSet<(String, Option<Duration>)>,
}

impl Looks {
    fn want(&mut self, name: String, after: Duration) {
        let at = Instant::now() + after;
        self.due.entry(name).and_modify(|due| *due = at.min(*due)).or_insert(at);
    }

    fn start(&mut self, ctx: &Context) {
        let now = Instant::now();
        while self.busy.len() < OBSERVERS {
            let ready =
                self.due.iter().find(|(name, at)| **at <= now && !self.busy.contains(*name));
            let Some(name) = ready.map(|(name, _)| name.clone()) else { return };
            self.due.remove(&name);
            self.busy.insert(name.clone());
            let ctx = ctx.clone();
            self.running.spawn(async move {
                let again = match observe::see(&ctx, &name).await {
                    Ok(seen) => {
                        auto::note_onset(&ctx, &seen).await;
                        let noted = record::follow(&ctx, &seen).await;
                        regress::look(&ctx, &seen.status).await;
                        let acted = auto::act(&ctx, &seen).await;
                        let polled = polled(&ctx, &seen.status);
                        let next = next_look(&seen.status).into_iter().chain(acted);
                        next.chain(noted)
                            .chain(polled)
                            .chain(seen.plan.as_deref().and_then(lifted))
                            .min()
                    }
                    Err(_) => Some(SECOND_LOOK),
                };
                (name, again)
            });
        }
    }

    /// Whether nobody looks, and nobody will in a moment.
    fn are_over(&self) -> bool {
        let soon = Instant::now() + QUIET;
        self.busy.is_empty() && self.due.values().all(|at| *at > soon)
    }

    /// When the next look can begin; nothing while every observer is busy.
    fn next_due(&self) -> Option<Instant> {
        if self.busy.len() >= OBSERVERS {
            return None;
        }
        self.due.iter().filter(|(name, _)| !self.busy.contains(*name)).map(|(_, at)| *at).min()
    }
}

/// When a mapping is to be looked at again although nothing is heard of it: soon where nothing was seen, when patience
/// with a status that does not come is over, and when its suspension ends, which no change of the cluster announces.
fn next_look(status: &MappingStatus) -> Option<Duration> {
    let ends = status.suspension.as_ref().and_then(|suspension| suspension.until);
    let ends =
        ends.and_then(|until| Duration::try_from(until.duration_since(Timestamp::now())).ok());
    let unseen = status.objects.total == 0 && status.desired_revision.is_some();
    let soon = match status.health {
        Health::Progressing => Some(ON_ITS_WAY),
        _ => unseen.then_some(SECOND_LOOK),
    };
    soon.into_iter().chain(ends).min()
}

/// When the server is asked again for what it would not take: that a policy or a quota was lifted, nothing announces.
fn lifted(plan: &Plan) -> Option<Duration> {
    plan.refusals.iter().any(|one| matches!(one, Refusal::Invalid { .. })).then_some(LIFTED)
}

/// When what no commit pins is read again: nothing announces that it moved.
fn polled(ctx: &Context, status: &MappingStatus) -> Option<Duration> {
    let mapping = ctx.world.mapping(&status.name).ok().filter(|_| !status.remote.is_empty());
    mapping.map(|mapping| mapping.polling_interval)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn poll(ctx: Context, repository: String, triggers: mpsc::Sender<Trigger>) {
    let Ok(settings) = ctx.world.repository(&repository) else { return };
    let interval = settings.polling_interval;
    let mut known = ctx.world.git(&repository, |git| Ok(git.tip())).await.unwrap_or_default();
    let mut looked = known.is_some();
    if looked {
        // What is on disk is shown before the network answers.
        let _ = commit::reload_log(&ctx, &repository).await;
        prepare(&ctx, &repository).await;
        let _ = triggers.send(Trigger::Repository(repository.clone())).await;
    }
    loop {
        let fetched = fetch::unasked(&ctx, &repository).await;
        let moved = fetched.ok().filter(|tip| known.as_ref() != Some(tip));
        if let Some(tip) = moved {
            known = Some(tip);
            looked = false;
            let _ = commit::reload_log(&ctx, &repository).await;
            prepare(&ctx, &repository).await;
        }
        // The first look tells also why there is nothing to see.
        if !std::mem::replace(&mut looked, true) {
            let _ = triggers.send(Trigger::Repository(repository.clone())).await;
        }
        tokio::time::sleep(interval).await;
    }
}

/// Claims what the mappings of a repository want and waits, not for long, until it is watched: a thousand mappings cost
/// the cluster one list per kind then, and not one each.
async fn prepare(ctx: &Context, repository: &str) {
    let all = ctx.world.settings.connected();
    let mappings: Vec<_> = all.filter(|mapping| mapping.repository == repository).collect();
    let before = ctx.world.claim_changes.load(Ordering::SeqCst);
    let claims: Vec<_> =
        mappings.iter().map(|mapping| claim(ctx.clone(), mapping.name.clone())).collect();
    futures::stream::iter(claims).buffer_unordered(OBSERVERS).collect::<Vec<()>>().await;
    if ctx.world.claim_changes.load(Ordering::SeqCst) == before {
        return;
    }
    let contexts: BTreeSet<&str> =
        mappings.iter().map(|mapping| mapping.target.context.as_str()).collect();
    let waits = contexts.into_iter().map(|context| until_watched(ctx, context));
    let _ = tokio::time::timeout(PREPARE, futures::future::join_all(waits)).await;
}

async fn claim(ctx: Context, name: String) {
    let Ok(mapping) = ctx.world.mapping(&name) else { return };
    // A mapping that cannot be claimed says why when it is looked at.
    let _ = look::claim(&ctx, mapping).await;
}

async fn until_watched(ctx: &Context, context: &str) {
    let Ok(cluster) = ctx.world.cluster(context).await else { return };
    let mut changes = cluster.changes();
    if watch_claims(ctx, context, &cluster, &mappings_of(ctx, context)).await.is_err() {
        return;
    }
    while cluster.watch_state() == WatchState::Syncing && changes.next().await.is_some() {}
}

async fn watch_claims(
    ctx: &Context,
    context: &str,
    cluster: &Cluster,
    mappings: &[String],
) -> Result<(), Failure> {
    let names: Vec<&str> = mappings.iter().map(String::as_str).collect();
    Ok(cluster.watch(&ctx.world.claims(context), &names).await?)
}

async fn watch_cluster(ctx: Context, context: String, triggers: mpsc::Sender<Trigger>) {
    loop {
        tell(&ctx, &context, ClusterState::Syncing).await;
        let since = Timestamp::now();
        let Err(failure) = follow(&ctx, &context, &triggers).await;
        tell(&ctx, &context, ClusterState::Stale { since, reason: failure.to_string() }).await;
        tokio::time::sleep(RECONNECT).await;
    }
}

// Follows the changes of one cluster until it is lost.
async fn follow(
    ctx: &Context,
    context: &str,
    triggers: &mpsc::Sender<Trigger>,
) -> Result<std::convert::Infallible, Failure> {
    let cluster = ctx.world.cluster(context).await?;
    let mut changes = cluster.changes();
    let mappings = mappings_of(ctx, context);
    let mut live = measure(&cluster).await?;
    tell(ctx, context, live.clone()).await;
    // Measured beside the news, so that a silent server does not hold them up.
    let mut measured = pin!(measure_later(&cluster));
    let mut watched = None;
    loop {
        let claimed = ctx.world.claimed.notified();
        let changes_of_claims = ctx.world.claim_changes.load(Ordering::SeqCst);
        // The definition of a claimed kind may come long after the claim, by a sync of the same mapping say.
        if watched != Some(changes_of_claims) || cluster.serves_more() {
            if watched.is_some() {
                claims_settle(ctx).await;
            }
            watched = Some(ctx.world.claim_changes.load(Ordering::SeqCst));
            watch_claims(ctx, context, &cluster, &mappings).await?;
        }
        tokio::select! {
            () = claimed => {}
            notice = changes.next() => {
                let Some(notice) = notice else { return Err(Failure::new("the connection was closed")) };
                if let Notice::State(state) = &notice {
                    tell(ctx, context, shown(state, &live)).await;
                }
                for mapping in meant(ctx, context, &mappings, &notice) {
                    let _ = triggers.send(Trigger::Mapping(mapping)).await;
                }
            }
            found = &mut measured => {
                // A round trip that failed says nothing that the watches do not say better.
                if let Ok(found) = found {
                    live = found;
                    tell(ctx, context, shown(&cluster.watch_state(), &live)).await;
                }
                if cluster.awaits_kinds() {
                    cluster.forget_discovery();
                    // Whoever cannot be asked now is asked at the next beat.
                    let _ = cluster.served().await;
                }
                measured.set(measure_later(&cluster));
            }
        }
    }
}

/// Claims come by the hundred when a branch moves; each change of what is watched lists again.
async fn claims_settle(ctx: &Context) {
    let quiet = async {
        loop {
            let before = ctx.world.claim_changes.load(Ordering::SeqCst);
            tokio::time::sleep(SETTLE).await;
            if ctx.world.claim_changes.load(Ordering::SeqCst) == before {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(PREPARE, quiet).await;
}

fn mappings_of(ctx: &Context, context: &str) -> Vec<String> {
    let all = ctx.world.settings.connected();
    all.filter(|mapping| mapping.target.context == context)
        .map(|mapping| mapping.name.clone())
        .collect()
}

// Which mappings news are about.
fn meant(ctx: &Context, context: &str, all: &[String], notice: &Notice) -> Vec<String> {
    match notice {
        Notice::Object(key) => ctx.world.claimants(context, key),
        Notice::Record(mapping) => vec![mapping.clone()],
        // What changed while nothing was seen is looked at when it can be seen again.
        Notice::Everything | Notice::State(WatchState::Live) => all.to_vec(),
        Notice::State(_) => Vec::new(),
    }
}

fn shown(state: &WatchState, live: &ClusterState) -> ClusterState {
    match state {
        WatchState::Live | WatchState::Off => live.clone(),
        WatchState::Syncing => ClusterState::Syncing,
        WatchState::Stale { since, reason } => {
            ClusterState::Stale { since: *since, reason: reason.clone() }
        }
    }
}

async fn measure_later(cluster: &Cluster) -> Result<ClusterState, Failure> {
    tokio::time::sleep(MEASURE).await;
    measure(cluster).await
}

async fn measure(cluster: &Cluster) -> Result<ClusterState, Failure> {
    let asked = Instant::now();
    let version = cluster.version().await?;
    let latency_ms = asked.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    Ok(ClusterState::Live { version, latency_ms })
}

async fn tell(ctx: &Context, context: &str, state: ClusterState) {
    ctx.emit(Event::ClusterObserved { context: context.to_owned(), state }).await;
}

#[cfg(test)]
mod tests {
    use super::{lifted, next_look};
    use crate::domain::{Health, MappingStatus, Refusal, fixture};
    use std::time::Duration;

    #[test]
    fn what_is_on_its_way_is_looked_at_more_often_than_patience_with_it_lasts() {
        let mut status = MappingStatus::unseen(&fixture::mapping("checkout"));
        assert_eq!(next_look(&status), None);
        status.health = Health::Progressing;
        assert_eq!(next_look(&status), Some(Duration::from_secs(10)));
    }

    #[test]
    fn what_the_server_would_not_take_is_asked_again() {
        let mut plan = fixture::plan(Vec::new(), 1);
        assert_eq!(lifted(&plan), None);
        let message = "denied by a policy".to_owned();
        let object = fixture::deployment("one");
        plan.refusals.push(Refusal::Invalid { object, origin: None, message });
        assert_eq!(lifted(&plan), Some(Duration::from_secs(60)));
    }
}
