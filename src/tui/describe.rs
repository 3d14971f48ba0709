//! Everything known of a repository or a mapping, as a text to read.

use crate::domain::{EngineKind, Mapping, MappingStatus};
use crate::engine::store::{MappingView, RepositoryView};
use crate::engine::{Command, Store};
use crate::tui::action::Pane;
use crate::tui::flows::diagnose::is_ill;
use crate::tui::popups::reader::Reader;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::words::{count, health_role, sync, sync_role};
use jiff::Timestamp;

/// The description of what is selected.
pub fn describe(ui: &Ui, store: &Store) -> Option<Reader> {
    if ui.focus == Pane::Repositories
        && let Some(name) = &ui.repositories.selected
    {
        let view = store.repositories.get(name)?;
        let line = Command::CheckRepository { repository: name.clone() }.line();
        let reader =
            Reader::sentences(format!("Repository {name}"), &repository(name, view, store));
        return Some(reader.with_command_line(line));
    }
    let view = ui.selected_mapping(store)?;
    let name = view.mapping.name.clone();
    let line = Command::Files { mapping: name.clone() }.line();
    let asked = if is_ill(view) { Asked::Now } else { Asked::Over };
    let reader = Reader::sentences(format!("Mapping {name}"), &mapping(view, asked));
    Some(reader.with_command_line(line).of_mapping(name))
}

/// Whether the cluster is asked why a mapping does not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// The answer is on its way.
    Now,
    /// What there is to know is known.
    Over,
    /// It could not be asked, and why (may hold foreign text).
    Vainly(&'a str),
}

