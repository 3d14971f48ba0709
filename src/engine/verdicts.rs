//! What git said of signatures, as long as the same signers count.

use crate::domain::{Belief, Revision, Verdict};
use crate::git::Signers;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is kept: keys end by themselves.
const KEPT: Duration = Duration::from_secs(300);
/// Answers that are kept.
const MOST: usize = 10_000;

/// Answers by commit.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<HashMap<Revision, (Signers, Instant, Verdict)>>);

impl Verdicts {
    /// The answer of a short while ago, where it was given by the same signers.
    pub fn known(&self, revision: &Revision, signers: &Signers) -> Option<Verdict> {
        let kept = self.lock();
        let (by, at, verdict) = kept.get(revision)?;
        (by == signers && at.elapsed() < KEPT).then(|| verdict.clone())
    }

    /// Keeps an answer. What could not be checked is tried again each time.
    pub fn keep(&self, revision: &Revision, signers: &Signers, verdict: &Verdict) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            kept.clear();
        }
        if verdict.state != Belief::Unchecked {
            let answer = (signers.clone(), Instant::now(), verdict.clone());
            kept.insert(revision.clone(), answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Revision, (Signers, Instant, Verdict)>> {
        // A map of answers is valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
