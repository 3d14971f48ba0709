//! What only the screen knows: focus, selection, scroll, popups, and what waits for an answer.

use crate::domain::{Commit, FileEdit, Plan, Revision};
use crate::engine::store::MappingView;
use crate::engine::{Command, JobId, Store, Subject};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::SyncFlow;
use crate::tui::flows::export::ExportFlow;
use crate::tui::flows::place::PlaceFlow;
use crate::tui::flows::revert::RevertFlow;
use crate::tui::flows::travel::{self, Travel};
use crate::tui::flows::verify::{self, Verifying};
use crate::tui::keymap::Keymap;
use crate::tui::layout::{Arrangement, Layout};
use crate::tui::panes::{Rows, commits, diff, mappings, repositories, sync};
use crate::tui::popups::Popup;
use crate::tui::style::Role;
use crate::tui::widgets::frame::Frame;
use jiff::Timestamp;
use ratatui::layout::Rect;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Commits of one page of a log.
const LOG_PAGE: usize = 200;

/// A sentence for the activity line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How it is meant.
    pub role: Role,
    /// The sentence.
    pub text: String,
}

/// Files that were edited and not committed yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// Revision that they were made on.
    pub base: Option<Revision>,
    /// New contents.
    pub files: Vec<FileEdit>,
    /// What they were made for, where gitdeck made them.
    pub of: Option<Box<crate::engine::Alteration>>,
}

/// What a loaded log was loaded for; when it changes the log is loaded again.
type LogKey = (Subject, Option<Revision>, usize);

/// The state of the screen.
#[derive(Debug)]
pub struct Ui {
    /// The pane that the keys go to.
    pub focus: Pane,
    /// The list that was in focus last.
    pub list: Pane,
    /// The details that were in focus last.
    pub detail: Pane,
    /// Whether the pane in focus has the whole screen.
    pub zoom: bool,
    /// The pane whose filter is being typed.
    pub filtering: Option<Pane>,
    /// Whether the log is that of the repository (else of the mapping).
    pub log_of_repository: bool,
    /// Pane 1.
    pub repositories: repositories::State,
    /// Pane 2.
    pub mappings: mappings::State,
    /// Pane 3.
    pub commits: commits::State,
    /// Pane 4.
    pub diff: diff::State,
    /// Pane 5.
    pub sync: sync::State,
    /// What lies over the panes; the last has the keys.
    pub popups: Vec<Popup>,
    /// What the console itself says.
    pub notice: Option<Notice>,
    /// Jobs whose end is followed up.
    pub waiting: Vec<(JobId, Purpose)>,
    /// Edited files by mapping.
    pub edits: BTreeMap<String, Edits>,
    /// A sync on its way to its confirmation.
    pub sync_flow: Option<SyncFlow>,
    /// A revert on its way to its confirmation.
    pub revert_flow: Option<RevertFlow>,
    /// A place of a mapping that is looked at.
    pub place_flow: Option<PlaceFlow>,
    /// What runs, on its way to a commit.
    pub export_flow: Option<ExportFlow>,
    /// Where the cursor of the log leads.
    pub travel: Travel,
    /// Which signatures were asked about.
    pub verifying: Verifying,
    /// Rectangles of the last frame.
    pub layout: Layout,
    /// The keys.
    pub keymap: Keymap,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// Interrupted entries of the journal that were shown already.
    pub asked: HashSet<u64>,
    /// Fingerprints of unknown host keys that were shown already.
    pub asked_hosts: HashSet<String>,
    /// Whether what opens the vault was asked for already.
    pub asked_vault: bool,
    log_loaded: Option<LogKey>,
    log_loading: bool,
    stale: bool,
}

impl Ui {
    /// The screen as it is at the start.
    pub fn new(read_only: bool) -> Self {
        Self {
            focus: Pane::Mappings,
            list: Pane::Mappings,
            detail: Pane::Diff,
            zoom: false,
            filtering: None,
            log_of_repository: false,
            repositories: repositories::State::default(),
            mappings: mappings::State::default(),
            commits: commits::State::default(),
            diff: diff::State::default(),
            sync: sync::State::default(),
            popups: Vec::new(),
            notice: None,
            waiting: Vec::new(),
            edits: BTreeMap::new(),
            sync_flow: None,
            revert_flow: None,
            place_flow: None,
            export_flow: None,
            travel: Travel::default(),
            verifying: Verifying::default(),
            layout: Layout::default(),
            keymap: Keymap::new(read_only),
            read_only,
            asked: HashSet::new(),
            asked_hosts: HashSet::new(),
            asked_vault: false,
            log_loaded: None,
            log_loading: false,
            stale: true,
        }
    }

