//! `gitdeck plan`.

use super::diff::Document;
use super::release::{Release, options};
use super::saved;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::engine::SyncOptions;
use clap::Args;
use jiff::Timestamp;
use std::path::PathBuf;

/// Show exactly what a sync would do, and what stands in its way
///
/// Exits with 1 if there is something to do, with 4 if a guard would refuse it. A plan that is written with --out holds
/// digests, never manifests or values; `gitdeck sync --plan` renders again and carries it out, or refuses and names what
/// moved. A plan that a guard refuses is not written.
///
/// Hooks (argocd.argoproj.io/hook, helm.sh/hook) are listed where the sync would run them, each with its phase; whether
/// their objects are there is no difference.
#[derive(Debug, Args)]
pub struct Plan {
    /// Mappings
    #[arg(value_name = "MAPPING", required = true)]
    mappings: Vec<String>,
    /// Plan this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    #[command(flatten)]
    release: Release,
    /// List what is left out: ignored, defaulted, kept by controllers, extra
    #[arg(long)]
    show_ignored: bool,
    /// Write the plan into this file, for `gitdeck sync --plan FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Plan {
    /// Plans and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::connected(&work.settings, &self.mappings, work.global)?;
        let released = self.release.released();
        // Those that are named together would be synced together.
        let options = SyncOptions {
            after: names.clone(),
            everything: self.show_ignored,
            ..options(released)
        };
        let (plans, mut exit) = work.plans(&names, self.revision.as_deref(), &options).await;
        let failed = exit;
        if plans.iter().any(|plan| !plan.is_empty()) {
            exit = exit.and(Exit::Differences);
        }
        if work.out.is_human() {
            for plan in &plans {
                let (paint, now) = (work.out.paint, Timestamp::now());
                let text = print::plan::print(paint, plan, now, self.show_ignored);
                work.out.text(&text);
            }
        }
        for plan in plans.iter().filter(|plan| plan.is_refused()) {
            exit = exit.and(work.refused(&plan.mapping, &plan.refusals));
        }
        if !work.out.is_human() {
            work.out.document(&Document::of(&plans));
        }
        if let Some(path) = &self.out {
            let whole = plans.iter().all(|plan| !plan.is_refused()) && failed == Exit::Fine;
            if whole && !work.was_interrupted() {
                saved::write(work, path, &plans, released)?;
            } else {
                work.out.note("no file was written: a plan that is refused or not complete cannot be carried out");
            }
        }
        Ok(exit)
    }
}
