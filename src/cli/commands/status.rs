//! `gitdeck status`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::cause::Group;
use crate::domain::{Health, MappingStatus, Stall, SyncState};
use crate::engine::Command;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

/// Show how mappings stand: in sync, drifted, behind, failed, and how healthy
///
/// Looks at the repositories and clusters now, all at once. Of a mapping that is named and does not come up, the pod that
/// fails is told, with its events and the end of its log. A mapping that cannot be seen is reported with the reason and
/// ends the command with 3. With --exit-code the state counts too: 1 where a mapping is seen to be anything but in sync
/// (in error, drifted, out of sync or suspended), 0 where all are in sync.
#[derive(Debug, Args)]
pub struct Status {
    /// Mappings; all where none is named
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Exit with 1 if any is not in sync
    #[arg(long)]
    exit_code: bool,
    /// Show what was known last, without looking
    #[arg(long)]
    cached: bool,
    /// Show what is ill, grouped by its cause: one image, one cluster, one commit
    #[arg(long)]
    by_cause: bool,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document {
    mappings: Vec<MappingStatus>,
    /// What does not come up, of mappings that were asked for by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stalls: Vec<Stalled>,
    /// Only where the causes were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<Vec<Group>>,
}

/// What is known of a mapping that does not come up.
#[derive(Debug, Serialize)]
pub(crate) struct Stalled {
    pub(crate) mapping: String,
    #[serde(flatten)]
    pub(crate) stall: Stall,
}

impl Status {
    /// Whether it looks at nothing.
    pub(crate) fn is_cached(&self) -> bool {
        self.cached
    }

    /// Observes and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let names = select::mappings(&work.settings, &self.mappings, work.global)?;
        let mut exit = Exit::Fine;
        if !self.cached {
            exit = work.observe(&names).await;
        }
        let stalls = if self.cached || self.mappings.is_empty() {
            Vec::new()
        } else {
            work.diagnose(&names).await
        };
        let known = names.iter().filter_map(|name| work.store.mappings.get(name));
        let mappings: Vec<MappingStatus> = known.map(|view| view.status.clone()).collect();
        if self.exit_code {
            exit = mappings.iter().map(|status| counted(status.sync)).fold(exit, Exit::and);
        }
        let causes = self.by_cause.then(|| work.store.causes(&names));
        if !work.out.is_human() {
            work.out.document(&Document { mappings, stalls, causes });
        } else if mappings.is_empty() {
            work.nothing_configured();
        } else if let Some(causes) = causes {
            let text = print::status::causes(work.out.paint, &causes, mappings.len());
            work.out.text(&text);
        } else {
            let text = print::status::print(work.out.paint, &mappings, Timestamp::now());
            work.out.text(&(text + &print::status::stalls(work.out.paint, &stalls)));
        }
        Ok(exit)
    }
}

/// What a state means where the exit code is asked for. A fault that was seen is a difference like another: asking for
/// it did not fail.
fn counted(state: SyncState) -> Exit {
    match state {
        // Nobody asks for more of a mapping that was taken out of gitdeck's care.
        SyncState::Synced | SyncState::Disconnected => Exit::Fine,
        SyncState::Unknown => Exit::Failed,
        SyncState::Error | SyncState::Suspended | SyncState::Drifted | SyncState::OutOfSync => {
            Exit::Differences
        }
    }
}

impl Work<'_> {
    /// Fetches and observes mappings side by side. Fails if one of them cannot be seen.
    pub(crate) async fn observe(&mut self, names: &[String]) -> Exit {
        let observe = |name: &String| Command::Observe { mapping: name.clone(), fetch: true };
        let ran = self.run(names.iter().map(observe).collect()).await;
        let mut exit = Exit::Fine;
        for (name, outcome) in names.iter().zip(&ran.outcomes) {
            exit = exit.and(self.settle(name, outcome));
            let state = self.store.mappings.get(name).map(|view| view.status.sync);
            if state == Some(SyncState::Unknown) {
                exit = exit.and(Exit::Failed);
            }
        }
        exit
    }

    /// What the cluster says of those mappings that do not come up. Where it cannot be asked, their state says so already.
    async fn diagnose(&mut self, names: &[String]) -> Vec<Stalled> {
        let is_ill = |name: &&String| {
            let health = self.store.mappings.get(*name).map(|view| view.status.health);
            matches!(health, Some(Health::Progressing | Health::Degraded))
        };
        let ill: Vec<String> = names.iter().filter(is_ill).cloned().collect();
        let ask = |mapping: &String| Command::Diagnose { mapping: mapping.clone() };
        self.run(ill.iter().map(ask).collect()).await;
        let told = ill.into_iter().filter_map(|mapping| {
            let stall = self.store.mappings.get(&mapping)?.stall.as_deref()?.clone();
            Some(Stalled { mapping, stall })
        });
        told.collect()
    }

    /// Says how to begin.
    pub(crate) fn nothing_configured(&mut self) {
        self.out.note("no mapping is configured yet; `gitdeck repo add NAME URL` and `gitdeck mapping add NAME --repository R --path P` add one, `gitdeck demo` shows what it looks like");
    }
}
