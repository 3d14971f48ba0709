//! What `gitdeck set` and `gitdeck adopt` have in common: propose, show, ask, commit.

use super::commit::{made, tell_also};
use super::landing::{Landing, show};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::engine::{Alteration, Command, Event, Outcome, Proposal};
use serde::Serialize;
use std::sync::Arc;

/// The document of a dry run.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    mapping: &'a str,
    message: &'a str,
    diff: &'a str,
    left_out: &'a [String],
    also: &'a [String],
}

/// A proposal with its draft.
struct Drafted {
    proposal: Arc<Proposal>,
    message: String,
    diff: String,
    faults: Vec<String>,
    also: Vec<String>,
}

impl Landing {
    /// Finds the edits, shows them, asks, commits.
    pub(super) async fn run(
        &self,
        work: &mut Work<'_>,
        mapping: &str,
        alteration: Alteration,
        validate: bool,
    ) -> Result<Exit, Fault> {
        let mapping = select::mapping(&work.settings, mapping)?.clone();
        self.refuse_silence(work)?;
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
        tell_also(work, &drafted.also);
        if !drafted.faults.is_empty() {
            for fault in &drafted.faults {
                work.out.fault(&Fault::failed(format!("{}: {fault}", mapping.name)));
            }
            return Ok(Exit::Failed);
        }
        if self.dry_run {
            let message = self.said(&drafted.message);
            let document = Document {
                repository: &mapping.repository,
                mapping: &mapping.name,
                message,
                diff: &drafted.diff,
                left_out: &drafted.proposal.left,
                also: &drafted.also,
            };
            show(work, &drafted.diff, message, &document);
            return Ok(fetched);
        }
        let drafted_as = (drafted.diff.as_str(), drafted.message.as_str());
        let Some(place) = self.ask(work, &mapping.repository, drafted_as).await? else {
            work.out.note("nothing was committed");
            return Ok(Exit::Fine);
        };
        let command = Command::Commit {
            mapping: mapping.name.clone(),
            edits: drafted.proposal.edits.to_vec(),
            message: self.message.clone(),
            base: drafted.proposal.base.clone(),
            push: place.is_push(),
            branch: place.branch(),
            of: Some(Box::new(alteration)),
            validate,
        };
        let exit = made(work, &mapping, command, place.is_push()).await;
        Ok(if exit == Exit::Fine && !place.is_push() { exit.and(fetched) } else { exit })
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
        Event::Drafted { message, diff, faults, tried, .. } => Some(Drafted {
            proposal: Arc::clone(&proposal),
            message: message.clone(),
            diff: diff.clone(),
            faults: faults.clone(),
            also: tried.also.clone(),
        }),
        _ => None,
    });
    Ok(draft)
}
