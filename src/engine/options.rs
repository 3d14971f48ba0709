//! What a log is about, and what a plan or a sync may do.

use crate::domain::Holder;
use std::time::Duration;

/// What a log is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A whole repository.
    Repository(String),
    /// One mapping: commits that touch its path.
    Mapping(String),
}

impl Subject {
    /// The name of the repository or mapping.
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) | Self::Mapping(name) => name,
        }
    }
}

/// What a plan or a sync may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncOptions {
    /// Overrides the mapping's `prune`.
    pub prune: Option<bool>,
    /// The number of deletions that somebody typed.
    pub allow_delete: Option<usize>,
    /// Immutable fields may be changed by deleting and creating.
    pub recreate: bool,
    /// Objects with another tool's mark may be taken over.
    pub take_over: bool,
    /// Plan and validate, write nothing.
    pub dry_run: bool,
    /// Wait until the mapping is healthy, at most this long.
    pub wait: Option<Duration>,
    /// Mappings that it depends on need not be ready.
    pub ignore_dependencies: bool,
    /// Mappings that are synced in the same run and go before this one.
    pub after: Vec<String>,
    /// What the record of the mapping may still say that it belongs to, where something else is to back it.
    pub moved_from: Option<Box<Holder>>,
    /// Tell what is left out of objects that need nothing as well.
    pub everything: bool,
}

/// A branch of its own that a commit goes to, to be merged by others; the tracked branch stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branch {
    /// One with this name.
    Named(String),
    /// One whose name says the mapping and the time.
    Generated,
}
