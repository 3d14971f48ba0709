//! What a command changes.

use crate::engine::Command;

impl Command {
    /// Whether it changes Git, a cluster or the configuration; refused when read-only.
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Self::Sync { .. }
                | Self::AutoSync { .. }
                | Self::Record { .. }
                | Self::Track { .. }
                | Self::Place(_)
                | Self::StopHealing { .. }
                | Self::Commit { .. }
                | Self::Revert { .. }
                | Self::Push { .. }
                | Self::Drop { .. }
                | Self::Accept { .. }
                | Self::Suspend { .. }
                | Self::Resume { .. }
                | Self::Connect { .. }
                | Self::Guide { .. }
                | Self::Continue { .. }
        )
    }

    /// The mapping that it would change, in Git or in a cluster, or draft a change of; nothing where it is about none.
    pub fn changed_mapping(&self) -> Option<&str> {
        match self {
            Self::Sync { mapping, .. }
            | Self::AutoSync { mapping, .. }
            | Self::Record { mapping, .. }
            | Self::StopHealing { mapping, .. }
            | Self::Draft { mapping, .. }
            | Self::Propose { mapping, .. }
            | Self::Commit { mapping, .. }
            | Self::Suspend { mapping, .. }
            | Self::Resume { mapping } => Some(mapping),
            Self::DraftRevert { wish } | Self::Revert { wish, .. } => wish.mapping.as_deref(),
            _ => None,
        }
    }
}
