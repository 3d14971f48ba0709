//! From a commit to the one question before it is undone: draft the revert, plan what it touches, ask, and do all of it.

use crate::domain::depends::PATIENCE;
use crate::domain::revert::{RevertConflict, RevertDraft, Undo};
use crate::domain::{Commit, Plan, Revision};
use crate::engine::{
    Branch, Command, Confirmed, Event, JobId, Outcome, Store, Subject, SyncOptions, Wish,
};
use crate::tui::action::Pane;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::Step;
use crate::tui::flows::confirm_sync::{Item, blocks, challenges, describe, release};
use crate::tui::popups::Popup;
use crate::tui::popups::confirm::{Choice, Confirm, Question};
use crate::tui::popups::reader::{Reader, patch};
use crate::tui::refusal;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;
use crate::tui::words::{count, shortened};
use std::sync::Arc;
use std::time::Duration;

/// Parents of a merge that can be chosen by a digit.
const LINES: usize = 9;

/// Commits of a draft that are named.
const TITLES: usize = 8;

/// A revert that is being drafted and planned for one question.
#[derive(Debug, Clone, PartialEq)]
pub struct RevertFlow {
    wish: Wish,
    jobs: Vec<JobId>,
    draft: Option<Arc<RevertDraft>>,
    conflicts: Arc<Vec<RevertConflict>>,
    plans: Vec<Arc<Plan>>,
    /// Why what it touches cannot be planned.
    failed: Vec<String>,
    /// Steps whose job was not sent or did not end yet.
    open: usize,
}

impl RevertFlow {
    /// The job of a step.
    pub fn sent(&mut self, job: JobId) {
        self.jobs.push(job);
    }

    /// Stops what is under way.
    pub fn stop(self) -> Vec<Effect> {
        self.jobs.into_iter().map(Effect::Cancel).collect()
    }

    /// Takes in what one of its own jobs found out.
    pub fn follow(&mut self, event: &Event) {
        match event {
            Event::RevertDrafted { job, draft } if self.jobs.contains(job) => {
                self.draft = Some(Arc::clone(draft));
            }
            Event::RevertConflicted { job, conflicts } if self.jobs.contains(job) => {
                self.conflicts = Arc::clone(conflicts);
            }
            Event::Previewed { job, plan, .. } if self.jobs.contains(job) => {
                self.plans.push(Arc::clone(plan));
            }
            _ => {}
        }
    }
}

/// What undoing a commit of the log means: all of it in the log of a repository, else what is the mapping's.
pub fn wish(ui: &Ui, undo: Undo) -> Option<Wish> {
    let (repository, mapping) = match (ui.focus, ui.commits.subject.clone()) {
        (Pane::Commits, Some(Subject::Repository(name))) => (Some(name), None),
        _ => (None, Some(ui.mappings.selected.clone()?)),
    };
    Some(Wish {
        repository,
        mapping,
        undo,
        mainline: None,
        message: None,
        squash: false,
        branch: None,
        unchecked: false,
    })
}

/// Drafts the revert of the selected commit, of the marked range, or of the newest commit of the mapping; of a merge
/// asks first which line stays.
pub fn begin(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let in_log = ui.focus == Pane::Commits;
    if let Some([newest, oldest]) = ui.commits.ends(store).filter(|_| in_log) {
        if oldest.parents.is_empty() {
            let short = oldest.revision.short();
            // Short enough for eighty columns.
            let why =
                format!("{short} is the first commit: mark from the next one on, revert it alone");
            ui.say(Role::Bad, why);
            return Vec::new();
        }
        // A range begins after its first commit, and the oldest one is to be undone, too.
        let first = format!("{}~1", oldest.revision);
        let undo = Undo::Range(first, newest.revision.to_string());
        ui.commits.mark = None;
        return wish(ui, undo).map_or_else(Vec::new, |wish| draft(ui, wish));
    }
    let commit = ui.commits.commit(store).filter(|_| in_log);
    let undo = commit.map_or(Undo::Newest, |one| Undo::Commit(one.revision.to_string()));
    let Some(wish) = wish(ui, undo) else {
        ui.say(Role::Muted, "no commit and no mapping is selected");
        return Vec::new();
    };
    begin_with(ui, commit.cloned().as_ref(), wish)
}

