//! The world under other settings: what is still true is kept, what was about something else is forgotten.

use crate::cluster::Cluster;
use crate::config::{ConfigError, Settings};
use crate::domain::depends::Standing;
use crate::domain::sensitive;
use crate::engine::store::RepositoryView;
use crate::engine::world::{World, lock};
use crate::engine::{Failure, Store};
use crate::secrets::Secrets;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use tokio::sync::OnceCell;

/// What became of the entries of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Moves {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

impl Moves {
    fn between<T: PartialEq>(before: &IndexMap<String, T>, now: &IndexMap<String, T>) -> Self {
        let added = now.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
        let changed = |(name, old): &(&String, &T)| now.get(*name).is_some_and(|new| new != *old);
        let changed = before.iter().filter(changed).map(|(name, _)| name.clone()).collect();
        let removed = before.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        Self { added, changed, removed }
    }

    fn words(&self, what: (&str, &str)) -> Vec<String> {
        let kinds =
            [(&self.added, "added"), (&self.changed, "changed"), (&self.removed, "removed")];
        let some = kinds.into_iter().filter(|(names, _)| !names.is_empty());
        some.map(|(names, verb)| match names.as_slice() {
            [name] => format!("{} {name} {verb}", what.0),
            many => format!("{} {} {verb}", many.len(), what.1),
        })
        .collect()
    }
}

/// How settings differ from those before them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    repositories: Moves,
    mappings: Moves,
    /// Whether the folders of the cache and the data are others; those in use stay.
    folders: bool,
    /// Whether contexts may be other clusters than they were, or have other records.
    pub(super) clusters: bool,
}

impl Difference {
    fn between(before: &Settings, now: &Settings) -> Self {
        Self {
            repositories: Moves::between(&before.repositories, &now.repositories),
            mappings: Moves::between(&before.mappings, &now.mappings),
            folders: (&before.cache_dir, &before.data_dir) != (&now.cache_dir, &now.data_dir),
            clusters: (&before.kubeconfig, &before.record_namespace)
                != (&now.kubeconfig, &now.record_namespace),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.repositories.words(("repository", "repositories"));
        words.extend(self.mappings.words(("mapping", "mappings")));
        if self.folders {
            words.push("other folders for cache and data, from the next start on".to_owned());
        }
        if words.is_empty() {
            words.push("in force".to_owned());
        }
        f.write_str(&words.join(", "))
    }
}

impl World {
    /// This world under other settings, and how they differ; nothing where they do not. Jobs that run go on under those
    /// that they began with. What is open stays open: the journal, the folders, and the clusters that mappings still are
    /// on.
    pub fn renewed(&self, mut settings: Settings) -> Option<(Self, Difference)> {
        let before = &self.settings;
        let difference = Difference::between(before, &settings);
        settings.cache_dir.clone_from(&before.cache_dir);
        settings.data_dir.clone_from(&before.data_dir);
        if settings == **before {
            return None;
        }
        sensitive::also(&settings.safety.sensitive);
        let settings = Arc::new(settings);
        // Whoever still works for the old world waits, or is done, and then writes only what is still true.
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.clone_from(&settings);
        let moved: Vec<&String> = before
            .repositories
            .iter()
            .filter(|(name, old)| {
                settings.repositories.get(*name).is_none_or(|new| new.remote != old.remote)
            })
            .map(|(name, _)| name)
            .collect();
        for repository in &moved {
            lock(&self.states).remove(*repository);
            lock(&self.blames).retain(|(name, ..), _| name != *repository);
        }
        for (name, mapping) in &before.mappings {
            let stays = settings.mappings.get(name) == Some(mapping);
            if !stays || difference.clusters || moved.contains(&&mapping.repository) {
                self.forget(name);
            }
        }
        drop(current);
        let clusters =
            if difference.clusters { HashMap::new() } else { self.clusters_of(&settings) };
        let mut world = self.clone();
        if settings.vault != before.vault {
            world.secrets = Arc::new(Secrets::new(&settings.data_dir, &settings.vault));
        }
        world.settings = settings;
        world.repositories = Arc::default();
        // Whoever edits the configuration may have mended what was refused.
        world.refused = Arc::default();
        world.taken = Arc::default();
        world.versions = Arc::default();
        world.clusters = Arc::new(Mutex::new(clusters));
        Some((world, difference))
    }

