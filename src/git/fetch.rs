//! Fetching the branch, and noticing when its history was rewritten or it is gone.

use super::GitError;
use super::connect::Session;
use super::handles::{Handles, is_damage};
use super::outbox::is_ancestor;
use super::repository::{Repository, revision};
use crate::domain::{Credential, Revision};
use git2::{AutotagOption, FetchOptions, Oid, RemoteRedirect, Repository as Raw};
use std::cell::Cell;

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
        match self.with_locked(&lock, |handles| self.fetch_into(handles, credential, watch)) {
            Err(GitError::Damaged { .. }) => {
                self.mark_damaged();
                self.with_locked(&lock, |handles| self.fetch_into(handles, credential, watch))
            }
            result => result,
        }
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
        let session = Session::new(&self.places, &self.address, credential, &handles.mirror)?;
        let branches = self.download(&handles.mirror, &session, watch)?;
        session.approve();
        let wanted = format!("refs/heads/{}", self.branch);
        let seen = branches.iter().find(|(name, _)| *name == wanted).map(|(_, id)| *id);
        let Some(seen) = seen else { return self.without_branch(before, &branches) };
        let upstream = self.compare(handles, before, seen)?;
        if upstream == Upstream::Advanced {
            self.follow(handles, seen)?;
        }
        Ok(Fetched { before: before.map(revision), tip: Some(revision(seen)), upstream })
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
            Some(before)
                if !is_ancestor(&handles.mirror, before, seen)
                    .map_err(self.fault("fetching"))? =>
            {
                Upstream::Rewritten
            }
            _ => Upstream::Advanced,
        })
    }

    /// Talks to the remote; gives the branches that it has.
    fn download(
        &self,
        mirror: &Raw,
        session: &Session<'_>,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Vec<(String, Oid)>, GitError> {
        let mut remote = session.remote(mirror)?;
        let mut callbacks = session.callbacks();
        let stopped = Cell::new(false);
        callbacks.transfer_progress(|progress| {
            let flow = watch(FetchProgress {
                objects: progress.received_objects(),
                total: progress.total_objects(),
                bytes: progress.received_bytes(),
            });
            stopped.set(flow == Flow::Stop);
            flow == Flow::Continue
        });
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(callbacks)
            .proxy_options(Session::proxy())
            .follow_redirects(RemoteRedirect::None)
            .download_tags(AutotagOption::Auto)
            .update_fetchhead(false);
        let refspec = format!("+refs/heads/{}:{}", self.branch, self.seen_ref());
        let result = remote.fetch(&[&refspec], Some(&mut options), None);
        drop(options);
        self.remove_grafts()?;
        result.map_err(|error| {
            if stopped.get() {
                return GitError::Stopped;
            }
            if is_damage(&error) {
                return self.fault("fetching")(error);
            }
            session.explain("fetching", error)
        })?;
        let heads = remote.list().map_err(|error| session.explain("fetching", error))?;
        let branches = heads.iter().filter(|head| head.name().starts_with("refs/heads/"));
        Ok(branches.map(|head| (head.name().to_owned(), head.oid())).collect())
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
            .map(|_| ())
            .map_err(self.fault("following the branch"))
    }
}