/// The same for a commit that is read.
pub fn begin_with(ui: &mut Ui, commit: Option<&Commit>, wish: Wish) -> Vec<Effect> {
    if let Some(merge) = commit.filter(|commit| commit.parents.len() > 1) {
        ui.popups.push(Popup::Confirm(Box::new(Confirm::new(which_line(merge, &wish)))));
        return Vec::new();
    }
    draft(ui, wish)
}

fn which_line(merge: &Commit, wish: &Wish) -> Question {
    let short = merge.revision.short();
    let mut body = vec![
        (Role::Text, format!("{short} {}", safe(merge.title()))),
        (Role::Text, "It joined several lines. What came with the others is undone.".to_owned()),
        (Role::Muted, String::new()),
    ];
    let mut choices = Vec::new();
    for (line, parent) in (1..=LINES).zip(&merge.parents) {
        let usual = if line == 1 { ", the branch itself" } else { "" };
        body.push((Role::Text, format!("  {line}  {}{usual}", parent.short())));
        let step = Step::Revert(Box::new(Wish { mainline: Some(line), ..wish.clone() }));
        let key = char::from_digit(line as u32, 10).unwrap_or('1');
        choices.push(Choice { key, label: parent.short().to_owned(), step });
    }
    Question { choices, ..Question::new("Which line stays?".to_owned(), body) }
}

/// Drafts a revert; a flow before this one is stopped.
pub fn draft(ui: &mut Ui, wish: Wish) -> Vec<Effect> {
    if ui.read_only {
        ui.say(Role::Muted, "read-only: nothing is reverted");
        return Vec::new();
    }
    let mut effects = ui.revert_flow.take().map(RevertFlow::stop).unwrap_or_default();
    let command = Command::DraftRevert { wish: Box::new(wish.clone()) };
    effects.push(Effect::Run(command, Purpose::Undo));
    ui.revert_flow = Some(RevertFlow {
        wish,
        jobs: Vec::new(),
        draft: None,
        conflicts: Arc::default(),
        plans: Vec::new(),
        failed: Vec::new(),
        open: 1,
    });
    ui.say(Role::Muted, "drafting the revert; Esc stops");
    effects
}

/// A step of the flow ended: the draft leads to its plans, the last of them to the question.
pub fn went_on(ui: &mut Ui, store: &Store, job: JobId, outcome: &Outcome) -> Vec<Effect> {
    let Some(flow) = ui.revert_flow.as_mut().filter(|flow| flow.jobs.contains(&job)) else {
        return Vec::new();
    };
    flow.open -= 1;
    let mut why = reasons(outcome);
    match flow.draft.clone() {
        None => {
            let at = flow.conflicts.first().and_then(|one| one.at.as_ref());
            why.extend(at.map(|at| {
                let text = format!("while undoing {} {}", at.revision.short(), at.title());
                (Role::Strong, text)
            }));
            why.extend(flow.conflicts.iter().flat_map(conflict));
            ui.revert_flow = None;
            ui.notice = None;
            let reader = Reader::sentences("Nothing was reverted".to_owned(), &why);
            ui.popups.push(Popup::Reader(Box::new(reader)));
            return Vec::new();
        }
        Some(draft) if flow.jobs.len() == 1 && why.is_empty() && !draft.touches.is_empty() => {
            flow.open = draft.touches.len();
            return previews(&draft);
        }
        Some(_) => flow.failed.extend(why.into_iter().map(|(_, why)| why).next()),
    }
    if flow.open > 0 {
        return Vec::new();
    }
    ui.notice = None;
    let Some(flow) = ui.revert_flow.take() else { return Vec::new() };
    if let Some(question) = question(store, &flow) {
        ui.popups.push(Popup::Confirm(Box::new(Confirm::new(question))));
    }
    vec![Effect::DrainInput]
}

/// A file, the commits that came since, and what they changed.
fn conflict(conflict: &RevertConflict) -> Vec<(Role, String)> {
    let mut said = vec![(Role::Muted, " ".to_owned()), (Role::Strong, conflict.path.clone())];
    said.extend(conflict.since.iter().map(|commit| {
        let (short, author, title) = (commit.revision.short(), &commit.author, commit.title());
        (Role::Drift, format!("  {short} {author}: {title}"))
    }));
    // The header only says again which file it is.
    said.extend(patch(&conflict.patch).into_iter().skip(2));
    said
}

fn previews(draft: &RevertDraft) -> Vec<Effect> {
    let revision = &draft.details.commit.revision;
    let preview = |mapping: &String| Command::Preview {
        mapping: mapping.clone(),
        revision: revision.clone(),
        rest: Duration::ZERO,
    };
    draft.touches.iter().map(|name| Effect::Run(preview(name), Purpose::Undo)).collect()
}

