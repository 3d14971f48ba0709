//! `gitdeck mapping edit`.

use super::mapping::Side;
use super::placing::Flags;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::config::change::MappingChange;
use crate::engine::outlook::Placing;
use clap::Args;

/// Change the repository, path, target or source of a mapping, after a look at what that would mean
///
/// The plan from the new place is made against the live cluster first: what would be cleaned, stopped or deployed, commits that
/// were never deployed, live differences that would be undone. Then the configuration is changed, its comments kept, and with
/// --sync that plan is carried out. --context and --namespace are the new target; what a cluster has that the mapping goes away
/// from stays as it is. Deletions want their number (--allow-delete), never --yes alone.
#[derive(Debug, Args)]
pub struct Edit {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    name: String,
    /// Another repository
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Another path, below the project's prefix
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Another project to inherit from
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Which side wins from now on
    #[arg(long, value_name = "SIDE", value_enum)]
    source: Option<Side>,
    /// Carry out the plan right after
    #[arg(long)]
    sync: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Edit {
    /// Looks, shows, asks, writes, and syncs where that is wanted.
    pub(super) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let change = MappingChange {
            name: self.name.clone(),
            repository: self.repository.clone(),
            path: self.path.clone(),
            project: self.project.clone(),
            context: work.global.context.clone(),
            namespace: work.global.namespace.clone(),
            source: self.source.map(Side::source),
        };
        if change.is_empty() {
            return Err(Fault::usage(format!("nothing says what is to change of {}", self.name))
                .hint("say --repository, --path, --project, --source, --context or --namespace"));
        }
        self.flags.carry(work, &Placing::Changed(change), self.sync).await
    }
}
