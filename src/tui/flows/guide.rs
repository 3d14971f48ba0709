//! The guides in the console: from the level to the answers, and from those to the question before they are written.

use crate::config::guide::{self, Answers, Known, Level};
use crate::engine::{Command, Store};
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::popups::guide_form::GuideForm;
use crate::tui::popups::place_form::PlaceForm;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use std::collections::BTreeSet;

/// Asks what the guide is to be about.
pub fn ask(ui: &mut Ui) {
    let levels = [
        ('g', Level::Global, "author, a repository, what holds for everything"),
        ('p', Level::Project, "a group of mappings that inherit from it"),
        ('m', Level::Mapping, "one mapping: a path of a repository, tied to a namespace"),
    ];
    let line = |(key, level, about): &(char, Level, &str)| {
        (Role::Text, format!("  {key}  {:<8} {about}", level.word()))
    };
    let body = levels.iter().map(line).collect();
    let choice = |(key, level, _): &(char, Level, &str)| {
        let label = level.word().to_owned();
        Choice { key: *key, label, step: Step::Guide(*level) }
    };
    let choices = levels.iter().map(choice).collect();
    let question = Question { choices, ..Question::new("A guide to what?".to_owned(), body) };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question))));
}

/// Opens the guide of a level.
pub fn begin(ui: &mut Ui, store: &Store, level: Level) {
    let mappings = || store.mappings.values().map(|view| &view.mapping);
    let projects: BTreeSet<String> = mappings().filter_map(|one| one.project.clone()).collect();
    let target = mappings().next().map(|one| &one.target);
    let known = Known {
        repositories: store.repositories.keys().cloned().collect(),
        projects: projects.into_iter().collect(),
        mappings: store.mappings.keys().cloned().collect(),
        author: None,
        target: target.map(|to| (to.context.clone(), to.namespace.clone())),
    };
    ui.popups.push(Popup::GuideForm(Box::new(GuideForm::new(level, known))));
}

/// Every question was answered: shows what would be written. A mapping is looked at first, like every other.
pub fn answered(ui: &mut Ui, level: Level, answers: &Answers) {
    if level == Level::Mapping {
        let form = PlaceForm::filled(&guide::mapping(answers));
        ui.popups.push(Popup::PlaceForm(Box::new(form)));
        return;
    }
    let edits = guide::edits(level, answers);
    if edits.is_empty() {
        return ui.say(Role::Muted, "nothing was answered, so nothing is written");
    }
    let lines = edits.iter().flat_map(guide::TableEdit::lines);
    let body = lines.map(|line| (Role::Text, format!("  {}", safe(&line)))).collect();
    let command = Command::Guide { level, edits: edits.clone() };
    let question = Question {
        accept: Some(Step::Run(vec![Effect::inform(command)])),
        accept_label: "write it".to_owned(),
        writes: true,
        copies: true,
        ..Question::new("Write this into the configuration?".to_owned(), body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question))));
}
