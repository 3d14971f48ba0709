//! What the jobs share: settings, journal, open repositories, connected clusters, rendered trees.

use crate::cluster::{self, Cluster};
use crate::config::{RepositorySettings, Settings};
use crate::domain::{Credential, Mapping, ObjectKey, ObjectRef, Revision};
use crate::engine::error::Stop;
use crate::engine::event::RepositoryState;
use crate::engine::journal::Journal;
use crate::engine::tree::Tree;
use crate::engine::{Failure, cache};
use crate::render::{self, Key, Kind, Tools};
use crate::{git, secrets};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Rendered trees that are kept: two revisions of a thousand mappings.
const KEPT_TREES: usize = 2048;

pub(crate) use crate::engine::tree::Rendered;

/// How long a cluster is taken to have the version that it said.
const KEPT_VERSION: Duration = Duration::from_secs(60);

/// Why the last sync of a mapping failed, and at which revision: a newer revision is a new chance.
pub(crate) type LastFailure = (Revision, String);

/// A file of a repository at a revision.
type Place = (String, Revision, String);

/// The objects of a mapping, as desired or owned.
#[derive(Clone)]
struct Claim {
    context: String,
    keys: Arc<HashSet<ObjectKey>>,
    objects: Vec<ObjectRef>,
}

pub(crate) struct World {
    pub settings: Arc<Settings>,
    pub journal: Journal,
    /// The programs that render.
    pub tools: Tools,
    repositories: Mutex<HashMap<String, Arc<git::Repository>>>,
    clusters: Mutex<HashMap<String, Arc<OnceCell<Cluster>>>>,
    rendered: Mutex<HashMap<Key, Tree>>,
    kinds: Mutex<HashMap<(String, Revision), Kind>>,
    versions: Mutex<HashMap<String, (Instant, String)>>,
    blames: Mutex<HashMap<Place, Arc<Vec<Revision>>>>,
    failures: Mutex<HashMap<String, LastFailure>>,
    states: Mutex<HashMap<String, RepositoryState>>,
    claims: Mutex<HashMap<String, Claim>>,
    /// Told when the claims of a mapping changed.
    pub claimed: tokio::sync::Notify,
    /// Counts the changes of claims.
    pub claim_changes: AtomicU64,
}

