//! From the key to the confirmation: plan every chosen mapping, then ask once.

use crate::engine::{Command, JobId, Store, SyncOptions};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::confirm_sync;
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::Confirm;
use crate::tui::style::Role;
use crate::tui::ui::Ui;

/// Mappings that are being planned for one confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncFlow {
    /// Mappings with what their sync may do.
    pub mappings: Vec<(String, SyncOptions)>,
    /// Jobs that did not end yet.
    open: Vec<JobId>,
    /// Mappings whose job was not sent yet.
    unsent: Vec<String>,
    /// Mappings that could not be planned, with the reason.
    pub failed: Vec<(String, String)>,
}

impl SyncFlow {
    /// The job that plans a mapping.
    pub fn sent(&mut self, mapping: &str, job: JobId) {
        self.unsent.retain(|name| name != mapping);
        self.open.push(job);
    }
}

/// Plans the marked mappings, or the selected one.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let mut names: Vec<String> = ui.mappings.marked.iter().cloned().collect();
    if names.is_empty() {
        names.extend(ui.mappings.selected.clone());
    }
    names.retain(|name| store.mappings.contains_key(name));
    if names.is_empty() {
        ui.say(Role::Muted, "no mapping is selected");
        return Vec::new();
    }
    // What is synced together may wait for each other.
    let options = SyncOptions { after: names.clone(), ..SyncOptions::default() };
    start(ui, names.into_iter().map(|name| (name, options.clone())).collect())
}

/// Plans mappings with options; a flow before this one is forgotten.
pub fn start(ui: &mut Ui, mappings: Vec<(String, SyncOptions)>) -> Vec<Effect> {
    let names = mappings.iter().map(|(name, _)| name.clone()).collect();
    let effects = mappings
        .iter()
        .map(|(name, options)| {
            let command =
                Command::Plan { mapping: name.clone(), revision: None, options: options.clone() };
            Effect::Run(command, Purpose::Confirm { mapping: name.clone() })
        })
        .collect();
    ui.sync_flow = Some(SyncFlow { mappings, open: Vec::new(), unsent: names, failed: Vec::new() });
    effects
}

/// A plan is there, or will not come. When it was the last one, asks.
pub fn planned(
    ui: &mut Ui,
    store: &Store,
    job: JobId,
    mapping: &str,
    failure: Option<String>,
) -> Vec<Effect> {
    let Some(flow) = &mut ui.sync_flow else { return Vec::new() };
    if !flow.open.contains(&job) {
        return Vec::new();
    }
    flow.open.retain(|open| *open != job);
    if let Some(failure) = failure {
        flow.failed.push((mapping.to_owned(), failure));
    }
    if !flow.open.is_empty() || !flow.unsent.is_empty() {
        return Vec::new();
    }
    let flow = ui.sync_flow.take().unwrap_or_default();
    match confirm_sync::ask(store, &flow) {
        Ok(confirm) => {
            ui.popups.push(Popup::Confirm(Box::new(Confirm::new(confirm))));
            vec![Effect::DrainInput]
        }
        Err(said) => {
            ui.say(said.role, said.text);
            Vec::new()
        }
    }
}