    /// Takes in other settings: the keys that write go or come back, the log is loaded anew, and what was asked under the
    /// old ones is not answered under the new. Returns whether something was asked.
    pub fn configured(&mut self, read_only: bool) -> bool {
        self.read_only = read_only;
        self.keymap = Keymap::new(read_only);
        self.log_loaded = None;
        self.log_loading = false;
        self.verifying.forget();
        let before = self.popups.len();
        self.popups.retain(|popup| !matches!(popup, Popup::Confirm(_)));
        let flows = self.sync_flow.take().is_some() | self.revert_flow.take().is_some();
        flows || self.popups.len() < before
    }

    /// Puts the focus on a pane.
    pub fn focus_on(&mut self, pane: Pane) {
        self.focus = pane;
        if pane.is_list() {
            self.list = pane;
        } else {
            self.detail = pane;
        }
        match pane {
            Pane::Repositories => self.set_log_of_repository(true),
            Pane::Mappings => self.set_log_of_repository(false),
            _ => {}
        }
    }

    fn set_log_of_repository(&mut self, yes: bool) {
        if self.log_of_repository != yes {
            self.log_of_repository = yes;
            self.stale = true;
        }
    }

    /// The selected mapping with what is known of it.
    pub fn selected_mapping<'a>(&self, store: &'a Store) -> Option<&'a MappingView> {
        store.mappings.get(self.mappings.selected.as_ref()?)
    }

    /// The selected repository; that of the selected mapping where all are selected.
    pub fn selected_repository(&self, store: &Store) -> Option<String> {
        self.repositories
            .selected
            .clone()
            .or_else(|| self.selected_mapping(store).map(|view| view.mapping.repository.clone()))
    }

    /// The plan that the diff is of: that of the commit under the cursor of the log, else that of the tip.
    pub fn shown_plan<'a>(&self, store: &'a Store) -> Option<&'a Arc<Plan>> {
        match travel::destination(self, store) {
            Some(to) => travel::arrived(store, &to).map(|(plan, _)| plan),
            None => self.selected_mapping(store)?.plan.as_ref().map(|(plan, _)| plan),
        }
    }

    /// The rows of a list pane.
    pub fn rows(&self, pane: Pane) -> Option<&Rows> {
        match pane {
            Pane::Repositories => Some(&self.repositories.rows),
            Pane::Mappings => Some(&self.mappings.rows),
            Pane::Commits => Some(&self.commits.rows),
            Pane::Diff | Pane::Sync => None,
        }
    }

    /// The rows of a list pane, to be filtered.
    pub fn rows_mut(&mut self, pane: Pane) -> Option<&mut Rows> {
        match pane {
            Pane::Repositories => Some(&mut self.repositories.rows),
            Pane::Mappings => Some(&mut self.mappings.rows),
            Pane::Commits => Some(&mut self.commits.rows),
            Pane::Diff | Pane::Sync => None,
        }
    }

    /// A commit from the logs that are loaded.
    pub fn find_commit<'a>(&self, store: &'a Store, revision: &Revision) -> Option<&'a Commit> {
        let view = self.selected_mapping(store)?;
        let repository = store.repositories.get(&view.mapping.repository);
        let logs = [Some(&view.log), repository.map(|repository| &repository.log)];
        let found = logs
            .into_iter()
            .flatten()
            .find_map(|log| log.commits.iter().find(|commit| commit.revision == *revision));
        found.or_else(|| store.commits.get(revision).map(|details| &details.commit))
    }

    /// The world changed, or a filter: rows are found anew before the next frame.
    pub fn touch(&mut self) {
        self.stale = true;
    }

    /// Brings rows and selections in line with the store; wishes for what is not loaded yet.
    pub fn settle(&mut self, store: &Store) -> Vec<Effect> {
        if std::mem::take(&mut self.stale) {
            self.repositories.refresh(store);
            let repository = self.repositories.selected.clone();
            self.mappings.refresh(store, repository.as_deref());
        }
        let subject = self.subject();
        self.commits.refresh(store, subject);
        let log = self.log_wish(store);
        let verified = verify::wish(self, store);
        log.into_iter().chain(travel::wish(self, store)).chain(verified).collect()
    }

    /// Whose log is shown.
    fn subject(&self) -> Option<Subject> {
        match (&self.repositories.selected, &self.mappings.selected) {
            (Some(repository), _) if self.log_of_repository => {
                Some(Subject::Repository(repository.clone()))
            }
            (_, Some(mapping)) => Some(Subject::Mapping(mapping.clone())),
            (Some(repository), None) => Some(Subject::Repository(repository.clone())),
            (None, None) => None,
        }
    }

    /// At most one log is on its way: whoever moves through a hundred rows asks for the last of them.
    fn log_wish(&mut self, store: &Store) -> Option<Effect> {
        if self.log_loading {
            return None;
        }
        let subject = self.commits.subject.clone()?;
        let repository = match &subject {
            Subject::Repository(name) => store.repositories.get(name),
            Subject::Mapping(name) => {
                store.repositories.get(&store.mappings.get(name)?.mapping.repository)
            }
        };
        let state = repository.map(|view| &view.state);
        let tip = state.and_then(|state| state.tip.clone());
        let pending = state.map_or(0, |state| state.pending);
        let key = (subject.clone(), tip, pending);
        let skip = if self.log_loaded.as_ref() != Some(&key) {
            0
        } else if self.commits.wants_more(store) {
            store.log(&subject).map_or(0, |log| log.commits.len())
        } else {
            return None;
        };
        self.log_loaded = Some(key);
        self.log_loading = true;
        let command = Command::Log { subject, from: None, skip, limit: LOG_PAGE, path: None };
        Some(Effect::Run(command, Purpose::Log))
    }

    /// The log that was asked for arrived, or will not.
    pub fn log_arrived(&mut self) {
        self.log_loading = false;
    }

    /// The job that a command became, and what follows its end.
    pub fn sent(&mut self, job: JobId, purpose: Purpose) {
        if purpose != Purpose::Inform {
            if let (Purpose::Foresee, Some(flow)) = (&purpose, &mut self.place_flow) {
                flow.sent(job);
            }
            if let (Purpose::Export, Some(flow)) = (&purpose, &mut self.export_flow) {
                flow.sent(job);
            }
            match (&purpose, &mut self.sync_flow, &mut self.revert_flow) {
                (Purpose::Confirm { mapping }, Some(flow), _) => flow.sent(mapping, job),
                (Purpose::Undo, _, Some(flow)) => flow.sent(job),
                (Purpose::Preview, ..) => self.travel.sent(job),
                (Purpose::Verify, ..) => self.verifying.sent(job),
                _ => {}
            }
            self.waiting.push((job, purpose));
        }
    }

    /// Computes the rectangles of a frame and scrolls so that selections are visible.
    pub fn fit(&mut self, screen: Rect, store: &Store, look: &crate::tui::look::Look) {
        self.layout = Layout::compute(screen, self.arrangement());
        let inner = |pane: Pane| Frame::inner(self.layout.pane(pane));
        let page = |pane: Pane| inner(pane).height as usize;
        let diff = inner(Pane::Diff);
        let (repositories, mappings, commits, sync) = (
            page(Pane::Repositories),
            page(Pane::Mappings),
            page(Pane::Commits),
            inner(Pane::Sync),
        );
        if repositories > 0 {
            self.repositories.rows.fit(repositories);
        }
        if mappings > 0 {
            self.mappings.rows.fit(mappings.saturating_sub(1));
        }
        if commits > 0 {
            self.commits.rows.fit(commits);
        }
        if !diff.is_empty() {
            let plan = self.shown_plan(store).cloned();
            let width = diff.width.saturating_sub(2) as usize;
            self.diff.fit(plan.as_ref(), width, diff.height as usize);
        }
        if !sync.is_empty() {
            let width = sync.width.saturating_sub(2) as usize;
            let count =
                self.selected_mapping(store).map_or(0, |view| sync::sheet(view, look, width).len());
            self.sync.fit(count, sync.height as usize);
        }
        for popup in &mut self.popups {
            popup.fit(screen, store);
        }
    }

    /// The rectangles of the next frame, as far as they are known.
    pub fn planned_layout(&self) -> Layout {
        Layout::compute(self.layout.screen, self.arrangement())
    }

    fn arrangement(&self) -> Arrangement {
        Arrangement { focus: self.focus, list: self.list, detail: self.detail, zoom: self.zoom }
    }

    /// Whether something on the screen moves by itself.
    pub fn is_animated(&self, store: &Store) -> bool {
        store.running().any(|job| job.progress != crate::engine::Progress::default() || job.writes)
            || !self.waiting.is_empty()
    }

    /// Says something on the activity line.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.notice = Some(Notice { role, text: text.into() });
    }

    /// Interrupted work that was not shown yet.
    pub fn unasked(&self, store: &Store) -> Vec<u64> {
        store
            .journal
            .iter()
            .filter(|entry| entry.state == "interrupted" && !self.asked.contains(&entry.id))
            .map(|entry| entry.id)
            .collect()
    }
}

/// What a moment is: kept beside the screen so that views never ask the clock.
pub fn present() -> Timestamp {
    Timestamp::now()
}
