//! What this process remembers of ill mappings: how their health went, and which commits came since.

use crate::domain::regression::Trail;
use crate::domain::suspect::Touch;
use crate::domain::{MappingStatus, Revision};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After what time a note is tried again that was not written.
const AGAIN: Duration = Duration::from_secs(300);

/// A mapping and two revisions of it.
type Span = (String, Revision, Revision);

/// The commits of a span.
type Kept = (Span, Arc<Vec<Touch>>);

/// The memory.
#[derive(Debug, Default)]
pub(crate) struct Sickness {
    trails: Mutex<HashMap<String, Trail>>,
    touches: Mutex<HashMap<String, Kept>>,
    /// Mappings whose record did not take a note, and since when.
    unwritten: Mutex<HashMap<String, Instant>>,
}

impl Sickness {
    /// Takes in a look; whether it has to be told that the mapping was healthy and is not any more.
    pub fn falls(&self, status: &MappingStatus, now: Timestamp) -> bool {
        let mut trails = lock(&self.trails);
        let known = || Trail::new(status.last_healthy.as_ref().map(|one| one.revision.clone()));
        let trail = trails.entry(status.name.clone()).or_insert_with(known);
        trail.see(status.synced_revision.as_ref(), status.health, now)
    }

    /// Forgets a mapping that is not there any more, or another one.
    pub fn forget(&self, mapping: &str) {
        lock(&self.trails).remove(mapping);
        lock(&self.touches).remove(mapping);
        lock(&self.unwritten).remove(mapping);
    }

    /// Whether notes of a look are to be tried: whoever may not write a record does not try with every look.
    pub fn may_note(&self, mapping: &str) -> bool {
        lock(&self.unwritten).get(mapping).is_none_or(|since| since.elapsed() >= AGAIN)
    }

    /// Remembers that a note was not written.
    pub fn not_noted(&self, mapping: &str) {
        lock(&self.unwritten).insert(mapping.to_owned(), Instant::now());
    }

    /// The commits of a span, where they were read last.
    pub fn touches(&self, span: &Span) -> Option<Arc<Vec<Touch>>> {
        let kept = lock(&self.touches);
        kept.get(&span.0).filter(|(of, _)| of == span).map(|(_, touches)| Arc::clone(touches))
    }

    pub fn keep(&self, span: Span, touches: &Arc<Vec<Touch>>) {
        lock(&self.touches).insert(span.0.clone(), (span, Arc::clone(touches)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
