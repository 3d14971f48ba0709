//! `gitdeck show`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::rendered::RenderedMapping;
use crate::domain::{CommitDetails, Verdict};
use crate::engine::{Command, Event};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

/// Show a commit: author, message, files and diff
///
/// With --rendered the diff is that of the objects: what mappings render to before and after the commit, path by path.
/// Values of Secrets are never shown.
#[derive(Debug, Args)]
pub struct Show {
    /// A commit, short or full; the first repository that has it is taken
    #[arg(value_name = "REV")]
    revision: String,
    /// Mappings to render [default: those that the commit touches]
    #[arg(value_name = "MAPPING", requires = "rendered")]
    mappings: Vec<String>,
    /// What the commit makes of the objects, instead of the diff of the files
    #[arg(long)]
    rendered: bool,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    #[serde(flatten)]
    details: &'a CommitDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<&'a [RenderedMapping]>,
}

impl Show {
    /// Loads and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        for name in &self.mappings {
            select::mapping(&work.settings, name)?;
        }
        let of = self.mappings.first().and_then(|name| work.settings.mappings.get(name));
        let repository = of.map(|mapping| mapping.repository.clone());
        let show =
            || Command::Show { repository: repository.clone(), revision: self.revision.clone() };
        let (mut outcome, mut events) = work.run_one(show()).await;
        if matches!(outcome, crate::engine::Outcome::Failed(_)) {
            // Perhaps it is newer than what was fetched last.
            let all: Vec<String> = work.settings.repositories.keys().cloned().collect();
            work.fetch_repositories(&all).await;
            (outcome, events) = work.run_one(show()).await;
        }
        let exit = work.settle(&self.revision, &outcome);
        let verdict = verdict_in(&events);
        for event in &events {
            let Event::CommitLoaded { repository, details } = event else { continue };
            if self.rendered {
                return Ok(exit.and(self.render(work, repository, details, verdict).await));
            }
            if work.out.is_human() {
                let text =
                    print::commit::print_details(work.out.paint, repository, details, verdict);
                work.out.text(&text);
            } else {
                work.out.document(&Document { repository, details, verdict, rendered: None });
            }
        }
        Ok(exit)
    }

    /// Renders both sides and prints what differs. A side that does not render is a failure, told beside the others.
    async fn render(
        &self,
        work: &mut Work<'_>,
        repository: &str,
        details: &CommitDetails,
        verdict: Option<&Verdict>,
    ) -> Exit {
        let command = Command::RenderCommit {
            repository: Some(repository.to_owned()),
            revision: details.commit.revision.to_string(),
            mappings: self.mappings.clone(),
        };
        let (outcome, events) = work.run_one(command).await;
        let mut exit = work.settle(&self.revision, &outcome);
        for event in &events {
            let Event::CommitRendered { rendered } = event else { continue };
            if rendered.mappings.iter().any(|mapping| !mapping.faults.is_empty()) {
                exit = exit.and(Exit::Failed);
            }
            if work.out.is_human() {
                let paint = work.out.paint;
                let head = print::commit::print_head(paint, repository, details, verdict);
                work.out.text(&head);
                work.out.text(&print::rendered::print(paint, rendered, Timestamp::now()));
            } else {
                let rendered = Some(rendered.mappings.as_slice());
                work.out.document(&Document { repository, details, verdict, rendered });
            }
        }
        exit
    }
}

/// What git says of the signature of the one commit that was asked about.
fn verdict_in(events: &[Event]) -> Option<&Verdict> {
    events.iter().find_map(|event| match event {
        Event::Verified { verdicts } => verdicts.first().map(|(_, verdict)| verdict),
        _ => None,
    })
}
