//! Commits that wait to be pushed: which they are, and how they are made durable.
//!
//! The outbox is a bare repository of its own. `refs/gitdeck/pending/BRANCH` is the newest waiting commit;
//! `refs/gitdeck/made/ID` marks each commit that was made here, so that the chain ends where the fetched history
//! begins, even when the mirror is gone; `refs/gitdeck/rebuilt/OLD` points to what became of a rebuilt commit.

use super::GitError;
use super::describe::described;
use super::handles::{Handles, open_bare, sync_folder};
use super::history::{entry_in, parents};
use super::path;
use super::repository::{Repository, revision};
use super::revision::id_of;
use crate::domain::{Commit, Revision};
use git2::{ErrorCode, ObjectType, Oid};

/// What became of a commit that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It waits in the outbox.
    Pending,
    /// The branch on the remote has it (as of the last fetch).
    OnRemote,
    /// It was rebuilt on a newer tip under this id, whose own fate may be asked.
    Rebuilt(Revision),
    /// It is neither waiting nor on the branch: dropped, or never finished.
    Unknown,
}

impl Repository {
    /// The commits that wait to be pushed, the oldest first.
    pub fn pending(&self) -> Result<Vec<Commit>, GitError> {
        self.with(|handles| {
            let mut commits = Vec::new();
            for id in self.chain(handles)?.into_iter().rev() {
                let commit =
                    handles.all.find_commit(id).map_err(self.fault("reading the outbox"))?;
                commits.push(described(&commit, true));
            }
            Ok(commits)
        })
    }

    /// What became of a commit; this is how an interrupted commit or push is understood after a restart.
    pub fn fate(&self, revision_: &Revision) -> Result<Fate, GitError> {
        let id = id_of(revision_)?;
        self.with(|handles| {
            if self.chain(handles)?.contains(&id) {
                return Ok(Fate::Pending);
            }
            if let Ok(new) = handles.all.refname_to_id(&rebuilt_ref(id)) {
                return Ok(Fate::Rebuilt(revision(new)));
            }
            let reached = match self.tip_in(handles) {
                Some(tip) => {
                    is_ancestor(&handles.all, id, tip).map_err(self.fault("reading the log"))?
                }
                None => false,
            };
            Ok(if reached { Fate::OnRemote } else { Fate::Unknown })
        })
    }

    /// The waiting commits, the newest first.
    pub(super) fn chain(&self, handles: &Handles) -> Result<Vec<Oid>, GitError> {
        let Ok(mut id) = handles.all.refname_to_id(&self.pending_ref()) else {
            return Ok(Vec::new());
        };
        let tip = self.tip_in(handles);
        let fault = self.fault("reading the outbox");
        let mut chain = Vec::new();
        while handles.all.find_reference(&made_ref(id)).is_ok() {
            if let Some(tip) = tip
                && is_ancestor(&handles.all, id, tip).map_err(&fault)?
            {
                break;
            }
            chain.push(id);
            let commit = handles.all.find_commit(id).map_err(&fault)?;
            let Ok(parent) = commit.parent_id(0) else { break };
            id = parent;
        }
        Ok(chain)
    }

    /// The newest commit of the outbox, waiting or not.
    pub(super) fn pending_ref(&self) -> String {
        format!("refs/gitdeck/pending/{}", self.branch)
    }

    /// Copies into the outbox what a waiting commit needs to be read, compared with its parent and rebuilt without
    /// the mirror, and marks it. Everything is on the disk when this returns.
    pub(super) fn keep(&self, handles: &Handles, id: Oid) -> Result<(), GitError> {
        let failed = |error: git2::Error| GitError::storage(&self.outbox, error.message());
        self.keep_objects(handles, id)?;
        let own = open_bare(&self.outbox).map_err(failed)?;
        own.reference(&made_ref(id), id, true, "made here").map_err(failed)?;
        sync_folder(&self.outbox.join("refs/gitdeck"))
    }

    /// Copies what [`Repository::keep`] copies, and marks nothing.
    pub(super) fn keep_objects(&self, handles: &Handles, id: Oid) -> Result<(), GitError> {
        let failed = |error: git2::Error| GitError::storage(&self.outbox, error.message());
        let own = open_bare(&self.outbox).map_err(failed)?;
        keep_objects(handles, &own, id).map_err(failed)?;
        sync_folder(&self.outbox.join("objects"))
    }

    /// Makes `new` the newest commit of the outbox if `old` still is. A commit that was not made here (all waiting
    /// ones are gone) leaves the outbox empty. Needs the outbox's lock.
    pub(super) fn set_newest(&self, old: Option<Oid>, new: Option<Oid>) -> Result<(), GitError> {
        let set = || -> Result<(), git2::Error> {
            let own = open_bare(&self.outbox)?;
            let name = self.pending_ref();
            let made = new.filter(|id| own.find_reference(&made_ref(*id)).is_ok());
            match (old, made) {
                (Some(old), Some(new)) => {
                    own.reference_matching(&name, new, true, old, "gitdeck").map(|_| ())
                }
                (None, Some(new)) => own.reference(&name, new, false, "gitdeck").map(|_| ()),
                (Some(_), None) => own.find_reference(&name)?.delete(),
                (None, None) => Ok(()),
            }
        };
        retried(set).map_err(|error| GitError::storage(&self.outbox, error.message()))?;
        sync_folder(&self.outbox.join("refs/gitdeck"))
    }

