//! The fleet's repositories on disk: bare, with the history of the story.

use super::Fleet;
use super::history::{Told, story};
use git2::{IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions, Signature, Time};
use std::fs;
use std::path::Path;

/// Seconds of an hour.
const HOUR: i64 = 3600;
/// Regular file.
const BLOB: u32 = 0o100_644;

/// Why the fleet could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The disk refused.
    #[error("the demo cannot be written to {path}: {source}")]
    Disk {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Git refused.
    #[error("a repository of the demo cannot be made: {0}")]
    Git(#[from] git2::Error),
    /// The sandbox's cluster refused.
    #[error("the demo's cluster cannot be prepared: {0}")]
    Cluster(String),
}

/// Lays out the repositories below `root`. `now` is in seconds since 1970; the history ends shortly before it.
pub fn write(root: &Path, now: i64) -> Result<Fleet, FleetError> {
    let mut fleet = Fleet { root: root.to_path_buf(), repositories: Vec::new() };
    let story = story();
    for name in ["storefront", "payments", "platform"] {
        let path = root.join("repositories").join(format!("{name}.git"));
        fs::create_dir_all(&path)
            .map_err(|source| FleetError::Disk { path: path.display().to_string(), source })?;
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(&path, options.bare(true).initial_head("main"))?;
        for told in story.iter().filter(|told| told.repository == name) {
            commit(&repository, told, now)?;
        }
        fleet.repositories.push((name.to_owned(), format!("file://{}", path.display())));
    }
    Ok(fleet)
}

fn commit(repository: &Repository, told: &Told, now: i64) -> Result<(), git2::Error> {
    let files: Vec<(&str, &str)> =
        told.files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    record(repository, told.author, told.message, &files, now - told.hours_ago * HOUR).map(|_| ())
}

/// Commits files on top of `main`, as somebody else would push them.
pub(super) fn record(
    repository: &Repository,
    author: &str,
    message: &str,
    files: &[(&str, &str)],
    seconds: i64,
) -> Result<Oid, git2::Error> {
    let parent = repository.find_reference("refs/heads/main").and_then(|r| r.peel_to_commit()).ok();
    let mut index = git2::Index::new()?;
    if let Some(parent) = &parent {
        index.read_tree(&parent.tree()?)?;
    }
    for (path, text) in files {
        index.add(&entry(path, repository.blob(text.as_bytes())?))?;
    }
    let tree = repository.find_tree(index.write_tree_to(repository)?)?;
    let address = format!("{}@example.com", author.to_lowercase().replace(' ', "."));
    let signature = Signature::new(author, &address, &Time::new(seconds, 0))?;
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("refs/heads/main"), &signature, &signature, message, &tree, &parents)
}

fn entry(path: &str, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: BLOB,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_has_three_repositories_with_a_history() {
        let dir = tempfile::tempdir().unwrap();
        let fleet = write(dir.path(), 1_800_000_000).unwrap();
        assert_eq!(fleet.repositories.len(), 3);
        let repository = Repository::open(dir.path().join("repositories/storefront.git")).unwrap();
        let mut walk = repository.revwalk().unwrap();
        walk.push_ref("refs/heads/main").unwrap();
        assert_eq!(walk.count(), 10);
        assert!(super::super::MAPPINGS.len() >= 12);
    }

    #[test]
    fn every_mapping_has_files_at_the_tip() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1_800_000_000).unwrap();
        for mapping in super::super::MAPPINGS {
            let repository = Repository::open(
                dir.path().join(format!("repositories/{}.git", mapping.repository)),
            )
            .unwrap();
            let tree =
                repository.find_reference("refs/heads/main").unwrap().peel_to_tree().unwrap();
            let prefix = if mapping.project.is_some() { "apps/" } else { "" };
            assert!(
                tree.get_path(Path::new(&format!("{prefix}{}", mapping.path))).is_ok(),
                "{}",
                mapping.name
            );
        }
    }
}
