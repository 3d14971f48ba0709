//! Reverts: what a commit, a range or the way back to a state makes of the branch, drafted first and committed as drafted.

use super::commit::{CommitRequest, full_message, signature};
use super::describe::described;
use super::edit::Placement;
use super::handles::Handles;
use super::outbox::is_ancestor;
use super::repository::{Repository, revision};
use super::revision::id_of;
use super::write::Draft;
use super::{GitError, path};
use crate::domain::{Commit, Revision};
use git2::{MergeOptions, Oid, Tree};
use std::collections::BTreeSet;

/// What a revert undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// One commit. Of a merge it has to be said which parent is the line that stays, counted from one.
    Commit(Revision, Option<usize>),
    /// Everything that came after the first and up to the second, which has to go on from it.
    Range(Revision, Revision),
    /// Everything since this state.
    Since(Revision),
}

/// A revert that was drafted: its commit exists, but nothing names it yet.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// The commit, on top of the newest one.
    pub commit: Commit,
    /// Files that it changes.
    pub files: Vec<String>,
    /// Files that what is undone changed outside of the path, and that stay as they are.
    pub besides: Vec<String>,
}

impl Repository {
    /// Drafts a revert on top of [`Repository::head`], below `path` alone where one is given. Nothing changes but that
    /// the commit can be read by its id; [`Repository::publish`] makes it the newest one. `about` gives message, author
    /// and trailers. A conflict names the files.
    pub fn draft_revert(
        &self,
        undone: &Undone,
        path: Option<&str>,
        about: &CommitRequest,
    ) -> Result<Drafted, GitError> {
        let path = path.map(path::to_read).transpose()?.unwrap_or_default();
        let message = full_message(about)?;
        let (author, committer) = (signature(&about.author)?, signature(&about.committer)?);
        self.with(|handles| {
            let head = self.head_in(handles)?.ok_or_else(|| self.unborn())?;
            let ours = self.tree_of(handles, Some(head))?;
            let (from, to) = self.sides(handles, undone, head)?;
            let (placements, besides) = self.way_back(handles, &from, &to, &path)?;
            if placements.is_empty() {
                return Err(GitError::NothingChanged);
            }
            let whole = path.is_empty();
            let theirs = if whole { to.id() } else { self.replaced(handles, &from, placements)? };
            let tree = self.merged(handles, [&from, &ours], theirs, whole)?;
            if tree == ours.id() {
                return Err(GitError::NothingChanged);
            }
            let draft = Draft { author, committer, message: &message, tree, parents: &[head] };
            let id = self.write_commit(handles, &draft)?;
            let fault = self.fault("reading a commit");
            let commit = handles.all.find_commit(id).map_err(&fault)?;
            let files = self.changed_files(handles, &ours, &commit.tree().map_err(&fault)?)?;
            Ok(Drafted { commit: described(&commit, false), files, besides })
        })
    }

