//! From a path of a repository, or a mapping, to the one question before it is placed there.

use crate::domain::depends::PATIENCE;
use crate::domain::{Refusal, Source, Target};
use crate::engine::outlook::{Foresight, Outlook, Placement, Placing};
use crate::engine::store::MappingView;
use crate::engine::{Command, Event, JobId, Outcome, Store, SyncOptions};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::Step;
use crate::tui::flows::confirm_sync::{Item, blocks, challenges, describe, release};
use crate::tui::popups::Popup;
use crate::tui::popups::chooser::Chooser;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::popups::place_form::PlaceForm;
use crate::tui::popups::reader::Reader;
use crate::tui::refusal;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use std::sync::Arc;

/// A look that is under way for one question.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceFlow {
    placing: Placing,
    options: SyncOptions,
    job: Option<JobId>,
    outlook: Option<Arc<Outlook>>,
}

impl PlaceFlow {
    /// The job that looks.
    pub fn sent(&mut self, job: JobId) {
        self.job = Some(job);
    }

    /// Takes in what its own job found out.
    pub fn follow(&mut self, event: &Event) {
        if let Event::Foreseen { job, outlook } = event
            && self.job == Some(*job)
        {
            self.outlook = Some(Arc::clone(outlook));
        }
    }
}

/// Asks for the paths of the selected repository.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(repository) = ui.selected_repository(store) else {
        ui.say(Role::Muted, "no repository is selected");
        return Vec::new();
    };
    let command = Command::Paths { repository: repository.clone() };
    vec![Effect::Run(command, Purpose::Import { repository })]
}

/// The paths are there: lets one be chosen.
pub fn choose(ui: &mut Ui, store: &Store, repository: &str, failure: Option<String>) {
    if let Some(failure) = failure {
        return ui.say(Role::Bad, format!("{repository} cannot be read: {failure}"));
    }
    let Some(paths) = store.repositories.get(repository).and_then(|view| view.paths.clone()) else {
        return;
    };
    if paths.is_empty() {
        return ui.say(Role::Muted, format!("{repository} has no files yet"));
    }
    ui.popups.push(Popup::Chooser(Box::new(Chooser::new(repository, paths))));
}

/// Opens the form of a new mapping; it most likely goes where others of the repository go.
pub fn import(ui: &mut Ui, store: &Store, repository: &str, path: &str) {
    let target =
        near(store, repository).map_or(("", ""), |to| (to.context.as_str(), to.namespace.as_str()));
    let form = PlaceForm::import(repository, path, target);
    ui.popups.push(Popup::PlaceForm(Box::new(form)));
}

/// Where another mapping of the repository goes, or else any.
pub(super) fn near<'a>(store: &'a Store, repository: &str) -> Option<&'a Target> {
    let near = store.mappings.values().find(|view| view.mapping.repository == repository);
    near.or_else(|| store.mappings.values().next()).map(|view| &view.mapping.target)
}

/// Opens the form of another place for the selected mapping.
pub fn change(ui: &mut Ui, store: &Store) {
    let Some(view) = ui.selected_mapping(store) else {
        return ui.say(Role::Muted, "no mapping is selected");
    };
    let form = PlaceForm::change(&view.mapping);
    ui.popups.push(Popup::PlaceForm(Box::new(form)));
}

/// Looks at what it would mean; a look before this one is stopped.
pub fn foresee(ui: &mut Ui, placing: Placing, options: SyncOptions) -> Vec<Effect> {
    let before = ui.place_flow.take().and_then(|flow| flow.job);
    let foresight = Foresight { placing: placing.clone(), options: options.clone() };
    ui.place_flow = Some(PlaceFlow { placing, options, job: None, outlook: None });
    let look = Effect::Run(Command::Foresee(Box::new(foresight)), Purpose::Foresee);
    before.map(Effect::Cancel).into_iter().chain([look]).collect()
}

/// The look ended: asks, or says in the form why it cannot be.
pub fn foreseen(ui: &mut Ui, job: JobId, outcome: &Outcome) -> Vec<Effect> {
    let Some(flow) = ui.place_flow.take_if(|flow| flow.job == Some(job)) else {
        return Vec::new();
    };
    let form = ui.popups.iter_mut().rev().find_map(|popup| match popup {
        Popup::PlaceForm(form) if form.asks(&flow.placing) => Some(form),
        _ => None,
    });
    // Who closed the form does not ask any more, and another form asks for something else.
    let Some(form) = form else { return Vec::new() };
    let Some(outlook) = &flow.outlook else {
        form.failed(why(outcome));
        return Vec::new();
    };
    if outlook.before.as_ref() == Some(&outlook.mapping) {
        form.failed("it is so already".to_owned());
        return Vec::new();
    }
    ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question(&flow, outlook)))));
    vec![Effect::DrainInput]
}

