//! `gitdeck mapping import`.

use super::mapping::Side;
use super::placing::Flags;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::config::edit::NewMapping;
use crate::engine::outlook::Placing;
use clap::Args;

/// Make a mapping, and its workload, from files that are in a repository already
///
/// Fetches, renders the path, and shows what a sync would do with it. Then the mapping is written into the configuration,
/// synced, and followed until it is healthy. With --context and --namespace the target is chosen. What another mapping
/// wants is refused, and what belongs to another tool wants --take-over. With --source cluster nothing is
/// synced: live changes are recorded from then on.
#[derive(Debug, Args)]
pub struct Import {
    /// Name of the mapping
    #[arg(value_name = "NAME")]
    name: String,
    /// Repository, unless the project has one
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// File or directory, below the project's prefix; `.` is the whole repository
    #[arg(long, value_name = "PATH")]
    path: String,
    /// Project that it inherits from
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Which side wins from now on
    #[arg(long, value_name = "SIDE", value_enum)]
    source: Option<Side>,
    /// Write the configuration alone; the cluster is left as it is
    #[arg(long)]
    no_sync: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Import {
    /// Looks, shows, asks, writes, syncs.
    pub(super) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let new = NewMapping {
            name: self.name.clone(),
            repository: self.repository.clone(),
            path: Some(self.path.clone()),
            project: self.project.clone(),
            context: work.global.context.clone(),
            namespace: work.global.namespace.clone(),
            engine: None,
            source: self.source.map(Side::source),
        };
        self.flags.carry(work, &Placing::New(new), !self.no_sync).await
    }
}
