//! What the jobs share: settings, journal, open repositories, connected clusters, rendered trees.

use crate::cluster::{self, Cluster};
use crate::config::{RepositorySettings, Settings};
use crate::domain::sensitive;
use crate::domain::{Holder, Mapping, ObjectKey, ObjectRef, Revision};
use crate::engine::claim::Claim;
use crate::engine::error::Stop;
use crate::engine::event::RepositoryState;
use crate::engine::job::Jobs;
use crate::engine::journal::Journal;
use crate::engine::quiet::Quiet;
use crate::engine::refused::Refused;
use crate::engine::remote::RemoteReads;
use crate::engine::sickness::Sickness;
use crate::engine::standings::Standings;
use crate::engine::tree::{Tree, Trees};
use crate::engine::verdicts::Verdicts;
use crate::engine::{Failure, Store, cache};
use crate::git;
use crate::render::{self, Key, Kind, Skipped, Tools};
use crate::secrets::Secrets;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// What is kept of trees: two revisions of a thousand mappings.
const KEPT_TREES: usize = 2048;

pub(crate) use crate::engine::claim::Desired;
pub(crate) use crate::engine::tree::Rendered;

/// How long a cluster is taken to have the version that it said.
const KEPT_VERSION: Duration = Duration::from_secs(60);

/// Why the last sync of a mapping failed, and at which revision: a newer revision is a new chance.
pub(crate) type LastFailure = (Revision, String);

/// A file of a repository at a revision.
type Place = (String, Revision, String);

/// What goes into the render of a mapping.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What renders it.
    pub kind: Kind,
    /// Files and folders of the repository: its own path, bases, components, values.
    pub paths: Arc<[String]>,
    /// What is read from elsewhere and pinned by nothing.
    pub remote: Arc<[String]>,
    /// Folders of a plain tree that were not read.
    pub skipped: Arc<[Skipped]>,
}

/// Cheap to clone: what was opened, learned and begun is shared. The settings are not: see [`World::renewed`].
#[derive(Clone)]
pub(crate) struct World {
    pub settings: Arc<Settings>,
    /// What is in force by now, in every world of this process.
    pub(super) current: Arc<RwLock<Arc<Settings>>>,
    pub journal: Arc<Journal>,
    /// Where secrets are read from.
    pub secrets: Arc<Secrets>,
    /// The programs that render.
    pub tools: Tools,
    /// The cache as it was at the start, until the first frame takes it.
    cached: Arc<Mutex<Option<Store>>>,
    /// Everything that runs.
    pub jobs: Arc<Jobs>,
    /// What is remembered of ill mappings.
    pub sickness: Arc<Sickness>,
    /// What waits to be recorded.
    pub quiet: Arc<Quiet>,
    /// How mappings stand, for those that depend on them.
    pub standings: Arc<Standings>,
    /// This process in the words that others see while it acts unasked.
    pub process: String,
    opened_at: Timestamp,
    pub(super) repositories: Arc<Mutex<HashMap<String, Arc<git::Repository>>>>,
    pub(super) clusters: Arc<Mutex<HashMap<String, Arc<OnceCell<Cluster>>>>>,
    rendered: Arc<Mutex<Trees>>,
    /// When renders read what no commit pins.
    pub remote: Arc<RemoteReads>,
    /// Which credentials servers refused.
    pub refused: Arc<Refused>,
    /// What git said of signatures.
    pub verdicts: Arc<Verdicts>,
    pub(super) taken: Arc<Mutex<HashMap<(String, Revision), Taken>>>,
    pub(super) versions: Arc<Mutex<HashMap<String, (Instant, String)>>>,
    pub(super) blames: Arc<Mutex<HashMap<Place, Arc<Vec<Revision>>>>>,
    pub(super) failures: Arc<Mutex<HashMap<String, LastFailure>>>,
    pub(super) states: Arc<Mutex<HashMap<String, RepositoryState>>>,
    pub(super) claims: Arc<Mutex<HashMap<String, Claim>>>,
    /// Whether this process stays and watches: then what is kept is kept small.
    pub lasts: Arc<AtomicBool>,
    /// Told when the claims of a mapping changed.
    pub claimed: Arc<tokio::sync::Notify>,
    /// Counts the changes of claims.
    pub claim_changes: Arc<AtomicU64>,
}

