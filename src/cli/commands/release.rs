//! The flags that say what a plan may contain, the same for `plan` and `sync`.

use crate::domain::Released;
use crate::engine::SyncOptions;
use clap::Args;

/// What a plan may contain.
#[derive(Debug, Args)]
pub struct Release {
    /// Delete what left Git, whatever the configuration says
    #[arg(long, conflicts_with = "no_prune")]
    prune: bool,
    /// Delete nothing, whatever the configuration says
    #[arg(long)]
    no_prune: bool,
    /// Allow exactly this number of deletions, beyond the limit too
    #[arg(long, value_name = "N")]
    allow_delete: Option<usize>,
    /// Delete and create objects whose immutable fields change
    #[arg(long)]
    recreate: bool,
    /// Take over objects that exist already or belong to another tool
    #[arg(long)]
    take_over: bool,
}

impl Release {
    /// As a plan keeps it.
    pub(super) fn released(&self) -> Released {
        let prune = match (self.prune, self.no_prune) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        Released {
            prune,
            allow_delete: self.allow_delete,
            recreate: self.recreate,
            take_over: self.take_over,
        }
    }
}

/// The engine's options for what was released.
pub(super) fn options(released: Released) -> SyncOptions {
    SyncOptions {
        prune: released.prune,
        allow_delete: released.allow_delete,
        recreate: released.recreate,
        take_over: released.take_over,
        ..SyncOptions::default()
    }
}
