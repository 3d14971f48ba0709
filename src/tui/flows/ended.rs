//! What follows the end of a job.

use crate::domain::Revision;
use crate::domain::revert::Undo;
use crate::engine::{Event, JobId, Outcome, Store};
use crate::tui::activity_line::without_subject;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::{
    accept, adopt, blame, diagnose, edit, export, leave, place, revert, sync, trust, unlock,
};
use crate::tui::popups::Popup;
use crate::tui::popups::reader::Reader;
use crate::tui::refusal;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;

/// Characters of a notification; desktops cut what is longer.
const NOTICE: usize = 200;

/// Follows up an event that the store took in already.
pub fn follow(ui: &mut Ui, store: &Store, event: &Event) -> Vec<Effect> {
    ui.touch();
    pass_on(ui, event);
    match event {
        Event::JournalLoaded { .. } => leave::ask_about_journal(ui, store),
        Event::Configured { settings, what, .. } => {
            let asked = ui.configured(settings.safety.read_only);
            let asked = if asked { "; what was asked is to be asked again" } else { "" };
            ui.say(Role::Good, safe(&format!("configuration: {what}{asked}")).into_owned());
            Vec::new()
        }
        Event::Misconfigured { failure } => {
            ui.say(Role::Bad, safe(&format!("configuration: {}", failure.message)).into_owned());
            Vec::new()
        }
        Event::Placed { mapping, .. } => {
            place::placed(ui, mapping);
            Vec::new()
        }
        Event::VaultLocked { .. } => unlock::notice(ui, store),
        Event::VaultOpened => unlock::opened(ui, store),
        Event::RepositoryObserved { name, .. } => trust::notice(ui, store, name),
        Event::Regressed { mapping, message, .. } => {
            let text = safe(&format!("{mapping} {message}")).into_owned();
            ui.say(Role::Bad, text.clone());
            vec![Effect::Notify(text.chars().take(NOTICE).collect())]
        }
        Event::Committed { mapping, commit, .. } if revert::makes(ui, &commit.revision) => {
            ui.say(
                Role::Good,
                format!("{mapping}: committed {}; pushing", commit.revision.short()),
            );
            Vec::new()
        }
        Event::Offered { mapping, .. } => tell_offered(ui, mapping, event),
        Event::Committed { mapping, .. } => {
            let pushes = |(_, purpose): &(JobId, Purpose)| matches!(purpose, Purpose::Commit { mapping: of, push: true } | Purpose::Track { mapping: of, push: true, .. } if of == mapping);
            let next = if ui.waiting.iter().any(pushes) {
                "pushing"
            } else {
                "P pushes, s syncs after that"
            };
            committed(ui, mapping, next);
            Vec::new()
        }
        Event::JobEnded { job, outcome, .. } => {
            let (mine, others) = ui.waiting.drain(..).partition(|(id, _)| id == job);
            ui.waiting = others;
            let mine: Vec<(JobId, Purpose)> = mine;
            mine.into_iter()
                .flat_map(|(job, purpose)| ended(ui, store, job, purpose, outcome))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What is under way takes in what it asked for.
fn pass_on(ui: &mut Ui, event: &Event) {
    if let Some(flow) = &mut ui.revert_flow {
        flow.follow(event);
    }
    if let Some(flow) = &mut ui.place_flow {
        flow.follow(event);
    }
    if let Some(flow) = &mut ui.export_flow {
        flow.follow(event);
    }
    ui.verifying.follow(event);
}

fn ended(
    ui: &mut Ui,
    store: &Store,
    job: JobId,
    purpose: Purpose,
    outcome: &Outcome,
) -> Vec<Effect> {
    let failure = failure_of(outcome);
    match purpose {
        Purpose::Inform => {}
        Purpose::Log => ui.log_arrived(),
        Purpose::Preview => ui.travel.ended(job, failure),
        Purpose::Verify => ui.verifying.ended(job),
        Purpose::Unlock => unlock::ended(ui, store, failure),
        Purpose::Undo => return revert::went_on(ui, store, job, outcome),
        Purpose::Import { repository } => place::choose(ui, store, &repository, failure),
        Purpose::Foresee => return place::foreseen(ui, job, outcome),
        Purpose::Export => return export::looked(ui, job, outcome),
        Purpose::Track { mapping, repository, push } => {
            export::tracked(ui, &mapping, (&repository, push), outcome);
        }
        Purpose::Place { mapping } => place::ended(ui, &mapping, outcome),
        Purpose::Reverted { subject, .. } => revert::ended(ui, &subject, outcome),
        Purpose::Confirm { mapping } => return sync::planned(ui, store, job, &mapping, failure),
        Purpose::Choose { mapping } => match failure {
            Some(failure) => ui.say(Role::Bad, format!("{mapping} cannot be edited: {failure}")),
            None => edit::choose(ui, store, &mapping),
        },
        Purpose::Draft { mapping } => drafted(ui, store, &mapping, failure),
        Purpose::Propose { mapping } => {
            return adopt::proposed(ui, store, &mapping, failure);
        }
        Purpose::Commit { mapping, push } => commit_ended(ui, store, &mapping, push, outcome),
        Purpose::Sync { mapping } => synced(ui, &mapping, outcome),
        Purpose::Push { repository } => pushed(ui, &repository, outcome),
        Purpose::Accept { repository } => accept::ask(ui, store, &repository, failure),
        Purpose::Rendered { revision } => rendered(ui, store, &revision, failure),
        Purpose::Diagnose { mapping } => diagnose::ended(ui, store, &mapping, failure.as_deref()),
        Purpose::Blame { mapping } => blame::read(ui, store, &mapping, failure),
        Purpose::Show { repository, revision } => {
            show(ui, store, (repository, &revision), failure);
        }
        Purpose::Check { repository } => checked(ui, store, &repository, failure),
    }
    Vec::new()
}

/// Why a job did not do what it was asked for. A refused plan is a plan: its refusals are part of the question.
pub(super) fn failure_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done(_) | Outcome::Refused(_) => None,
        Outcome::Failed(failure) => Some(match &failure.hint {
            Some(hint) => format!("{}. {hint}", failure.message),
            None => failure.message.clone(),
        }),
        Outcome::Cancelled => Some("stopped".to_owned()),
    }
}

fn drafted(ui: &mut Ui, store: &Store, mapping: &str, failure: Option<String>) {
    let draft = store.mappings.get(mapping).and_then(|view| view.draft.clone());
    for popup in &mut ui.popups {
        if let Popup::CommitForm(form) = popup
            && form.mapping == mapping
        {
            match (&failure, &draft) {
                (None, Some(draft)) => form.drafted(draft),
                _ => form.failed(failure.clone().unwrap_or_else(|| "no draft came".to_owned())),
            }
        }
    }
}

/// The commit is on a branch of its own: the edits may go, and what opens a pull request is shown.
fn tell_offered(ui: &mut Ui, mapping: &str, event: &Event) -> Vec<Effect> {
    match event {
        Event::Offered { commit, .. } if revert::makes(ui, &commit.revision) => {}
        _ => committed(ui, mapping, "pushed to a branch of its own"),
    }
    ui.popups.extend(offered(event).map(|reader| Popup::Reader(Box::new(reader))));
    Vec::new()
}

/// Where a commit that others are to merge is, and what opens a pull request of it.
fn offered(event: &Event) -> Option<Reader> {
    let Event::Offered { mapping, commit, branch, address, said } = event else { return None };
    let (short, title) = (commit.revision.short(), commit.title());
    let mut sentences = vec![(Role::Good, format!("{short} {title} is on the branch {branch}."))];
    sentences.extend(address.iter().flat_map(|address| {
        let open = "A pull request is opened here:".to_owned();
        [(Role::Text, open), (Role::Strong, format!("  {address}"))]
    }));
    sentences.extend(said.lines().map(|line| (Role::Muted, format!("server: {line}"))));
    sentences.push((Role::Muted, "Nothing is synced before it is merged.".to_owned()));
    Some(Reader::sentences(format!("{mapping}: to be merged"), &sentences))
}

/// The commit is in the outbox: nothing of it can be lost any more, the edits may go.
fn committed(ui: &mut Ui, mapping: &str, next: &str) {
    ui.edits.remove(mapping);
    ui.popups.retain(|popup| !popup.edits(mapping));
    ui.say(Role::Good, format!("{mapping}: committed; {next}"));
}

/// The commit was not made (the form is still there), or it was pushed, or its push failed (the form is gone).
fn commit_ended(ui: &mut Ui, store: &Store, mapping: &str, push: bool, outcome: &Outcome) {
    let failure = failure_of(outcome);
    for popup in &mut ui.popups {
        if let (Popup::CommitForm(form), Some(failure)) = (popup, &failure)
            && form.mapping == mapping
        {
            form.failed(failure.clone());
            return;
        }
    }
    if let (true, Some(view)) = (push, store.mappings.get(mapping)) {
        pushed(ui, &view.mapping.repository, outcome);
    }
}

/// A confirmed sync that a guard refused, or that failed: the reason is shown at once, or said where somebody is busy.
fn synced(ui: &mut Ui, mapping: &str, outcome: &Outcome) {
    let (title, mut sentences) = match outcome {
        Outcome::Done(_) | Outcome::Cancelled => return,
        Outcome::Refused(refusals) => {
            let reasons = refusals.iter().map(|refusal| (Role::Bad, refusal::words(refusal)));
            (format!("{mapping}: not synced"), reasons.collect::<Vec<_>>())
        }
        Outcome::Failed(failure) => {
            let mut sentences = vec![(Role::Bad, failure.message.clone())];
            sentences.extend(failure.hint.clone().map(|hint| (Role::Text, hint)));
            (format!("{mapping}: the sync failed"), sentences)
        }
    };
    if !ui.popups.is_empty() {
        let why = sentences.first().map(|(_, sentence)| sentence.clone()).unwrap_or_default();
        ui.say(Role::Bad, format!("{title}: {why}"));
        return;
    }
    if matches!(outcome, Outcome::Refused(_)) {
        let next = "Nothing was written. s plans again and asks.".to_owned();
        sentences.push((Role::Muted, next));
    }
    ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
}

/// Says what was pushed; what was not is shown until somebody has read it, with what to do next.
pub(super) fn pushed(ui: &mut Ui, repository: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Done(what) => {
            let what = without_subject(what, repository);
            ui.say(Role::Good, format!("{repository}: {what}. s syncs"));
        }
        Outcome::Cancelled => {
            ui.say(Role::Muted, format!("{repository}: stopped; what was committed still waits"));
        }
        Outcome::Refused(_) => {}
        Outcome::Failed(failure) => {
            let mut sentences = vec![(Role::Bad, failure.message.clone())];
            sentences.extend(failure.hint.clone().map(|hint| (Role::Text, hint)));
            let title = format!("{repository}: not pushed");
            ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
        }
    }
}

