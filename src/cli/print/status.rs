//! `status` for people.

use super::paint::Paint;
use super::table::{Cell, Style, table};
use super::time::age;
use crate::cli::commands::status::Stalled;
use crate::domain::cause::Group;
use crate::domain::text::harmless;
use crate::domain::{Health, MappingStatus, SyncState};
use jiff::Timestamp;
use std::fmt::Write;

/// Suspects of one mapping; `-o json` has all.
const SUSPECTS: usize = 3;

/// One row per mapping, and below it why those that need a look do.
pub(crate) fn print(paint: Paint, statuses: &[MappingStatus], now: Timestamp) -> String {
    let rows = statuses.iter().map(|status| row(status, now)).collect();
    let heads =
        ["NAME", "PROJECT", "PATH", "TARGET", "REVISION", "SYNC", "HEALTH", "OBJECTS", "SEEN"];
    let mut text = table(paint, &heads, rows);
    for status in statuses {
        if let Some(message) = &status.message {
            let name = paint.name(&harmless(&status.name));
            // What is told of anything else than drift did not begin with it.
            let drifted = status.drift_since.filter(|_| status.sync == SyncState::Drifted);
            let since = drifted.map_or_else(String::new, |then| since(then, now));
            let _ = writeln!(text, "{name}: {}{since}", harmless(message));
        }
        for (place, suspect) in status.suspects.iter().enumerate().take(SUSPECTS) {
            let name = paint.name(&harmless(&status.name));
            let since = suspect.at.map_or_else(String::new, |then| since(then, now));
            let suspect = harmless(&suspect.to_string()).into_owned();
            let _ = writeln!(text, "{name}: suspect {}: {suspect}{since}", place + 1);
        }
        // Where it is held for that alone, the line below says it.
        let held = status.held.as_deref().unwrap_or_default();
        for wait in status.waits.iter().map(ToString::to_string).filter(|one| one != held) {
            let name = paint.name(&harmless(&status.name));
            let _ = writeln!(text, "{name}: {}", harmless(&wait));
        }
        if let Some(held) = &status.held {
            let name = paint.name(&harmless(&status.name));
            let _ = writeln!(text, "{name}: {}: {}", status.held_words(), harmless(held));
        }
    }
    text
}

/// What does not come up, in the cluster's own words, each mapping with its events and log.
pub(crate) fn stalls(paint: Paint, stalls: &[Stalled]) -> String {
    let mut text = String::new();
    for Stalled { mapping, stall } in stalls {
        let name = paint.name(&harmless(mapping));
        let _ = writeln!(text, "{name}: does not come up: {}", harmless(&stall.words()));
        for line in stall.details() {
            let _ = writeln!(text, "{name}:   {}", harmless(&line));
        }
    }
    text
}

/// One block for each cause: whose, or of how many and which, and what the first of them says.
pub(crate) fn causes(paint: Paint, groups: &[Group], all: usize) -> String {
    let mut text = String::new();
    if groups.is_empty() {
        let _ = writeln!(text, "none of {all} mappings is ill");
    }
    for group in groups {
        let since = group.since();
        let since = since.map_or_else(String::new, |one| format!(", since commit {}", one.short()));
        let _ = writeln!(text, "{}{since}", paint.head(&harmless(&group.head())));
        if let Some(names) = group.names() {
            let _ = writeln!(text, "  {}", paint.name(&harmless(&names)));
        }
        let _ = writeln!(text, "  {}", paint.dim(&harmless(&group.message)));
    }
    text
}

fn since(then: Timestamp, now: Timestamp) -> String {
    format!(", {} ago", age(then, now))
}

fn row(status: &MappingStatus, now: Timestamp) -> Vec<Cell> {
    let revision = status.synced_revision.as_ref().map_or("-", |revision| revision.short());
    let objects = format!("{}/{}", status.objects.differing, status.objects.total);
    let never = if status.sync == SyncState::Disconnected { "-" } else { "never" };
    let seen = status.observed_at.map_or_else(|| never.to_owned(), |then| age(then, now));
    vec![
        Cell::plain(&status.name),
        Cell::plain(status.project.as_deref().unwrap_or("-")),
        Cell::plain(if status.path.is_empty() { "." } else { &status.path }),
        Cell::plain(&format!("{}/{}", status.target.context, status.target.namespace)),
        Cell::plain(revision),
        Cell::styled(&sync_words(status), sync_style(status.sync)),
        Cell::styled(status.health.word(), health_style(status.health)),
        Cell::plain(&objects),
        Cell::styled(&seen, Paint::dim),
    ]
}

/// `3 behind`, `1 drifted`, or the state.
fn sync_words(status: &MappingStatus) -> String {
    match status.sync {
        SyncState::Drifted => format!("{} drifted", status.drifted_fields),
        SyncState::OutOfSync if status.behind > 0 => format!("{} behind", status.behind),
        SyncState::Synced => "in sync".to_owned(),
        other => other.word().to_owned(),
    }
}

fn sync_style(state: SyncState) -> Style {
    match state {
        SyncState::Synced => Paint::good,
        SyncState::Error => Paint::bad,
        SyncState::Unknown | SyncState::Suspended | SyncState::Disconnected => Paint::dim,
        SyncState::Drifted | SyncState::OutOfSync => Paint::warn,
    }
}

fn health_style(health: Health) -> Style {
    match health {
        Health::Healthy => Paint::good,
        Health::Degraded | Health::Missing => Paint::bad,
        Health::Progressing => Paint::warn,
        Health::Suspended | Health::Unknown => Paint::dim,
    }
}
