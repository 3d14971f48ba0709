//! `gitdeck adopt`.

use super::landing::Landing;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::engine::Alteration;
use clap::Args;

/// Take live values back into Git as a commit
///
/// Only the values that differ are changed, in the file and document that their object comes from; comments and
/// formatting stay. Values that a chart or a variable computes are not adopted, and those of Secrets never are. Where a
/// kustomization has its value from a base that others may use, too, --into says which file takes it.
#[derive(Debug, Args)]
pub struct Adopt {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// What is adopted: Kind/name or Kind/namespace/name, with a field as Deployment/checkout:/spec/replicas [default:
    /// everything that drifted]
    #[arg(value_name = "OBJECT[:PATH]")]
    picks: Vec<String>,
    /// The file that takes the values, from the root of the repository or below the mapping's path
    #[arg(long, value_name = "FILE")]
    into: Option<String>,
    /// Commit also what the API server would refuse
    #[arg(long)]
    no_validate: bool,
    /// What becomes of it
    #[command(flatten)]
    landing: Landing,
}

impl Adopt {
    /// Proposes the change and commits it.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let alteration = Alteration::Adopt { picks: self.picks.clone(), into: self.into.clone() };
        self.landing.run(work, &self.mapping, alteration, !self.no_validate).await
    }
}