fn question(store: &Store, flow: &RevertFlow) -> Option<Question> {
    let draft = flow.draft.as_ref()?;
    let mut plans: Vec<_> = flow.plans.iter().collect();
    plans.sort_by_key(|plan| draft.touches.iter().position(|name| *name == plan.mapping));
    let items: Vec<Item> = plans
        .into_iter()
        .filter_map(|plan| {
            let view = store.mappings.get(&plan.mapping)?;
            Some(Item { view, plan, options: SyncOptions::default() })
        })
        .collect();
    let apart = flow.wish.branch.is_some();
    let blocked = !flow.failed.is_empty()
        || items.iter().any(|item| item.plan.refusals.iter().any(|r| blocks(r, &item.options)));
    let syncs = items.iter().map(|item| {
        let options = SyncOptions { wait: Some(PATIENCE), ..release(item) };
        (item.plan.mapping.clone(), item.plan.digest.clone(), options)
    });
    let accept = match (apart, blocked) {
        (true, _) => Some(confirmed(flow, draft, Vec::new())),
        (false, true) => None,
        (false, false) => Some(confirmed(flow, draft, syncs.collect())),
    };
    let of = flow.wish.mapping.as_ref().unwrap_or(&draft.repository);
    let title = match &flow.wish.undo {
        Undo::Since(state) => format!("Take {of} back to {}", shortened(state)),
        Undo::Commit(text) => format!("Revert {} in {of}", shortened(text)),
        Undo::Range(first, last) => {
            format!("Revert {}..{} in {of}", shortened(first), shortened(last))
        }
        Undo::Newest => format!("Revert the newest commit of {of}"),
    };
    let title = format!("{title}{}?", if apart { " on a branch of its own" } else { "" });
    Some(Question {
        // Nothing is synced from a branch of its own.
        challenges: if apart { Vec::new() } else { challenges(&items) },
        choices: choices(flow, draft, blocked || !items.is_empty()),
        accept,
        accept_label: if apart { "push the branch" } else { "revert" }.to_owned(),
        writes: true,
        copies: true,
        ..Question::new(title, body(store, flow, draft, &items))
    })
}

/// What carries out a draft, as far as somebody says yes to.
fn confirmed(
    flow: &RevertFlow,
    draft: &RevertDraft,
    syncs: Vec<(String, String, SyncOptions)>,
) -> Step {
    let revision = draft.details.commit.revision.clone();
    let repository = draft.repository.clone();
    let subject = flow.wish.mapping.clone().unwrap_or_else(|| repository.clone());
    let (base, push) = (draft.base.clone(), flow.wish.branch.is_none());
    let confirmed = Confirmed { repository, base, draft: revision.clone(), push, syncs };
    let wish = Box::new(flow.wish.clone());
    let command = Command::Revert { wish, confirmed: Box::new(confirmed) };
    Step::Run(vec![Effect::Run(command, Purpose::Reverted { subject, draft: revision })])
}

/// The other ways to undo it.
fn choices(flow: &RevertFlow, draft: &RevertDraft, can_only_push: bool) -> Vec<Choice> {
    let mut choices = Vec::new();
    if flow.wish.branch.is_some() {
        return choices;
    }
    let again = |wish: Wish| Step::Revert(Box::new(wish));
    if can_only_push {
        let step = confirmed(flow, draft, Vec::new());
        choices.push(Choice { key: 'p', label: "only push".to_owned(), step });
    }
    let step = again(Wish { branch: Some(Branch::Generated), ..flow.wish.clone() });
    choices.push(Choice { key: 'b', label: "to a branch".to_owned(), step });
    match &flow.wish.undo {
        Undo::Commit(text) => {
            let undo = Undo::Since(text.clone());
            let step = again(Wish { undo, mainline: None, ..flow.wish.clone() });
            choices.push(Choice { key: 't', label: "back to this state".to_owned(), step });
        }
        Undo::Range(..) if draft.commits.len() > 1 => {
            let step = again(Wish { squash: true, ..flow.wish.clone() });
            choices.push(Choice { key: 'o', label: "as one commit".to_owned(), step });
        }
        _ => {}
    }
    choices
}

