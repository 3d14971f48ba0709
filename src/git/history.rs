//! The log: commits in order of time, of the whole repository or of one path.

use super::handles::Handles;
use super::repository::{Repository, revision};
use super::{GitError, path};
use crate::domain::repository::Signature;
use crate::domain::{Commit, Revision};
use git2::Oid;
use jiff::Timestamp;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::Path;

/// Which part of the history is wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Where to begin; the newest commit when absent.
    pub from: Option<Revision>,
    /// Only commits that change this file or folder.
    pub path: Option<String>,
    /// Where a path is given, commits that change one of these files or folders count as well.
    pub beside: Vec<String>,
    /// How many of them to leave out.
    pub skip: usize,
    /// How many to give at most.
    pub limit: usize,
}

/// A part of the history, the newest commit first.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Commits.
    pub commits: Vec<Commit>,
    /// Whether there are older ones.
    pub more: bool,
}

impl Repository {
    /// A page of the log. With a path, history is simplified as `git log` does: a merge that took a parent's content
    /// follows only that parent, and a commit is listed when it changed the path against all its parents.
    pub fn log(&self, query: &LogQuery) -> Result<LogPage, GitError> {
        let path = query.path.as_deref().unwrap_or_default();
        let paths = std::iter::once(path).chain(query.beside.iter().map(String::as_str));
        let paths = paths.map(path::to_read).collect::<Result<Vec<_>, _>>()?;
        self.with(|handles| {
            let from = match &query.from {
                Some(from) => self.commit_of(handles, from)?.id(),
                None => self.head_in(handles)?.ok_or_else(|| self.unborn())?,
            };
            let waiting: HashSet<Oid> = self.chain(handles)?.into_iter().collect();
            let mut walk =
                Walk::new(handles, &paths, from).map_err(self.fault("reading the log"))?;
            let mut page = LogPage { commits: Vec::new(), more: false };
            let mut skipped = 0;
            while let Some(commit) = walk.next_listed().map_err(self.fault("reading the log"))? {
                if skipped < query.skip {
                    skipped += 1;
                } else if page.commits.len() == query.limit {
                    page.more = true;
                    break;
                } else {
                    page.commits.push(described(&commit, waiting.contains(&commit.id())));
                }
            }
            Ok(page)
        })
    }

    /// How many commits that are in `to` and not in `from` change one of the files or folders.
    pub fn ahead<P: AsRef<str>>(
        &self,
        from: Option<&Revision>,
        to: &Revision,
        paths: &[P],
    ) -> Result<usize, GitError> {
        let paths = paths.iter().map(|path| path::to_read(path.as_ref()));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        self.with(|handles| {
            let to = self.commit_of(handles, to)?.id();
            let from = from
                .map(|from| self.commit_of(handles, from))
                .transpose()?
                .map(|commit| commit.id());
            let count = || -> Result<usize, git2::Error> {
                let mut walk = handles.all.revwalk()?;
                walk.push(to)?;
                if let Some(from) = from {
                    walk.hide(from)?;
                }
                let mut lookup = Lookups::new(&handles.all, &paths);
                let mut count = 0;
                for id in walk {
                    let commit = handles.all.find_commit(id?)?;
                    let own = lookup.of(&commit)?;
                    let mut changed = commit.parent_count() > 0 || is_there(&own);
                    for parent in parents(&commit)? {
                        changed &= lookup.is_root() || lookup.of(&parent)? != own;
                    }
                    count += usize::from(changed);
                }
                Ok(count)
            };
            count().map_err(self.fault("counting commits"))
        })
    }

    pub(super) fn unborn(&self) -> GitError {
        GitError::Unborn { remote: self.address.to_string() }
    }
}

/// A walk from new to old that visits a parent only after its child.
struct Walk<'h> {
    lookup: Lookups<'h>,
    /// Commits to visit: time, then the order of discovery (the first parent first).
    open: BinaryHeap<(i64, std::cmp::Reverse<usize>, Oid)>,
    seen: HashSet<Oid>,
}

impl<'h> Walk<'h> {
    fn new(handles: &'h Handles, paths: &[String], from: Oid) -> Result<Self, git2::Error> {
        let lookup = Lookups::new(&handles.all, paths);
        let mut walk = Self { lookup, open: BinaryHeap::new(), seen: HashSet::new() };
        walk.visit_later(&handles.all.find_commit(from)?);
        Ok(walk)
    }