impl World {
    pub fn open(settings: Arc<Settings>) -> Result<Self, Failure> {
        sensitive::also(&settings.safety.sensitive);
        let journal = Journal::open(&settings.data_dir).map_err(|error| {
            Failure::new(format!("the journal in {} cannot be opened: {error}", settings.data_dir.display()))
                .hint("without a journal nothing is written; set GITDECK_DATA_DIR to a directory of your own")
        })?;
        let process = process(&journal.process);
        let known = cache::load(&settings);
        let states =
            known.repositories.iter().map(|(name, view)| (name.clone(), view.state.clone()));
        let states = states.collect();
        let tools = tools(&settings);
        let secrets = Arc::new(Secrets::new(&settings.data_dir, &settings.vault));
        Ok(Self {
            current: Arc::new(RwLock::new(Arc::clone(&settings))),
            settings,
            journal: Arc::new(journal),
            secrets,
            jobs: Arc::default(),
            sickness: Arc::default(),
            quiet: Arc::default(),
            standings: Arc::default(),
            process,
            opened_at: Timestamp::now(),
            cached: Arc::new(Mutex::new(Some(known))),
            repositories: Arc::default(),
            clusters: Arc::default(),
            rendered: Arc::default(),
            remote: Arc::default(),
            refused: Arc::default(),
            verdicts: Arc::default(),
            taken: Arc::default(),
            versions: Arc::default(),
            tools,
            blames: Arc::default(),
            failures: Arc::default(),
            states: Arc::new(Mutex::new(states)),
            claims: Arc::default(),
            lasts: Arc::default(),
            claimed: Arc::default(),
            claim_changes: Arc::default(),
        })
    }

    /// What was known when gitdeck ran last; read from the disk once.
    pub fn cached(&self) -> Store {
        lock(&self.cached).take().unwrap_or_else(|| cache::load(&self.settings))
    }

    pub fn mapping(&self, name: &str) -> Result<&Mapping, Failure> {
        self.settings
            .mappings
            .get(name)
            .ok_or_else(|| Failure::unknown("mapping", name, self.settings.mappings.keys()))
    }

    pub fn repository(&self, name: &str) -> Result<&RepositorySettings, Failure> {
        self.settings
            .repositories
            .get(name)
            .ok_or_else(|| Failure::unknown("repo", name, self.settings.repositories.keys()))
    }

    /// This world under settings that say something else of one mapping. What is learned of mappings there is not learned
    /// here; what is open is shared.
    pub fn supposed(&self, mut settings: Settings, mapping: &str) -> Self {
        settings.cache_dir.clone_from(&self.settings.cache_dir);
        settings.data_dir.clone_from(&self.settings.data_dir);
        let mut claims = lock(&self.claims).clone();
        claims.remove(mapping);
        let settings = Arc::new(settings);
        Self {
            // What is supposed is in force there, whatever is in force elsewhere.
            current: Arc::new(RwLock::new(Arc::clone(&settings))),
            settings,
            claims: Arc::new(Mutex::new(claims)),
            standings: Arc::default(),
            quiet: Arc::default(),
            repositories: Arc::default(),
            taken: Arc::default(),
            ..self.clone()
        }
    }

    /// Whose the record of a mapping is.
    pub fn holder(&self, mapping: &Mapping) -> Result<Holder, Failure> {
        let url = &self.repository(&mapping.repository)?.remote.url;
        Ok(Holder::new(url, &mapping.path, &mapping.target.namespace))
    }

