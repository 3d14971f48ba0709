//! What an entry of the journal was to do, with all that finishes it.

use crate::domain::Holder;
use crate::engine::SyncOptions;
use serde::{Deserialize, Serialize};

/// Owner of what nobody asked for.
pub const AUTO: &str = "auto";

/// A sync that follows other steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntendedSync {
    /// Mapping.
    pub mapping: String,
    /// Digest of the confirmed plan.
    pub digest: String,
    /// Typed number of deletions.
    pub allow_delete: Option<usize>,
    /// Whether pruning was on.
    pub prune: Option<bool>,
    /// Whether recreating was allowed.
    pub recreate: bool,
    /// Whether taking over was allowed.
    pub take_over: bool,
}

impl IntendedSync {
    /// What somebody confirmed.
    pub fn of(mapping: String, digest: String, options: &SyncOptions) -> Self {
        let SyncOptions { allow_delete, prune, recreate, take_over, .. } = *options;
        Self { mapping, digest, allow_delete, prune, recreate, take_over }
    }

    /// Mapping, digest and options, as they were confirmed.
    pub fn confirmed(self) -> (String, String, SyncOptions) {
        let Self { mapping, digest, allow_delete, prune, recreate, take_over } = self;
        let some =
            SyncOptions { prune, allow_delete, recreate, take_over, ..SyncOptions::default() };
        (mapping, digest, some)
    }
}

/// What an interrupted operation needs to be finished. Never a secret, never a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Intent {
    /// Apply a revision.
    Sync {
        /// Mapping.
        mapping: String,
        /// Revision.
        revision: String,
        /// Digest of the confirmed plan.
        digest: String,
        /// Typed number of deletions.
        allow_delete: Option<usize>,
        /// Whether pruning was on.
        prune: Option<bool>,
        /// Whether recreating was allowed.
        recreate: bool,
        /// Whether taking over was allowed.
        take_over: bool,
        /// Who asked for it where it was no human: `auto`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// The number under which its hooks run; a sync that goes on keeps it.
        #[serde(default)]
        run: u64,
        /// Hooks that ended well in the syncs that this one goes on with.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        finished: Vec<String>,
    },
    /// Make a commit. Its `Gitdeck-Operation` trailer carries the entry's id, which tells whether it was made.
    Commit {
        /// Mapping.
        mapping: String,
        /// Repository.
        repository: String,
        /// Paths that it changes.
        paths: Vec<String>,
        /// Who asked for it where it was no human: `auto`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Make a commit and push it to a branch of its own. The outbox knows the commit by the branch until it is pushed.
    Offer {
        /// Mapping.
        mapping: String,
        /// Repository.
        repository: String,
        /// The branch.
        branch: String,
        /// The commit where it was drafted before; else its trailer carries the entry's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// Commit a drafted revert; its id tells whether it was made.
    Revert {
        /// Repository.
        repository: String,
        /// Mapping that it is limited to.
        mapping: Option<String>,
        /// The commit that it was drafted on; the parent of the drafted one where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// The drafted commit, of several the last.
        revision: String,
        /// Whether it is pushed.
        #[serde(default)]
        push: bool,
        /// What is synced after the push.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        syncs: Vec<IntendedSync>,
    },
    /// Push what waits.
    Push {
        /// Repository.
        repository: String,
        /// Head that was to be pushed.
        head: String,
    },
    /// Drop a commit that waits for a push.
    Drop {
        /// Repository.
        repository: String,
        /// The commit.
        revision: String,
    },
    /// Follow a rewritten branch.
    Accept {
        /// Repository.
        repository: String,
        /// The new tip.
        tip: String,
    },
    /// Suspend.
    Suspend {
        /// Mapping.
        mapping: String,
    },
    /// End a suspension.
    Resume {
        /// Mapping.
        mapping: String,
    },
    /// Correct drift no more.
    StopHealing {
        /// Mapping.
        mapping: String,
    },
    /// Say in the record of a mapping that something else backs it.
    HandOver {
        /// Mapping.
        mapping: String,
        /// Whose the record was, and whose it is to be; nothing in entries of old versions.
        #[serde(default)]
        holders: Option<(Holder, Holder)>,
    },
    /// Nothing was done: live changes are not recorded.
    Record {
        /// Mapping.
        mapping: String,
    },
    /// Nothing was to be done: a mapping was healthy and is not any more.
    Regress {
        /// Mapping.
        mapping: String,
    },
}

impl Intent {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Sync { .. } => "sync",
            Self::Commit { .. } => "commit",
            Self::Offer { .. } => "offer",
            Self::Revert { .. } => "revert",
            Self::Push { .. } => "push",
            Self::Drop { .. } => "drop",
            Self::Accept { .. } => "accept",
            Self::Suspend { .. } => "suspend",
            Self::Resume { .. } => "resume",
            Self::StopHealing { .. } => "stop-healing",
            Self::HandOver { .. } => "hand-over",
            Self::Record { .. } => "record",
            Self::Regress { .. } => "regression",
        }
    }

    /// Who asked for it where it was no human.
    pub(super) fn owner(&self) -> Option<String> {
        match self {
            Self::Sync { owner, .. } | Self::Commit { owner, .. } => owner.clone(),
            Self::StopHealing { .. } | Self::Record { .. } | Self::Regress { .. } => {
                Some(AUTO.to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Sync { mapping, .. }
            | Self::Commit { mapping, .. }
            | Self::Offer { mapping, .. }
            | Self::Suspend { mapping }
            | Self::Resume { mapping }
            | Self::StopHealing { mapping }
            | Self::HandOver { mapping, .. }
            | Self::Record { mapping }
            | Self::Regress { mapping } => mapping,
            Self::Revert { mapping, repository, .. } => mapping.as_ref().unwrap_or(repository),
            Self::Push { repository, .. }
            | Self::Drop { repository, .. }
            | Self::Accept { repository, .. } => repository,
        }
    }
}
