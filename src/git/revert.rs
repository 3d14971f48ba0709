//! Reverts: what a commit, a range or the way back to a state makes of the branch, drafted first and committed as drafted.

use super::commit::{CommitRequest, full_message, signature};
use super::describe::described;
use super::edit::Placement;
use super::handles::Handles;
use super::repository::{Repository, revision};
use super::revision::id_of;
use super::write::Draft;
use super::{GitError, path};
use crate::domain::folder::is_within;
use crate::domain::{Commit, Revision};
use git2::{MergeOptions, Oid, Tree};
use std::collections::BTreeSet;

/// What a revert undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// One commit. Of a merge it has to be said which parent is the line that stays, counted from one.
    Commit(Revision, Option<usize>),
    /// Everything that came after the first and up to the second, which has to go on from it, at once.
    Range(Revision, Revision),
    /// Everything since this state.
    Since(Revision),
}

/// One commit of a revert.
#[derive(Debug, Clone)]
pub struct Undoing {
    /// What it undoes.
    pub undone: Undone,
    /// Its message without trailers.
    pub message: String,
}

/// What a revert is drafted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// [`Repository::head`], with what waits for a push.
    Newest,
    /// The branch as it was fetched: a branch of its own brings nothing of what waits.
    Fetched,
}

/// A revert that was drafted: its commits exist, but nothing names them yet.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// What the first of them stands on.
    pub base: Revision,
    /// The commits, each on top of the one before it.
    pub commits: Vec<Commit>,
    /// The last of them.
    pub newest: Commit,
    /// Files that they change.
    pub files: Vec<String>,
    /// Files that what is undone changed outside of the paths, and that stay as they are.
    pub besides: Vec<String>,
}

impl Undone {
    /// The commit, where it is one.
    pub fn commit(&self) -> Option<&Revision> {
        match self {
            Self::Commit(commit, _) => Some(commit),
            Self::Range(..) | Self::Since(_) => None,
        }
    }
}

impl Repository {
    /// Drafts a revert on its ground, commit by commit, below `paths` alone where some are given. Nothing changes but that
    /// the commits can be read by their ids; [`Repository::publish`] makes them the newest ones. `about` gives author and
    /// trailers of each. A conflict names the files. Of several commits those are left out that have nothing to undo.
    pub fn draft_revert<P: AsRef<str>>(
        &self,
        undoing: &[Undoing],
        paths: &[P],
        (about, ground): (&CommitRequest, Ground),
    ) -> Result<Drafted, GitError> {
        let paths = path::all_to_read(paths)?;
        let (author, committer) = (signature(&about.author)?, signature(&about.committer)?);
        self.with(|handles| {
            let base = match ground {
                Ground::Newest => self.head_in(handles)?,
                Ground::Fetched => self.tip_in(handles),
            };
            let base = base.ok_or_else(|| self.unborn())?;
            if ground == Ground::Fetched {
                self.check_fetched(handles, undoing)?;
            }
            let (mut newest, mut commits, mut besides) = (base, Vec::new(), BTreeSet::new());
            for one in undoing {
                let ours = self.tree_of(handles, Some(newest))?;
                let (tree, others) = match self.undone(handles, &one.undone, newest, &paths) {
                    Err(GitError::NothingChanged) if undoing.len() > 1 => continue,
                    Err(GitError::Diverged { paths, .. }) => {
                        let at = one.undone.commit().filter(|_| undoing.len() > 1).cloned();
                        return Err(GitError::Diverged { paths, at });
                    }
                    undone => undone?,
                };
                besides.extend(others);
                if tree == ours.id() {
                    continue;
                }
                let about = CommitRequest { message: one.message.clone(), ..about.clone() };
                let (author, committer) = (author.clone(), committer.clone());
                let (message, parents) = (full_message(&about)?, &[newest]);
                let draft = Draft { author, committer, message: &message, tree, parents };
                newest = self.write_commit(handles, &draft)?;
                let commit = handles.all.find_commit(newest);
                let commit = commit.map_err(self.fault("reading a commit"))?;
                commits.push(described(&commit, false));
            }
            let last = commits.last().cloned().ok_or(GitError::NothingChanged)?;
            let (old, new) =
                (self.tree_of(handles, Some(base))?, self.tree_of(handles, Some(newest))?);
            let files = self.changed_files(handles, &old, &new)?;
            let besides = besides.into_iter().collect();
            Ok(Drafted { base: revision(base), commits, newest: last, files, besides })
        })
    }

