//! `gitdeck sync`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::{Ran, Work};
use crate::config::duration;
use crate::domain::{Plan, Revision, Summary};
use crate::engine::event::StepResult;
use crate::engine::{Command, Event, Outcome, SyncOptions};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Make the cluster what Git says: plan, ask, apply
///
/// The plan is shown before anything is written and carried out exactly as shown, or refused because the world moved. On
/// a terminal it asks; elsewhere it wants --yes, unless there is nothing to do. What a guard refuses needs the guard's own
/// flag, never --yes. Production targets ask for the mapping's name to be typed; without a terminal the mapping has to be
/// named on the command line.
#[derive(Debug, Args)]
pub struct Sync {
    /// Mappings; all where none is named
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Apply this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
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
    /// Plan and validate, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Wait until everything is healthy, at most this long
    #[arg(long, value_name = "TIMEOUT", num_args = 0..=1, require_equals = true,
        default_missing_value = "5m", value_parser = timeout)]
    wait: Option<Duration>,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "a duration like 30s, 5m or 1h".to_owned())
}

/// The document.
#[derive(Debug, Serialize)]
struct Document {
    syncs: Vec<Synced>,
}

/// How the sync of one mapping ended.
#[derive(Debug, Serialize)]
struct Synced {
    mapping: String,
    revision: Option<Revision>,
    digest: Option<String>,
    /// `synced`, `unchanged`, `planned` (dry run), `refused`, `failed`, `cancelled`, `declined`.
    outcome: &'static str,
    summary: Option<Summary>,
    /// Steps that were taken.
    applied: usize,
    message: Option<String>,
}

impl Sync {
    /// Plans, asks, applies.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::mappings(&work.settings, &self.mappings, work.global)?;
        let options = self.options();
        let (plans, mut exit) = work.plans(&names, self.revision.as_deref(), &options).await;
        let mut results: Vec<Synced> = Vec::new();
        let mut todo: Vec<Arc<Plan>> = Vec::new();
        for plan in plans {
            let paint = work.out.note_paint;
            if !plan.is_empty() || plan.is_refused() || plan.prune_blocked.is_some() {
                work.out.note_painted(&print::plan::print(paint, &plan, Timestamp::now()));
            }
            if plan.is_refused() {
                exit = exit.and(work.refused(&plan.mapping, &plan.refusals));
                results.push(result(&plan, "refused"));
            } else if self.dry_run {
                results.push(result(&plan, "planned"));
            } else if plan.is_empty() && is_recorded(work, &plan) {
                results.push(result(&plan, "unchanged"));
            } else {
                todo.push(plan);
            }
        }
        if !self.dry_run && !work.was_interrupted() {
            let (chosen, declined) = self.confirmed(work, todo).await?;
            results.extend(declined.iter().map(|plan| result(plan, "declined")));
            exit = exit.and(self.apply(work, chosen, &options, &mut results).await);
        }
        add_missing(&names, &mut results);
        print_results(work, results, names.is_empty());
        Ok(exit)
    }

    fn options(&self) -> SyncOptions {
        let prune = match (self.prune, self.no_prune) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        SyncOptions {
            prune,
            allow_delete: self.allow_delete,
            recreate: self.recreate,
            take_over: self.take_over,
            dry_run: self.dry_run,
            wait: self.wait,
        }
    }

    /// The plans that may be carried out, and those that somebody declined. Plans without operations only record their
    /// revision and need no answer.
    async fn confirmed(
        &self,
        work: &mut Work<'_>,
        todo: Vec<Arc<Plan>>,
    ) -> Result<(Vec<Arc<Plan>>, Vec<Arc<Plan>>), Fault> {
        let (quiet, writing): (Vec<_>, Vec<_>) = todo.into_iter().partition(|plan| plan.is_empty());
        if writing.is_empty() {
            return Ok((quiet, writing));
        }
        if !self.yes && !work.out.can_ask {
            return Err(Fault::usage(format!(
                "{} would be written and nobody is here to confirm it",
                describe(&writing)
            ))
            .hint("`--yes` applies the plan without asking"));
        }
        let mut chosen = quiet;
        let mut declined = Vec::new();
        let (production, plain): (Vec<_>, Vec<_>) =
            writing.into_iter().partition(|plan| is_production(work, plan));
        if !plain.is_empty() {
            let yes =
                self.yes || work.ask(&format!("Apply {}?", describe(&plain))).await? == Answer::Yes;
            if yes { &mut chosen } else { &mut declined }.extend(plain);
        }
        for plan in production {
            let yes = self.production_confirmed(work, &plan).await?;
            if yes { &mut chosen } else { &mut declined }.push(plan);
        }
        Ok((chosen, declined))
    }

    async fn production_confirmed(&self, work: &mut Work<'_>, plan: &Plan) -> Result<bool, Fault> {
        if self.yes {
            return if self.mappings.contains(&plan.mapping) {
                Ok(true)
            } else {
                Err(Fault {
                    message: format!(
                        "{} goes to production, which --yes alone does not release",
                        plan.mapping
                    ),
                    hint: Some(format!("name it: `gitdeck sync {} --yes`", plan.mapping)),
                    exit: Exit::Refused,
                })
            };
        }
        let target = work
            .settings
            .mappings
            .get(&plan.mapping)
            .map(|mapping| format!("{}/{}", mapping.target.context, mapping.target.namespace));
        let question = format!(
            "{} goes to production ({}); type its name to apply {}",
            plan.mapping,
            target.unwrap_or_default(),
            print::plan::counts(&plan.summary)
        );
        Ok(work.ask_for(&question, &plan.mapping).await? == Answer::Yes)
    }

    async fn apply(
        &self,
        work: &mut Work<'_>,
        plans: Vec<Arc<Plan>>,
        options: &SyncOptions,
        results: &mut Vec<Synced>,
    ) -> Exit {
        let sync = |plan: &Arc<Plan>| Command::Sync {
            mapping: plan.mapping.clone(),
            revision: self.revision.clone(),
            confirmed: plan.digest.clone(),
            options: options.clone(),
        };
        let ran = work.run(plans.iter().map(sync).collect()).await;
        let mut exit = Exit::Fine;
        for (plan, outcome) in plans.iter().zip(&ran.outcomes) {
            tell_steps(work, plan, &ran);
            exit = exit.and(work.settle(&plan.mapping, outcome));
            let (word, message) = match outcome {
                Outcome::Done(message) => ("synced", Some(message.clone())),
                Outcome::Failed(failure) => ("failed", Some(failure.message.clone())),
                Outcome::Refused(_) => ("refused", None),
                Outcome::Cancelled => ("cancelled", None),
            };
            let applied = steps(&ran, plan, |result| *result == StepResult::Done);
            results.push(Synced { applied, message, ..result(plan, word) });
        }
        exit
    }
}

