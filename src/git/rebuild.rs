//! Waiting commits made again on another tip, where the same paths did not change.

use super::edit::Placement;
use super::handles::Handles;
use super::history::entry_in;
use super::repository::Repository;
use super::revision::id_of;
use super::write::Draft;
use super::{GitError, path};
use crate::domain::Revision;
use git2::{Commit, Oid, Tree};
use std::collections::BTreeSet;

/// What rebuilding came to.
pub(super) enum Rebuilt {
    /// The new newest commit (the new base when every commit turned out to be there already), and old and new ids.
    Done { newest: Oid, pairs: Vec<(Oid, Oid)> },
    /// These paths changed on both sides; nothing was changed.
    Conflict(Vec<String>),
}

impl Repository {
    /// Makes the commits (the oldest first) again on top of `onto`, keeping authors, messages and times. The new
    /// commits are durable when this returns; the outbox still names the old ones.
    pub(super) fn rebuild(
        &self,
        handles: &Handles,
        commits: &[Oid],
        onto: Option<Oid>,
    ) -> Result<Rebuilt, GitError> {
        let mut newest = onto;
        let mut pairs = Vec::new();
        let mut conflicts = BTreeSet::new();
        for id in commits {
            let fault = self.fault("rebuilding a commit");
            let commit = handles.all.find_commit(*id).map_err(&fault)?;
            let base = self.tree_of(handles, newest)?;
            let placements = self.replay(handles, &commit, &base, &mut conflicts)?;
            if !conflicts.is_empty() {
                continue;
            }
            let tree = self.planted(handles, &base, &placements)?;
            if tree != base.id() || newest.is_none() {
                let new = self.again(handles, &commit, tree, newest)?;
                self.keep(handles, new)?;
                newest = Some(new);
            }
            pairs.extend(newest.map(|new| (*id, new)));
        }
        if !conflicts.is_empty() {
            return Ok(Rebuilt::Conflict(conflicts.into_iter().collect()));
        }
        newest.map(|newest| Rebuilt::Done { newest, pairs }).ok_or_else(|| self.unborn())
    }

    /// What a commit changed, as far as `base` does not have it yet. A path that is neither as before the commit nor
    /// as after it is a conflict.
    fn replay(
        &self,
        handles: &Handles,
        commit: &Commit<'_>,
        base: &Tree<'_>,
        conflicts: &mut BTreeSet<String>,
    ) -> Result<Vec<Placement>, GitError> {
        let fault = self.fault("rebuilding a commit");
        let after = commit.tree().map_err(&fault)?;
        let before = self.tree_of(handles, commit.parent_id(0).ok())?;
        let diff =
            handles.all.diff_tree_to_tree(Some(&before), Some(&after), None).map_err(&fault)?;
        let mut placements = Vec::new();
        for delta in diff.deltas() {
            let raw =
                delta.new_file().path_bytes().or(delta.old_file().path_bytes()).unwrap_or_default();
            let path = path::shown(raw);
            let entry = |tree| entry_in(&handles.all, tree, &path).map_err(&fault);
            let (old, new, current) = (entry(&before)?, entry(&after)?, entry(base)?);
            if current == new {
                continue;
            }
            if current != old || self.blocked(handles, base, &path)? {
                conflicts.insert(path);
                continue;
            }
            placements.push(Placement { path, entry: new });
        }
        Ok(placements)
    }

    /// Whether a folder of the path is a file in the tree.
    pub(super) fn blocked(
        &self,
        handles: &Handles,
        base: &Tree<'_>,
        path: &str,
    ) -> Result<bool, GitError> {
        for (at, _) in path.match_indices('/') {
            let above = entry_in(&handles.all, base, &path[..at])
                .map_err(self.fault("reading a folder"))?;
            if above.is_some_and(|(_, mode)| mode != 0o040_000) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Drops a waiting commit. Later waiting commits are rebuilt without it; where they change the same files,
    /// nothing is dropped.
    pub fn discard_pending(&self, revision: &Revision) -> Result<(), GitError> {
        let id = id_of(revision)?;
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let chain = self.chain(handles)?;
            let unknown = || GitError::UnknownRevision { text: revision.to_string() };
            let at = chain.iter().position(|waiting| *waiting == id).ok_or_else(unknown)?;
            let commit = handles.all.find_commit(id).map_err(self.fault("reading the outbox"))?;
            let parent = commit.parent_id(0).ok();
            let old = handles.all.refname_to_id(&self.pending_ref()).ok();
            let later: Vec<Oid> = chain[..at].iter().rev().copied().collect();
            if later.is_empty() {
                self.set_newest(old, parent)?;
                return self.tidy_outbox(handles);
            }
            match self.rebuild(handles, &later, parent)? {
                Rebuilt::Conflict(paths) => Err(GitError::Entangled { paths }),
                Rebuilt::Done { newest, pairs } => {
                    for (old, new) in pairs {
                        self.note_rebuilt(handles, old, new)?;
                    }
                    self.set_newest(old, Some(newest))?;
                    self.tidy_outbox(handles)
                }
            }
        })
    }

    /// The same commit with another tree and parent; a signature would be wrong, so that it is made anew.
    fn again(
        &self,
        handles: &Handles,
        commit: &Commit<'_>,
        tree: Oid,
        parent: Option<Oid>,
    ) -> Result<Oid, GitError> {
        let message = commit.message().map_err(self.fault("rebuilding a commit"))?;
        let (author, committer, parents) = (commit.author(), commit.committer(), parent.as_slice());
        self.write_commit(handles, &Draft { author, committer, message, tree, parents })
    }
}