    /// Makes a drafted commit the newest one, durably. Refused when the branch has moved since it was drafted.
    pub fn publish(&self, draft: &Revision) -> Result<Commit, GitError> {
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let commit = self.commit_of(handles, draft)?;
            let head = self.head_in(handles)?;
            if head != commit.parent_id(0).ok() {
                let now = self.tree_of(handles, head)?;
                let then = self.tree_of(handles, commit.parent_id(0).ok())?;
                return Err(GitError::Moved { paths: self.changed_files(handles, &then, &now)? });
            }
            self.keep(handles, commit.id())?;
            let newest = handles.all.refname_to_id(&self.pending_ref()).ok();
            self.set_newest(newest, Some(commit.id()))?;
            Ok(described(&commit, true))
        })
    }

    /// The tree that has what is undone, and the tree that has it not.
    fn sides<'h>(
        &self,
        handles: &'h Handles,
        undone: &Undone,
        head: Oid,
    ) -> Result<(Tree<'h>, Tree<'h>), GitError> {
        let (from, to) = match undone {
            Undone::Commit(undone, mainline) => {
                let commit = self.commit_of(handles, undone)?;
                let parents = commit.parent_count();
                let which = match (parents, mainline) {
                    (0 | 1, None) => 0,
                    (_, Some(line)) if (1..=parents).contains(line) => line - 1,
                    (0 | 1, Some(_)) => {
                        return Err(GitError::Request {
                            reason: format!("{} is no merge, and has no such line", undone.short()),
                        });
                    }
                    (_, _) => {
                        let lines: Vec<String> = commit
                            .parent_ids()
                            .zip(1..)
                            .map(|(parent, line)| format!("{line} is {}", revision(parent).short()))
                            .collect();
                        return Err(GitError::Mainline {
                            revision: undone.clone(),
                            lines: lines.join(", "),
                        });
                    }
                };
                (commit.id(), commit.parent_id(which).ok())
            }
            Undone::Range(first, last) => {
                let (first, last) = (id_of(first)?, id_of(last)?);
                let goes_on = is_ancestor(&handles.all, first, last);
                if !goes_on.map_err(self.fault("reading the log"))? {
                    return Err(GitError::Request {
                        reason: format!(
                            "{} does not go on from {}",
                            revision(last).short(),
                            revision(first).short()
                        ),
                    });
                }
                (last, Some(first))
            }
            Undone::Since(state) => (head, Some(self.commit_of(handles, state)?.id())),
        };
        Ok((self.tree_of(handles, Some(from))?, self.tree_of(handles, to)?))
    }

    /// What leads from one tree to the other below a path, and the files that differ elsewhere.
    fn way_back(
        &self,
        handles: &Handles,
        from: &Tree<'_>,
        to: &Tree<'_>,
        below: &str,
    ) -> Result<(Vec<Placement>, Vec<String>), GitError> {
        let fault = self.fault("comparing commits");
        let diff = handles.all.diff_tree_to_tree(Some(from), Some(to), None).map_err(&fault)?;
        let (mut placements, mut besides) = (Vec::new(), Vec::new());
        for delta in diff.deltas() {
            let new = delta.new_file();
            let raw = new.path_bytes().or(delta.old_file().path_bytes()).unwrap_or_default();
            let path = path::shown(raw);
            let rest = path.strip_prefix(below);
            if !rest
                .is_some_and(|rest| below.is_empty() || rest.is_empty() || rest.starts_with('/'))
            {
                besides.push(path);
                continue;
            }
            let gone = new.id().is_zero();
            let entry = (!gone).then(|| (new.id(), u32::from(new.mode()) as i32));
            placements.push(Placement { path, entry });
        }
        Ok((placements, besides))
    }

    /// The tree with the placements. What goes makes room first for what comes under its name.
    fn replaced(
        &self,
        handles: &Handles,
        base: &Tree<'_>,
        placements: Vec<Placement>,
    ) -> Result<Oid, GitError> {
        let (come, go): (Vec<_>, Vec<_>) =
            placements.into_iter().partition(|placement| placement.entry.is_some());
        let without = self.planted(handles, base, &go)?;
        let without = handles.all.find_tree(without).map_err(self.fault("reading a folder"))?;
        let mut paths = Vec::new();
        for placement in &come {
            if self.blocked(handles, &without, &placement.path)? {
                paths.push(placement.path.clone());
            }
        }
        if !paths.is_empty() {
            return Err(GitError::Diverged { paths });
        }
        self.planted(handles, &without, &come)
    }

    fn merged(
        &self,
        handles: &Handles,
        [base, ours]: [&Tree<'_>; 2],
        theirs: Oid,
        renames: bool,
    ) -> Result<Oid, GitError> {
        let merge = || -> Result<Result<Oid, Vec<String>>, git2::Error> {
            let theirs = handles.all.find_tree(theirs)?;
            let mut options = MergeOptions::new();
            // A file that left the path is not followed out of it.
            options.find_renames(renames);
            let mut index = handles.all.merge_trees(base, ours, &theirs, Some(&options))?;
            if index.has_conflicts() {
                let mut paths = BTreeSet::new();
                for conflict in index.conflicts()? {
                    let conflict = conflict?;
                    let sides = [conflict.our, conflict.ancestor, conflict.their];
                    paths.extend(sides.into_iter().flatten().map(|side| path::shown(&side.path)));
                }
                return Ok(Err(paths.into_iter().collect()));
            }
            index.write_tree_to(&handles.all).map(Ok)
        };
        let merged = merge().map_err(|error| GitError::storage(&self.outbox, error.message()))?;
        merged.map_err(|paths| GitError::Diverged { paths })
    }

    fn changed_files(
        &self,
        handles: &Handles,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<Vec<String>, GitError> {
        let diff = handles.all.diff_tree_to_tree(Some(old), Some(new), None);
        let diff = diff.map_err(self.fault("comparing commits"))?;
        let files = diff.deltas().map(|delta| {
            let raw = delta.new_file().path_bytes().or(delta.old_file().path_bytes());
            path::shown(raw.unwrap_or_default())
        });
        Ok(files.collect())
    }
}
