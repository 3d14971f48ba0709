//! `gitdeck doctor`.

use super::doctor_keys;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, Style, table};
use crate::cli::print::time::age;
use crate::cli::session::Work;
use crate::domain::{Health, RuleUse, SyncState};
use crate::engine::{Command, programs};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// How long an external program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// Check everything that gitdeck needs, and say what keeps each mapping from being in sync
#[derive(Debug, Args)]
pub struct Doctor {}

#[derive(Debug, Serialize)]
struct Document {
    checks: Vec<Check>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// `configuration`, `directory`, `program`, `vault`, `signers`, `repository`, `cluster`, `mapping`.
    area: &'static str,
    subject: String,
    /// `ok`, `warning`, `failed`.
    result: &'static str,
    pub(super) message: String,
}

impl Check {
    pub(super) fn new(
        area: &'static str,
        subject: &str,
        result: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { area, subject: subject.to_owned(), result, message: message.into() }
    }
}

impl Doctor {
    /// Checks and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let mut checks = configuration(work);
        for (what, path) in [("cache", &work.settings.cache_dir), ("data", &work.settings.data_dir)]
        {
            checks.push(directory(what, path));
        }
        for (program, why) in [
            ("git", "every repository over https and ssh"),
            ("ssh", "repositories over ssh; version 8.4 or newer can ask about host keys"),
        ] {
            checks.push(version(program, why).await);
        }
        for finding in programs::survey(&work.settings).await {
            let result = if finding.good { "ok" } else { "warning" };
            checks.push(Check::new("program", finding.subject, result, finding.message));
        }
        checks.extend(doctor_keys::vault(&work.settings));
        checks.extend(doctor_keys::signers(&work.settings).await);
        let repositories: Vec<String> = work.settings.repositories.keys().cloned().collect();
        let mappings: Vec<String> = work.settings.mappings.keys().cloned().collect();
        let mut exit = work.check_repositories(&repositories).await;
        exit = exit.and(work.observe(&mappings).await);
        exit = exit.and(work.check_clusters().await);
        checks.extend(repositories.iter().flat_map(|name| repository(work, name)));
        checks.extend(clusters(work));
        for name in &mappings {
            checks.extend(mapping(work, name));
            checks.extend(dead_rules(work, name));
            checks.extend(unpinned(work, name));
        }
        if checks.iter().any(|check| check.result == "failed") {
            exit = exit.and(Exit::Failed);
        }
        if work.out.is_human() {
            let text = print(work.out.paint, &checks);
            work.out.text(&text);
        } else {
            work.out.document(&Document { checks });
        }
        Ok(exit)
    }
}

impl Work<'_> {
    /// Checks the clusters of all mappings, after these were looked at: what they want decides which rights are needed.
    async fn check_clusters(&mut self) -> Exit {
        let contexts: Vec<String> = self.store.clusters.keys().cloned().collect();
        let check = |context: &String| Command::CheckCluster { context: context.clone() };
        let ran = self.run(contexts.iter().map(check).collect()).await;
        let ended = contexts.iter().zip(&ran.outcomes);
        ended.fold(Exit::Fine, |exit, (context, outcome)| exit.and(self.settle(context, outcome)))
    }
}

fn configuration(work: &Work<'_>) -> Vec<Check> {
    let settings = &work.settings;
    let mut checks: Vec<Check> = settings
        .files
        .iter()
        .map(|file| Check::new("configuration", &file.display().to_string(), "ok", "read"))
        .collect();
    if checks.is_empty() {
        let message = "there is no file yet; `gitdeck repo add NAME URL` makes one";
        checks.push(Check::new("configuration", "-", "warning", message));
    }
    if settings.safety.read_only {
        checks.push(Check::new("configuration", "read-only", "ok", "every write is refused"));
    }
    checks
}

/// Whether a directory can be written, by writing into it.
fn directory(what: &'static str, path: &Path) -> Check {
    let probe = path.join(format!(".doctor.{}", std::process::id()));
    let written = std::fs::create_dir_all(path)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    let subject = path.display().to_string();
    match written {
        Ok(()) => Check::new("directory", &subject, "ok", format!("{what} can be written")),
        Err(error) => {
            let message = format!("{what} cannot be written: {error}");
            Check::new("directory", &subject, "failed", message)
        }
    }
}

pub(super) async fn version(program: &str, why: &str) -> Check {
    let flag = if program == "ssh" { "-V" } else { "--version" };
    let run = tokio::process::Command::new(program)
        .arg(flag)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(output)) => {
            // ssh says its version on stderr.
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            let text = String::from_utf8_lossy(&text);
            let said = text.lines().next().unwrap_or_default();
            match programs::git_version_fault(said).filter(|_| program == "git") {
                Some(fault) => Check::new("program", program, "failed", fault),
                None => Check::new("program", program, "ok", said),
            }
        }
        Ok(Err(error)) => {
            let message = format!("cannot be started ({error}); it serves {why}");
            Check::new("program", program, "warning", message)
        }
        Err(_) => Check::new("program", program, "warning", "does not answer"),
    }
}

