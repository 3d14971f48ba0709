//! From a live value, an image or a value to the form of the commit that changes it in the files.

use crate::engine::store::MappingView;
use crate::engine::{Alteration, Command, Store};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::{Step, travel};
use crate::tui::popups::Popup;
use crate::tui::popups::commit_form::CommitForm;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::popups::prompt::{Ask, Prompt};
use crate::tui::popups::reader::Reader;
use crate::tui::style::Role;
use crate::tui::ui::{Edits, Ui};
use crate::tui::widgets::text::safe;

/// Adopts what the cursor of the diff is on, or everything that drifted of the selected mapping.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(view) = ui.selected_mapping(store) else {
        ui.say(Role::Muted, "no mapping is selected");
        return Vec::new();
    };
    let mapping = view.mapping.name.clone();
    let picks = picked(ui, store, view).into_iter().collect();
    propose(ui, mapping, Alteration::Adopt { picks, into: None })
}

/// The object or field under the cursor, as the command line names it.
fn picked(ui: &Ui, store: &Store, view: &MappingView) -> Option<String> {
    // The lines of another commit's plan say nothing of what is to be adopted.
    let here = ui.focus == Pane::Diff && travel::destination(ui, store).is_none();
    let (plan, _) = view.plan.as_ref().filter(|_| here)?;
    let (operation, change) = ui.diff.at_cursor()?;
    let operation = plan.operations.get(operation)?;
    let object = &operation.object;
    let namespace = object.namespace.as_ref().map_or(String::new(), |name| format!("{name}/"));
    let named = format!("{}/{namespace}{}", object.key().group_kind(), object.name);
    let path = change.and_then(|change| operation.changes.get(change));
    Some(path.map_or(named.clone(), |change| format!("{named}:{}", change.path)))
}

/// Asks for an image and its new version.
pub fn ask_image(ui: &mut Ui) {
    let Some(mapping) = ui.mappings.selected.clone() else {
        return ui.say(Role::Muted, "no mapping is selected");
    };
    let about = vec![
        "NAME=REF: the end of an image's name, and a tag, a digest or a whole image.".to_owned(),
        "Like checkout=1.5.0. What would be committed is shown first.".to_owned(),
    ];
    let prompt = Prompt::new(format!("Set an image of {mapping}"), about, Ask::Image { mapping });
    ui.popups.push(Popup::Prompt(Box::new(prompt)));
}

/// Asks for a value, and for its path unless the cursor is on it.
pub fn ask_value(ui: &mut Ui, store: &Store) {
    let Some(view) = ui.selected_mapping(store) else {
        return ui.say(Role::Muted, "no mapping is selected");
    };
    let mapping = view.mapping.name.clone();
    let path = picked(ui, store, view).filter(|pick| pick.contains(":/"));
    let about = match &path {
        Some(path) => vec![format!("The new value of {path}, as in YAML.")],
        None => vec![
            "PATH=VALUE, like Deployment/checkout:/spec/replicas=5; of a chart image.tag=1.5.0."
                .to_owned(),
        ],
    };
    let title = format!("Set a value of {mapping}");
    let prompt = Prompt::new(title, about, Ask::Value { mapping, path });
    ui.popups.push(Popup::Prompt(Box::new(prompt)));
}

/// Asks the engine for the edits.
pub fn propose(ui: &mut Ui, mapping: String, alteration: Alteration) -> Vec<Effect> {
    ui.say(Role::Muted, format!("{mapping}: looking for the values in the files"));
    let command = Command::Propose { mapping: mapping.clone(), alteration };
    vec![Effect::Run(command, Purpose::Propose { mapping })]
}

/// The edits are there: opens the form of their commit, or asks which file takes them.
pub fn proposed(ui: &mut Ui, store: &Store, mapping: &str, failure: Option<String>) -> Vec<Effect> {
    ui.notice = None;
    if let Some(failure) = failure {
        let title = format!("{mapping}: nothing was changed");
        let sentences = [(Role::Bad, failure)];
        ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
        return Vec::new();
    }
    let Some(view) = store.mappings.get(mapping) else { return Vec::new() };
    let Some(proposal) = view.proposal.clone() else { return Vec::new() };
    if let (Alteration::Adopt { picks, .. }, false) =
        (&proposal.alteration, proposal.choices.is_empty())
    {
        ui.popups.push(Popup::Confirm(Box::new(choice(mapping, picks, &proposal.choices))));
        return vec![Effect::DrainInput];
    }
    let edits = Edits {
        base: proposal.base.clone(),
        files: proposal.edits.to_vec(),
        of: Some(Box::new(proposal.alteration.clone())),
    };
    let mut form = CommitForm::leaving(mapping, edits, proposal.left.clone());
    if let Some(draft) = &view.draft {
        form.drafted(draft);
    }
    ui.popups.push(Popup::CommitForm(Box::new(form)));
    vec![Effect::DrainInput]
}

/// Lets somebody choose the file, by a digit.
fn choice(mapping: &str, picks: &[String], files: &[String]) -> Confirm {
    let said =
        "Others may use what lies outside of the mapping's path, so their objects may change, too.";
    let mut body = vec![(Role::Text, said.to_owned()), (Role::Muted, String::new())];
    let mut choices = Vec::new();
    for (key, file) in ('1'..='9').zip(files) {
        body.push((Role::Text, format!("  {key}  {}", safe(file))));
        let alteration = Alteration::Adopt { picks: picks.to_vec(), into: Some(file.clone()) };
        let step = Step::Propose { mapping: mapping.to_owned(), alteration };
        let label = file.rsplit('/').next().unwrap_or(file);
        choices.push(Choice { key, label: safe(label).into_owned(), step });
    }
    let title = format!("Which file of {mapping} takes the values?");
    Confirm::new(Question { choices, ..Question::new(title, body) })
}
