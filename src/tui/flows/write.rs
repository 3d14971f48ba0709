//! Push, drop, suspend and resume: ask, then send.

use crate::engine::{Command, Store, Subject};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::Step;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Confirm, Question};
use crate::tui::popups::prompt::{Ask, Prompt};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;
use jiff::Timestamp;

/// Asks whether to push what waits in the repository of the selection.
pub fn push(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(name) = ui.selected_repository(store) else { return Vec::new() };
    let Some(view) = store.repositories.get(&name) else { return Vec::new() };
    if view.state.pending == 0 {
        ui.say(Role::Muted, format!("nothing waits for a push in {name}"));
        return Vec::new();
    }
    let mut body = vec![
        (Role::Text, format!("  to      {}", safe(&view.remote.url))),
        (Role::Text, format!("  branch  {}", safe(&view.remote.branch))),
        (Role::Muted, String::new()),
    ];
    let logs = [Subject::Repository(name.clone())]
        .into_iter()
        .chain(ui.mappings.selected.clone().map(Subject::Mapping));
    let log = logs.filter_map(|subject| store.log(&subject)).find(|log| log.loaded);
    for commit in log.iter().flat_map(|log| &log.commits).filter(|commit| commit.pending) {
        let title = safe(commit.title()).into_owned();
        body.push((Role::Text, format!("  {}  {title}", commit.revision.short())));
    }
    let title = format!("Push {} of {name}?", count(view.state.pending, "commit"));
    let command = Command::Push { repository: name.clone() };
    let step = Step::Run(vec![Effect::Run(command, Purpose::Push { repository: name })]);
    let confirm = Question {
        accept: Some(step),
        accept_label: "push".to_owned(),
        writes: true,
        ..Question::new(title, body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
    Vec::new()
}

/// Asks whether to drop the selected commit, which was not pushed.
pub fn drop(ui: &mut Ui, store: &Store) {
    let (Some(commit), Some(repository)) =
        (ui.commits.commit(store), ui.selected_repository(store))
    else {
        return;
    };
    let (short, revision) = (commit.revision.short().to_owned(), commit.revision.to_string());
    if !commit.pending {
        return ui.say(Role::Muted, format!("{short} does not wait for a push"));
    }
    let body = vec![
        (Role::Text, format!("  {short}  {}", safe(commit.title()))),
        (Role::Drift, "  It was not pushed anywhere: what it changes is lost.".to_owned()),
    ];
    let title = format!("Drop a commit of {repository}?");
    let confirm = Question {
        accept: Some(Step::Run(vec![Effect::inform(Command::Drop { repository, revision })])),
        accept_label: "drop".to_owned(),
        writes: true,
        ..Question::new(title, body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
}

/// Asks for the reason and the end of a suspension, or whether to end one.
pub fn suspend(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(view) = ui.selected_mapping(store) else { return Vec::new() };
    let (mapping, target) = (view.mapping.name.clone(), view.mapping.target.clone());
    let place = format!("cluster {}, namespace {}", safe(&target.context), safe(&target.namespace));
    if view.status.is_stopped() {
        let mut body = vec![(Role::Text, format!("  {place}"))];
        body.extend(
            view.status
                .held
                .as_ref()
                .or(view.status.message.as_ref())
                .map(|m| (Role::Suspended, format!("  {}", safe(m)))),
        );
        let command = Command::Resume { mapping: mapping.clone() };
        let confirm = Question {
            accept: Some(Step::Run(vec![Effect::inform(command)])),
            accept_label: "resume".to_owned(),
            writes: true,
            ..Question::new(format!("Resume {mapping}?"), body)
        };
        ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
        return Vec::new();
    }
    let prompt = Prompt::new(
        format!("Suspend {mapping}"),
        vec![
            format!("{place}: gitdeck leaves the mapping alone until it is resumed."),
            "Why, and for how long? Others see it; Enter suspends, also without.".to_owned(),
        ],
        Ask::Reason { mapping },
    );
    ui.popups.push(Popup::Prompt(Box::new(prompt)));
    Vec::new()
}

/// Suspends a mapping.
pub fn suspend_for(mapping: String, reason: &str, until: Option<Timestamp>) -> Vec<Effect> {
    let reason = Some(reason.trim()).filter(|reason| !reason.is_empty()).map(str::to_owned);
    vec![Effect::inform(Command::Suspend { mapping, reason, until })]
}