    /// Removes marks of commits that no longer wait, and the newest commit when nothing waits. Needs the lock.
    pub(super) fn tidy_outbox(&self, handles: &Handles) -> Result<(), GitError> {
        let chain = self.chain(handles)?;
        let tidy = || -> Result<(), git2::Error> {
            let own = open_bare(&self.outbox)?;
            // The newest commit first: marks without it are harmless, it without marks would hide waiting commits.
            if chain.is_empty()
                && let Ok(mut newest) = own.find_reference(&self.pending_ref())
            {
                newest.delete()?;
            }
            let waiting_elsewhere = own.references_glob("refs/gitdeck/pending/*")?.count();
            if waiting_elsewhere > usize::from(!chain.is_empty()) {
                // Another branch of the same remote waits; its marks cannot be told apart from ours.
                return Ok(());
            }
            for reference in own.references_glob("refs/gitdeck/made/*")? {
                let mut reference = reference?;
                if !reference.target().is_some_and(|id| chain.contains(&id)) {
                    reference.delete()?;
                }
            }
            Ok(())
        };
        tidy().map_err(|error| GitError::storage(&self.outbox, error.message()))
    }

    /// Notes under which id a commit was rebuilt.
    pub(super) fn note_rebuilt(
        &self,
        handles: &Handles,
        old: Oid,
        new: Oid,
    ) -> Result<(), GitError> {
        // Not through the outbox alone: when others made the same change, `new` is theirs and lies in the mirror.
        let noted = handles.all.reference(&rebuilt_ref(old), new, true, "rebuilt");
        noted.map(|_| ()).map_err(|error| GitError::storage(&self.outbox, error.message()))
    }
}

/// Copies objects. `own` is the outbox without the mirror beside it, so that an object counts as there only when it
/// lies in it.
fn keep_objects(handles: &Handles, own: &git2::Repository, id: Oid) -> Result<(), git2::Error> {
    let commit = handles.all.find_commit(id)?;
    let parent = parents(&commit)?.into_iter().next();
    let new = commit.tree()?;
    let old = parent.as_ref().map(git2::Commit::tree).transpose()?;
    let diff = handles.all.diff_tree_to_tree(old.as_ref(), Some(&new), None)?;
    let mut needed = Vec::new();
    for delta in diff.deltas() {
        let file =
            delta.new_file().path_bytes().or(delta.old_file().path_bytes()).unwrap_or_default();
        let file = path::shown(file);
        for tree in old.iter().chain([&new]) {
            push_path(&handles.all, tree, &file, &mut needed)?;
        }
    }
    needed.extend(old.map(|tree| tree.id()));
    needed.push(new.id());
    needed.extend(parent.map(|parent| parent.id()));
    needed.push(id);
    let (from, to) = (handles.all.odb()?, own.odb()?);
    for object in needed {
        if !to.exists(object) {
            let object = from.read(object)?;
            to.write(object.kind(), object.data())?;
        }
    }
    Ok(())
}

/// The objects on the way to a path, the path's own object first.
fn push_path(
    repository: &git2::Repository,
    tree: &git2::Tree<'_>,
    file: &str,
    needed: &mut Vec<Oid>,
) -> Result<(), git2::Error> {
    let ends = std::iter::once(file.len()).chain(file.rmatch_indices('/').map(|(at, _)| at));
    for end in ends {
        if let Some((id, mode)) = entry_in(repository, tree, &file[..end])?
            && mode != 0o160_000
        {
            needed.push(id);
        }
    }
    Ok(())
}

/// Whether `old` is `new` or an ancestor of it. An object that is not there is no ancestor.
pub(super) fn is_ancestor(
    repository: &git2::Repository,
    old: Oid,
    new: Oid,
) -> Result<bool, git2::Error> {
    if old == new {
        return Ok(true);
    }
    let odb = repository.odb()?;
    if !odb.exists(old) || odb.read_header(new)?.1 != ObjectType::Commit {
        return Ok(false);
    }
    repository.graph_descendant_of(new, old)
}

/// Repeats what failed because another program held a lock of libgit2 for a moment.
fn retried<T>(mut work: impl FnMut() -> Result<T, git2::Error>) -> Result<T, git2::Error> {
    for _ in 0..5 {
        match work() {
            Err(error) if error.code() == ErrorCode::Locked => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            result => return result,
        }
    }
    work()
}

fn made_ref(id: Oid) -> String {
    format!("refs/gitdeck/made/{id}")
}

fn rebuilt_ref(id: Oid) -> String {
    format!("refs/gitdeck/rebuilt/{id}")
}
