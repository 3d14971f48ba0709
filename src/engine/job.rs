//! One piece of running work, and all that run in an engine.

use crate::engine::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
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

/// How a sync ended; nothing while it runs.
pub(crate) type SyncEnd = watch::Receiver<Option<Outcome>>;

/// The jobs of one engine: those that a face sent and those that the engine began by itself.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    last_id: AtomicU64,
    running: Mutex<HashMap<JobId, CancellationToken>>,
    /// The last sync of each mapping that somebody asked for.
    syncs: Mutex<HashMap<String, SyncEnd>>,
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

    /// A sync begins; what it ended with is told through the sender.
    pub fn begin_sync(&self, mapping: &str) -> watch::Sender<Option<Outcome>> {
        let (sender, end) = watch::channel(None);
        self.syncs().insert(mapping.to_owned(), end);
        sender
    }

    /// The last sync of a mapping, running or ended.
    pub fn sync_of(&self, mapping: &str) -> Option<SyncEnd> {
        self.syncs().get(mapping).cloned()
    }

    fn syncs(&self) -> MutexGuard<'_, HashMap<String, SyncEnd>> {
        self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
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
