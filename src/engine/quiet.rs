//! Whether what is to be recorded has settled, and what could not be recorded; known to this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After so many quiet periods it is recorded although changes keep coming.
const PERIODS: u32 = 10;

/// A change that waits, by mapping.
#[derive(Debug)]
struct Waiting {
    digest: String,
    first: Instant,
    last: Instant,
}

/// Something that was said of a state, by mapping.
type Said = HashMap<String, (String, String)>;

/// The memory.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    waiting: Mutex<HashMap<String, Waiting>>,
    kept_back: Mutex<Said>,
    failed: Mutex<HashMap<String, String>>,
    told: Mutex<HashMap<String, String>>,
}

impl Quiet {
    /// How long these changes have yet to stand before they count as settled.
    pub fn left(&self, mapping: &str, digest: &str, period: Duration) -> Duration {
        let now = Instant::now();
        let mut waiting = lock(&self.waiting);
        let fresh = || Waiting { digest: digest.to_owned(), first: now, last: now };
        let one = waiting.entry(mapping.to_owned()).or_insert_with(fresh);
        if one.digest != digest {
            (one.digest, one.last) = (digest.to_owned(), now);
        }
        let due = (one.last + period).min(one.first + period * PERIODS);
        due.saturating_duration_since(now)
    }

    /// Nothing waits any more: there is nothing to record, or it was recorded.
    pub fn settled(&self, mapping: &str) {
        lock(&self.waiting).remove(mapping);
    }

    /// Remembers why these changes were not recorded.
    pub fn keep_back(&self, mapping: &str, digest: &str, why: &str) {
        lock(&self.kept_back).insert(mapping.to_owned(), (digest.to_owned(), why.to_owned()));
    }

    /// Why these changes were not recorded, where that was tried.
    pub fn kept_back(&self, mapping: &str, digest: &str) -> Option<String> {
        let kept = lock(&self.kept_back);
        kept.get(mapping).filter(|(of, _)| of == digest).map(|(_, why)| why.clone())
    }

    /// Remembers why recording failed last, or that it did not.
    pub fn ended(&self, mapping: &str, failure: Option<&str>) {
        let mut failed = lock(&self.failed);
        match failure {
            Some(why) => drop(failed.insert(mapping.to_owned(), why.to_owned())),
            None => drop(failed.remove(mapping)),
        }
    }

    /// Why recording failed last, if it did.
    pub fn failure(&self, mapping: &str) -> Option<String> {
        lock(&self.failed).get(mapping).cloned()
    }

    /// Forgets a mapping that is not there any more, or another one.
    pub fn forget(&self, mapping: &str) {
        lock(&self.waiting).remove(mapping);
        lock(&self.kept_back).remove(mapping);
        lock(&self.failed).remove(mapping);
        lock(&self.told).remove(mapping);
    }

    /// Whether this is to be told of a mapping: it is not what was told last.
    pub fn is_news(&self, mapping: &str, words: Option<&str>) -> bool {
        let mut told = lock(&self.told);
        let Some(words) = words else {
            told.remove(mapping);
            return false;
        };
        told.insert(mapping.to_owned(), words.to_owned()).as_deref() != Some(words)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{PERIODS, Quiet, lock};
    use std::time::{Duration, Instant};

    #[test]
    fn what_goes_on_changing_waits_and_what_stands_does_not() {
        let quiet = Quiet::default();
        let (short, long) = (Duration::from_nanos(1), Duration::from_secs(60));
        assert!(quiet.left("a", "1", long) > Duration::from_secs(59));
        assert_eq!(quiet.left("a", "1", short), Duration::ZERO);
        assert!(quiet.left("a", "2", long) > Duration::from_secs(59));
        quiet.settled("a");
        assert!(quiet.left("a", "2", long) > Duration::from_secs(59));
    }

    #[test]
    fn what_never_stands_still_is_recorded_after_ten_periods() {
        let quiet = Quiet::default();
        let (long, begun) = (Duration::from_secs(60), Instant::now());
        assert!(quiet.left("a", "0", long) > Duration::ZERO);
        let first = |quiet: &Quiet, ago: u32| {
            lock(&quiet.waiting).get_mut("a").unwrap().first =
                begun.checked_sub(long * ago).unwrap();
        };
        first(&quiet, PERIODS - 1);
        assert!(quiet.left("a", "1", long) > Duration::ZERO, "it changed just now");
        first(&quiet, PERIODS);
        assert_eq!(quiet.left("a", "2", long), Duration::ZERO, "although it changed just now");
    }

    #[test]
    fn a_thing_is_told_once() {
        let quiet = Quiet::default();
        assert!(quiet.is_news("a", Some("x")) && !quiet.is_news("a", Some("x")));
        assert!(!quiet.is_news("a", None) && quiet.is_news("a", Some("x")));
    }
}
