//! Time travel: what applying the commit under the cursor would change, planned in the background as the cursor rests.

use crate::domain::{Plan, Revision};
use crate::engine::{Command, JobId, Store};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::ui::Ui;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How long the cursor rests on a commit before its plan is begun: longer than between two repeats of a held key.
const REST: Duration = Duration::from_millis(200);

/// A mapping at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Mapping.
    pub mapping: String,
    /// Commit.
    pub revision: Revision,
}

/// What was asked for.
#[derive(Debug)]
struct Asked {
    to: Destination,
    job: Option<JobId>,
    called_back: bool,
}

/// The plan that is on its way: never more than one.
#[derive(Debug, Default)]
pub struct Travel {
    asked: Option<Asked>,
    failed: Option<(Destination, String)>,
}

impl Travel {
    /// The job that plans.
    pub fn sent(&mut self, job: JobId) {
        if let Some(asked) = &mut self.asked {
            asked.job = Some(job);
        }
    }

    /// The job ended; a failure is kept until the cursor moves on.
    pub fn ended(&mut self, job: JobId, failure: Option<String>) {
        let Some(asked) = self.asked.take_if(|asked| asked.job == Some(job)) else { return };
        self.failed = failure.filter(|_| !asked.called_back).map(|why| (asked.to, why));
    }

    /// Why the plan of a destination cannot be shown.
    pub fn failure(&self, to: &Destination) -> Option<&str> {
        let (of, why) = self.failed.as_ref()?;
        (of == to).then_some(why)
    }
}

/// Where the cursor is, as long as the log is in use and its commit is not the one that is planned anyway.
pub fn destination(ui: &Ui, store: &Store) -> Option<Destination> {
    if ui.list != Pane::Commits || matches!(ui.focus, Pane::Repositories | Pane::Mappings) {
        return None;
    }
    let view = ui.selected_mapping(store)?;
    let of_repository = ui.commits.subject.as_ref()?.name();
    let mapping = &view.mapping;
    // What is disconnected is planned only where somebody asks for it.
    if !mapping.connected {
        return None;
    }
    if of_repository != mapping.name && of_repository != mapping.repository {
        return None;
    }
    let revision = Revision::new(ui.commits.selected.as_ref()?);
    let elsewhere = view.plan.as_ref().is_none_or(|(plan, _)| plan.revision != revision);
    elsewhere.then(|| Destination { mapping: mapping.name.clone(), revision })
}

/// The plan of a destination, where it is known: that of another commit is none.
pub fn arrived<'a>(store: &'a Store, to: &Destination) -> Option<&'a (Arc<Plan>, Timestamp)> {
    let preview = store.mappings.get(&to.mapping)?.preview.as_ref()?;
    (preview.0.revision == to.revision).then_some(preview)
}

/// Asks for the plan under the cursor; calls back the one before, and waits until it is gone.
pub fn wish(ui: &mut Ui, store: &Store) -> Option<Effect> {
    let to = destination(ui, store);
    if let Some(asked) = &mut ui.travel.asked {
        let job = asked.job.filter(|_| to.as_ref() != Some(&asked.to) && !asked.called_back)?;
        asked.called_back = true;
        return Some(Effect::Cancel(job));
    }
    if ui.travel.failed.as_ref().is_some_and(|(of, _)| to.as_ref() != Some(of)) {
        ui.travel.failed = None;
    }
    let to = to.filter(|_| ui.popups.is_empty())?;
    if ui.travel.failure(&to).is_some() || arrived(store, &to).is_some() {
        return None;
    }
    let Destination { mapping, revision } = to.clone();
    ui.travel.asked = Some(Asked { to, job: None, called_back: false });
    let command = Command::Preview { mapping, revision, rest: REST };
    Some(Effect::Run(command, Purpose::Preview))
}