/// Mappings that could not even be planned are in the result too.
fn add_missing(names: &[String], results: &mut Vec<Synced>) {
    for name in names {
        if !results.iter().any(|result| result.mapping == *name) {
            results.push(Synced {
                mapping: name.clone(),
                revision: None,
                digest: None,
                outcome: "failed",
                summary: None,
                applied: 0,
                message: None,
            });
        }
    }
    results.sort_by_key(|result| names.iter().position(|name| *name == result.mapping));
}

fn result(plan: &Plan, outcome: &'static str) -> Synced {
    Synced {
        mapping: plan.mapping.clone(),
        revision: Some(plan.revision.clone()),
        digest: Some(plan.digest.clone()),
        outcome,
        summary: Some(plan.summary),
        applied: 0,
        message: None,
    }
}

/// Whether the cluster knows already that it is at this revision.
fn is_recorded(work: &Work<'_>, plan: &Plan) -> bool {
    let view = work.store.mappings.get(&plan.mapping);
    view.is_some_and(|view| view.status.synced_revision.as_ref() == Some(&plan.revision))
}

fn is_production(work: &Work<'_>, plan: &Plan) -> bool {
    work.settings.mappings.get(&plan.mapping).is_some_and(|mapping| mapping.production)
}

fn describe(plans: &[Arc<Plan>]) -> String {
    let operations: usize = plans.iter().map(|plan| plan.operations.len()).sum();
    let deletions: usize = plans.iter().map(|plan| plan.summary.delete).sum();
    let names: Vec<&str> = plans.iter().map(|plan| plan.mapping.as_str()).collect();
    let names = match names.as_slice() {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
    };
    let deletions =
        if deletions > 0 { format!(", {deletions} of them deletions") } else { String::new() };
    let noun = if operations == 1 { "operation" } else { "operations" };
    format!("{operations} {noun}{deletions} of {names}")
}

fn steps(ran: &Ran, plan: &Plan, wanted: impl Fn(&StepResult) -> bool) -> usize {
    let taken = ran.events.iter().filter(|event| {
        matches!(event, Event::StepTaken { mapping, result, .. }
            if *mapping == plan.mapping && wanted(result))
    });
    taken.count()
}

/// Says which steps failed or were skipped, and how far a stopped sync came.
fn tell_steps(work: &mut Work<'_>, plan: &Plan, ran: &Ran) {
    for event in &ran.events {
        if let Event::StepTaken { mapping, object, verb, result } = event
            && *mapping == plan.mapping
        {
            match result {
                StepResult::Failed(why) => {
                    work.out.note(&format!("{mapping}: {verb} {object} failed: {why}"));
                }
                StepResult::Skipped(why) => {
                    work.out.note(&format!("{mapping}: {verb} {object} skipped: {why}"));
                }
                StepResult::Started | StepResult::Done => {}
            }
        }
    }
    if work.was_interrupted() {
        let done = steps(ran, plan, |result| *result == StepResult::Done);
        let all = plan.operations.len();
        work.out.note(&format!("{}: {done} of {all} operations were done", plan.mapping));
    }
}

fn print_results(work: &mut Work<'_>, results: Vec<Synced>, nothing: bool) {
    if !work.out.is_human() {
        work.out.document(&Document { syncs: results });
        return;
    }
    if nothing {
        work.nothing_configured();
    }
    for result in results {
        let revision = result.revision.as_ref().map_or("-", |revision| revision.short());
        let line = match (result.outcome, &result.message) {
            ("synced", Some(message)) => message.clone(),
            ("unchanged", _) => format!("{} is at {revision}: nothing to do", result.mapping),
            ("planned", _) => format!("{} at {revision}: nothing was written", result.mapping),
            ("declined", _) => format!("{}: left as it is", result.mapping),
            // Faults and refusals were said already.
            _ => continue,
        };
        work.out.line(&crate::domain::text::harmless(&line));
    }
}
