//! What commits have at a path, looked up in their trees.

use super::path;
use git2::Oid;
use std::collections::HashMap;

/// What commits have at several paths.
pub(super) struct Lookups<'h> {
    repository: &'h git2::Repository,
    pub(super) paths: Vec<String>,
    each: Vec<Lookup<'h>>,
}

impl<'h> Lookups<'h> {
    pub(super) fn new(repository: &'h git2::Repository, paths: &[String]) -> Self {
        let each = paths.iter().map(|path| Lookup::new(repository, path)).collect();
        Self { repository, paths: paths.to_vec(), each }
    }

    /// Looks at one more path from now on.
    pub(super) fn add(&mut self, path: &str) {
        self.paths.push(path.to_owned());
        self.each.push(Lookup::new(self.repository, path));
    }

    /// Whether one of the paths is the root, which every commit is taken to change.
    pub(super) fn is_root(&self) -> bool {
        self.each.iter().any(Lookup::is_root)
    }

    /// What a commit has at each of the paths.
    pub(super) fn of(&mut self, commit: &git2::Commit<'_>) -> Result<Vec<Entry>, git2::Error> {
        self.each.iter_mut().map(|lookup| lookup.of(commit)).collect()
    }
}

/// Whether there is anything at the paths.
pub(super) fn is_there(entries: &[Entry]) -> bool {
    entries.iter().any(Option::is_some)
}

/// What commits have at one path. Folders that did not change between two commits are looked into once.
struct Lookup<'h> {
    repository: &'h git2::Repository,
    parts: Vec<Vec<u8>>,
    known: HashMap<(Oid, usize), Entry>,
}

/// Id and mode, or nothing.
pub(super) type Entry = Option<(Oid, i32)>;

const FOLDER: i32 = 0o040_000;

impl<'h> Lookup<'h> {
    fn new(repository: &'h git2::Repository, path: &str) -> Self {
        let parts = path.split('/').filter(|part| !part.is_empty()).map(path::bytes).collect();
        Self { repository, parts, known: HashMap::new() }
    }

    fn is_root(&self) -> bool {
        self.parts.is_empty()
    }

    fn of(&mut self, commit: &git2::Commit<'_>) -> Result<Entry, git2::Error> {
        self.below(commit.tree_id(), 0)
    }

    fn below(&mut self, tree: Oid, depth: usize) -> Result<Entry, git2::Error> {
        let Some(part) = self.parts.get(depth) else { return Ok(Some((tree, FOLDER))) };
        if let Some(known) = self.known.get(&(tree, depth)) {
            return Ok(*known);
        }
        let folder = self.repository.find_tree(tree)?;
        let entry = folder.get_name_bytes(part).map(|entry| (entry.id(), entry.filemode()));
        let found = match entry {
            Some((id, FOLDER)) if depth + 1 < self.parts.len() => self.below(id, depth + 1)?,
            Some(_) if depth + 1 < self.parts.len() => None,
            entry => entry,
        };
        self.known.insert((tree, depth), found);
        Ok(found)
    }
}
