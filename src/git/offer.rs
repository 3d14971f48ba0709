//! A commit on a branch of its own, to be merged by others: it waits in no outbox, and the tracked branch stays.

use super::GitError;
use super::address::Scheme;
use super::commit::{CommitRequest, full_message, signature};
use super::deliver::{Delivered, spoken};
use super::describe::described;
use super::fetch::{FetchProgress, Flow};
use super::handles::{Handles, open_bare, sync_folder};
use super::repository::{Repository, checked_branch, revision};
use super::revision::id_of;
use super::transport::{Session, Way};
use super::write::Draft;
use crate::domain::{Commit, Credential, Revision};
use git2::Oid;
use std::path::Path;

impl Repository {
    /// Refuses the name of a branch that the remote has, or that is none.
    pub fn is_free(
        &self,
        credential: &Credential,
        branch: &str,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<(), GitError> {
        checked_branch(branch)?;
        match self.remote_branch(credential, branch, watch)? {
            None if branch != self.branch => Ok(()),
            _ => Err(self.taken(branch)),
        }
    }

    /// Commits on top of the branch as it was fetched, without the commits that wait, durably and apart from them. The
    /// branch is no part of the remote before [`Repository::offer`].
    pub fn commit_apart(&self, request: &CommitRequest, branch: &str) -> Result<Commit, GitError> {
        checked_branch(branch)?;
        let message = full_message(request)?;
        let (author, committer) = (signature(&request.author)?, signature(&request.committer)?);
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let parent = self.tip_in(handles).ok_or_else(|| self.unborn())?;
            self.check_base(handles, request, Some(parent))?;
            let base = self.tree_of(handles, Some(parent))?;
            let placements = self.place(handles, &base, &request.edits)?;
            let tree = self.planted(handles, &base, &placements)?;
            if tree == base.id() {
                return Err(GitError::NothingChanged);
            }
            let parents = &[parent];
            let draft = Draft { author, committer, message: &message, tree, parents };
            let id = self.write_commit(handles, &draft)?;
            self.keep_apart(handles, id, branch)?;
            let commit = handles.all.find_commit(id).map_err(self.fault("reading a commit"))?;
            Ok(described(&commit, false))
        })
    }

    /// Keeps drafted commits for a branch as [`Repository::commit_apart`] keeps the one that it makes.
    pub fn publish_apart(
        &self,
        base: &Revision,
        draft: &Revision,
        branch: &str,
    ) -> Result<Commit, GitError> {
        checked_branch(branch)?;
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let base = self.commit_of(handles, base)?.id();
            let commit = self.commit_of(handles, draft)?;
            let chain = self.drafted(handles, base, commit.id())?;
            for id in &chain {
                self.keep_objects(handles, *id)?;
            }
            self.keep_apart(handles, commit.id(), branch)?;
            Ok(described(&commit, false))
        })
    }

    /// The commit that was made for a branch and not forgotten yet.
    pub fn offered(&self, branch: &str) -> Result<Option<Commit>, GitError> {
        self.with(|handles| {
            let Ok(id) = handles.all.refname_to_id(&offered_ref(branch)) else { return Ok(None) };
            let commit = handles.all.find_commit(id).map_err(self.fault("reading the outbox"))?;
            Ok(Some(described(&commit, false)))
        })
    }

    /// Pushes a commit that was made apart to its new branch. Gives the words of the server (foreign text). Success means
    /// that a fresh look at the remote found the branch at the commit; a branch that is there already is fine.
    pub fn offer(
        &self,
        credential: &Credential,
        branch: &str,
        commit: &Revision,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<String, GitError> {
        let id = id_of(commit)?;
        match self.remote_branch(credential, branch, watch)? {
            Some(there) if there == id => return Ok(String::new()),
            Some(_) => return Err(self.taken(branch)),
            None => {}
        }
        let words =
            self.with(|handles| self.send_apart(handles, credential, (branch, id), watch))?;
        if self.remote_branch(credential, branch, watch)? == Some(id) {
            return Ok(words);
        }
        let remote = self.address.to_string();
        Err(GitError::Unconfirmed { remote, revision: revision(id) })
    }

    /// Forgets the commit of a branch that was pushed, or that nobody wants any more.
    pub fn forget_offer(&self, branch: &str) -> Result<(), GitError> {
        let failed = |error: git2::Error| GitError::storage(&self.outbox, error.message());
        let _lock = self.lock_outbox()?;
        let own = open_bare(&self.outbox).map_err(failed)?;
        match own.find_reference(&offered_ref(branch)) {
            Ok(mut reference) => reference.delete().map_err(failed),
            Err(_) => Ok(()),
        }
    }

    fn keep_apart(&self, handles: &Handles, id: Oid, branch: &str) -> Result<(), GitError> {
        let failed = |error: git2::Error| GitError::storage(&self.outbox, error.message());
        self.keep_objects(handles, id)?;
        let own = open_bare(&self.outbox).map_err(failed)?;
        own.reference(&offered_ref(branch), id, true, "made here").map_err(failed)?;
        sync_folder(&self.outbox.join("refs/gitdeck"))
    }

    fn taken(&self, branch: &str) -> GitError {
        GitError::BranchTaken { remote: self.address.to_string(), branch: branch.to_owned() }
    }

    fn remote_branch(
        &self,
        credential: &Credential,
        branch: &str,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Option<Oid>, GitError> {
        let wanted = format!("refs/heads/{branch}");
        if self.address.scheme == Scheme::File {
            let folder = Path::new(&self.address.path);
            let failed = |error: git2::Error| GitError::storage(folder, error.message());
            let target = git2::Repository::open(folder).map_err(failed)?;
            return Ok(target.refname_to_id(&wanted).ok());
        }
        let ways = (self.outbox.as_path(), Way::Push);
        let session = Session::new(&self.places, &self.address, credential, ways, None)?;
        let branches = session.branches(watch)?;
        Ok(branches.into_iter().find(|(name, _)| *name == wanted).map(|(_, id)| id))
    }

    fn send_apart(
        &self,
        handles: &Handles,
        credential: &Credential,
        (branch, commit): (&str, Oid),
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<String, GitError> {
        let name = format!("refs/heads/{branch}");
        match self.deliver(handles, credential, (&name, None, commit), watch)? {
            Delivered::Accepted(words) => Ok(words),
            Delivered::Raced(status, words) | Delivered::Refused(status, words) => {
                let reason = spoken(&status, &words);
                Err(GitError::NotTaken { branch: branch.to_owned(), reason })
            }
        }
    }
}

fn offered_ref(branch: &str) -> String {
    format!("refs/gitdeck/offered/{branch}")
}
