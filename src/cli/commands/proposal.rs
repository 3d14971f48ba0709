//! What `gitdeck set` and `gitdeck adopt` have in common: propose, show, ask, commit.

use super::commit::made;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::engine::{Alteration, Command, Event, Outcome, Proposal};
use clap::Args;
use serde::Serialize;
use std::sync::Arc;

/// Flags of what becomes a commit.
#[derive(Debug, Args)]
pub struct Landing {
    /// Message; the default one says what changes
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Push right after
    #[arg(long, conflicts_with = "no_push")]
    push: bool,
    /// Leave the commit in the outbox
    #[arg(long)]
    no_push: bool,
    /// Commit without asking
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what would be committed, and commit nothing
    #[arg(long, conflicts_with_all = ["push", "no_push", "yes"])]
    dry_run: bool,
}

/// The document of a dry run.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    mapping: &'a str,
    message: &'a str,
    diff: &'a str,
    left_out: &'a [String],
}

/// A proposal with its draft.
struct Drafted {
    proposal: Arc<Proposal>,
    message: String,
    diff: String,
}

impl Landing {
    /// Finds the edits, shows them, asks, commits.
    pub(super) async fn run(
        &self,
        work: &mut Work<'_>,
        mapping: &str,
        alteration: Alteration,
    ) -> Result<Exit, Fault> {
        let mapping = select::mapping(&work.settings, mapping)?.clone();
        if !self.dry_run && !work.out.can_ask {
            self.refuse_silence()?;
        }
        let fetched = work.fetch(std::slice::from_ref(&mapping.name)).await;
        let command =
            Command::Propose { mapping: mapping.name.clone(), alteration: alteration.clone() };
        let (outcome, events) = work.run_one(command).await;
        let Some(drafted) = drafted(&events)? else {
            return Ok(match &outcome {
                Outcome::Done(_) => Exit::Fine,
                other => work.settle(&mapping.name, other),
            });
        };
        for left in &drafted.proposal.left {
            work.out.note(&format!("left out: {}", harmless(left)));
        }
        if self.dry_run {
            if work.out.is_human() {
                let text = print::commit::patch(work.out.paint, &drafted.diff);
                work.out.line(text.trim_end());
                work.out.note(&format!("would commit: {}", harmless(&drafted.message)));
            } else {
                work.out.document(&Document {
                    repository: &mapping.repository,
                    mapping: &mapping.name,
                    message: self.message.as_deref().unwrap_or(&drafted.message),
                    diff: &drafted.diff,
                    left_out: &drafted.proposal.left,
                });
            }
            return Ok(fetched);
        }
        let Some(push) = self.decide(work, &mapping.repository, &drafted).await? else {
            work.out.note("nothing was committed");
            return Ok(Exit::Fine);
        };
        let command = Command::Commit {
            mapping: mapping.name.clone(),
            edits: drafted.proposal.edits.to_vec(),
            message: self.message.clone(),
            base: drafted.proposal.base.clone(),
            push,
            of: Some(Box::new(alteration)),
        };
        let exit = made(work, &mapping, command, push).await;
        Ok(if exit == Exit::Fine && !push { exit.and(fetched) } else { exit })
    }

    fn refuse_silence(&self) -> Result<(), Fault> {
        if !self.yes {
            return Err(Fault::usage("nobody is here to ask whether this is committed")
                .hint("say --yes with --push or --no-push, or --dry-run to look at it"));
        }
        if !self.push && !self.no_push {
            return Err(Fault::usage("nobody is here to ask whether the commit is pushed")
                .hint("say --push, or --no-push to leave it in the outbox"));
        }
        Ok(())
    }

    /// Whether the commit is pushed; nothing where it is not wanted at all.
    async fn decide(
        &self,
        work: &mut Work<'_>,
        repository: &str,
        drafted: &Drafted,
    ) -> Result<Option<bool>, Fault> {
        if !self.yes {
            let text = print::commit::patch(work.out.note_paint, &drafted.diff);
            work.out.note_painted(&text);
            let title = self.message.as_deref().unwrap_or(&drafted.message);
            let title = harmless(title.lines().next().unwrap_or_default()).into_owned();
            let question = format!("Commit \"{title}\" to {repository}?");
            if work.ask(&question).await? != Answer::Yes {
                return Ok(None);
            }
        }
        if self.push || self.no_push {
            return Ok(Some(self.push));
        }
        if !work.out.can_ask {
            self.refuse_silence()?;
        }
        Ok(Some(work.ask(&format!("Push to {repository} right after?")).await? == Answer::Yes))
    }
}

/// The proposal and its draft, where both came. A fault where somebody has to choose a file first.
fn drafted(events: &[Event]) -> Result<Option<Drafted>, Fault> {
    let proposal = events.iter().find_map(|event| match event {
        Event::Proposed { proposal, .. } => Some(Arc::clone(proposal)),
        _ => None,
    });
    let Some(proposal) = proposal else { return Ok(None) };
    if !proposal.choices.is_empty() {
        let files = proposal.choices.join(", ");
        return Err(Fault::usage(format!("several files could take it: {}", harmless(&files)))
            .hint("--into FILE says which"));
    }
    let draft = events.iter().find_map(|event| match event {
        Event::Drafted { message, diff, .. } => Some((message.clone(), diff.clone())),
        _ => None,
    });
    Ok(draft.map(|(message, diff)| Drafted { proposal, message, diff }))
}
