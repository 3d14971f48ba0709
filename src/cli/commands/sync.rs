//! `gitdeck sync`.

use super::release::{Release, options};
use super::rounds::Run;
use super::saved;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::{Ran, Work};
use crate::config::duration;
use crate::domain::depends::{PATIENCE, Turn};
use crate::domain::text::harmless;
use crate::domain::{
    ObjectKey, Plan, Refusal, Released, Revision, SavedPlans, Stall, Summary, Wait,
};
use crate::engine::event::StepResult;
use crate::engine::{Command, Event, Outcome, SyncOptions};
use clap::Args;
use serde::Serialize;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Make the cluster what Git says: plan, ask, apply
///
/// The plan is shown before anything is written and carried out exactly as shown, or refused because the world moved. On
/// a terminal it asks; elsewhere it wants --yes, unless there is nothing to do. What a guard refuses needs the guard's own
/// flag, never --yes. Production targets ask for the mapping's name to be typed; without a terminal the mapping has to be
/// named on the command line. With --plan the file's mappings are planned again at the file's revisions, and refused if an
/// object was made anew or the result is another one.
///
/// A mapping with `depends_on` is synced when those that it names are in sync and healthy: several go in that order, each
/// waited for (at most 5 minutes, or as --wait says), and what depends on one that failed is skipped. Where only deletions
/// are left, the order is the other way round.
///
/// Hooks run at their phase where Git brings something: `PreSync`, then the objects with the hooks of Sync, then `PostSync`
/// when everything is healthy; `SyncFail` where anything fails. Each is followed to its end, for at most 30 minutes, or as
/// --wait says. One that fails ends the sync.
#[derive(Debug, Args)]
pub struct Sync {
    /// Mappings; all where none is named
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Apply this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    #[command(flatten)]
    release: Release,
    /// Carry out a plan that `gitdeck plan --out FILE` wrote, or refuse and name what moved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["revision", "prune", "no_prune", "allow_delete",
        "recreate", "take_over", "dry_run"])]
    plan: Option<PathBuf>,
    /// Plan and validate, write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go on although a mapping that this one depends on is not ready
    #[arg(long)]
    pub(super) ignore_dependencies: bool,
    /// Wait until everything is healthy, at most this long; ends early, with the pod's own words, where waiting is in vain
    #[arg(long, value_name = "TIMEOUT", num_args = 0..=1, require_equals = true,
        default_missing_value = "5m", value_parser = timeout)]
    wait: Option<Duration>,
    /// Wait at most this long; the same as --wait=TIMEOUT
    #[arg(long, value_name = "TIMEOUT", requires = "wait", value_parser = timeout)]
    timeout: Option<Duration>,
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
pub(super) struct Synced {
    pub(super) mapping: String,
    revision: Option<Revision>,
    digest: Option<String>,
    /// `synced`, `unchanged`, `planned` (dry run), `refused`, `failed`, `skipped`, `cancelled`, `declined`.
    pub(super) outcome: &'static str,
    summary: Option<Summary>,
    /// Steps that were taken.
    applied: usize,
    pub(super) message: Option<String>,
    /// What stood in the way, as in plans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<Refusal>,
    /// What did not come up, where it was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    stall: Option<Stall>,
}

impl Sync {
    /// Plans, asks, applies.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let saved = self.plan.as_deref().map(saved::read).transpose()?;
        let named = match &saved {
            Some(saved) => &saved::names(saved, &self.mappings)?,
            None => &self.mappings,
        };
        let names = select::connected(&work.settings, named, work.global)?;
        let mut run = Run::new(&names);
        self.rounds(work, &mut run, saved.as_ref()).await?;
        let Run { mut results, exit, .. } = run;
        add_missing(&names, &mut results);
        print_results(work, results, names.is_empty());
        Ok(exit)
    }

    /// What was released on the command line.
    pub(super) fn released(&self) -> Released {
        self.release.released()
    }

    /// The revision that was asked for.
    pub(super) fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    pub(super) fn options(&self, released: Released) -> SyncOptions {
        SyncOptions {
            dry_run: self.dry_run,
            wait: self.timeout.or(self.wait),
            ignore_dependencies: self.ignore_dependencies,
            ..options(released)
        }
    }

    /// The command that carries a plan out. What others wait for is waited for as well.
    fn command(
        &self,
        plan: &Plan,
        saved: Option<&SavedPlans>,
        (turn, turns): (&Turn, &[Turn]),
    ) -> Command {
        let saved = saved.and_then(|saved| saved.of(&plan.mapping));
        let revision = match saved {
            Some(saved) => Some(saved.revision.to_string()),
            None => self.revision.clone(),
        };
        let released = saved.map_or_else(|| self.released(), |saved| saved.released);
        let options = self.options(released);
        Command::Sync {
            mapping: plan.mapping.clone(),
            revision,
            confirmed: plan.digest.clone(),
            options: SyncOptions {
                wait: options.wait.or_else(|| awaited(turn, turns)),
                after: turn.after.clone(),
                ..options
            },
        }
    }

    /// The plans that may be carried out, and those that somebody declined. Plans without operations only record their
    /// revision and need no answer.
    pub(super) async fn confirmed(
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

    /// Carries plans out, each after those that it depends on.
    pub(super) async fn apply(
        &self,
        work: &mut Work<'_>,
        plans: Vec<Arc<Plan>>,
        saved: Option<&SavedPlans>,
        run: &mut Run,
    ) {
        let mut turns = self.turns(work, &plans);
        self.skip(work, run, &mut turns, &plans);
        let of = |turn: &Turn| plans.iter().find(|plan| plan.mapping == turn.mapping);
        let commands = turns
            .iter()
            .filter_map(|turn| Some(self.command(of(turn)?, saved, (turn, &turns))))
            .collect();
        let ran = work.run(commands).await;
        for (turn, outcome) in turns.iter().zip(&ran.outcomes) {
            let Some(plan) = of(turn) else { continue };
            if Self::is_put_off(work, run, turn, outcome) {
                continue;
            }
            tell_steps(work, plan, &ran);
            tell_stall(work, plan, &ran);
            let exit = work.settle(&plan.mapping, outcome);
            let (word, message) = match outcome {
                Outcome::Done(message) => ("synced", Some(message.clone())),
                Outcome::Failed(failure) => ("failed", Some(failure.message.clone())),
                Outcome::Refused(refusals) => match skipped(refusals) {
                    Some(wait) => ("skipped", Some(wait.to_string())),
                    None => ("refused", None),
                },
                Outcome::Cancelled => ("cancelled", None),
            };
            let applied = steps(&ran, plan, |result| *result == StepResult::Done);
            let stall = stall(&ran, plan).cloned();
            let refusals = match outcome {
                Outcome::Refused(refusals) => refusals.clone(),
                _ => Vec::new(),
            };
            run.note(exit, Synced { applied, message, refusals, stall, ..result(plan, word) });
        }
    }
}

