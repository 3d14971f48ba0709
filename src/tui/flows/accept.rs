//! Following a rewritten branch: look at what is left behind, ask, move.

use crate::engine::{Command, Store};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::{Step, trust};
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Confirm, Question};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;

/// Looks at how the branch of the selected repository was rewritten.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(name) = ui.selected_repository(store) else { return Vec::new() };
    let Some(view) = store.repositories.get(&name) else { return Vec::new() };
    if view.state.unknown_host.is_some() {
        return trust::ask(ui, store, &name);
    }
    if view.state.rewritten_from.is_none() {
        ui.say(Role::Muted, format!("the branch of {name} was not rewritten"));
        return Vec::new();
    }
    let command = Command::Compare { repository: name.clone() };
    vec![Effect::Run(command, Purpose::Accept { repository: name })]
}

/// Asks whether to follow it, when the look has ended.
pub fn ask(ui: &mut Ui, store: &Store, repository: &str, failure: Option<String>) {
    if let Some(failure) = failure {
        return ui.say(Role::Bad, format!("{repository} cannot be compared: {failure}"));
    }
    let Some(view) = store.repositories.get(repository) else { return };
    let Some(rewrite) = &view.rewrite else {
        return ui.say(Role::Muted, format!("the branch of {repository} was not rewritten"));
    };
    let mut body = vec![
        (Role::Text, format!("  of       {}", safe(&view.remote.url))),
        (Role::Text, format!("  branch   {}", safe(&view.remote.branch))),
        (Role::Text, format!("  was at   {}", rewrite.before.short())),
        (Role::Text, format!("  is at    {}", rewrite.tip.short())),
        (Role::Muted, String::new()),
        (Role::Drift, format!("  {} would be left behind:", count(rewrite.count, "commit"))),
    ];
    for commit in &rewrite.left {
        let (author, title) = (safe(&commit.author), safe(commit.title()));
        body.push((Role::Text, format!("  {}  {author}: {title}", commit.revision.short())));
    }
    let more = rewrite.count - rewrite.left.len();
    if more > 0 {
        body.push((Role::Muted, format!("  and {more} more")));
    }
    if view.state.pending > 0 {
        let waiting = count(view.state.pending, "waiting commit");
        body.push((Role::Text, format!("  {waiting} made again on the new tip at the next push")));
    }
    let command = Command::Accept { repository: repository.to_owned(), tip: rewrite.tip.clone() };
    let confirm = Question {
        accept: Some(Step::Run(vec![Effect::inform(command)])),
        accept_label: "follow".to_owned(),
        writes: true,
        ..Question::new(format!("Follow the rewritten branch of {repository}?"), body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
}
