//! What `mapping import` and `mapping edit` share: fetch, show what it would mean, ask, write, sync.

use super::mapping::tell_edit;
use super::sync::{tell_stall, tell_steps};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::session::Work;
use crate::config::{Environment, Overrides, change, duration, edit};
use crate::domain::depends::PATIENCE;
use crate::domain::text::harmless;
use crate::domain::{Mapping, Plan, Refusal, Source, Target};
use crate::engine::outlook::{Foresight, Outlook, Placement, Placing};
use crate::engine::{Command, Event, Outcome, SyncOptions};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Flags of both.
#[derive(Debug, Default, Args)]
pub struct Flags {
    /// Release a plan that deletes exactly this number of objects
    #[arg(long, value_name = "N")]
    allow_delete: Option<usize>,
    /// Take over objects that belong to another tool
    #[arg(long)]
    take_over: bool,
    /// How long the sync may take until everything is healthy [default: 5m]
    #[arg(long, value_name = "TIMEOUT", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what it would mean, and write nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "a duration like 30s, 5m or 1h".to_owned())
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    mapping: &'a str,
    /// `planned`, `declined`, `refused`, `unchanged`, `placed`, `synced`, `failed`, `cancelled`.
    outcome: &'static str,
    message: Option<&'a str>,
    file: &'a Path,
    repository: &'a str,
    path: &'a str,
    source: Source,
    target: &'a Target,
    /// What it means, a sentence each.
    said: &'a [String],
    plan: &'a Plan,
}

impl Flags {
    /// Shows, asks, writes, and syncs where that is wanted.
    pub(super) async fn carry(
        &self,
        work: &mut Work<'_>,
        placing: &Placing,
        sync: bool,
    ) -> Result<Exit, Fault> {
        if !self.dry_run && !self.yes && !work.out.can_ask {
            return Err(Fault::usage("nobody is here to confirm what it would mean")
                .hint("`--dry-run` shows it, `--yes` does it without asking"));
        }
        let name = placing.name().to_owned();
        let repository = tried(work, placing)?.repository;
        let fetched = work.fetch_repositories(std::slice::from_ref(&repository)).await;
        let options = SyncOptions {
            allow_delete: self.allow_delete,
            take_over: self.take_over,
            ..SyncOptions::default()
        };
        let foresight = Foresight { placing: placing.clone(), options: options.clone() };
        let command = Command::Foresee(Box::new(foresight));
        let (outcome, events) = work.run_one(command).await;
        let foreseen = events.iter().find_map(|event| match event {
            Event::Foreseen { outlook, .. } => Some(Arc::clone(outlook)),
            _ => None,
        });
        let Some(outlook) = foreseen.filter(|_| matches!(outcome, Outcome::Done(_))) else {
            return Ok(work.settle(&name, &outcome));
        };
        if outlook.before.as_ref() == Some(&outlook.mapping) {
            work.out.note(&format!("mapping {name} is so already"));
            tell(work, &outlook, ("unchanged", None));
            return Ok(Exit::Fine);
        }
        self.show(work, &outlook);
        let sync = sync && !outlook.mapping.is_recorded() && outlook.mapping.connected;
        let refusals: Vec<Refusal> =
            outlook.plan.refusals.iter().filter(|one| forbids(one, sync)).cloned().collect();
        if !refusals.is_empty() {
            let exit = work.refused(&name, &refusals);
            tell(work, &outlook, ("refused", None));
            return Ok(exit);
        }
        if self.dry_run {
            tell(work, &outlook, ("planned", None));
            return Ok(fetched);
        }
        if !self.decided(work, &outlook, sync).await? {
            work.out.note("nothing was written");
            tell(work, &outlook, ("declined", None));
            return Ok(Exit::Fine);
        }
        let wait = Some(self.timeout.unwrap_or(PATIENCE));
        let options = SyncOptions { wait, ..options };
        let (placing, digest) = (placing.clone(), outlook.plan.digest.clone());
        let placement = Placement { placing, digest, sync: sync.then_some(options) };
        let command = Command::Place(Box::new(placement));
        Ok(place(work, &outlook, command, sync).await)
    }

    fn show(&self, work: &mut Work<'_>, outlook: &Outlook) {
        let plan = &outlook.plan;
        let (to, paint) = if self.dry_run && work.out.is_human() {
            (true, work.out.paint)
        } else {
            (false, work.out.note_paint)
        };
        let mut text = String::new();
        for sentence in &outlook.said {
            let _ = writeln!(text, "{}: {}", outlook.mapping.name, harmless(sentence));
        }
        if !plan.is_empty() || plan.is_refused() {
            text.push_str(&print::plan::print(paint, plan, Timestamp::now(), false));
        }
        if to { work.out.text(&text) } else { work.out.note_painted(text.trim_end()) }
    }

