//! The key of a host that ssh does not know: shown once by itself, and again when asked for.

use crate::domain::HostKey;
use crate::engine::{Command, Store};
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Confirm, Question};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;

/// Asks by itself, once for each key, and only where no other popup has the keys.
pub fn notice(ui: &mut Ui, store: &Store, repository: &str) -> Vec<Effect> {
    let Some(key) = unknown(store, repository) else { return Vec::new() };
    if !ui.popups.is_empty() || !ui.asked_hosts.insert(key.fingerprint.clone()) {
        return Vec::new();
    }
    ask(ui, store, repository)
}

/// Asks whether to trust the host of a repository.
pub fn ask(ui: &mut Ui, store: &Store, repository: &str) -> Vec<Effect> {
    let Some(key) = unknown(store, repository) else { return Vec::new() };
    let url = store.repositories.get(repository).map_or("", |view| view.remote.url.as_str());
    let body = vec![
        (Role::Text, format!("  of            {}", safe(url))),
        (Role::Text, format!("  host          {}", safe(&key.host))),
        (Role::Text, format!("  type of key   {}", safe(&key.kind))),
        (Role::Drift, format!("  fingerprint   {}", safe(&key.fingerprint))),
        (Role::Muted, String::new()),
        (
            Role::Muted,
            "  Compare it with the one that the operator of the host publishes. ssh then"
                .to_owned(),
        ),
        (
            Role::Muted,
            "  adds the key to its known hosts; somebody else with another key is refused."
                .to_owned(),
        ),
    ];
    let command =
        Command::Trust { repository: repository.to_owned(), fingerprint: key.fingerprint.clone() };
    let question = Question {
        accept: Some(Step::Run(vec![Effect::inform(command)])),
        accept_label: "trust this key".to_owned(),
        decline_label: "later".to_owned(),
        writes: true,
        ..Question::new(format!("ssh does not know the host of {repository}"), body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question))));
    // What was typed for something else is no answer.
    vec![Effect::DrainInput]
}

fn unknown<'a>(store: &'a Store, repository: &str) -> Option<&'a HostKey> {
    store.repositories.get(repository)?.state.unknown_host.as_ref()
}
