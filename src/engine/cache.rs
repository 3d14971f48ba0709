//! The last known world on disk, so that the first frame needs no network. Safe to delete at any time.

use crate::config::Settings;
use crate::domain::{Commit, MappingStatus, SyncState};
use crate::engine::Store;
use crate::engine::event::RepositoryState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Commits of each log that are kept: one screen of the largest terminal.
const KEPT_COMMITS: usize = 100;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Snapshot {
    version: u32,
    repositories: BTreeMap<String, (RepositoryState, Vec<Commit>)>,
    mappings: BTreeMap<String, MappingStatus>,
}

const VERSION: u32 = 1;

fn path(cache_dir: &Path) -> PathBuf {
    cache_dir.join("world.json")
}

/// The configured world with what was known of it last. A missing, foreign or broken cache is an empty one.
pub fn load(settings: &Settings) -> Store {
    let mut store = Store::new(settings);
    let Some(snapshot) = read(&settings.cache_dir) else { return store };
    for (name, (state, commits)) in snapshot.repositories {
        if let Some(view) = store.repositories.get_mut(&name) {
            view.state = state;
            view.log.loaded = !commits.is_empty();
            view.log.more = commits.len() == KEPT_COMMITS;
            view.log.commits = commits;
        }
    }
    for (name, status) in snapshot.mappings {
        if let Some(view) = store.mappings.get_mut(&name) {
            // A mapping that was pointed elsewhere since is another one.
            let same = view.status.path == status.path
                && view.status.repository == status.repository
                && view.status.target == status.target;
            // What is not looked at any more has no status of its own.
            if same && view.mapping.connected {
                view.status = status;
            }
        }
    }
    store
}

fn read(cache_dir: &Path) -> Option<Snapshot> {
    let bytes = fs::read(path(cache_dir)).ok()?;
    serde_json::from_slice::<Snapshot>(&bytes).ok().filter(|snapshot| snapshot.version == VERSION)
}

// A look that saw nothing does not make what was seen before forgotten; its age tells how old it is.
fn last_seen(name: &str, status: &MappingStatus, before: &Snapshot) -> MappingStatus {
    let known = before.mappings.get(name).filter(|known| {
        status.sync == SyncState::Unknown
            && known.path == status.path
            && known.repository == status.repository
            && known.target == status.target
    });
    known.unwrap_or(status).clone()
}

/// Writes what is known, atomically: the old cache stays until the new one is complete.
pub fn save(cache_dir: &Path, store: &Store) -> io::Result<()> {
    let before = read(cache_dir).unwrap_or_default();
    let snapshot = Snapshot {
        version: VERSION,
        repositories: store
            .repositories
            .iter()
            .map(|(name, view)| {
                let commits = view.log.commits.iter().take(KEPT_COMMITS).cloned().collect();
                (name.clone(), (view.state.clone(), commits))
            })
            .collect(),
        mappings: store
            .mappings
            .iter()
            .filter(|(_, view)| view.status.observed_at.is_some())
            .map(|(name, view)| (name.clone(), last_seen(name, &view.status, &before)))
            .collect(),
    };
    fs::create_dir_all(cache_dir)?;
    let spare = cache_dir.join(format!("world.json.{}", std::process::id()));
    let mut file = fs::File::create(&spare)?;
    file.write_all(&serde_json::to_vec(&snapshot)?)?;
    fs::rename(spare, path(cache_dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Remote;

    fn settings(dir: &Path) -> Settings {
        let remote =
            Remote { name: "fleet".into(), url: "file:///x".into(), branch: "main".into() };
        let repository = crate::config::RepositorySettings {
            remote,
            display_name: "fleet".into(),
            access: crate::config::Access::Shared,
            authentication: crate::domain::Authentication::Unset,
            polling_interval: std::time::Duration::from_secs(180),
        };
        Settings {
            repositories: [("fleet".to_owned(), repository)].into_iter().collect(),
            cache_dir: dir.to_path_buf(),
            ..Settings::default()
        }
    }

    #[test]
    fn what_was_known_is_known_again_and_a_broken_cache_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let mut store = Store::new(&settings);
        store.repositories["fleet"].state.pending = 3;
        save(dir.path(), &store).unwrap();
        assert_eq!(load(&settings).repositories["fleet"].state.pending, 3);
        fs::write(path(dir.path()), b"{").unwrap();
        assert_eq!(load(&settings), Store::new(&settings));
    }
}
