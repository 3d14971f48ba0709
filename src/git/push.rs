//! Pushing waiting commits. A push counts only when the server's report and the remote branch agree.

use super::GitError;
use super::deliver::{Delivered, spoken};
use super::fetch::{FetchProgress, Fetched, Flow, Upstream};
use super::handles::Handles;
use super::outbox::is_ancestor;
use super::rebuild::Rebuilt;
use super::repository::{Repository, revision};
use crate::domain::{Credential, PushOutcome, Revision};
use git2::Oid;
use std::time::Duration;

/// How often a push is tried when the branch moves again and again.
const TRIES: u32 = 10;

/// What the server said to one try.
enum Answer {
    Accepted,
    /// The branch moved, or another push was faster; trying again may help.
    Raced(String),
    Refused(String),
}

/// What is to be pushed.
enum Prepared {
    Nothing,
    Commit(Oid),
    Conflict(Vec<String>),
}

impl Repository {
    /// Pushes the waiting commits, never with force. When others were faster and changed other paths, the commits
    /// are rebuilt on the new tip; when they changed the same paths, the outcome is a conflict and nothing changes.
    ///
    /// Success means that the server reported it and that a fresh look at the remote found the commit on the branch.
    pub fn push(
        &self,
        credential: &Credential,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<PushOutcome, GitError> {
        let _lock = self.lock_push(|| watch(FetchProgress::default()) == Flow::Continue)?;
        let mut rebuilt = Vec::new();
        let mut last = String::new();
        let mut upstream = self.fetch(credential, watch)?;
        for attempt in 0..TRIES {
            let tip = self.sound_tip(&upstream)?;
            let commit = match self.with(|handles| self.prepare(handles, &mut rebuilt))? {
                Prepared::Nothing => return self.nothing_waits(tip, rebuilt),
                Prepared::Conflict(paths) => {
                    let remote = tip.ok_or_else(|| self.unborn())?;
                    return Ok(PushOutcome::Conflict { paths, remote });
                }
                Prepared::Commit(commit) => commit,
            };
            if watch(FetchProgress::default()) == Flow::Stop {
                return Err(GitError::Stopped);
            }
            let answer = self.with(|handles| self.send(handles, credential, commit, watch))?;
            upstream = self.fetch(credential, watch)?;
            if self.with(|handles| self.arrived(handles, commit))? {
                self.with(|handles| {
                    let _lock = self.lock_outbox()?;
                    self.tidy_outbox(handles)
                })?;
                let revision = upstream.tip.clone().unwrap_or_else(|| revision(commit));
                return Ok(PushOutcome::Pushed { revision, rebuilt });
            }
            last = match answer {
                Answer::Refused(reason) => return Ok(PushOutcome::Refused { reason }),
                Answer::Accepted
                    if upstream.upstream == Upstream::Unchanged || upstream.tip.is_none() =>
                {
                    return Err(GitError::Unconfirmed {
                        remote: self.address.to_string(),
                        revision: revision(commit),
                    });
                }
                Answer::Accepted => "the branch moved away from the pushed commit".to_owned(),
                Answer::Raced(reason) => reason,
            };
            std::thread::sleep(pause(attempt, commit));
        }
        Ok(PushOutcome::Refused { reason: format!("gave up after {TRIES} tries: {last}") })
    }

    /// The tip to push onto; nothing in an empty repository.
    fn sound_tip(&self, fetched: &Fetched) -> Result<Option<Revision>, GitError> {
        match (fetched.upstream, &fetched.before, &fetched.tip) {
            (Upstream::Rewritten, Some(before), Some(tip)) => Err(GitError::Rewritten {
                remote: self.address.to_string(),
                before: before.clone(),
                tip: tip.clone(),
            }),
            (Upstream::Gone, ..) => Err(GitError::BranchMissing {
                remote: self.address.to_string(),
                branch: self.branch.clone(),
                known: "lost it since the last fetch".to_owned(),
            }),
            (_, _, tip) => Ok(tip.clone()),
        }
    }

    fn nothing_waits(
        &self,
        tip: Option<Revision>,
        rebuilt: Vec<(Revision, Revision)>,
    ) -> Result<PushOutcome, GitError> {
        let revision = tip.ok_or_else(|| self.unborn())?;
        if rebuilt.is_empty() {
            return Ok(PushOutcome::UpToDate { revision });
        }
        // Everything that waited turned out to be on the branch already.
        Ok(PushOutcome::Pushed { revision, rebuilt })
    }

    /// Puts the waiting commits on top of the tip, durably, before anything is sent.
    fn prepare(
        &self,
        handles: &Handles,
        rebuilt: &mut Vec<(Revision, Revision)>,
    ) -> Result<Prepared, GitError> {
        let _lock = self.lock_outbox()?;
        let chain = self.chain(handles)?;
        let (Some(newest), Some(oldest)) = (chain.first().copied(), chain.last().copied()) else {
            self.tidy_outbox(handles)?;
            return Ok(Prepared::Nothing);
        };
        let tip = self.tip_in(handles);
        let fault = self.fault("preparing a push");
        let base = handles.all.find_commit(oldest).map_err(&fault)?.parent_id(0).ok();
        if base == tip {
            return Ok(Prepared::Commit(newest));
        }
        let commits: Vec<Oid> = chain.iter().rev().copied().collect();
        match self.rebuild(handles, &commits, tip)? {
            Rebuilt::Conflict(paths) => Ok(Prepared::Conflict(paths)),
            Rebuilt::Done { newest: new, pairs } => {
                for (old, new) in &pairs {
                    self.note_rebuilt(handles, *old, *new)?;
                }
                self.set_newest(Some(newest), Some(new))?;
                remember(rebuilt, &pairs);
                if Some(new) == tip {
                    self.tidy_outbox(handles)?;
                    return Ok(Prepared::Nothing);
                }
                Ok(Prepared::Commit(new))
            }
        }
    }

    fn send(
        &self,
        handles: &Handles,
        credential: &Credential,
        commit: Oid,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Answer, GitError> {
        let (tip, branch) = (self.tip_in(handles), self.branch_ref());
        Ok(match self.deliver(handles, credential, (&branch, tip, commit), watch)? {
            Delivered::Accepted(_) => Answer::Accepted,
            Delivered::Raced(status, _) => Answer::Raced(status),
            Delivered::Refused(status, words) => Answer::Refused(spoken(&status, &words)),
        })
    }

    /// Whether the branch, as just fetched, has the commit.
    fn arrived(&self, handles: &Handles, commit: Oid) -> Result<bool, GitError> {
        let Ok(seen) = handles.mirror.refname_to_id(&self.seen_ref()) else { return Ok(false) };
        is_ancestor(&handles.all, commit, seen).map_err(self.fault("looking for the pushed commit"))
    }
}

/// Adds new pairs; a commit that is rebuilt twice is told once, with its last id.
fn remember(rebuilt: &mut Vec<(Revision, Revision)>, pairs: &[(Oid, Oid)]) {
    for (old, new) in pairs {
        let (old, new) = (revision(*old), revision(*new));
        match rebuilt.iter_mut().find(|(_, known)| *known == old) {
            Some(pair) => pair.1 = new,
            None => rebuilt.push((old, new)),
        }
    }
}

/// Longer after each lost race, and different for each commit, so that two that race do not stay in step.
fn pause(attempt: u32, commit: Oid) -> Duration {
    let spread = u64::from(commit.as_bytes()[0]) % 50;
    Duration::from_millis((20 + spread) * u64::from(attempt + 1))
}
