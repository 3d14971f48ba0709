//! `gitdeck show`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::session::Work;
use crate::domain::CommitDetails;
use crate::engine::{Command, Event};
use clap::Args;
use serde::Serialize;

/// Show a commit: author, message, files and diff
#[derive(Debug, Args)]
pub struct Show {
    /// A commit, short or full; the first repository that has it is taken
    #[arg(value_name = "REV")]
    revision: String,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    #[serde(flatten)]
    details: &'a CommitDetails,
}

impl Show {
    /// Loads and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let show = || Command::Show { repository: None, revision: self.revision.clone() };
        let (mut outcome, mut events) = work.run_one(show()).await;
        if matches!(outcome, crate::engine::Outcome::Failed(_)) {
            // Perhaps it is newer than what was fetched last.
            let all: Vec<String> = work.settings.repositories.keys().cloned().collect();
            work.fetch_repositories(&all).await;
            (outcome, events) = work.run_one(show()).await;
        }
        let exit = work.settle(&self.revision, &outcome);
        for event in &events {
            let Event::CommitLoaded { repository, details } = event else { continue };
            if work.out.is_human() {
                let text = print::commit::print_details(work.out.paint, repository, details);
                work.out.text(&text);
            } else {
                work.out.document(&Document { repository, details });
            }
        }
        Ok(exit)
    }
}
