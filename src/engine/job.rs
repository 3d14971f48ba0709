//! One piece of running work, and all that run in an engine.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Identity of a job inside one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The jobs of one engine: those that a face sent and those that the engine began by itself.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    last_id: AtomicU64,
    running: Mutex<HashMap<JobId, CancellationToken>>,
    /// Cancelled when the engine stops.
    pub all: CancellationToken,
    /// Waited for when the engine stops.
    pub tracker: TaskTracker,
}

impl Jobs {
    /// A new job with what cancels it.
    pub fn begin(&self) -> (JobId, CancellationToken) {
        let job = JobId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let token = self.all.child_token();
        self.running().insert(job, token.clone());
        (job, token)
    }

    /// Forgets a job that ended.
    pub fn end(&self, job: JobId) {
        self.running().remove(&job);
    }

    /// Asks a job to end.
    pub fn cancel(&self, job: JobId) {
        if let Some(token) = self.running().get(&job) {
            token.cancel();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, CancellationToken>> {
        // A map of tokens is valid after any panic.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