impl World {
    pub fn open(settings: Arc<Settings>) -> Result<Self, Failure> {
        let journal = Journal::open(&settings.data_dir).map_err(|error| {
            Failure::new(format!("the journal in {} cannot be opened: {error}", settings.data_dir.display()))
                .hint("without a journal nothing is written; set GITDECK_DATA_DIR to a directory of your own")
        })?;
        let known = cache::load(&settings).repositories;
        let states = known.into_iter().map(|(name, view)| (name, view.state)).collect();
        let tools = tools(&settings);
        Ok(Self {
            settings,
            journal,
            repositories: Mutex::default(),
            clusters: Mutex::default(),
            rendered: Mutex::default(),
            kinds: Mutex::default(),
            versions: Mutex::default(),
            tools,
            blames: Mutex::default(),
            failures: Mutex::default(),
            states: Mutex::new(states),
            claims: Mutex::default(),
            claimed: tokio::sync::Notify::new(),
            claim_changes: AtomicU64::new(0),
        })
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
            places.known_hosts = vec![known_hosts.clone()];
        }
        places
    }

    /// Changes what is known of a repository and returns it.
    pub fn update_repository(
        &self,
        name: &str,
        change: impl FnOnce(&mut RepositoryState),
    ) -> RepositoryState {
        let mut states = lock(&self.states);
        let state = states.entry(name.to_owned()).or_default();
        change(state);
        state.clone()
    }

    /// Remembers which objects a mapping claims, so that a change of one leads to it.
    pub fn claim(&self, mapping: &Mapping, objects: Vec<ObjectRef>) {
        let keys = Arc::new(objects.iter().map(ObjectRef::key).collect());
        let claim = Claim { context: mapping.target.context.clone(), keys, objects };
        let before = lock(&self.claims).insert(mapping.name.clone(), claim.clone());
        if before.is_none_or(|before| before.keys != claim.keys) {
            self.claim_changes.fetch_add(1, Ordering::SeqCst);
            self.claimed.notify_waiters();
        }
    }

    /// Remembers objects of a mapping before anybody looked at its record: what was claimed already stays.
    pub fn claim_also(&self, mapping: &Mapping, mut objects: Vec<ObjectRef>) {
        if let Some(known) = lock(&self.claims).get(&mapping.name)
            && known.context == mapping.target.context
        {
            objects.retain(|object| !known.keys.contains(&object.key()));
            if objects.is_empty() {
                return;
            }
            objects.extend(known.objects.iter().cloned());
        }
        self.claim(mapping, objects);
    }

    /// What the other mappings of a context claim.
    pub fn neighbours(&self, mapping: &Mapping) -> Vec<(String, Arc<HashSet<ObjectKey>>)> {
        lock(&self.claims)
            .iter()
            .filter(|(name, claim)| {
                **name != mapping.name && claim.context == mapping.target.context
            })
            .map(|(name, claim)| (name.clone(), Arc::clone(&claim.keys)))
            .collect()
    }

    /// Mappings of a context that claim an object.
    pub fn claimants(&self, context: &str, key: &ObjectKey) -> Vec<String> {
        lock(&self.claims)
            .iter()
            .filter(|(_, claim)| claim.context == context && claim.keys.contains(key))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Every claimed object of a context.
    pub fn claims(&self, context: &str) -> Vec<ObjectRef> {
        let claims = lock(&self.claims);
        claims
            .values()
            .filter(|claim| claim.context == context)
            .flat_map(|claim| claim.objects.clone())
            .collect()
    }

    /// The credential of a repository, looked up anew each time: tokens rotate.
    pub async fn credential(&self, name: &str) -> Result<Credential, Failure> {
        let repository = self.repository(name)?.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            secrets::resolve(&repository.authentication, &repository.remote.url)
        })
        .await
        .map_err(|error| Failure::new(format!("looking up a credential ended early: {error}")))?;
        resolved.map_err(|error| {
            Failure::usage(format!("the credential of repository `{name}` cannot be had: {error}"))
                .hint("`gitdeck config explain` shows which rule names it")
        })
    }

    /// The cluster of a context, connected once.
    pub async fn cluster(&self, context: &str) -> Result<Cluster, Failure> {
        let cell = Arc::clone(lock(&self.clusters).entry(context.to_owned()).or_default());
        let access = cluster::Access {
            kubeconfig: self.settings.kubeconfig.clone(),
            context: context.to_owned(),
        };
        // A failed connection is not kept: the next job tries again.
        let cluster =
            cell.get_or_try_init(|| Cluster::connect(&access)).await.map_err(Failure::from)?;
        Ok(cluster.clone())
    }

    pub fn rendered(&self, key: &Key) -> Option<Rendered> {
        lock(&self.rendered).get_mut(key)?.manifests()
    }

    pub fn keep_rendered(&self, key: Key, manifests: &Rendered) {
        let tree = Tree::of(manifests);
        let mut kept = lock(&self.rendered);
        if kept.len() >= KEPT_TREES {
            kept.clear();
        }
        kept.insert(key, tree);
    }

    /// What renders a mapping at a revision, where that was found out before.
    pub fn kind(&self, mapping: &str, revision: &Revision) -> Option<Kind> {
        lock(&self.kinds).get(&(mapping.to_owned(), revision.clone())).copied()
    }

    pub fn keep_kind(&self, mapping: &str, revision: &Revision, kind: Kind) {
        let mut kept = lock(&self.kinds);
        if kept.len() >= KEPT_TREES {
            kept.clear();
        }
        kept.insert((mapping.to_owned(), revision.clone()), kind);
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
        match failure {
            Some(failure) => lock(&self.failures).insert(mapping.to_owned(), failure),
            None => lock(&self.failures).remove(mapping),
        };
    }
}

/// The programs of the user's search path. What killed processes left in the folder where they work is removed.
pub(super) fn tools(settings: &Settings) -> Tools {
    let scratch = settings.cache_dir.join("renders");
    render::sweep(&scratch);
    Tools::new(std::env::var_os("PATH").unwrap_or_default(), scratch)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Caches only: whatever a panic left in them is valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
