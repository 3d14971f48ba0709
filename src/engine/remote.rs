//! When renders read what no commit of the repository pins: it may move at the same revision, so that what was rendered
//! then is true for a while only.

use crate::domain::{Mapping, Revision};
use crate::engine::world::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// Reads that are remembered. Forgotten, a tree is read again.
const KEPT: usize = 2048;

/// When each mapping was read last from elsewhere, by its revision.
#[derive(Debug, Default)]
pub(crate) struct RemoteReads(Mutex<HashMap<(String, Revision), Instant>>);

impl RemoteReads {
    /// Whether a mapping was read so lately that nobody asks again: what is elsewhere is polled as often as its repository.
    pub fn is_fresh(&self, mapping: &Mapping, revision: &Revision) -> bool {
        let reads = lock(&self.0);
        let read = reads.get(&(mapping.name.clone(), revision.clone()));
        read.is_some_and(|at| at.elapsed() < mapping.polling_interval)
    }

    /// Notes that it is being read now.
    pub fn note(&self, mapping: &Mapping, revision: &Revision) {
        let mut reads = lock(&self.0);
        if reads.len() >= KEPT {
            reads.clear();
        }
        reads.insert((mapping.name.clone(), revision.clone()), Instant::now());
    }

    /// Reads it again with the next look, because somebody asked for news.
    pub fn forget(&self, mapping: &str) {
        lock(&self.0).retain(|(name, _), _| name != mapping);
    }
}
