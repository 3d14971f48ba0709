//! Brings a commit to a branch of the remote, whatever branch it is: by a child process where the remote is a folder of
//! this machine, else through a session of the user's git.

use super::GitError;
use super::address::Scheme;
use super::fetch::{FetchProgress, Flow};
use super::handles::Handles;
use super::local::{self, Moved};
use super::repository::Repository;
use super::transport::{Pushed, Session, Way};
use crate::domain::Credential;
use git2::Oid;
use std::path::Path;

/// What became of it. The status is about the branch, the words are whatever else the server said (foreign text).
pub(super) enum Delivered {
    /// The server took it; its words.
    Accepted(String),
    /// The branch moved, or another push was faster; trying again may help.
    Raced(String, String),
    /// It did not take it.
    Refused(String, String),
}

impl Repository {
    /// Moves a branch, by its full name, from its tip (nothing where it is to be new) to a commit, never with force.
    pub(super) fn deliver(
        &self,
        handles: &Handles,
        credential: &Credential,
        (branch, tip, commit): (&str, Option<Oid>, Oid),
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Delivered, GitError> {
        if self.address.scheme == Scheme::File {
            let (folder, scratch) = (Path::new(&self.address.path), &self.places.outbox);
            let ends = local::Ends { tip, commit, known: self.tip_in(handles) };
            return Ok(match local::push(&handles.all, folder, branch, ends, scratch)? {
                Moved::Yes => Delivered::Accepted(String::new()),
                Moved::Raced(status) => Delivered::Raced(status, String::new()),
                Moved::Refused(status) => Delivered::Refused(status, String::new()),
            });
        }
        let ways = (self.outbox.as_path(), Way::Push);
        let session = Session::new(&self.places, &self.address, credential, ways, None)?;
        // Once begun, nobody can say whether the server has it, so that a stop is not heeded.
        let mut heard = |progress| {
            let _ = watch(progress);
            Flow::Continue
        };
        let objects = self.mirror.join("objects");
        Ok(match session.push(&objects, branch, (tip, commit), &mut heard)? {
            Pushed::Accepted(words) => Delivered::Accepted(words),
            Pushed::Refused(status, words) if is_race(&status) => Delivered::Raced(status, words),
            Pushed::Refused(status, words) => Delivered::Refused(status, words),
        })
    }
}

/// Words of git-push and git-receive-pack for a branch that moved or is locked by another push.
fn is_race(status: &str) -> bool {
    let words = [
        "non-fast-forward",
        "fetch first",
        "stale info",
        "failed to update ref",
        "failed to lock",
        "cannot lock ref",
        "incorrect old value",
        "reference already exists",
    ];
    words.iter().any(|word| status.contains(word))
}

/// Status and words in one text.
pub(super) fn spoken(status: &str, words: &str) -> String {
    if words.is_empty() { status.to_owned() } else { format!("{status}\n{words}") }
}
