//! `gitdeck activity`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, table};
use crate::cli::print::time::age;
use crate::cli::session::Work;
use crate::engine::Command;
use crate::engine::event::JournalEntry;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

/// Show the journal: what was done, and what a killed process left
#[derive(Debug, Args)]
pub struct Activity {
    /// At most this many entries
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Finish an interrupted entry
    #[arg(long = "continue", value_name = "ID", conflicts_with = "discard")]
    proceed: Option<u64>,
    /// Drop an interrupted entry; commits that were not pushed stay in the outbox
    #[arg(long, value_name = "ID")]
    discard: Option<u64>,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document {
    entries: Vec<JournalEntry>,
}

impl Activity {
    /// Lists, or finishes or drops one entry.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let one = match (self.proceed, self.discard) {
            (Some(entry), _) => Some((entry, Command::Continue { entry })),
            (_, Some(entry)) => Some((entry, Command::Discard { entry })),
            _ => None,
        };
        if let Some((entry, command)) = one {
            return Ok(work.write_each(&[entry.to_string()], vec![command]).await);
        }
        let (outcome, _) = work.run_one(Command::Activity).await;
        let exit = work.settle("activity", &outcome);
        let entries: Vec<JournalEntry> =
            work.store.journal.iter().take(self.limit).cloned().collect();
        if work.out.is_human() {
            let text = print(work.out.paint, &entries);
            work.out.text(&text);
        } else {
            work.out.document(&Document { entries });
        }
        Ok(exit)
    }
}

fn print(paint: Paint, entries: &[JournalEntry]) -> String {
    let now = Timestamp::now();
    let rows = entries
        .iter()
        .map(|entry| {
            let style = match entry.state.as_str() {
                "done" => Paint::good,
                "failed" => Paint::bad,
                "interrupted" => Paint::warn,
                _ => Paint::dim,
            };
            vec![
                Cell::plain(&entry.id.to_string()),
                Cell::plain(&age(entry.at, now)),
                Cell::styled(&entry.state, style),
                Cell::plain(&format!("{}/{}", entry.steps.0, entry.steps.1)),
                Cell::plain(entry.owner.as_deref().unwrap_or("-")),
                Cell::plain(&entry.line),
                Cell::plain(entry.message.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    table(paint, &["ID", "AGE", "STATE", "STEPS", "OWNER", "COMMAND", "RESULT"], rows)
}
