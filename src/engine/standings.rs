//! How the mappings stand that others depend on, as this process saw them last.

use crate::domain::depends::Standing;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What was seen, and who looks now.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    seen: Mutex<HashMap<String, (Instant, Standing)>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    watched: AtomicBool,
    /// Mappings that stand otherwise since somebody asked last.
    moved: Mutex<BTreeSet<String>>,
    told: Notify,
}

impl Standings {
    /// From now on every change is noted, so that nothing that was noted grows old.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::SeqCst);
    }

    /// What was seen of a mapping, where it is watched or no older than this.
    pub fn recent(&self, mapping: &str, most: Duration) -> Option<Standing> {
        let seen = lock(&self.seen);
        let (at, standing) = seen.get(mapping)?;
        let holds = self.watched.load(Ordering::SeqCst) || at.elapsed() < most;
        holds.then(|| standing.clone())
    }

    /// Notes how a mapping stands, and tells it where that is another than before.
    pub fn note(&self, mapping: &str, standing: &Standing) {
        let now = (Instant::now(), standing.clone());
        let before = lock(&self.seen).insert(mapping.to_owned(), now);
        if before.is_none_or(|(_, before)| before != *standing) {
            lock(&self.moved).insert(mapping.to_owned());
            self.told.notify_one();
        }
    }

    /// Forgets a mapping that is not there any more, or another one.
    pub fn forget(&self, mapping: &str) {
        lock(&self.seen).remove(mapping);
    }

    /// Waits until mappings stand otherwise, and names them.
    pub async fn moved(&self) -> BTreeSet<String> {
        self.told.notified().await;
        std::mem::take(&mut *lock(&self.moved))
    }

    /// Held by whoever looks at a mapping, so that the others wait for what it sees.
    pub fn turn(&self, mapping: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(mapping.to_owned()).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