    async fn decided(
        &self,
        work: &mut Work<'_>,
        outlook: &Outlook,
        sync: bool,
    ) -> Result<bool, Fault> {
        // The mapping is named on the command line, which is what production wants beside `--yes`.
        if self.yes {
            return Ok(true);
        }
        let name = harmless(&outlook.mapping.name).into_owned();
        let verb = if outlook.before.is_some() { "Change" } else { "Add" };
        let (plan, target) = (&outlook.plan, &outlook.mapping.target);
        if sync && outlook.mapping.production && !plan.is_empty() {
            let question = format!(
                "{name} goes to production ({}/{}); type its name to go on",
                harmless(&target.context),
                harmless(&target.namespace)
            );
            return Ok(work.ask_for(&question, &outlook.mapping.name).await? == Answer::Yes);
        }
        let question = if sync && !plan.is_empty() {
            format!("{verb} mapping {name}, and apply {}?", print::plan::counts(&plan.summary))
        } else {
            format!("{verb} mapping {name}?")
        };
        Ok(work.ask(&question).await? == Answer::Yes)
    }
}

/// The mapping as it would be, as far as the configuration tells.
fn tried(work: &Work<'_>, placing: &Placing) -> Result<Mapping, Fault> {
    let overrides = Overrides { context: None, namespace: None, ..work.global.overrides() };
    let environment = Environment::of_process();
    Ok(match placing {
        Placing::New(new) => edit::try_mapping(&overrides, &environment, new)?,
        Placing::Changed(change) => {
            let (mut settings, _) = change::try_change(&overrides, &environment, change)?;
            let mapping = settings.mappings.shift_remove(&change.name);
            mapping.ok_or_else(|| Fault::usage(format!("there is no mapping `{}`", change.name)))?
        }
    })
}

/// Whether a refusal keeps the mapping from its place, and not only a sync from its work.
fn forbids(refusal: &Refusal, sync: bool) -> bool {
    match refusal {
        Refusal::Foreign { .. }
        | Refusal::Held { .. }
        | Refusal::Deletions { .. }
        | Refusal::ReadOnly => true,
        _ => sync,
    }
}

/// Writes it, and says what came of it.
async fn place(work: &mut Work<'_>, outlook: &Outlook, command: Command, sync: bool) -> Exit {
    let name = &outlook.mapping.name;
    let ran = work.run(vec![command]).await;
    let placed = ran.events.iter().find_map(|event| match event {
        Event::Placed { file, .. } => Some(file.clone()),
        _ => None,
    });
    let verb = if outlook.before.is_some() { "changed" } else { "added" };
    if let Some(file) = placed.as_ref().filter(|_| work.out.is_human()) {
        tell_edit(work.out, (verb, "mapping", name), file);
    }
    tell_steps(work, &outlook.plan, &ran);
    tell_stall(work, &outlook.plan, &ran);
    let outcome = ran.outcomes.first().unwrap_or(&Outcome::Cancelled);
    let exit = work.settle(name, outcome);
    let (word, message) = match outcome {
        Outcome::Done(said) if sync => ("synced", Some(said.clone())),
        Outcome::Done(_) => ("placed", None),
        Outcome::Failed(failure) => ("failed", Some(failure.message.clone())),
        Outcome::Refused(_) => ("refused", None),
        Outcome::Cancelled => ("cancelled", None),
    };
    if let (true, Some(message)) = (work.out.is_human() && word == "synced", &message) {
        work.out.line(&harmless(message));
    }
    if placed.is_some() && word != "synced" && !outlook.mapping.is_recorded() {
        work.out.note(&format!("`gitdeck sync {name}` brings the cluster to it"));
    }
    tell(work, outlook, (word, message.as_deref()));
    exit
}

/// The document; people were told on the way.
fn tell(work: &mut Work<'_>, outlook: &Outlook, (outcome, message): (&'static str, Option<&str>)) {
    if work.out.is_human() {
        return;
    }
    let mapping = &outlook.mapping;
    work.out.document(&Document {
        mapping: &mapping.name,
        outcome,
        message,
        file: &outlook.file,
        repository: &mapping.repository,
        path: &mapping.path,
        source: mapping.source,
        target: &mapping.target,
        said: &outlook.said,
        plan: &outlook.plan,
    });
}
