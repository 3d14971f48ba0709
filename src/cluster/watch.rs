//! The watch cache: the live objects that mappings want, kept up to date, and the news of what changed.

use super::discovery::{Catalogue, Lookup};
use super::live::{Live, LiveObjects, Wanted};
use super::pulse::{self, Pulse};
use super::resource::Resource;
use super::unit::{Followed, Unit};
use super::wire::Wire;
use super::{Cluster, ClusterError, Inner};
use crate::domain::object::split_api_version;
use crate::domain::{ObjectKey, ObjectRef};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How far what is seen can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    /// Nothing is watched.
    Off,
    /// The first lists are on their way.
    Syncing,
    /// Every change arrives.
    Live,
    /// Changes do not arrive any more; what was seen is kept.
    Stale {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
}

/// What the watches know of an object.
pub(super) enum Sight {
    /// Nothing: it is not watched, or its watch is not live.
    Unwatched,
    /// It does not exist.
    Absent,
    /// It is like this.
    Present(Live),
}

/// News from the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A wanted object appeared, changed or went away.
    Object(ObjectKey),
    /// The record of a mapping changed: synced revision, members, suspension.
    Record(String),
    /// Trust in what is seen changed.
    State(WatchState),
    /// News were lost because nobody listened for long, or definitions or admission rules changed: look at everything.
    Everything,
}

/// Kinds that decide what becomes of what is sent.
pub(super) const SENTINELS: [(&str, &str); 4] = [
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding"),
];

/// A place where news arrive.
pub struct Changes(broadcast::Receiver<Notice>);

impl Changes {
    /// The next news; nothing when the cluster's last clone is gone. Safe to drop while waiting.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Everything),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// What is watched: one unit per resource, or per resource and namespace where more is not allowed.
type UnitId = (String, Option<String>);

/// Identities of objects. A console knows ten thousands of them, so each is there once, however many sets hold it.
pub(super) type Keys = HashSet<Arc<ObjectKey>>;

/// Wanted objects by the address of their resource.
type Demand = BTreeMap<String, (Resource, Arc<Keys>)>;

/// All watches of one cluster. They end with it.
pub(super) struct Watches {
    units: Mutex<HashMap<UnitId, (Arc<Unit>, DropGuard)>>,
    /// What is wanted, by resource.
    demand: Mutex<Demand>,
    /// Kinds that are wanted and were not served when it was last said what is wanted: group, version, kind.
    unserved: Mutex<BTreeSet<(String, String, String)>>,
    /// Resources whose changes void proofs.
    sentinels: Mutex<Vec<Resource>>,
    /// Groups whose objects have to be asked about since; `*` is all.
    distrusted: Mutex<HashSet<String>>,
    /// Resources that may only be watched namespace by namespace.
    narrow: Mutex<HashSet<String>>,
    /// Mappings by the identity of their record.
    records: Arc<Mutex<HashMap<ObjectKey, String>>>,
    news: broadcast::Sender<Notice>,
    /// Beats while watches live; begins with the first.
    pulse: Mutex<Option<Arc<Pulse>>>,
}

impl Default for Watches {
    fn default() -> Self {
        Self {
            units: Mutex::default(),
            demand: Mutex::default(),
            unserved: Mutex::default(),
            sentinels: Mutex::default(),
            distrusted: Mutex::default(),
            narrow: Mutex::default(),
            records: Arc::default(),
            news: broadcast::channel(4096).0,
            pulse: Mutex::default(),
        }
    }
}

impl Watches {
    /// The state of all watches together: the worst counts.
    pub(super) fn state(&self) -> WatchState {
        let units = lock(&self.units);
        let mut states = units.values().map(|(unit, _)| unit.counted_state());
        let Some(mut worst) = states.next() else { return WatchState::Off };
        for state in states {
            worst = match (worst, state) {
                (
                    WatchState::Stale { since: a, reason: x },
                    WatchState::Stale { since: b, reason: y },
                ) => {
                    if a <= b {
                        WatchState::Stale { since: a, reason: x }
                    } else {
                        WatchState::Stale { since: b, reason: y }
                    }
                }
                (stale @ WatchState::Stale { .. }, _) | (_, stale @ WatchState::Stale { .. }) => {
                    stale
                }
                (WatchState::Syncing, _) | (_, WatchState::Syncing) => WatchState::Syncing,
                (worst, _) => worst,
            };
        }
        worst
    }

    /// What the watches know of an object.
    pub(super) fn find(&self, resource: &Resource, key: &ObjectKey) -> Sight {
        let units = lock(&self.units);
        let name = resource.collection(None);
        let everywhere = units.get(&(name.clone(), None));
        let unit = everywhere.or_else(|| units.get(&(name, key.namespace.clone())));
        unit.map_or(Sight::Unwatched, |(unit, _)| unit.find(key))
    }

    /// Whether anything is watched at all.
    pub(super) fn is_any(&self) -> bool {
        !lock(&self.units).is_empty()
    }

