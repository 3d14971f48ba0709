//! The log: commits in order of time, of the whole repository or of one path.

use super::describe::described;
use super::handles::checked_tree;
use super::lookup::{Lookups, is_there};
use super::repository::Repository;
use super::walk::{Listed, Walk};
use super::{GitError, path};
use crate::domain::{Commit, Revision};
use git2::Oid;
use std::collections::HashSet;
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
    /// Where a path came to be by a rename, the history goes on under its name before.
    pub follow: bool,
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
    /// Whether the path index has the branch; without it the log is the same, and slower.
    pub indexed: bool,
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
            let fault = self.fault("reading the log");
            let index = self.index();
            let tip = self.tip_in(handles);
            let has = |tip| index.as_ref().is_some_and(|index| index.find(tip).is_some());
            let indexed = tip.is_none_or(has);
            let mut page = LogPage { commits: Vec::new(), more: false, indexed };
            let mut walk = Walk::new(handles, index, &paths, from).map_err(&fault)?;
            walk.follow_renames = query.follow;
            let mut skipped = 0;
            while let Some(listed) = walk.next_listed().map_err(&fault)? {
                if skipped < query.skip {
                    skipped += 1;
                } else if page.commits.len() == query.limit {
                    page.more = true;
                    break;
                } else {
                    let commit = match listed {
                        Listed::Read(commit) => commit,
                        Listed::Id(id) => handles.commit(id).map_err(&fault)?,
                    };
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
        let mut count = 0;
        self.each_ahead((from, to), paths, &mut |_| count += 1)?;
        Ok(count)
    }

    /// The commits that are in `to` and not in `from` and change one of the files or folders, the newest first.
    pub fn newer<P: AsRef<str>>(
        &self,
        from: &Revision,
        to: &Revision,
        paths: &[P],
    ) -> Result<Vec<Commit>, GitError> {
        let mut commits = Vec::new();
        self.each_ahead((Some(from), to), paths, &mut |commit| {
            commits.push(described(commit, false));
        })?;
        Ok(commits)
    }

    fn each_ahead<P: AsRef<str>>(
        &self,
        (from, to): (Option<&Revision>, &Revision),
        paths: &[P],
        take: &mut dyn FnMut(&git2::Commit<'_>),
    ) -> Result<(), GitError> {
        let paths = paths.iter().map(|path| path::to_read(path.as_ref()));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        self.with(|handles| {
            let to = self.commit_of(handles, to)?.id();
            let from = from
                .map(|from| self.commit_of(handles, from))
                .transpose()?
                .map(|commit| commit.id());
            let mut walk_all = || -> Result<(), git2::Error> {
                let mut walk = handles.all.revwalk()?;
                walk.push(to)?;
                if let Some(from) = from {
                    walk.hide(from)?;
                }
                let mut lookup = Lookups::new(handles, &paths)?;
                for id in walk {
                    let commit = handles.all.find_commit(id?)?;
                    let own = lookup.of(commit.tree_id())?;
                    let mut changed = commit.parent_count() > 0 || is_there(&own);
                    for parent in parents(&commit)? {
                        changed &= lookup.is_root() || lookup.of(parent.tree_id())? != own;
                    }
                    if changed {
                        take(&commit);
                    }
                }
                Ok(())
            };
            walk_all().map_err(self.fault("counting commits"))
        })
    }

    pub(super) fn unborn(&self) -> GitError {
        GitError::Unborn { remote: self.address.to_string() }
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
        tree = checked_tree(repository, id)?;
    }
    Ok(None)
}

/// The parents of a commit. One that is not there is an error, which git2's own iterator leaves out silently.
pub(super) fn parents<'h>(commit: &git2::Commit<'h>) -> Result<Vec<git2::Commit<'h>>, git2::Error> {
    (0..commit.parent_count()).map(|index| commit.parent(index)).collect()
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