    /// Runs blocking work on a repository, away from the tasks that wait.
    pub async fn git<T, F>(self: &Arc<Self>, name: &str, work: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: FnOnce(&git::Repository) -> Result<T, git::GitError> + Send + 'static,
    {
        let (world, name) = (Arc::clone(self), name.to_owned());
        let joined = tokio::task::spawn_blocking(move || {
            let repository = world.open_repository(&name)?;
            work(&repository).map_err(Stop::from)
        })
        .await;
        joined.unwrap_or_else(|error| {
            Err(Failure::new(format!("a Git task ended early: {error}")).into())
        })
    }

    fn open_repository(&self, name: &str) -> Result<Arc<git::Repository>, Stop> {
        if let Some(repository) = lock(&self.repositories).get(name) {
            return Ok(Arc::clone(repository));
        }
        let places = self.places();
        let remote = &self.repository(name)?.remote;
        let repository = Arc::new(git::Repository::open(&places, remote).map_err(Failure::from)?);
        lock(&self.repositories).insert(name.to_owned(), Arc::clone(&repository));
        Ok(repository)
    }

    /// Where Git data lives.
    pub fn places(&self) -> git::Places {
        let (cache, data) = (&self.settings.cache_dir, &self.settings.data_dir);
        let mut places = git::Places::new(cache.join("mirrors"), data.join("outbox"));
        if let Some(known_hosts) = &self.settings.known_hosts {
            places.known_hosts = Some(known_hosts.clone());
        }
        places.allowed_signers.clone_from(&self.settings.allowed_signers);
        places.signing = self.settings.signing.clone();
        places
    }

    /// Changes what is known of a repository and returns it.
    pub fn update_repository(
        &self,
        name: &str,
        change: impl FnOnce(&mut RepositoryState),
    ) -> RepositoryState {
        let current = self.current();
        let mut states = lock(&self.states);
        // A job that began before the repository became another one speaks of the one that was.
        let mut old = RepositoryState::default();
        let state = if self.holds_repository(&current, name) {
            states.entry(name.to_owned()).or_default()
        } else {
            &mut old
        };
        change(state);
        state.clone()
    }

    /// Whether the last fetch found a repository without any branch.
    pub fn is_empty(&self, name: &str) -> bool {
        lock(&self.states).get(name).is_some_and(|state| state.empty)
    }

    /// Why the last fetch of a repository failed, if it did: what is known of it may be old, or not the whole.
    pub fn unfetched(&self, name: &str) -> Option<Failure> {
        lock(&self.states).get(name).and_then(|state| state.error.clone())
    }

    /// Whether a repository was fetched by this process, and nothing kept it from it since.
    pub fn is_fetched(&self, name: &str) -> bool {
        let states = lock(&self.states);
        let Some(state) = states.get(name) else { return false };
        state.error.is_none() && state.fetched_at.is_some_and(|at| at >= self.opened_at)
    }

    /// Remembers which objects a mapping claims, so that a change of one leads to it.
    pub fn claim(&self, mapping: &Mapping, desired: Desired, objects: Vec<ObjectRef>) {
        let current = self.current();
        if !self.holds_in(&current, &mapping.name) {
            return;
        }
        let claim = Claim::new(&mapping.target.context, desired, objects);
        let before = lock(&self.claims).insert(mapping.name.clone(), claim.clone());
        if before.is_none_or(|before| !before.is_as_wide_as(&claim)) {
            self.claim_changes.fetch_add(1, Ordering::SeqCst);
            self.claimed.notify_waiters();
        }
    }

    /// Remembers objects of a mapping before anybody looked at its record: what was claimed already stays.
    pub fn claim_also(&self, mapping: &Mapping, desired: Desired, mut objects: Vec<ObjectRef>) {
        if let Some(known) = lock(&self.claims).get(&mapping.name)
            && known.context == mapping.target.context
        {
            objects.extend(known.objects().filter(|one| !desired.contains_key(&one.key())));
        }
        self.claim(mapping, desired, objects);
    }

    /// The other mappings of a cluster of which nobody knows yet what they desire.
    pub fn unclaimed(&self, mapping: &Mapping) -> Vec<&Mapping> {
        let claims = lock(&self.claims);
        let others = self.settings.mappings.values().filter(|other| {
            other.name != mapping.name
                && !claims.contains_key(&other.name)
                && self.are_one(&other.target.context, &mapping.target.context)
        });
        others.collect()
    }

    /// What the other mappings of a cluster desire.
    pub fn neighbours(&self, mapping: &Mapping) -> Vec<(String, Desired)> {
        lock(&self.claims)
            .iter()
            .filter(|(name, claim)| {
                **name != mapping.name && self.are_one(&claim.context, &mapping.target.context)
            })
            .map(|(name, claim)| (name.clone(), Arc::clone(&claim.desired)))
            .collect()
    }

    /// Mappings of a context that claim an object.
    pub fn claimants(&self, context: &str, key: &ObjectKey) -> Vec<String> {
        lock(&self.claims)
            .iter()
            .filter(|(_, claim)| claim.context == context && claim.holds(key))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Every claimed object of a context.
    pub fn claims(&self, context: &str) -> Vec<ObjectRef> {
        let claims = lock(&self.claims);
        claims.values().filter(|claim| claim.context == context).flat_map(Claim::objects).collect()
    }

    /// The cluster of a context, connected once.
    pub async fn cluster(&self, context: &str) -> Result<Cluster, Failure> {
        let cell = Arc::clone(lock(&self.clusters).entry(context.to_owned()).or_default());
        let access = cluster::Access {
            kubeconfig: self.settings.kubeconfig.clone(),
            context: context.to_owned(),
        };
        // A failed connection is not kept: the next job tries again.
        let connect = async || {
            let cluster = Cluster::connect(&access).await?;
            cluster.remember_in(&self.settings.cache_dir);
            if let Some(namespace) = &self.settings.record_namespace {
                cluster.keep_records_in(namespace);
            }
            Ok(cluster)
        };
        let cluster = cell
            .get_or_try_init(connect)
            .await
            .map_err(|error: cluster::ClusterError| Failure::from(error))?;
        Ok(cluster.clone())
    }

    /// Somebody asks for a mapping: nothing that was heard elsewhere, or refused, a moment ago is taken for what is now.
    pub fn ask_anew(&self, mapping: &Mapping) {
        self.remote.forget(&mapping.name);
        let cell = lock(&self.clusters).get(&mapping.target.context).cloned();
        if let Some(cluster) = cell.as_ref().and_then(|cell| cell.get()) {
            cluster.forget_refusals();
        }
    }

    /// Connects to a cluster and learns what it serves, so that the next plan need not wait for it. What fails is said
    /// by whoever needs it.
    pub async fn prepare(&self, context: &str) {
        if let Ok(cluster) = self.cluster(context).await {
            cluster.prepare().await;
        }
    }

    pub fn rendered(&self, key: &Key) -> Option<Rendered> {
        lock(&self.rendered).manifests(key)
    }

    /// Keeps a rendered tree as long as there is room.
    pub fn keep_rendered(&self, key: Key, kind: Kind, manifests: &Rendered) {
        let lasts = self.lasts.load(Ordering::Relaxed);
        let tree = if lasts { Tree::of(manifests) } else { Tree::open(manifests) };
        lock(&self.rendered).keep(key, tree, kind);
    }

    /// Gives back what is quick to have again, now that nothing is to be looked at: open repositories keep the whole of
    /// what was read of their packs in memory.
    pub fn rest(&self) {
        lock(&self.repositories).clear();
    }

    /// What goes into a mapping at a revision, where that was found out before.
    pub fn taken(&self, mapping: &str, revision: &Revision) -> Option<Taken> {
        lock(&self.taken).get(&(mapping.to_owned(), revision.clone())).cloned()
    }

    pub fn keep_taken(&self, mapping: &str, revision: &Revision, taken: Taken) {
        let mut kept = lock(&self.taken);
        if kept.len() >= KEPT_TREES {
            kept.clear();
        }
        kept.insert((mapping.to_owned(), revision.clone()), taken);
    }

    /// The version of the cluster of a context, where it was asked for a short while ago.
    pub fn version(&self, context: &str) -> Option<String> {
        let versions = lock(&self.versions);
        let (at, version) = versions.get(context)?;
        (at.elapsed() < KEPT_VERSION).then(|| version.clone())
    }

    pub fn keep_version(&self, context: &str, version: &str) {
        lock(&self.versions).insert(context.to_owned(), (Instant::now(), version.to_owned()));
    }

    pub fn blame(
        &self,
        repository: &str,
        revision: &Revision,
        path: &str,
    ) -> Option<Arc<Vec<Revision>>> {
        lock(&self.blames).get(&(repository.to_owned(), revision.clone(), path.to_owned())).cloned()
    }

    pub fn keep_blame(
        &self,
        repository: &str,
        revision: &Revision,
        path: &str,
        lines: Arc<Vec<Revision>>,
    ) {
        let mut kept = lock(&self.blames);
        if kept.len() >= KEPT_TREES {
            kept.clear();
        }
        kept.insert((repository.to_owned(), revision.clone(), path.to_owned()), lines);
    }

    /// Why the last sync failed, if it was of this revision.
    pub fn failure(&self, mapping: &str, revision: &Revision) -> Option<String> {
        lock(&self.failures)
            .get(mapping)
            .filter(|(at, _)| at == revision)
            .map(|(_, message)| message.clone())
    }

    pub fn set_failure(&self, mapping: &str, failure: Option<LastFailure>) {
        let current = self.current();
        if !self.holds_in(&current, mapping) {
            return;
        }
        match failure {
            Some(failure) => lock(&self.failures).insert(mapping.to_owned(), failure),
            None => lock(&self.failures).remove(mapping),
        };
    }
}

/// This process and its host, in words that no other has.
fn process(name: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let host = if host.trim().is_empty() { "another host" } else { host.trim() };
    format!("gitdeck {name} on {host}")
}

/// The programs of the user's search path. What killed processes left in the folder where they work is removed.
pub(super) fn tools(settings: &Settings) -> Tools {
    let scratch = settings.cache_dir.join("renders");
    render::sweep(&scratch);
    Tools::new(std::env::var_os("PATH").unwrap_or_default(), scratch)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Caches only: whatever a panic left in them is valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
