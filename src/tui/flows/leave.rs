//! The ways in and out: leaving while something writes, and what a killed process left.

use crate::engine::event::JournalEntry;
use crate::engine::store::JobView;
use crate::engine::{Command, Store};
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;

/// Leaves at once, or asks where something would be lost or stopped.
pub fn ask(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let writing: Vec<&JobView> = store.running().filter(|job| job.writes).collect();
    let edited: usize = ui.edits.values().map(|edits| edits.files.len()).sum();
    if writing.is_empty() && edited == 0 {
        return vec![Effect::Quit];
    }
    let mut body = Vec::new();
    for job in &writing {
        let progress = match job.progress.total {
            Some(total) => format!(" ({} of {total} {})", job.progress.done, job.progress.unit),
            None => String::new(),
        };
        body.push((Role::Busy, format!("  {}{progress} is still writing", safe(&job.title))));
    }
    if !writing.is_empty() {
        body.push((
            Role::Text,
            "  It would stop after its current step; what is done stays done,".to_owned(),
        ));
        body.push((Role::Text, "  and the next start offers to go on.".to_owned()));
    }
    for (mapping, edits) in &ui.edits {
        let files = count(edits.files.len(), "edited file");
        body.push((Role::Drift, format!("  {files} of {} would be lost", safe(mapping))));
    }
    let accept_label = if writing.is_empty() { "quit" } else { "stop after this step and quit" };
    let confirm = Question {
        accept: Some(Step::Quit),
        accept_label: accept_label.to_owned(),
        decline_label: "stay".to_owned(),
        ..Question::new("Quit?".to_owned(), body)
    };
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
    Vec::new()
}

/// Stops what writes after its current step, and leaves.
pub fn quit(store: &Store) -> Vec<Effect> {
    let mut effects: Vec<Effect> = store.running().map(|job| Effect::Cancel(job.id)).collect();
    effects.push(Effect::Quit);
    effects
}

/// Asks about interrupted work that was not asked about yet, one entry at a time.
pub fn ask_about_journal(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    if ui.read_only {
        return Vec::new();
    }
    let mut effects = Vec::new();
    for id in ui.unasked(store) {
        ui.asked.insert(id);
        let Some(entry) = store.journal.iter().find(|entry| entry.id == id) else { continue };
        ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question(entry)))));
        effects = vec![Effect::DrainInput];
    }
    effects
}

fn question(entry: &JournalEntry) -> Question {
    let (done, total) = entry.steps;
    let mut body = vec![
        (Role::Text, format!("  {}", safe(&entry.line))),
        (Role::Text, format!("  begun {}", entry.at.strftime("%Y-%m-%d %H:%M:%S UTC"))),
        (Role::Drift, format!("  {done} of {} done", count(total, "step"))),
    ];
    body.extend(entry.message.as_ref().map(|m| (Role::Muted, format!("  {}", safe(m)))));
    let discard = Step::Run(vec![Effect::inform(Command::Discard { entry: entry.id })]);
    Question {
        accept: Some(Step::Run(vec![Effect::inform(Command::Continue { entry: entry.id })])),
        accept_label: "go on with it".to_owned(),
        decline_label: "later".to_owned(),
        choices: vec![Choice { key: 'd', label: "discard".to_owned(), step: discard }],
        writes: true,
        ..Question::new(format!("Interrupted: {} {}", entry.what, entry.subject), body)
    }
}