/// Why nothing came of it.
pub(super) fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => match &failure.hint {
            Some(hint) => format!("{}; {hint}", failure.message),
            None => failure.message.clone(),
        },
        Outcome::Refused(refusals) => {
            refusals.iter().map(refusal::words).collect::<Vec<_>>().join("; ")
        }
        Outcome::Done(_) | Outcome::Cancelled => "stopped".to_owned(),
    }
}

fn question(flow: &PlaceFlow, outlook: &Outlook) -> Question {
    let mapping = &outlook.mapping;
    let view = MappingView::new(mapping.clone());
    let item = Item { view: &view, plan: &outlook.plan, options: flow.options.clone() };
    let mut body: Vec<(Role, String)> =
        outlook.said.iter().map(|one| (Role::Text, safe(one).into_owned())).collect();
    body.push((Role::Muted, String::new()));
    describe(&mut body, &item);
    let is_new = outlook.before.is_none();
    let syncs = mapping.source == Source::Git && mapping.connected;
    let refusals = &outlook.plan.refusals;
    let taken = |one: &Refusal| matches!(one, Refusal::Foreign { .. } | Refusal::Held { .. });
    let blocked = refusals.iter().any(|one| taken(one) && blocks(one, &flow.options));
    let unsynced = refusals.iter().any(|one| blocks(one, &flow.options));
    let with_sync = syncs && !blocked && !unsynced;
    let alone = (!blocked).then(|| step(flow, outlook, None));
    let options = SyncOptions { wait: Some(PATIENCE), ..release(&item) };
    let both = with_sync.then(|| step(flow, outlook, Some(options)));
    let mut choices = Vec::new();
    let releasable = |one: &Refusal| {
        matches!(one, Refusal::Foreign { .. } | Refusal::Held { .. } | Refusal::Exists { .. })
    };
    if !flow.options.take_over && refusals.iter().any(releasable) {
        let options = SyncOptions { take_over: true, ..flow.options.clone() };
        let step = Step::ForeseeWith(Box::new((flow.placing.clone(), options)));
        choices.push(Choice { key: 't', label: "take over".to_owned(), step });
    }
    // What is changed is synced as always; what is imported is there to run.
    let (accept, other) = if is_new && both.is_some() { (both, alone) } else { (alone, both) };
    if let Some(step) = other {
        let label = if is_new { "configuration alone" } else { "and sync" };
        let key = if is_new { 'c' } else { 's' };
        choices.push(Choice { key, label: label.to_owned(), step });
    }
    let accept_label = if is_new && with_sync { "import and sync" } else { "write it" };
    let verb = if is_new { "Import" } else { "Change" };
    Question {
        challenges: challenges(std::slice::from_ref(&item)),
        choices,
        accept,
        accept_label: accept_label.to_owned(),
        writes: true,
        copies: true,
        ..Question::new(format!("{verb} {}?", safe(&mapping.name)), body)
    }
}

fn step(flow: &PlaceFlow, outlook: &Outlook, options: Option<SyncOptions>) -> Step {
    let (placing, digest) = (flow.placing.clone(), outlook.plan.digest.clone());
    let placement = Placement { placing, digest, sync: options };
    let mapping = outlook.mapping.name.clone();
    let command = Command::Place(Box::new(placement));
    Step::Run(vec![Effect::Run(command, Purpose::Place { mapping })])
}

/// It is in the configuration: its form is done.
pub fn placed(ui: &mut Ui, mapping: &str) {
    ui.popups.retain(|popup| !matches!(popup, Popup::PlaceForm(_) | Popup::ExportForm(_)));
    ui.say(Role::Good, format!("{mapping} is in the configuration"));
}

/// Says what was not done, with the reason.
pub fn ended(ui: &mut Ui, mapping: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Done(said) => ui.say(Role::Good, safe(said).into_owned()),
        Outcome::Cancelled => ui.say(Role::Muted, format!("{mapping}: stopped")),
        Outcome::Failed(_) | Outcome::Refused(_) => {
            let sentences = [(Role::Bad, why(outcome))];
            let title = format!("{mapping}: not finished");
            ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
        }
    }
}
