//! Fetching the branch, and noticing when its history was rewritten or it is gone.

use super::GitError;
use super::address::Scheme;
use super::folder;
use super::handles::Handles;
use super::lock::remove_stale_locks;
use super::outbox::is_ancestor;
use super::repository::{Repository, revision};
use super::sound::is_broken;
use super::transport::{Session, Way};
use crate::domain::{Credential, Revision};
use git2::Oid;

/// Whether a long operation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Goes on.
    Continue,
    /// Stops as soon as it can; the operation then fails with [`GitError::Stopped`].
    Stop,
}

/// How far a fetch (or push) is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchProgress {
    /// Objects transferred so far.
    pub objects: usize,
    /// Objects in all, as far as is known.
    pub total: usize,
    /// Bytes transferred so far.
    pub bytes: usize,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The tip that was followed before; nothing at the first fetch.
    pub before: Option<Revision>,
    /// The tip that the remote has now; nothing when the branch is gone or the repository is empty.
    pub tip: Option<Revision>,
    /// How the two relate.
    pub upstream: Upstream,
}

/// How the remote branch relates to what was known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The tip is the known one.
    Unchanged,
    /// The known tip is an ancestor of the new one, or there was none.
    Advanced,
    /// The known tip is no ancestor: the branch was rewritten. [`Repository::tip`] stays where it is until
    /// [`Repository::accept`].
    Rewritten,
    /// The branch is gone. [`Repository::tip`] stays where it is.
    Gone,
    /// The remote has no commit at all.
    Empty,
}

impl Repository {
    /// Fetches the branch and its tags. A rewritten or deleted branch is reported and not followed. A damaged mirror
    /// is built anew.
    pub fn fetch(
        &self,
        credential: &Credential,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Fetched, GitError> {
        let lock = self.lock_mirror(|| watch(FetchProgress::default()) == Flow::Continue)?;
        let result =
            match self.with_locked(&lock, |handles| self.fetch_into(handles, credential, watch)) {
                Err(GitError::Damaged { .. }) => {
                    self.mark_damaged();
                    self.with_locked(&lock, |handles| self.fetch_into(handles, credential, watch))
                }
                result => result,
            };
        if result.is_err() {
            // Half a pack can be as large as the whole one; the next fetch may be far away.
            remove_stale_locks(&self.mirror)?;
        }
        result
    }

    fn fetch_into(
        &self,
        handles: &Handles,
        credential: &Credential,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Fetched, GitError> {
        let before = self.tip_in(handles);
        if let Some(before) = before {
            // Otherwise a damaged ref would look like a rewritten branch.
            handles.mirror.find_commit(before).map_err(self.fault("fetching"))?;
        }
        // A mirror that was built anew has no tip, and the branch is still the one that was followed.
        let known = before.or_else(|| self.followed());
        self.make_way(handles)?;
        let branches = self.download(handles, credential, watch)?;
        let wanted = self.branch_ref();
        let seen = branches.iter().find(|(name, _)| *name == wanted).map(|(_, id)| *id);
        let Some(seen) = seen else { return self.without_branch(known, &branches) };
        let upstream = self.compare(handles, known, seen)?;
        let lost = before.is_none() && upstream == Upstream::Unchanged;
        if upstream == Upstream::Advanced || lost {
            self.follow(handles, seen)?;
        }
        Ok(Fetched { before: known.map(revision), tip: Some(revision(seen)), upstream })
    }

    fn compare(
        &self,
        handles: &Handles,
        before: Option<Oid>,
        seen: Oid,
    ) -> Result<Upstream, GitError> {
        // A fetch that was cut short must not count; the objects are checked to be there.
        handles
            .mirror
            .find_commit(seen)
            .and_then(|commit| commit.tree())
            .map_err(self.fault("fetching"))?;
        Ok(match before {
            Some(before) if before == seen => Upstream::Unchanged,
            // All of the history was fetched, so that what is absent does not belong to it.
            Some(before) if is_absent(handles, before) => Upstream::Rewritten,
            Some(before)
                if !is_ancestor(&handles.mirror, before, seen)
                    .map_err(self.fault("fetching"))? =>
            {
                Upstream::Rewritten
            }
            _ => Upstream::Advanced,
        })
    }

    /// Fetches the branch; gives the branches that the remote has, or this one alone where it has it.
    fn download(
        &self,
        handles: &Handles,
        credential: &Credential,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Vec<(String, Oid)>, GitError> {
        let (branch, seen) = (self.branch_ref(), self.seen_ref());
        if self.address.scheme == Scheme::File {
            let (refspec, told) = (format!("+{branch}:{seen}"), (&self.places.limits, watch));
            let fetched = folder::fetch(&handles.mirror, &self.address, &refspec, told);
            self.remove_grafts()?;
            return fetched.map_err(|error| self.noted(error));
        }
        let ways = (self.mirror.as_path(), Way::Fetch);
        let session = Session::new(&self.places, &self.address, credential, ways, None)?;
        let found = session.fetch(&branch, &seen, watch);
        self.remove_grafts()?;
        if !found.map_err(|error| self.confirmed(error))? {
            return session.branches(watch);
        }
        let id = handles.mirror.refname_to_id(&seen).map_err(self.fault("fetching"))?;
        Ok(vec![(branch, id)])
    }

    /// Marks the mirror when it is what an error is about.
    fn noted(&self, error: GitError) -> GitError {
        if matches!(error, GitError::Damaged { .. }) {
            self.mark_damaged();
        }
        error
    }

    /// Words of a conversation about damage can be those of a server, so that the mirror itself decides.
    fn confirmed(&self, error: GitError) -> GitError {
        match error {
            GitError::Damaged { remote, reason } if !is_broken(&self.mirror) => {
                GitError::Git { doing: "fetching", remote, reason }
            }
            error => self.noted(error),
        }
    }

    /// The remote does not have the branch (any more).
    fn without_branch(
        &self,
        before: Option<Oid>,
        branches: &[(String, Oid)],
    ) -> Result<Fetched, GitError> {
        let upstream = match before {
            Some(_) => Upstream::Gone,
            None if branches.is_empty() => Upstream::Empty,
            None => {
                let names: Vec<&str> = branches
                    .iter()
                    .take(10)
                    .filter_map(|(name, _)| name.strip_prefix("refs/heads/"))
                    .collect();
                return Err(GitError::BranchMissing {
                    remote: self.address.to_string(),
                    branch: self.branch.clone(),
                    known: names.join(", "),
                });
            }
        };
        Ok(Fetched { before: before.map(revision), tip: None, upstream })
    }

    pub(super) fn follow(&self, handles: &Handles, id: Oid) -> Result<(), GitError> {
        handles
            .mirror
            .reference(&self.tip_ref(), id, true, "fetch")
            .map_err(self.fault("following the branch"))?;
        self.remember(id)
    }
}

fn is_absent(handles: &Handles, id: Oid) -> bool {
    let found = handles.mirror.find_commit(id);
    found.is_err_and(|error| error.code() == git2::ErrorCode::NotFound)
}
