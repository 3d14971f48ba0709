//! What an apply waits for just now, in words.

use super::watch::lock;
use std::sync::Mutex;

/// The latest words of those that wait at the same time.
#[derive(Default)]
pub(super) struct Said(Mutex<String>);

impl Said {
    pub(super) fn say(&self, words: String) {
        *lock(&self.0) = words;
    }

    /// The words, once: who still waits says them again.
    pub(super) fn take(&self) -> Option<String> {
        Some(std::mem::take(&mut *lock(&self.0))).filter(|words| !words.is_empty())
    }
}