/// The commits by their titles.
fn titles(draft: &RevertDraft) -> Vec<(Role, String)> {
    let titles = draft.commits.iter().take(TITLES);
    let mut titles: Vec<(Role, String)> =
        titles.map(|commit| (Role::Strong, safe(commit.title()).into_owned())).collect();
    if let Some(more) = draft.commits.len().checked_sub(TITLES).filter(|more| *more > 0) {
        titles.push((Role::Muted, format!("and {}", count(more, "more commit"))));
    }
    titles
}

/// What would be committed and pushed where, what that does to the clusters, and the diff.
fn body(
    store: &Store,
    flow: &RevertFlow,
    draft: &RevertDraft,
    items: &[Item],
) -> Vec<(Role, String)> {
    let RevertDraft { details, besides, waiting, .. } = draft;
    let mut body = titles(draft);
    if let Some(view) = store.repositories.get(&draft.repository) {
        let url = safe(&view.remote.url);
        let branch = match flow.wish.branch {
            Some(_) => "to a new branch, to be merged by others".into(),
            None => safe(&view.remote.branch),
        };
        body.push((Role::Text, format!("  push  {url} {branch}")));
    }
    for file in &details.files {
        let (added, removed, path) = (file.added, file.removed, safe(&file.path));
        body.push((Role::Text, format!("  file  {path} +{added} -{removed}")));
    }
    if let Some(first) = besides.first() {
        let more = match besides.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        body.push((Role::Muted, format!("  stays {}{more}, outside of the mapping", safe(first))));
    }
    for commit in waiting {
        let (short, title) = (commit.revision.short(), safe(commit.title()));
        body.push((Role::Drift, format!("  too   {short} {title}: it waits for a push")));
    }
    body.push((Role::Muted, String::new()));
    for item in items {
        describe(&mut body, item);
    }
    for why in &flow.failed {
        body.push((
            Role::Bad,
            format!("cannot be planned, so that it can only be pushed: {}", safe(why)),
        ));
    }
    if items.is_empty() && flow.failed.is_empty() {
        body.push((Role::Muted, "No mapping is made from these files.".to_owned()));
    }
    let what = match items.len() {
        _ if flow.wish.branch.is_some() => {
            "Enter pushes the branch; nothing is synced before it is merged.".to_owned()
        }
        0 => "Enter commits and pushes.".to_owned(),
        many => format!(
            "Enter commits, pushes, syncs {} and waits until all is healthy.",
            count(many, "mapping")
        ),
    };
    body.push((Role::Muted, what));
    body.push((Role::Muted, String::new()));
    body.extend(
        patch(&details.patch).into_iter().map(|(role, line)| (role, safe(&line).into_owned())),
    );
    if details.truncated {
        body.push((Role::Drift, "The diff is longer; the rest was left out.".to_owned()));
    }
    body
}

/// Whether a commit is one that a revert makes: nothing that was edited goes with it.
pub fn makes(ui: &Ui, commit: &Revision) -> bool {
    let is_it =
        |purpose: &Purpose| matches!(purpose, Purpose::Reverted { draft, .. } if draft == commit);
    ui.waiting.iter().any(|(_, purpose)| is_it(purpose))
}

/// Says what came of it; what was not done is shown until somebody has read it, with what to do next.
pub fn ended(ui: &mut Ui, subject: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Done(what) => return ui.say(Role::Good, format!("{subject}: {what}")),
        Outcome::Cancelled => {
            let said = format!("{subject}: the revert was stopped; w says how far it came");
            return ui.say(Role::Muted, said);
        }
        Outcome::Refused(_) | Outcome::Failed(_) => {}
    }
    let mut sentences = reasons(outcome);
    let next = "The log shows whether the commit was made (^ where it waits for a push); s plans again and asks.";
    sentences.push((Role::Muted, next.to_owned()));
    let title = format!("{subject}: the revert was not finished");
    ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
}

/// Why something was not done, with what to do about it.
fn reasons(outcome: &Outcome) -> Vec<(Role, String)> {
    match outcome {
        Outcome::Done(_) => Vec::new(),
        Outcome::Cancelled => vec![(Role::Muted, "stopped".to_owned())],
        Outcome::Refused(refusals) => {
            refusals.iter().map(|refusal| (Role::Bad, refusal::words(refusal))).collect()
        }
        Outcome::Failed(failure) => {
            let hint = failure.hint.clone().map(|hint| (Role::Text, hint));
            [(Role::Bad, failure.message.clone())].into_iter().chain(hint).collect()
        }
    }
}
