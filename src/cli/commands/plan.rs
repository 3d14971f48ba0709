//! `gitdeck plan`.

use super::diff::Document;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::engine::SyncOptions;
use clap::Args;
use jiff::Timestamp;

/// Show exactly what a sync would do, and what stands in its way
///
/// Exits with 1 if there is something to do, with 4 if a guard would refuse it.
#[derive(Debug, Args)]
pub struct Plan {
    /// Mappings
    #[arg(value_name = "MAPPING", required = true)]
    mappings: Vec<String>,
    /// Plan this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
}

impl Plan {
    /// Plans and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::mappings(&work.settings, &self.mappings, work.global)?;
        let options = SyncOptions::default();
        let (plans, mut exit) = work.plans(&names, self.revision.as_deref(), &options).await;
        if plans.iter().any(|plan| !plan.is_empty()) {
            exit = exit.and(Exit::Differences);
        }
        if work.out.is_human() {
            for plan in &plans {
                let text = print::plan::print(work.out.paint, plan, Timestamp::now());
                work.out.text(&text);
            }
        }
        for plan in plans.iter().filter(|plan| plan.is_refused()) {
            exit = exit.and(work.refused(&plan.mapping, &plan.refusals));
        }
        if !work.out.is_human() {
            work.out.document(&Document::of(&plans));
        }
        Ok(exit)
    }
}
