//! From a key to the text that says which commit set each field of an object.

use crate::domain::{BlamedField, BlamedObject};
use crate::engine::{Command, Store};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::travel;
use crate::tui::popups::Popup;
use crate::tui::popups::reader::Reader;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::{cells, clip, safe};

/// Cells of the author's name.
const AUTHOR: usize = 12;

/// Asks about the object under the cursor of the diff, or about all of the selected mapping, at the commit that is shown.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(view) = ui.selected_mapping(store) else {
        ui.say(Role::Muted, "no mapping is selected");
        return Vec::new();
    };
    let mapping = view.mapping.name.clone();
    let to = travel::destination(ui, store);
    let plan = match &to {
        Some(to) => travel::arrived(store, to),
        None => view.plan.as_ref(),
    };
    let operation = plan.filter(|_| ui.focus == Pane::Diff).and_then(|(plan, _)| {
        let (operation, _) = ui.diff.at_cursor()?;
        plan.operations.get(operation)
    });
    let objects = operation.map(|operation| {
        let object = &operation.object;
        let namespace = object.namespace.as_ref().map_or(String::new(), |name| format!("{name}/"));
        format!("{}/{namespace}{}", object.key().group_kind(), object.name)
    });
    let command = Command::Blame {
        mapping: mapping.clone(),
        revision: to.map(|to| to.revision.short().to_owned()),
        objects: objects.into_iter().collect(),
    };
    ui.say(Role::Muted, format!("{mapping}: looking for who set each field"));
    vec![Effect::Run(command, Purpose::Blame { mapping })]
}

/// It was found out: opens the text.
pub fn read(ui: &mut Ui, store: &Store, mapping: &str, failure: Option<String>) {
    ui.notice = None;
    if let Some(failure) = failure {
        return ui.say(Role::Bad, failure);
    }
    let Some(blame) = store.mappings.get(mapping).and_then(|view| view.blame.clone()) else {
        return;
    };
    if !ui.popups.is_empty() {
        // Not over what somebody types in; what was found out stays known, and the next time it is there sooner.
        return ui.say(Role::Good, format!("{mapping}: who set each field is known; B shows it"));
    }
    let mut sentences = Vec::new();
    for object in &blame.objects {
        if !sentences.is_empty() {
            sentences.push((Role::Muted, " ".to_owned()));
        }
        sentences.push((Role::Strong, format!("{}  {}", object.object, object.file)));
        sentences.extend(lines(object));
    }
    let title = format!("{mapping} at {}: who set each field", blame.revision.short());
    let named = match blame.objects.as_slice() {
        [one] => vec![format!("{}/{}", one.object.kind, one.object.name)],
        _ => Vec::new(),
    };
    let command = Command::Blame {
        mapping: mapping.to_owned(),
        revision: Some(blame.revision.short().to_owned()),
        objects: named,
    };
    let reader = Reader::sentences(title, &sentences).with_command_line(command.line());
    ui.popups.push(Popup::Reader(Box::new(reader)));
}

fn lines(object: &BlamedObject) -> Vec<(Role, String)> {
    let lines = object.lines().into_iter().map(|(field, line)| {
        let field = field.and_then(|index| object.fields.get(index));
        let role = match field {
            Some(field) if field.commit.is_some() => Role::Text,
            _ => Role::Muted,
        };
        (role, format!("{} | {line}", gutter(field)))
    });
    lines.collect()
}

/// Commit, day and author in a fixed width.
fn gutter(field: Option<&BlamedField>) -> String {
    let (commit, when, who) = match field {
        None => ("", String::new(), String::new()),
        Some(BlamedField { commit: Some(commit), time, author, .. }) => {
            let day = time.map_or(String::new(), |then| then.strftime("%Y-%m-%d").to_string());
            let author = safe(author.as_deref().unwrap_or_default()).into_owned();
            (commit.short(), day, clip(&author, AUTHOR, "…").into_owned())
        }
        Some(_) => ("-", String::new(), "computed".to_owned()),
    };
    let padding = " ".repeat(AUTHOR.saturating_sub(cells(&who)));
    format!("{commit:<7} {when:<10} {who}{padding}")
}
