//! What git says of the signatures on the page of the log, asked in the background as the cursor rests.

use crate::domain::Revision;
use crate::domain::repository::Signature;
use crate::engine::{Command, Event, JobId, Store, Subject};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::ui::Ui;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::scroll::follow;
use std::collections::HashSet;
use std::time::Duration;

/// How long the page rests before it is asked about: longer than between two repeats of a held key.
const REST: Duration = Duration::from_millis(150);

/// What was asked for.
#[derive(Debug)]
struct Asked {
    revisions: Vec<Revision>,
    job: Option<JobId>,
    called_back: bool,
    /// Whether other signers count since.
    stale: bool,
}

/// The answers that are on their way, and those that need not be asked for.
#[derive(Debug, Default)]
pub struct Verifying {
    asked: Option<Asked>,
    answered: HashSet<Revision>,
}

impl Verifying {
    /// The job that asks.
    pub fn sent(&mut self, job: JobId) {
        if let Some(asked) = &mut self.asked {
            asked.job = Some(job);
        }
    }

    /// Takes in answers; other signers may count once the log was read anew.
    pub fn follow(&mut self, event: &Event) {
        match event {
            Event::Verified { verdicts }
                if self.asked.as_ref().is_none_or(|asked| !asked.stale) =>
            {
                self.answered.extend(verdicts.iter().map(|(revision, _)| revision.clone()));
            }
            Event::LogLoaded { skip: 0, .. } => self.forget(),
            _ => {}
        }
    }

    /// The job ended; whatever it did not find out is not asked for again, unless it was called back.
    pub fn ended(&mut self, job: JobId) {
        let Some(asked) = self.asked.take_if(|asked| asked.job == Some(job)) else { return };
        if !asked.called_back && !asked.stale {
            self.answered.extend(asked.revisions);
        }
    }

    /// Other signers may count by now: everything is asked for anew as it comes into sight.
    pub fn forget(&mut self) {
        self.answered.clear();
        if let Some(asked) = &mut self.asked {
            asked.stale = true;
        }
    }
}

/// Asks about the signed commits in sight that nobody asked about yet; calls back what is out of sight.
pub fn wish(ui: &mut Ui, store: &Store) -> Option<Effect> {
    let (repository, revisions) = in_sight(ui, store)?;
    if let Some(asked) = &mut ui.verifying.asked {
        let out_of_sight = !revisions.iter().any(|one| asked.revisions.contains(one));
        let job = asked.job.filter(|_| out_of_sight && !asked.called_back)?;
        asked.called_back = true;
        return Some(Effect::Cancel(job));
    }
    if revisions.is_empty() {
        return None;
    }
    let asked = Asked { revisions: revisions.clone(), job: None, called_back: false, stale: false };
    ui.verifying.asked = Some(asked);
    Some(Effect::Run(Command::Verify { repository, revisions, rest: REST }, Purpose::Verify))
}

/// The repository of the log, and its signed commits on the screen that are not answered for.
fn in_sight(ui: &Ui, store: &Store) -> Option<(String, Vec<Revision>)> {
    let subject = ui.commits.subject.as_ref()?;
    let repository = match subject {
        Subject::Repository(name) => name.clone(),
        Subject::Mapping(name) => store.mappings.get(name)?.mapping.repository.clone(),
    };
    let rows = &ui.commits.rows;
    let page = Frame::inner(ui.planned_layout().pane(Pane::Commits)).height as usize;
    let offset = follow(rows.offset, rows.selected, rows.visible.len(), page);
    let commits = &store.log(subject)?.commits;
    let shown = rows.visible.iter().skip(offset).take(page).filter_map(|index| commits.get(*index));
    let open = shown.filter(|commit| {
        commit.signature == Signature::Present && !ui.verifying.answered.contains(&commit.revision)
    });
    Some((repository, open.map(|commit| commit.revision.clone()).collect()))
}