    /// What we wrote ourselves need not wait for the watch to bring it.
    pub(super) fn learn(&self, resource: &Resource, key: &ObjectKey, live: &Live) {
        let units = lock(&self.units);
        let name = resource.collection(None);
        let everywhere = units.get(&(name.clone(), None));
        if let Some((unit, _)) = everywhere.or_else(|| units.get(&(name, key.namespace.clone()))) {
            unit.learn(key, live);
        }
    }

    pub(super) fn changes(&self) -> Changes {
        Changes(self.news.subscribe())
    }
}

impl Cluster {
    /// Watches these objects (as [`Cluster::references`] places them) and the records of these mappings from now on,
    /// and nothing else. Watches that go on keep what they have; a resource with newly wanted objects is listed again.
    pub async fn watch(
        &self,
        objects: &[ObjectRef],
        mappings: &[&str],
    ) -> Result<(), ClusterError> {
        let catalogue = self.catalogue().await?;
        let mut demand = lock(&self.watches().demand).clone();
        let mut wanted: BTreeMap<String, (Resource, Keys)> = BTreeMap::new();
        let mut want = |resource: Resource, key: ObjectKey| {
            let name = resource.collection(None);
            let known = demand.get(&name).and_then(|(_, known)| known.get(&key)).cloned();
            let entry = wanted.entry(name).or_insert_with(|| (resource, Keys::new()));
            entry.1.insert(known.unwrap_or_else(|| Arc::new(key)));
        };
        let mut unserved = BTreeSet::new();
        for object in objects {
            let (group, version, kind) = (&object.group, &object.version, &object.kind);
            match catalogue.lookup(group, version, kind) {
                Lookup::Served(resource) => {
                    if is_watchable(resource) {
                        want(resource.clone(), object.key());
                    }
                }
                _ => drop(unserved.insert((group.clone(), version.clone(), kind.clone()))),
            }
        }
        let records: HashMap<ObjectKey, String> =
            mappings.iter().map(|one| (self.record_key(one), (*one).to_owned())).collect();
        for key in records.keys() {
            want(Resource::fixed("v1", "ConfigMap", "configmaps", true), key.clone());
        }
        let shared = |(name, (resource, keys))| (name, (resource, Arc::new(keys)));
        demand = wanted.into_iter().map(shared).collect();
        *lock(&self.watches().sentinels) = SENTINELS
            .iter()
            .filter_map(|(api_version, kind)| served_kind(&catalogue, api_version, kind))
            .collect();
        *lock(&self.watches().unserved) = unserved;
        *lock(&self.watches().records) = records;
        *lock(&self.watches().demand) = demand;
        self.settle();
        Ok(())
    }

    /// Whether kinds that are wanted were not served when [`Cluster::watch`] was called: their definitions come later.
    pub fn awaits_kinds(&self) -> bool {
        !lock(&self.watches().unserved).is_empty()
    }

    /// Whether some of these kinds are known by now, so that [`Cluster::watch`] would watch more. What was heard last
    /// tells, also while another group cannot be asked.
    pub fn serves_more(&self) -> bool {
        let Some(catalogue) = self.heard_catalogue() else { return false };
        let unserved = lock(&self.watches().unserved);
        unserved.iter().any(|(group, version, kind)| {
            matches!(catalogue.lookup(group, version, kind), Lookup::Served(_))
        })
    }

    /// News from now on.
    pub fn changes(&self) -> Changes {
        self.watches().changes()
    }

    /// How far what is seen can be trusted.
    pub fn watch_state(&self) -> WatchState {
        self.watches().state()
    }

    /// Ends all watches and forgets what they saw.
    pub fn stop_watching(&self) {
        lock(&self.watches().units).clear();
        *lock(&self.watches().pulse) = None;
    }

    /// Live objects, from the watch cache where that is live, else from the server.
    pub(super) async fn live_of(&self, wanted: &[Wanted]) -> Result<LiveObjects, ClusterError> {
        let mut found = LiveObjects::new();
        let mut unseen = Vec::new();
        for one in wanted {
            let key = one.reference.key();
            match self.watches().find(&one.resource, &key) {
                Sight::Present(live) => drop(found.insert(key, live)),
                Sight::Absent => {}
                Sight::Unwatched => unseen.push(one.clone()),
            }
        }
        found.extend(self.read_live(&unseen).await?);
        Ok(found)
    }

