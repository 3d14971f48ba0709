//! The world under other settings: what is still true is kept, what was about something else is forgotten.

use crate::config::{ConfigError, Settings};
use crate::engine::store::RepositoryView;
use crate::engine::world::World;
use crate::engine::{Failure, Store};
use indexmap::IndexMap;
use std::fmt;
use std::sync::Arc;

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

    /// Of whom nothing holds any more that was known.
    fn gone(&self) -> impl Iterator<Item = &String> {
        self.changed.iter().chain(&self.removed)
    }

    fn words(&self, what: &str) -> Vec<String> {
        let kinds =
            [(&self.added, "added"), (&self.changed, "changed"), (&self.removed, "removed")];
        let some = kinds.into_iter().filter(|(names, _)| !names.is_empty());
        some.map(|(names, verb)| match names.as_slice() {
            [name] => format!("{what} {name} {verb}"),
            many => format!("{} {what}s {verb}", many.len()),
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
}

impl Difference {
    fn between(before: &Settings, now: &Settings) -> Self {
        Self {
            repositories: Moves::between(&before.repositories, &now.repositories),
            mappings: Moves::between(&before.mappings, &now.mappings),
            folders: (&before.cache_dir, &before.data_dir) != (&now.cache_dir, &now.data_dir),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.repositories.words("repository");
        words.extend(self.mappings.words("mapping"));
        if self.folders {
            words.push("other folders for cache and data, from the next start on".to_owned());
        }
        if words.is_empty() {
            words.push("in force".to_owned());
        }
        f.write_str(&words.join(", ").replace("repositorys", "repositories"))
    }
}

impl World {
    /// This world under other settings, and how they differ. Jobs that run go on under those that they began with. What
    /// is open stays open: the journal, the folders, and the clusters that mappings still are on.
    pub fn renewed(&self, mut settings: Settings) -> (Self, Difference) {
        let before = &self.settings;
        let difference = Difference::between(before, &settings);
        settings.cache_dir.clone_from(&before.cache_dir);
        settings.data_dir.clone_from(&before.data_dir);
        let same_access = |a: &Settings, b: &Settings| {
            (&a.kubeconfig, &a.record_namespace) == (&b.kubeconfig, &b.record_namespace)
        };
        let stays = |context: &str| {
            same_access(before, &settings)
                && settings.mappings.values().any(|one| one.target.context == context)
        };
        let mut renewed = self.with_open(stays);
        // A mapping is another one where its repository is.
        let moved = |name: &str| difference.repositories.gone().any(|gone| gone == name);
        let fed =
            before.mappings.values().filter(|one| moved(&one.repository)).map(|one| &one.name);
        for mapping in difference.mappings.gone().chain(fed) {
            renewed.forget_mapping(mapping);
        }
        for repository in difference.repositories.gone() {
            renewed.forget_repository(repository);
        }
        renewed.settings = Arc::new(settings);
        (renewed, difference)
    }
}

impl Store {
    /// Everything that is configured now, with what is known of it where it is what it was.
    pub(super) fn configure(&mut self, settings: &Settings) {
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
    Failure::usage(error.to_string())
        .hint("what was read before stays in force; mended, it is read again by itself")
}
