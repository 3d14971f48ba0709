//! Following a branch whose history was rewritten on the remote, after a look at what that leaves behind.

use super::GitError;
use super::describe::described;
use super::outbox::is_ancestor;
use super::repository::{Repository, revision};
use super::revision::id_of;
use crate::domain::{Revision, Rewrite};
use git2::Sort;

/// Commits that are named; the rest is counted.
const NAMED: usize = 20;
/// Commits that are counted.
const COUNTED: usize = 10_000;

impl Repository {
    /// How the branch that the last fetch saw was rewritten; nothing where it continues what is followed.
    pub fn rewrite(&self) -> Result<Option<Rewrite>, GitError> {
        self.with(|handles| {
            let mirror = &handles.mirror;
            let seen = mirror.refname_to_id(&self.seen_ref()).ok();
            let (Some(before), Some(tip)) = (self.tip_in(handles), seen) else { return Ok(None) };
            let fault = self.fault("comparing histories");
            if is_ancestor(mirror, before, tip).map_err(&fault)? {
                return Ok(None);
            }
            let walk = || -> Result<_, git2::Error> {
                let mut walk = mirror.revwalk()?;
                walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
                walk.push(before)?;
                walk.hide(tip)?;
                let ids = walk.take(COUNTED).collect::<Result<Vec<_>, _>>()?;
                let left = ids
                    .iter()
                    .take(NAMED)
                    .map(|id| Ok(described(&mirror.find_commit(*id)?, false)));
                Ok((ids.len(), left.collect::<Result<Vec<_>, git2::Error>>()?))
            };
            let (count, left) = walk().map_err(&fault)?;
            let (before, tip) = (revision(before), revision(tip));
            Ok(Some(Rewrite { before, tip, left, count }))
        })
    }

    /// Follows a rewritten branch to the tip that the last fetch saw, which must be `tip`. The old tip stays
    /// readable.
    pub fn accept(&self, tip: &Revision) -> Result<(), GitError> {
        let lock = self.lock_mirror(|| true)?;
        self.with_locked(&lock, |handles| {
            let seen = handles.mirror.refname_to_id(&self.seen_ref()).ok();
            if seen.map(revision).as_ref() != Some(tip) {
                return Err(GitError::UnknownRevision { text: tip.to_string() });
            }
            let id = id_of(tip)?;
            if let Some(old) = self.tip_in(handles) {
                let backup = format!("refs/gitdeck/backup/{old}");
                handles
                    .mirror
                    .reference(&backup, old, true, "rewritten upstream")
                    .map_err(self.fault("keeping the old history"))?;
            }
            self.follow(handles, id)
        })
    }
}
