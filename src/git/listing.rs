//! The paths of a commit, without a look at what is in them.

use super::GitError;
use super::path;
use super::repository::Repository;
use crate::domain::Revision;

/// Folders within folders.
const DEPTH_LIMIT: usize = 64;

impl Repository {
    /// Whether a commit has something at a path; an error says why not.
    pub fn has(&self, revision: &Revision, at: &str) -> Result<(), GitError> {
        let path = path::to_read(at)?;
        self.with(|handles| self.find(handles, revision, &path).map(|_| ()))
    }

    /// Whether a commit has a folder at a path.
    pub fn is_folder(&self, revision: &Revision, at: &str) -> Result<bool, GitError> {
        let path = path::to_read(at)?;
        self.with(|handles| self.find(handles, revision, &path).map(|(_, mode)| mode == 0o040_000))
    }

    /// Files and folders of a commit in path order, folders with a `/` at their end, at most so many. Links and submodules
    /// are left out: neither is followed.
    pub fn listing(&self, revision: &Revision, most: usize) -> Result<Vec<String>, GitError> {
        self.with(|handles| {
            let commit = self.commit_of(handles, revision)?;
            let fault = self.fault("reading a folder");
            let root = handles.all.find_tree(commit.tree_id()).map_err(&fault)?;
            let mut found = Vec::new();
            list(&handles.all, &root, ("", 0), most, &mut found).map_err(&fault)?;
            Ok(found)
        })
    }
}

fn list(
    repository: &git2::Repository,
    tree: &git2::Tree<'_>,
    (above, depth): (&str, usize),
    most: usize,
    found: &mut Vec<String>,
) -> Result<(), git2::Error> {
    for entry in tree {
        if found.len() == most {
            return Ok(());
        }
        let path = format!("{above}{}", path::shown(entry.name_bytes()));
        match entry.filemode() {
            0o040_000 if depth < DEPTH_LIMIT => {
                let below = repository.find_tree(entry.id())?;
                let path = format!("{path}/");
                found.push(path.clone());
                list(repository, &below, (&path, depth + 1), most, found)?;
            }
            0o100_644 | 0o100_755 => found.push(path),
            _ => {}
        }
    }
    Ok(())
}
