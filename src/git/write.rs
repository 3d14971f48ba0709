//! Commit objects, signed where that is asked for.

use super::GitError;
use super::handles::Handles;
use super::repository::Repository;
use super::sign::Signer;
use git2::{Commit, Oid, Signature};

/// What a commit object holds.
pub(super) struct Draft<'a> {
    pub(super) author: Signature<'a>,
    pub(super) committer: Signature<'a>,
    /// With its trailers.
    pub(super) message: &'a str,
    pub(super) tree: Oid,
    pub(super) parents: &'a [Oid],
}

impl Repository {
    /// Writes a commit object into the outbox. No ref names it yet.
    pub(super) fn write_commit(
        &self,
        handles: &Handles,
        draft: &Draft<'_>,
    ) -> Result<Oid, GitError> {
        let failed = |error: git2::Error| GitError::storage(&self.outbox, error.message());
        let Draft { author, committer, message, .. } = draft;
        let tree = handles.all.find_tree(draft.tree).map_err(failed)?;
        let parents = draft.parents.iter().map(|id| handles.all.find_commit(*id));
        let parents = parents.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let parents: Vec<&Commit<'_>> = parents.iter().collect();
        let Some(signer) = Signer::of(&self.places, &committer.to_string())? else {
            let all = &handles.all;
            return all.commit(None, author, committer, message, &tree, &parents).map_err(failed);
        };
        let commit = handles
            .all
            .commit_create_buffer(author, committer, message, &tree, &parents)
            .map_err(failed)?;
        let signature = signer.sign(&commit)?;
        let commit = String::from_utf8(commit.to_vec())
            .map_err(|_| GitError::Request { reason: "its message is no UTF-8".to_owned() })?;
        handles.all.commit_signed(&commit, &signature, None).map_err(failed)
    }
}