    /// Refuses to undo what waits for a push, where it is not there.
    fn check_fetched(&self, handles: &Handles, undoing: &[Undoing]) -> Result<(), GitError> {
        let waiting = self.chain(handles)?;
        for one in undoing {
            let (Undone::Commit(id, _) | Undone::Range(_, id) | Undone::Since(id)) = &one.undone;
            if waiting.contains(&id_of(id)?) {
                let short = id.short();
                let reason =
                    format!("{short} waits for a push, and a branch of its own does not have it");
                return Err(GitError::Request { reason });
            }
        }
        Ok(())
    }

    /// Makes drafted commits the newest ones, all of them or none, durably. Refused when the branch has moved from `base`
    /// since they were drafted.
    pub fn publish(&self, base: &Revision, draft: &Revision) -> Result<Commit, GitError> {
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let base = self.commit_of(handles, base)?.id();
            let commit = self.commit_of(handles, draft)?;
            let head = self.head_in(handles)?;
            if head != Some(base) {
                let now = self.tree_of(handles, head)?;
                let then = self.tree_of(handles, Some(base))?;
                return Err(GitError::Moved { paths: self.changed_files(handles, &then, &now)? });
            }
            for id in self.drafted(handles, base, commit.id())? {
                self.keep(handles, id)?;
            }
            // Nothing names them before this.
            let newest = handles.all.refname_to_id(&self.pending_ref()).ok();
            self.set_newest(newest, Some(commit.id()))?;
            Ok(described(&commit, true))
        })
    }

    /// The drafted commits after `base`, the oldest first.
    pub(super) fn drafted(
        &self,
        handles: &Handles,
        base: Oid,
        newest: Oid,
    ) -> Result<Vec<Oid>, GitError> {
        let (mut chain, mut id) = (Vec::new(), newest);
        while id != base {
            chain.push(id);
            let commit = handles.all.find_commit(id).map_err(self.fault("reading a commit"))?;
            id = commit.parent_id(0).map_err(|_| GitError::Request {
                reason: format!("{} was not drafted on it", revision(newest).short()),
            })?;
        }
        chain.reverse();
        Ok(chain)
    }

    /// The tree of `newest` without what is undone, and the files outside of the paths that what is undone changed.
    fn undone(
        &self,
        handles: &Handles,
        undone: &Undone,
        newest: Oid,
        paths: &[String],
    ) -> Result<(Oid, Vec<String>), GitError> {
        let ours = self.tree_of(handles, Some(newest))?;
        let (from, to) = self.sides(handles, undone, newest)?;
        let (placements, besides) = self.way_back(handles, &from, &to, paths)?;
        if placements.is_empty() {
            return Err(GitError::NothingChanged);
        }
        let whole = paths.iter().any(String::is_empty);
        let theirs = if whole { to.id() } else { self.replaced(handles, &from, placements)? };
        Ok((self.merged(handles, [&from, &ours], theirs, whole)?, besides))
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
                let (first, last) = self.ends(handles, [first, last])?;
                (last, Some(first))
            }
            Undone::Since(state) => (head, Some(self.commit_of(handles, state)?.id())),
        };
        Ok((self.tree_of(handles, Some(from))?, self.tree_of(handles, to)?))
    }

    /// What leads from one tree to the other below the paths, and the files that differ elsewhere.
    fn way_back(
        &self,
        handles: &Handles,
        from: &Tree<'_>,
        to: &Tree<'_>,
        below: &[String],
    ) -> Result<(Vec<Placement>, Vec<String>), GitError> {
        let fault = self.fault("comparing commits");
        let diff = handles.all.diff_tree_to_tree(Some(from), Some(to), None).map_err(&fault)?;
        let (mut placements, mut besides) = (Vec::new(), Vec::new());
        for delta in diff.deltas() {
            let new = delta.new_file();
            let raw = new.path_bytes().or(delta.old_file().path_bytes()).unwrap_or_default();
            let path = path::shown(raw);
            if !below.iter().any(|above| is_within(&path, above)) {
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
            return Err(GitError::Diverged { paths, at: None });
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
            // A file that left the paths is not followed out of it.
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
        merged.map_err(|paths| GitError::Diverged { paths, at: None })
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
