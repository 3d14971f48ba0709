//! From what runs in a namespace to the commit that writes it down, and to the mapping that follows it.

use crate::config::edit::NewMapping;
use crate::engine::export::{Export, ExportWish};
use crate::engine::{Command, Event, JobId, Outcome, Store};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::ended::{failure_of, pushed};
use crate::tui::flows::place::{near, why};
use crate::tui::popups::Popup;
use crate::tui::popups::commit_form::CommitForm;
use crate::tui::popups::export_form::ExportForm;
use crate::tui::ui::Ui;
use std::sync::Arc;

/// A look at the cluster that is under way for one form.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportFlow {
    wished: (NewMapping, ExportWish),
    job: Option<JobId>,
    export: Option<Arc<Export>>,
}

impl ExportFlow {
    /// The job that reads.
    pub fn sent(&mut self, job: JobId) {
        self.job = Some(job);
    }

    /// Takes in what its own job read.
    pub fn follow(&mut self, event: &Event) {
        if let Event::Exported { job, export } = event
            && self.job == Some(*job)
        {
            self.export = Some(Arc::clone(export));
        }
    }
}

/// Opens the form; it most likely goes where others of the repository come from.
pub fn begin(ui: &mut Ui, store: &Store) {
    let repository = ui.selected_repository(store).unwrap_or_default();
    let selected = ui.selected_mapping(store).map(|view| &view.mapping.target);
    let target = selected.or_else(|| near(store, &repository));
    let target = target.map_or(("", ""), |to| (to.context.as_str(), to.namespace.as_str()));
    let form = ExportForm::new(&repository, target);
    ui.popups.push(Popup::ExportForm(Box::new(form)));
}

/// Reads what is there; a look before this one is stopped.
pub fn look(ui: &mut Ui, wished: (NewMapping, ExportWish)) -> Vec<Effect> {
    let before = ui.export_flow.take().and_then(|flow| flow.job);
    let (new, wish) = (Box::new(wished.0.clone()), wished.1.clone());
    ui.export_flow = Some(ExportFlow { wished, job: None, export: None });
    let look = Effect::Run(Command::Export { new, wish }, Purpose::Export);
    before.map(Effect::Cancel).into_iter().chain([look]).collect()
}

/// It was read: shows what would be committed, or says in the form why nothing can be.
pub fn looked(ui: &mut Ui, job: JobId, outcome: &Outcome) -> Vec<Effect> {
    let Some(flow) = ui.export_flow.take_if(|flow| flow.job == Some(job)) else {
        return Vec::new();
    };
    let form = ui.popups.iter_mut().rev().find_map(|popup| match popup {
        Popup::ExportForm(form) if form.asks(&flow.wished) => Some(form),
        _ => None,
    });
    // Who closed the form does not ask any more, and another form asks for something else.
    let Some(form) = form else { return Vec::new() };
    let Some(export) = flow.export else {
        form.failed(why(outcome));
        return Vec::new();
    };
    form.shown();
    let (new, wish) = flow.wished;
    ui.popups.push(Popup::CommitForm(Box::new(CommitForm::tracking(new, wish, &export))));
    vec![Effect::DrainInput]
}

/// The commit was not made (its form is still there), or its push came to an end.
pub fn tracked(ui: &mut Ui, mapping: &str, (repository, push): (&str, bool), outcome: &Outcome) {
    let form = ui.popups.iter_mut().find_map(|popup| match popup {
        Popup::CommitForm(form) if form.mapping == mapping => Some(form),
        _ => None,
    });
    match (form, failure_of(outcome)) {
        (Some(form), Some(failure)) => form.failed(failure),
        (_, failure) if push || failure.is_some() => pushed(ui, repository, outcome),
        _ => {}
    }
}