/// How long a mapping is waited for that others of the run wait for.
fn awaited(turn: &Turn, turns: &[Turn]) -> Option<Duration> {
    let waits = turns.iter().any(|other| other.after.contains(&turn.mapping));
    waits.then_some(PATIENCE)
}

fn skipped(refusals: &[Refusal]) -> Option<&Wait> {
    refusals.iter().find_map(|one| match one {
        Refusal::Waits(wait) if wait.failed => Some(wait),
        _ => None,
    })
}

/// Mappings that could not even be planned are in the result too.
fn add_missing(names: &[String], results: &mut Vec<Synced>) {
    for name in names {
        if !results.iter().any(|result| result.mapping == *name) {
            results.push(Synced::unplanned(name, "failed"));
        }
    }
    results.sort_by_key(|result| names.iter().position(|name| *name == result.mapping));
}

impl Synced {
    /// Of a mapping without a plan.
    pub(super) fn unplanned(mapping: &str, outcome: &'static str) -> Self {
        Self {
            mapping: mapping.to_owned(),
            revision: None,
            digest: None,
            outcome,
            summary: None,
            applied: 0,
            message: None,
            refusals: Vec::new(),
            stall: None,
        }
    }
}

pub(super) fn result(plan: &Plan, outcome: &'static str) -> Synced {
    Synced {
        revision: Some(plan.revision.clone()),
        digest: Some(plan.digest.clone()),
        summary: Some(plan.summary),
        refusals: plan.refusals.clone(),
        ..Synced::unplanned(&plan.mapping, outcome)
    }
}

/// Whether the cluster knows already that it is at this revision.
pub(super) fn is_recorded(work: &Work<'_>, plan: &Plan) -> bool {
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
    let hooks: usize = plans.iter().map(|plan| plan.hooks_run()).sum();
    let hooks = match hooks {
        0 => String::new(),
        1 => " and 1 hook".to_owned(),
        many => format!(" and {many} hooks"),
    };
    format!("{operations} {noun}{deletions}{hooks} of {names}")
}

fn steps(ran: &Ran, plan: &Plan, wanted: impl Fn(&StepResult) -> bool) -> usize {
    let taken = ran.events.iter().filter(|event| {
        matches!(event, Event::StepTaken { mapping, result, .. }
            if *mapping == plan.mapping && wanted(result))
    });
    taken.count()
}

/// Says which steps failed or were skipped, and how far a stopped sync came.
pub(super) fn tell_steps(work: &mut Work<'_>, plan: &Plan, ran: &Ran) {
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
        tell_interrupted(work, plan, ran);
    }
}

/// How far a stopped sync came, and what of its plan is not done.
fn tell_interrupted(work: &mut Work<'_>, plan: &Plan, ran: &Ran) {
    let ended = |wanted: fn(&StepResult) -> bool| -> HashSet<ObjectKey> {
        let taken = ran.events.iter().filter_map(|event| match event {
            Event::StepTaken { mapping, object, result, .. }
                if *mapping == plan.mapping && wanted(result) =>
            {
                Some(object.key())
            }
            _ => None,
        });
        taken.collect()
    };
    let done = ended(|result| *result == StepResult::Done);
    let done = plan.operations.iter().filter(|one| done.contains(&one.object.key())).count();
    // What failed or was skipped is said already.
    let ended = ended(|result| *result != StepResult::Started);
    let left: Vec<_> =
        plan.operations.iter().filter(|one| !ended.contains(&one.object.key())).collect();
    for operation in &left {
        work.out.note(&format!("{}: {} was not written", plan.mapping, operation.object));
    }
    let all = plan.operations.len();
    let tail = if left.is_empty() && done >= all {
        "; all of it was applied and stays so, whether it is healthy was not waited for"
    } else {
        "; what was done stays done"
    };
    work.out.note(&format!("{}: {done} of {all} operations were done{tail}", plan.mapping));
}

fn stall<'r>(ran: &'r Ran, plan: &Plan) -> Option<&'r Stall> {
    ran.events.iter().rev().find_map(|event| match event {
        Event::Stalled { mapping, stall } if *mapping == plan.mapping => Some(stall.as_ref()),
        _ => None,
    })
}

/// What the cluster says about what does not come up; the fault itself follows.
pub(super) fn tell_stall(work: &mut Work<'_>, plan: &Plan, ran: &Ran) {
    for line in stall(ran, plan).into_iter().flat_map(Stall::details) {
        work.out.note(&format!("{}: {}", plan.mapping, harmless(&line)));
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
        work.out.line(&harmless(&line));
    }
}
