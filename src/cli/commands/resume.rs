//! `gitdeck resume`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::engine::{Command, Outcome};
use clap::Args;
use serde::Serialize;

/// End the suspension of mappings
#[derive(Debug, Args)]
pub struct Resume {
    /// Mappings
    #[arg(value_name = "MAPPING", required = true)]
    mappings: Vec<String>,
}

/// The document of commands that do one thing per subject.
#[derive(Debug, Serialize)]
struct Document {
    results: Vec<Done>,
}

/// How one of them ended.
#[derive(Debug, Serialize)]
struct Done {
    name: String,
    /// `done`, `failed`, `refused`, `cancelled`.
    outcome: &'static str,
    message: Option<String>,
}

impl Resume {
    /// Resumes.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::connected(&work.settings, &self.mappings, work.global)?;
        let resume = |name: &String| Command::Resume { mapping: name.clone() };
        let commands = names.iter().map(resume).collect();
        Ok(work.write_each(&names, commands).await)
    }
}

impl Work<'_> {
    /// Runs one command per subject and prints how each ended.
    pub(crate) async fn write_each(&mut self, names: &[String], commands: Vec<Command>) -> Exit {
        let ran = self.run(commands).await;
        let mut exit = Exit::Fine;
        let mut results = Vec::new();
        for (name, outcome) in names.iter().zip(&ran.outcomes) {
            exit = exit.and(self.settle(name, outcome));
            let (word, message) = match outcome {
                Outcome::Done(message) => ("done", Some(message.clone())),
                Outcome::Failed(failure) => ("failed", Some(failure.message.clone())),
                Outcome::Refused(_) => ("refused", None),
                Outcome::Cancelled => ("cancelled", None),
            };
            results.push(Done { name: name.clone(), outcome: word, message });
        }
        if self.out.is_human() {
            for result in results.iter().filter(|result| result.outcome == "done") {
                self.out.line(&harmless(result.message.as_deref().unwrap_or("done")));
            }
        } else {
            self.out.document(&Document { results });
        }
        exit
    }
}