fn repository(work: &Work<'_>, name: &str) -> Vec<Check> {
    let Some(view) = work.store.repositories.get(name) else { return Vec::new() };
    let mut checks: Vec<Check> = view
        .checks
        .iter()
        .map(|(check, passed, detail)| {
            let result = if *passed { "ok" } else { "failed" };
            Check::new("repository", name, result, format!("{check}: {detail}"))
        })
        .collect();
    let feeds = work.settings.mappings.values().filter(|mapping| mapping.repository == name);
    let feeds: Vec<&str> = feeds.map(|mapping| mapping.name.as_str()).collect();
    let seen = match (&view.state.fetched_at, &view.state.tip) {
        (Some(then), Some(tip)) => {
            let age = age(*then, Timestamp::now());
            format!("fetched at {}, age {age}", tip.short())
        }
        _ => "never fetched".to_owned(),
    };
    let feeds = if feeds.is_empty() { "no mapping".to_owned() } else { feeds.join(", ") };
    checks.push(Check::new("repository", name, "ok", format!("{seen}; feeds {feeds}")));
    if view.state.pending > 0 {
        let message = format!("{} commits wait for `gitdeck push {name}`", view.state.pending);
        checks.push(Check::new("repository", name, "warning", message));
    }
    checks
}

fn clusters(work: &Work<'_>) -> Vec<Check> {
    let all = work.store.clusters.keys().flat_map(|context| {
        let checks = work.store.cluster_checks.get(context);
        let unseen = || {
            let message = format!(
                "it could not be checked; `gitdeck config explain` of a mapping shows where `{context}` comes from"
            );
            vec![Check::new("cluster", context, "failed", message)]
        };
        checks.map_or_else(unseen, |checks| {
            let result = |passed: bool| if passed { "ok" } else { "failed" };
            let check = |(name, passed, detail): &(String, bool, String)| {
                Check::new("cluster", context, result(*passed), format!("{name}: {detail}"))
            };
            checks.iter().map(check).collect()
        })
    });
    all.collect()
}

/// What keeps a mapping from being in sync and healthy.
fn mapping(work: &Work<'_>, name: &str) -> Option<Check> {
    let status = &work.store.mappings.get(name)?.status;
    let why = status.message.as_ref().map_or(String::new(), |message| format!(": {message}"));
    let (result, message) = match status.sync {
        SyncState::Synced if matches!(status.health, Health::Healthy | Health::Suspended) => {
            ("ok", "in sync and healthy".to_owned())
        }
        SyncState::Synced => ("warning", format!("in sync, {}{why}", status.health.word())),
        SyncState::Error => ("failed", format!("cannot be synced{why}")),
        SyncState::Unknown => ("failed", format!("cannot be seen{why}")),
        SyncState::Suspended => ("warning", format!("suspended{why}; `gitdeck resume {name}`")),
        SyncState::Disconnected => ("warning", status.message.clone().unwrap_or_default()),
        SyncState::Drifted => {
            let drifted = match status.drifted_fields {
                1 => "1 field drifted".to_owned(),
                many => format!("{many} fields drifted"),
            };
            ("warning", format!("{drifted}; `gitdeck diff {name}` names what and by whom"))
        }
        SyncState::OutOfSync => {
            let behind = match status.behind {
                0 => "not as Git wants it".to_owned(),
                1 => "1 commit behind".to_owned(),
                many => format!("{many} commits behind"),
            };
            ("warning", format!("{behind}; `gitdeck sync {name}` brings it up to date{why}"))
        }
    };
    let held = status.held.as_ref().map(|held| format!("; {}: {held}", status.held_words()));
    Some(Check::new("mapping", name, result, message + &held.unwrap_or_default()))
}

/// Ignore rules that are of no use: a slip of the pen in one lets what it should leave alone be corrected.
fn dead_rules(work: &Work<'_>, name: &str) -> Vec<Check> {
    let plan = work.store.mappings.get(name).and_then(|view| view.plan.as_ref());
    let rules = plan.into_iter().flat_map(|(plan, _)| &plan.rules);
    rules
        .filter_map(RuleUse::dead)
        .map(|dead| Check::new("mapping", name, "warning", dead))
        .collect()
}

/// What a mapping is rendered from that its commit does not pin.
fn unpinned(work: &Work<'_>, name: &str) -> Option<Check> {
    let unpinned = work.store.mappings.get(name)?.status.unpinned()?;
    Some(Check::new("mapping", name, "warning", unpinned))
}

fn print(paint: Paint, checks: &[Check]) -> String {
    let rows = checks
        .iter()
        .map(|check| {
            let style: Style = match check.result {
                "ok" => Paint::good,
                "warning" => Paint::warn,
                _ => Paint::bad,
            };
            vec![
                Cell::styled(check.result, style),
                Cell::plain(check.area),
                Cell::styled(&check.subject, Paint::name),
                Cell::plain(&check.message),
            ]
        })
        .collect();
    table(paint, &["RESULT", "AREA", "SUBJECT", "MESSAGE"], rows)
}