    fn visit_later(&mut self, commit: &git2::Commit<'_>) {
        if self.seen.insert(commit.id()) {
            let order = std::cmp::Reverse(self.seen.len());
            self.open.push((commit.time().seconds(), order, commit.id()));
        }
    }

    fn next_listed(&mut self) -> Result<Option<git2::Commit<'h>>, git2::Error> {
        while let Some((_, _, id)) = self.open.pop() {
            let commit = self.lookup.repository.find_commit(id)?;
            let parents = parents(&commit)?;
            if self.lookup.is_root() {
                for parent in &parents {
                    self.visit_later(parent);
                }
                return Ok(Some(commit));
            }
            let own = self.lookup.of(&commit)?;
            let mut same = None;
            for parent in &parents {
                if self.lookup.of(parent)? == own {
                    same = Some(parent);
                    break;
                }
            }
            for parent in same.map_or(parents.as_slice(), std::slice::from_ref) {
                self.visit_later(parent);
            }
            if same.is_none() && (!parents.is_empty() || is_there(&own)) {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }
}

/// What commits have at several paths.
struct Lookups<'h> {
    repository: &'h git2::Repository,
    each: Vec<Lookup<'h>>,
}

impl<'h> Lookups<'h> {
    fn new(repository: &'h git2::Repository, paths: &[String]) -> Self {
        let each = paths.iter().map(|path| Lookup::new(repository, path)).collect();
        Self { repository, each }
    }

    /// Whether one of the paths is the root, which every commit is taken to change.
    fn is_root(&self) -> bool {
        self.each.iter().any(Lookup::is_root)
    }

    fn of(&mut self, commit: &git2::Commit<'_>) -> Result<Vec<Entry>, git2::Error> {
        self.each.iter_mut().map(|lookup| lookup.of(commit)).collect()
    }
}

/// Whether there is anything at the paths.
fn is_there(entries: &[Entry]) -> bool {
    entries.iter().any(Option::is_some)
}

/// What commits have at one path. Folders that did not change between two commits are looked into once.
struct Lookup<'h> {
    repository: &'h git2::Repository,
    parts: Vec<Vec<u8>>,
    known: HashMap<(Oid, usize), Entry>,
}

/// Id and mode, or nothing.
type Entry = Option<(Oid, i32)>;

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

/// Id and mode of what a tree has at a path that is not empty.
pub(super) fn entry_in(
    repository: &git2::Repository,
    tree: &git2::Tree<'_>,
    path: &str,
) -> Result<Option<(Oid, i32)>, git2::Error> {
    // One component at a time: libgit2's own lookup reports a file on the way and a broken tree alike.
    let mut tree = tree.clone();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let Some((id, mode)) =
            tree.get_name_bytes(&path::bytes(part)).map(|entry| (entry.id(), entry.filemode()))
        else {
            return Ok(None);
        };
        if parts.peek().is_none() {
            return Ok(Some((id, mode)));
        }
        if mode != 0o040_000 {
            return Ok(None);
        }
        tree = repository.find_tree(id)?;
    }
    Ok(None)
}

/// The parents of a commit. One that is not there is an error, which git2's own iterator leaves out silently.
pub(super) fn parents<'h>(commit: &git2::Commit<'h>) -> Result<Vec<git2::Commit<'h>>, git2::Error> {
    (0..commit.parent_count()).map(|index| commit.parent(index)).collect()
}

/// A commit in our words.
pub(super) fn described(commit: &git2::Commit<'_>, pending: bool) -> Commit {
    let author = commit.author();
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    Commit {
        revision: revision(commit.id()),
        parents: commit.parent_ids().map(revision).collect(),
        author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(author.email_bytes()).into_owned(),
        time: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
        by_gitdeck: message.lines().any(|line| line.starts_with("Gitdeck-")),
        message,
        signature: if commit.header_field_bytes("gpgsig").is_ok() {
            Signature::Present
        } else {
            Signature::None
        },
        pending,
    }
}

/// A path for libgit2's own functions.
pub(super) fn os_path(path: &str) -> std::path::PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Path::new(&std::ffi::OsString::from_vec(path::bytes(path))).to_owned()
    }
    #[cfg(not(unix))]
    {
        Path::new(path).to_owned()
    }
}