    /// Starts what is wanted and not watched, ends what is watched and not wanted.
    fn settle(&self) {
        let watches = self.watches();
        let mut plan: HashMap<UnitId, (Resource, Arc<Keys>)> = HashMap::new();
        for (name, (resource, keys)) in lock(&watches.demand).iter() {
            if !lock(&watches.narrow).contains(name) {
                plan.insert((name.clone(), None), (resource.clone(), keys.clone()));
                continue;
            }
            let mut places: HashMap<Option<String>, Keys> = HashMap::new();
            for key in keys.iter() {
                places.entry(key.namespace.clone()).or_default().insert(key.clone());
            }
            for (namespace, keys) in places {
                plan.insert((name.clone(), namespace), (resource.clone(), Arc::new(keys)));
            }
        }
        let mut sentinels: HashMap<UnitId, Resource> = lock(&watches.sentinels)
            .iter()
            .map(|resource| {
                ((format!("sentinel {}", resource.collection(None)), None), resource.clone())
            })
            .collect();
        let mut units = lock(&watches.units);
        units.retain(|id, (unit, _)| {
            sentinels.remove(id).is_some()
                || plan.get(id).is_some_and(|(_, keys)| unit.narrowed_to(keys))
        });
        let pulse = self.pulse();
        for (id, resource) in sentinels {
            units.insert(id, self.start(Unit::sentinel(resource, pulse.clone())));
        }
        for (id, (resource, keys)) in plan {
            if units.contains_key(&id) {
                continue;
            }
            let unit = Unit::new(resource, id.1.clone(), keys, pulse.clone());
            units.insert(id, self.start(unit));
        }
    }

    /// What tells a quiet cluster from a lost one.
    fn pulse(&self) -> Arc<Pulse> {
        let mut known = lock(&self.watches().pulse);
        let pulse = known.get_or_insert_with(|| {
            let pulse = Arc::<Pulse>::default();
            tokio::spawn(pulse::keep(Arc::downgrade(&pulse), self.wire_handle()));
            pulse
        });
        pulse.clone()
    }

    fn start(&self, unit: Unit) -> (Arc<Unit>, DropGuard) {
        let (unit, stop) = (Arc::new(unit), CancellationToken::new());
        tokio::spawn(follow(self.follower(unit.clone()), stop.clone()));
        (unit, stop.drop_guard())
    }

    /// Whether an unchanged entry of ours still proves that an object is as desired: not after the definition of its
    /// kind or the rules of admission changed under our eyes; then the server has to be asked.
    pub(super) fn trusts(&self, group: &str) -> bool {
        let distrusted = lock(&self.watches().distrusted);
        !distrusted.contains("*") && !distrusted.contains(group)
    }

    /// Definitions or admission rules changed.
    fn distrust(&self, changed: &ObjectKey) {
        let group = changed.name.split_once('.').map(|(_, group)| group);
        let group = group.filter(|_| changed.kind == "CustomResourceDefinition");
        lock(&self.watches().distrusted).insert(group.unwrap_or("*").to_owned());
        self.memo().forget(group);
        self.precedents().forget();
        if group.is_some() {
            self.forget_discovery();
        }
        // An error only says that nobody listens.
        let _ = self.watches().news.send(Notice::Everything);
    }

    fn follower(&self, unit: Arc<Unit>) -> Follower {
        let watches = self.watches();
        Follower {
            wire: self.wire_handle(),
            unit,
            news: watches.news.clone(),
            records: watches.records.clone(),
            cluster: Arc::downgrade(&self.inner),
        }
    }
}

/// What a watch's task holds: nothing that would keep the cluster alive.
struct Follower {
    wire: Arc<Wire>,
    unit: Arc<Unit>,
    news: broadcast::Sender<Notice>,
    records: Arc<Mutex<HashMap<ObjectKey, String>>>,
    cluster: Weak<Inner>,
}

async fn follow(follower: Follower, stop: CancellationToken) {
    let tell = |key: &ObjectKey| {
        if follower.unit.is_sentinel() {
            if let Some(inner) = follower.cluster.upgrade() {
                Cluster { inner }.distrust(key);
            }
            return;
        }
        let record = lock(&follower.records).get(key).cloned();
        // An error only says that nobody listens.
        let _ =
            follower.news.send(record.map_or_else(|| Notice::Object(key.clone()), Notice::Record));
    };
    let tell_state = || {
        if let Some(inner) = follower.cluster.upgrade() {
            // What counts is how all watches stand together.
            let _ = follower.news.send(Notice::State(inner.watches.state()));
        }
    };
    let followed = follower.unit.follow(&follower.wire, &tell, &tell_state);
    if let Some(Followed::Forbidden) = stop.run_until_cancelled(followed).await {
        // Not allowed everywhere: namespace by namespace then. Proofs go on without their sentinels.
        if follower.unit.is_sentinel() {
            follower.unit.rest();
            tell_state();
        } else if let Some(inner) = follower.cluster.upgrade() {
            lock(&inner.watches.narrow).insert(follower.unit.name());
            Cluster { inner }.settle();
        }
    }
}

pub(super) fn served_kind(
    catalogue: &Catalogue,
    api_version: &str,
    kind: &str,
) -> Option<Resource> {
    let (group, version) = split_api_version(api_version);
    let resource = catalogue.any(group, version, kind)?;
    is_watchable(resource).then(|| resource.clone())
}

fn is_watchable(resource: &Resource) -> bool {
    resource.offers("watch") && resource.offers("list")
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