fn show(
    ui: &mut Ui,
    store: &Store,
    (repository, revision): (Option<String>, &str),
    failure: Option<String>,
) {
    if let Some(failure) = failure {
        ui.say(Role::Bad, format!("{revision} cannot be shown: {failure}"));
        return;
    }
    let details = store
        .commits
        .iter()
        .find(|(known, _)| known.as_str().starts_with(revision))
        .map(|(_, details)| details.clone());
    if let Some(details) = details {
        let undo = Undo::Commit(details.commit.revision.to_string());
        let wish = if ui.read_only { None } else { revert::wish(ui, undo) };
        let verdict = store.verdicts.get(&details.commit.revision);
        ui.popups
            .push(Popup::Reader(Box::new(Reader::commit(&details, verdict, repository, wish))));
    }
}

/// Puts what a commit makes of objects into the text that shows the commit, if that is still open.
fn rendered(ui: &mut Ui, store: &Store, revision: &Revision, failure: Option<String>) {
    let known = store.rendered.as_ref().filter(|known| known.revision == *revision);
    let is_known = failure.is_none();
    let lines = match (failure, known) {
        (Some(failure), _) => vec![(Role::Bad, failure)],
        (None, Some(known)) => crate::tui::rendered::lines(known),
        (None, None) => return,
    };
    for popup in &mut ui.popups {
        if let Popup::Reader(reader) = popup {
            reader.rendered(revision, &lines, is_known);
        }
    }
}

fn checked(ui: &mut Ui, store: &Store, repository: &str, failure: Option<String>) {
    let Some(view) = store.repositories.get(repository) else { return };
    let mut sentences = Vec::new();
    for (name, passed, advice) in &view.checks {
        let (role, word) = if *passed { (Role::Good, "passed") } else { (Role::Bad, "failed") };
        sentences.push((role, format!("{word}  {}", safe(name))));
        if !advice.is_empty() {
            sentences.push((Role::Muted, format!("        {advice}")));
        }
    }
    sentences.extend(failure.map(|failure| (Role::Bad, failure)));
    let title = format!("Checks of {repository}");
    ui.popups.push(Popup::Reader(Box::new(Reader::sentences(title, &sentences))));
}