    /// What is connected of the clusters that mappings are on.
    fn clusters_of(&self, settings: &Settings) -> HashMap<String, Arc<OnceCell<Cluster>>> {
        let used =
            |context: &str| settings.mappings.values().any(|one| one.target.context == context);
        let connected = lock(&self.clusters).clone().into_iter();
        connected.filter(|(context, _)| used(context)).collect()
    }

    /// Forgets what was known of a mapping that is not there any more, or another one.
    fn forget(&self, mapping: &str) {
        self.standings.forget(mapping);
        self.quiet.forget(mapping);
        self.sickness.forget(mapping);
        lock(&self.failures).remove(mapping);
        lock(&self.claims).remove(mapping);
        self.claim_changes.fetch_add(1, Ordering::SeqCst);
    }

    /// The settings in force; held while something is written that has to be true under them.
    pub(super) fn current(&self) -> RwLockReadGuard<'_, Arc<Settings>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a mapping of this world still ties the same files to the same place.
    pub(super) fn holds_in(&self, current: &Arc<Settings>, mapping: &str) -> bool {
        if Arc::ptr_eq(current, &self.settings) {
            return true;
        }
        let pair = (self.settings.mappings.get(mapping), current.mappings.get(mapping));
        let (Some(old), Some(new)) = pair else { return false };
        old.has_the_places_of(new) && self.holds_repository(current, &old.repository)
    }

    /// Whether a repository of this world is still the same.
    pub(super) fn holds_repository(&self, current: &Arc<Settings>, name: &str) -> bool {
        let remote =
            |settings: &Settings| settings.repositories.get(name).map(|one| one.remote.clone());
        Arc::ptr_eq(current, &self.settings) || remote(&self.settings) == remote(current)
    }

    /// Notes how a mapping stands, for those that depend on it.
    pub fn note_standing(&self, mapping: &str, standing: &Standing) {
        let current = self.current();
        if self.holds_in(&current, mapping) {
            self.standings.note(mapping, standing);
        }
    }

    /// [`Self::holds_in`] what is in force now.
    pub fn holds(&self, mapping: &str) -> bool {
        self.holds_in(&self.current(), mapping)
    }
}

impl Store {
    /// Everything that is configured now, with what is known of it where it is what it was.
    /// Nothing of a cluster is known any more where the contexts are other clusters.
    pub(super) fn configure(&mut self, settings: &Settings, other_clusters: bool) {
        if other_clusters {
            self.mappings.clear();
            self.clusters.clear();
        }
        // Other signers may count from now on.
        self.verdicts.clear();
        let mut fresh = Self::new(settings);
        for (name, view) in &mut fresh.repositories {
            if let Some(known) = self.repositories.shift_remove(name)
                && known.remote == view.remote
            {
                *view = RepositoryView { method: view.method, ..known };
            }
        }
        for (name, view) in &mut fresh.mappings {
            if let Some(known) = self.mappings.shift_remove(name)
                && known.mapping.has_the_places_of(&view.mapping)
            {
                let fresh = std::mem::replace(view, known);
                // Whether anybody looks makes it another status, and nothing else.
                if view.mapping.connected != fresh.mapping.connected {
                    (view.status, view.plan, view.preview) = (fresh.status, None, None);
                }
                view.mapping = fresh.mapping;
            }
        }
        for (context, state) in &mut fresh.clusters {
            if let Some(known) = self.clusters.remove(context) {
                *state = known;
            }
        }
        self.repositories = fresh.repositories;
        self.mappings = fresh.mappings;
        self.clusters = fresh.clusters;
    }
}

/// A configuration that cannot be used: the one before it stays in force.
pub(super) fn unusable(error: &ConfigError) -> Failure {
    let message = match error {
        // The whole path and every fault would not fit a line of the screen.
        ConfigError::Faults(faults) => {
            let more = faults.len().saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            faults.first().map_or_else(String::new, |fault| {
                let file = fault.place.file.file_name().unwrap_or_default().to_string_lossy();
                format!("{file}:{}: {}{more}", fault.place.line, fault.message)
            })
        }
        error => error.to_string(),
    };
    Failure::usage(message)
        .hint("what was read before stays in force; mended, it is read again by itself")
}
