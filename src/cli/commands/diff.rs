//! `gitdeck diff`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::Plan;
use crate::engine::{Command, Event, Outcome, SyncOptions};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// Show what differs between Git and the cluster, path by path, with who changed it
///
/// The verdict is the server's: a dry run of what Git says, against the live object. Exits with 1 if there are
/// differences; that objects are only to be marked as gitdeck's is none. Values of Secrets are never shown.
#[derive(Debug, Args)]
pub struct Diff {
    /// Mappings; all where none is named
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Compare with this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Counts only
    #[arg(long, conflicts_with = "show_ignored")]
    summary: bool,
    /// List what is left out: ignored, defaulted, kept by controllers, extra
    #[arg(long)]
    show_ignored: bool,
}

/// The document of `diff` and `plan`.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    plans: Vec<&'a Plan>,
}

impl<'a> Document<'a> {
    pub(crate) fn of(plans: &'a [Arc<Plan>]) -> Self {
        Self { plans: plans.iter().map(Arc::as_ref).collect() }
    }
}

impl Diff {
    /// Plans, and prints what differs.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::connected(&work.settings, &self.mappings, work.global)?;
        let whole = self.show_ignored;
        let options = SyncOptions { everything: whole, ..SyncOptions::default() };
        let (plans, mut exit) = work.plans(&names, self.revision.as_deref(), &options).await;
        if plans.iter().any(|plan| plan.differs()) {
            exit = exit.and(Exit::Differences);
        }
        if !work.out.is_human() {
            work.out.document(&Document::of(&plans));
            return Ok(exit);
        }
        let (paint, now) = (work.out.paint, Timestamp::now());
        for plan in &plans {
            let text = if self.summary || plan.is_empty() && !whole {
                print::plan::head(paint, plan)
            } else {
                print::plan::print(paint, plan, now, whole)
            };
            work.out.text(&text);
        }
        if names.is_empty() {
            work.nothing_configured();
        }
        Ok(exit)
    }
}

impl Work<'_> {
    /// Plans mappings side by side at fresh data. The plans are in the order of the names; those that failed are said and
    /// left out.
    pub(crate) async fn plans(
        &mut self,
        names: &[String],
        revision: Option<&str>,
        options: &SyncOptions,
    ) -> (Vec<Arc<Plan>>, Exit) {
        self.reach(names);
        let fetched = self.fetch(names).await;
        let (plans, exit) = self.plans_of_fetched(names, revision, options).await;
        (plans, fetched.and(exit))
    }

    /// [`Work::plans`] of what was fetched already.
    pub(crate) async fn plans_of_fetched(
        &mut self,
        names: &[String],
        revision: Option<&str>,
        options: &SyncOptions,
    ) -> (Vec<Arc<Plan>>, Exit) {
        let (plans, failed) = self.try_plans(names, revision, options).await;
        let settled = failed.iter().map(|(name, outcome)| self.settle(name, outcome));
        let exit = settled.fold(Exit::Fine, Exit::and);
        (plans, exit)
    }

    /// Plans mappings side by side. Those that failed are given back with how they ended.
    pub(crate) async fn try_plans(
        &mut self,
        names: &[String],
        revision: Option<&str>,
        options: &SyncOptions,
    ) -> (Vec<Arc<Plan>>, Vec<(String, Outcome)>) {
        let plan = |name: &String| Command::Plan {
            mapping: name.clone(),
            revision: revision.map(str::to_owned),
            options: options.clone(),
        };
        let ran = self.run(names.iter().map(plan).collect()).await;
        let (mut plans, mut failed) = (Vec::new(), Vec::new());
        for (name, outcome) in names.iter().zip(&ran.outcomes) {
            let planned = ran.events.iter().rev().find_map(|event| match event {
                Event::Planned { plan, .. } if plan.mapping == *name => Some(Arc::clone(plan)),
                _ => None,
            });
            match (planned, outcome) {
                // What a guard says of a plan is shown beside the plan.
                (Some(plan), Outcome::Done(_) | Outcome::Refused(_)) => plans.push(plan),
                (_, outcome) => failed.push((name.clone(), outcome.clone())),
            }
        }
        (plans, failed)
    }
}