fn fact(name: &str, value: impl std::fmt::Display) -> (Role, String) {
    (Role::Text, format!("{name:<18}{value}"))
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn repository(name: &str, view: &RepositoryView, store: &Store) -> Vec<(Role, String)> {
    let state = &view.state;
    let mut facts = vec![
        fact("address", &view.remote.url),
        fact("branch", &view.remote.branch),
        fact("access by", view.method),
        fact("tip", state.tip.as_ref().map_or("unknown", |tip| tip.as_str())),
        fact("last fetch", moment(state.fetched_at)),
        fact("waits for a push", count(state.pending, "commit")),
    ];
    if let Some(old) = &state.rewritten_from {
        facts.push((
            Role::Drift,
            format!(
                "The branch was rewritten upstream; it was at {old}. A compares and follows it."
            ),
        ));
    }
    if let Some(failure) = &state.error {
        facts.push((Role::Bad, format!("The last fetch failed: {}", failure.message)));
        facts.extend(failure.hint.as_ref().map(|hint| (Role::Text, hint.clone())));
    }
    facts.push((Role::Muted, " ".to_owned()));
    facts.push((Role::Strong, "Mappings".to_owned()));
    for (mapping, view) in store.mappings.iter().filter(|(_, view)| view.mapping.repository == name)
    {
        let line = format!("  {mapping:<24}{:<14}{}", sync(&view.status), view.mapping.path);
        facts.push((sync_role(view.status.sync), line));
    }
    facts
}

/// Everything known of a mapping.
pub fn mapping(view: &MappingView, asked: Asked<'_>) -> Vec<(Role, String)> {
    let (mapping, status) = (&view.mapping, &view.status);
    let revision = |revision: &Option<crate::domain::Revision>| {
        revision.as_ref().map_or_else(|| "none".to_owned(), |revision| revision.as_str().to_owned())
    };
    let engine = match mapping.engine {
        EngineKind::Direct => "direct",
        EngineKind::Flux => "flux",
        EngineKind::Argocd => "argocd",
    };
    let policy = &mapping.sync;
    let word = |yes: bool| if yes { "yes" } else { "no" };
    let mut facts = vec![
        (sync_role(status.sync), format!("{:<18}{}", "sync", sync(status))),
        (health_role(status.health), format!("{:<18}{}", "health", status.health.word())),
        fact("observed", moment(status.observed_at)),
        fact("objects", format!("{}, {} differ", status.objects.total, status.objects.differing)),
        fact("desired revision", revision(&status.desired_revision)),
        fact("synced revision", revision(&status.synced_revision)),
    ];
    facts.extend(troubles(view, asked));
    facts.extend([
        (Role::Muted, " ".to_owned()),
        fact("project", mapping.project.as_deref().unwrap_or("none")),
        fact("repository", &mapping.repository),
        fact("path", &mapping.path),
        fact("cluster", &mapping.target.context),
        fact("namespace", &mapping.target.namespace),
        fact("engine", engine),
        fact("production", word(mapping.production)),
        fact("auto sync", word(policy.auto)),
        fact("self heal", word(policy.self_heal)),
        fact(
            "prune",
            format!("{}, up to {}", word(policy.prune), count(policy.prune_limit, "object")),
        ),
        fact("fetched every", format!("{} s", mapping.polling_interval.as_secs())),
    ]);
    if mapping.is_recorded() {
        facts.push(fact("source", source(mapping)));
    }
    if !mapping.depends_on.is_empty() {
        facts.push(fact("depends on", mapping.depends_on.join(", ")));
    }
    facts.extend(suspension(status));
    for rule in &mapping.ignore {
        let place = rule.short_place().map(|place| format!(" ({place})")).unwrap_or_default();
        facts.push(fact("ignored", format!("{rule}{place}")));
    }
    let uses = view.plan.iter().flat_map(|(plan, _)| &plan.rules);
    for dead in uses.filter_map(crate::domain::RuleUse::dead) {
        facts.push((Role::Drift, dead));
    }
    if let Some(message) = &status.message {
        facts.insert(0, (sync_role(status.sync), message.clone()));
    }
    facts
}

fn source(mapping: &Mapping) -> String {
    let quiet = mapping.record.quiet.as_secs_f64();
    let pushed = if mapping.record.push { "pushed" } else { "not pushed" };
    format!("cluster: what changes is committed after {quiet} s of quiet, {pushed}")
}

/// What keeps it from being synced and well; it comes before what was configured.
fn troubles(view: &MappingView, asked: Asked<'_>) -> Vec<(Role, String)> {
    let status = &view.status;
    let mut facts = Vec::new();
    if let Some(held) = &status.held {
        facts.push((Role::Suspended, format!("{:<18}{held}", "not by itself")));
    }
    facts.extend(status.unpinned().map(|unpinned| (Role::Muted, unpinned)));
    let waits = status.waits.iter().map(ToString::to_string);
    let told = |wait: &String| status.held.as_ref() != Some(wait);
    facts.extend(waits.filter(told).map(|wait| (Role::Suspended, wait)));
    if status.drift_since.is_some() {
        facts.push(fact("drifted since", moment(status.drift_since)));
    }
    facts.extend(suspects(status));
    facts.extend(stall(view, asked));
    facts
}

/// Who may have made it ill, and since when it was well.
fn suspects(status: &MappingStatus) -> Vec<(Role, String)> {
    let mut facts = Vec::new();
    if let Some(healthy) = &status.last_healthy {
        let at = moment(Some(healthy.at));
        facts.push(fact("last healthy", format!("{} since {at}", healthy.revision.short())));
    }
    for (place, suspect) in status.suspects.iter().enumerate() {
        let name = format!("suspect {}", place + 1);
        facts.push((Role::Drift, format!("{name:<18}{suspect}, {}", moment(suspect.at))));
    }
    facts
}

/// What several mappings are ill of, as a text to read.
pub fn causes(store: &Store) -> Reader {
    let groups = store.causes(&[]);
    let mut text = Vec::new();
    for group in &groups {
        text.push((Role::Strong, group.head()));
        text.extend(group.names().map(|names| (Role::Text, format!("  {names}"))));
        text.extend(group.message.lines().map(|line| (Role::Muted, format!("  {line}"))));
        if let Some(commit) = group.since() {
            text.push((Role::Drift, format!("  suspected first: commit {}", commit.short())));
        }
        text.push((Role::Muted, " ".to_owned()));
    }
    let grouped = |name: &String| groups.iter().any(|group| group.mappings.contains(name));
    let unseen = store
        .mappings
        .iter()
        .filter(|(name, view)| view.status.observed_at.is_none() && !grouped(name));
    match unseen.count() {
        0 if groups.is_empty() => text.push((Role::Good, "Nothing is ill.".to_owned())),
        // The line between two groups.
        0 => drop(text.pop()),
        loading => {
            text.push((Role::Muted, format!("{} not seen yet", count(loading, "mapping"))));
        }
    }
    Reader::sentences("Causes".to_owned(), &text)
        .with_command_line("gitdeck status --by-cause --cached".to_owned())
}

/// What does not come up, in the cluster's own words.
fn stall(view: &MappingView, asked: Asked<'_>) -> Vec<(Role, String)> {
    let space = || (Role::Muted, " ".to_owned());
    let Some(stall) = &view.stall else {
        let why = "why it does not come up";
        return match asked {
            Asked::Now => vec![space(), (Role::Busy, format!("Asking the cluster {why}"))],
            Asked::Vainly(failure) => {
                vec![
                    space(),
                    (Role::Bad, format!("The cluster could not be asked {why}: {failure}")),
                ]
            }
            Asked::Over => Vec::new(),
        };
    };
    let mut facts = vec![space(), (Role::Bad, format!("Does not come up: {}", stall.words()))];
    facts.extend(stall.details().into_iter().map(|line| (Role::Text, format!("  {line}"))));
    facts
}

fn suspension(status: &MappingStatus) -> Vec<(Role, String)> {
    let Some(suspension) = &status.suspension else { return Vec::new() };
    let until = suspension.until.map_or_else(
        || "until somebody resumes it".to_owned(),
        |until| format!("until {}", moment(Some(until))),
    );
    vec![
        (Role::Muted, " ".to_owned()),
        (Role::Suspended, format!("{:<18}{}", "suspended by", suspension.owner)),
        fact("since", moment(Some(suspension.since))),
        fact("ends", until),
        fact("reason", suspension.reason.as_deref().unwrap_or("none given")),
    ]
}
