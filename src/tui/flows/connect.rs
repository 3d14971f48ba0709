//! Disconnecting a mapping and connecting it again, and what is not done with one that is disconnected.

use crate::engine::{Command, Store};
use crate::tui::action::{Action, Pane};
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Confirm, Question};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;

/// Asks whether to disconnect the selected mapping, or to connect it.
pub fn ask(ui: &mut Ui, store: &Store) {
    let Some(view) = ui.selected_mapping(store) else {
        return ui.say(Role::Muted, "no mapping is selected");
    };
    let mapping = &view.mapping;
    let connected = !mapping.connected;
    let name = mapping.name.clone();
    let path = if mapping.path.is_empty() { "." } else { &mapping.path };
    let target = format!("{}/{}", mapping.target.context, mapping.target.namespace);
    let means = if connected {
        "It is watched and planned again; what its settings ask for is done."
    } else {
        "It stays in the configuration. Nothing is watched, planned, synced, healed or recorded; the repository and the cluster are left as they are."
    };
    let mut body = vec![
        (Role::Text, format!("  path    {} of {}", safe(path), safe(&mapping.repository))),
        (Role::Text, format!("  target  {}", safe(&target))),
        (Role::Muted, String::new()),
        (Role::Text, means.to_owned()),
    ];
    let on = |other: &&crate::engine::store::MappingView| {
        other.mapping.connected && other.mapping.depends_on.contains(&name)
    };
    let waiting: Vec<&str> =
        store.mappings.values().filter(on).map(|one| one.mapping.name.as_str()).collect();
    if !connected && !waiting.is_empty() {
        let waiting = safe(&waiting.join(", ")).into_owned();
        body.push((Role::Drift, format!("{waiting} depends on it, and waits from then on.")));
    }
    let command = Command::Connect { mapping: name.clone(), connected };
    body.extend([(Role::Muted, String::new()), (Role::Muted, command.line())]);
    let verb = if connected { "Connect" } else { "Disconnect" };
    let question = Question {
        accept: Some(Step::Run(vec![Effect::inform(command)])),
        accept_label: verb.to_lowercase(),
        writes: true,
        copies: true,
        ..Question::new(format!("{verb} {}?", safe(&name)), body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question))));
}

/// Whether an action is not for the selected mapping, because it is disconnected; says so.
pub fn forbids(ui: &mut Ui, store: &Store, action: Action) -> bool {
    let of_mapping = match action {
        Action::Adopt | Action::SetImage | Action::SetValue | Action::Edit | Action::Suspend => {
            true
        }
        Action::Revert => !(ui.focus == Pane::Commits && ui.log_of_repository),
        Action::Sync => ui.mappings.marked.is_empty(),
        _ => false,
    };
    let name = match ui.selected_mapping(store) {
        Some(view) if of_mapping && !view.mapping.connected => view.mapping.name.clone(),
        _ => return false,
    };
    ui.say(Role::Muted, format!("{} is disconnected; X connects it", safe(&name)));
    true
}
