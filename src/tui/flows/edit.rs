//! From a file to a commit: choose, edit, draft, commit.

use crate::domain::FileEdit;
use crate::engine::{Command, Store};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::Edited;
use crate::tui::popups::Popup;
use crate::tui::popups::commit_form::CommitForm;
use crate::tui::popups::editor::Editor;
use crate::tui::popups::picker::Picker;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;

/// Asks for the files of the selected mapping.
pub fn begin(ui: &mut Ui) -> Vec<Effect> {
    let Some(mapping) = ui.mappings.selected.clone() else {
        ui.say(Role::Muted, "no mapping is selected");
        return Vec::new();
    };
    vec![Effect::Run(Command::Files { mapping: mapping.clone() }, Purpose::Choose { mapping })]
}

/// The files are there: opens the only one, or lets choose.
pub fn choose(ui: &mut Ui, store: &Store, mapping: &str) {
    let Some(view) = store.mappings.get(mapping) else { return };
    let Some((revision, files)) = view.files.clone() else { return };
    match files.as_slice() {
        [] if revision.is_none() => first(ui, mapping, &view.mapping.path),
        [] => ui.say(Role::Bad, format!("{mapping} has no file")),
        [only] if only.text.is_ok() => open(ui, store, mapping, &only.path),
        _ => {
            let edits = ui.edits.get(mapping).map_or(&[][..], |edits| &edits.files);
            ui.popups.push(Popup::Picker(Box::new(Picker::new(mapping, &files, edits))));
        }
    }
}

/// Opens the file that begins an empty repository.
fn first(ui: &mut Ui, mapping: &str, path: &str) {
    let is_file = [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
    let path = match path {
        path if is_file => path.to_owned(),
        "" => format!("{mapping}.yaml"),
        folder => format!("{folder}/{mapping}.yaml"),
    };
    let edits = ui.edits.get(mapping).map_or(&[][..], |edits| &edits.files);
    let edited = edits.iter().find(|edit| edit.path == path);
    let edited = edited.and_then(|edit| edit.content.as_deref());
    let edited = edited.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let content = String::new();
    let file = Edited { mapping: mapping.to_owned(), base: None, path, content };
    ui.popups.push(Popup::Editor(Box::new(Editor::new(file, edited))));
    ui.say(Role::Muted, "the repository is empty: this becomes its first commit");
}

/// Opens a file, with what was edited in it before.
pub fn open(ui: &mut Ui, store: &Store, mapping: &str, path: &str) {
    let Some((revision, files)) = store.mappings.get(mapping).and_then(|view| view.files.clone())
    else {
        return;
    };
    let Some(file) = files.iter().find(|file| file.path == path) else { return };
    let text = match &file.text {
        Ok(text) => text.clone(),
        Err(why) => {
            return ui.say(Role::Bad, format!("{} {}", safe(path), why.refusal()));
        }
    };
    let edits = ui.edits.get(mapping);
    let edited = edits.and_then(|edits| edits.files.iter().find(|edit| edit.path == path));
    let edited = edited.and_then(|edit| edit.content.clone());
    let edited = edited.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let base = edits.and_then(|edits| edits.base.clone()).or(revision);
    let editor = Editor::new(
        Edited { mapping: mapping.to_owned(), base, path: path.to_owned(), content: text },
        edited,
    );
    ui.popups.push(Popup::Editor(Box::new(editor)));
}

/// Remembers an edited file until it is committed.
pub fn keep(ui: &mut Ui, edited: Edited) {
    let edits = ui.edits.entry(edited.mapping).or_default();
    // The oldest base wins: what changed since is then a conflict, never a silent overwrite.
    edits.base = edits.base.take().or(edited.base);
    edits.files.retain(|file| file.path != edited.path);
    edits.files.push(FileEdit { path: edited.path, content: Some(edited.content.into_bytes()) });
}

/// Remembers that a file goes away, and opens the commit form.
pub fn delete(ui: &mut Ui, store: &Store, mapping: &str, path: String) -> Vec<Effect> {
    let files = store.mappings.get(mapping).and_then(|view| view.files.as_ref());
    let Some((revision, _)) = files else { return Vec::new() };
    let edits = ui.edits.entry(mapping.to_owned()).or_default();
    edits.base = edits.base.take().or_else(|| revision.clone());
    edits.files.retain(|file| file.path != path);
    edits.files.push(FileEdit { path, content: None });
    form(ui, mapping)
}

/// Forgets what was edited in a file.
pub fn forget(ui: &mut Ui, mapping: &str, path: &str) {
    if let Some(edits) = ui.edits.get_mut(mapping) {
        edits.files.retain(|file| file.path != path);
        if edits.files.is_empty() {
            ui.edits.remove(mapping);
        }
    }
}

/// Remembers an edited file and opens the commit form.
pub fn draft(ui: &mut Ui, edited: Edited) -> Vec<Effect> {
    let mapping = edited.mapping.clone();
    keep(ui, edited);
    form(ui, &mapping)
}

/// Opens the commit form for what was edited: of the selected mapping, else of the first one.
pub fn commit(ui: &mut Ui) -> Vec<Effect> {
    let selected = ui.mappings.selected.clone().filter(|name| ui.edits.contains_key(name));
    if let Some(mapping) = selected.or_else(|| ui.edits.keys().next().cloned()) {
        return form(ui, &mapping);
    }
    ui.say(Role::Muted, "nothing was edited; e edits a file of the selected mapping");
    Vec::new()
}

fn form(ui: &mut Ui, mapping: &str) -> Vec<Effect> {
    let Some(edits) = ui.edits.get(mapping).cloned() else { return Vec::new() };
    let command = Command::Draft { mapping: mapping.to_owned(), edits: edits.files.clone() };
    ui.popups.push(Popup::CommitForm(Box::new(CommitForm::new(mapping, edits))));
    vec![Effect::Run(command, Purpose::Draft { mapping: mapping.to_owned() })]
}
