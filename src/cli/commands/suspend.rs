//! `gitdeck suspend`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::select;
use crate::cli::session::Work;
use crate::config::duration;
use crate::engine::Command;
use clap::Args;
use jiff::Timestamp;

/// Leave mappings alone, for every console, until they are resumed
///
/// Owner, reason and end are kept in the cluster, so that everybody sees them.
#[derive(Debug, Args)]
pub struct Suspend {
    /// Mappings
    #[arg(value_name = "MAPPING", required = true)]
    mappings: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When it ends by itself: a time (2026-01-31T18:00:00Z) or from now (2h)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    duration::moment(text, Timestamp::now())
        .ok_or_else(|| "a time like 2026-01-31T18:00:00Z, or a duration like 2h".to_owned())
}

impl Suspend {
    /// Suspends.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::connected(&work.settings, &self.mappings, work.global)?;
        let suspend = |name: &String| Command::Suspend {
            mapping: name.clone(),
            reason: self.reason.clone(),
            until: self.until,
        };
        let commands = names.iter().map(suspend).collect();
        Ok(work.write_each(&names, commands).await)
    }
}
