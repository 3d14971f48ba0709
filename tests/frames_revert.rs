//! Reverts in the console: keys in, commands and pictures out.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::repository::{FileChange, FileChangeKind};
use gitdeck::domain::revert::{RevertConflict, RevertDraft, Undo};
use gitdeck::domain::{Commit, CommitDetails, FileEdit, Plan, Refusal, Suspension};
use gitdeck::engine::{Branch, Command, Confirmed, Event, JobId, Outcome, Store, Subject, Wish};
use gitdeck::tui::effect::Effect;
use std::sync::Arc;

const PATCH: &str = "diff --git a/apps/shop/checkout/deployment.yaml b/apps/shop/checkout/deployment.yaml\n\
    --- a/apps/shop/checkout/deployment.yaml\n+++ b/apps/shop/checkout/deployment.yaml\n@@ -4,3 +4,3 @@\n spec:\n\
    -  replicas: 5\n+  replicas: 3\n   template:\n";

/// A whole id: in a large repository a short one may be the beginning of several.
fn id(short: &str) -> String {
    world::revision(short).to_string()
}

fn is_draft(command: &Command) -> bool {
    matches!(command, Command::DraftRevert { .. })
}

fn is_preview(command: &Command) -> bool {
    matches!(command, Command::Preview { .. })
}

fn is_revert(command: &Command) -> bool {
    matches!(command, Command::Revert { .. })
}

fn is_show(command: &Command) -> bool {
    matches!(command, Command::Show { .. })
}

/// The job of the last command that passes.
fn job(driver: &Driver, which: impl Fn(&Command) -> bool) -> JobId {
    driver.sent.iter().rfind(|(_, command)| which(command)).expect("such a command").0
}

fn wished(driver: &Driver) -> Wish {
    match driver.command(is_draft) {
        Some(Command::DraftRevert { wish }) => wish.as_ref().clone(),
        _ => panic!("nothing was drafted"),
    }
}

fn reverted(driver: &Driver) -> Confirmed {
    match driver.command(is_revert) {
        Some(Command::Revert { confirmed, .. }) => confirmed.as_ref().clone(),
        _ => panic!("nothing was reverted"),
    }
}

fn draft(touches: &[&str]) -> RevertDraft {
    let file = FileChange {
        path: "apps/shop/checkout/deployment.yaml".into(),
        old_path: None,
        kind: FileChangeKind::Modified,
        added: 1,
        removed: 1,
    };
    let commit = world::commit("d7a0f00", "ana", 0, "Revert \"checkout: five replicas\"");
    RevertDraft {
        waiting: Vec::new(),
        repository: "fleet".into(),
        mapping: Some("checkout".into()),
        base: world::revision("3f2a91c"),
        commits: vec![commit.clone()],
        details: CommitDetails { commit, files: vec![file], patch: PATCH.into(), truncated: false },
        besides: vec!["README.md".into()],
        touches: touches.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn planned(mut plan: Plan) -> Arc<Plan> {
    plan.revision = world::revision("d7a0f00");
    Arc::new(plan)
}

/// The draft is there, and the plan of what it touches.
fn drafted(driver: &mut Driver, plan: Plan) {
    let draft = draft(&[&plan.mapping]);
    drafted_as(driver, draft, plan);
}

fn drafted_as(driver: &mut Driver, draft: RevertDraft, plan: Plan) {
    let draft = Arc::new(draft);
    driver.fact(Event::RevertDrafted { job: job(driver, is_draft), draft }).done(is_draft);
    let fact =
        Event::Previewed { job: job(driver, is_preview), plan: planned(plan), at: world::now() };
    driver.fact(fact).done(is_preview);
}

fn driver() -> Driver {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>3");
    driver
}

#[test]
fn the_question_shows_diff_and_plan_and_does_all_of_it() {
    both("revert", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3R");
        drafted(driver, world::drift());
    });
    let mut driver = driver();
    driver.keys("R");
    let undo = Undo::Commit(id("3f2a91c"));
    assert_eq!(
        (wished(&driver).mapping.as_deref(), wished(&driver).undo),
        (Some("checkout"), undo)
    );
    drafted(&mut driver, world::drift());
    let picture = driver.picture();
    assert!(picture.contains("gitdeck revert checkout 3f2a91c --sync"), "{picture}");
    driver.keys("y");
    let line = format!("gitdeck revert checkout {} --sync --timeout 300s", id("3f2a91c"));
    let copied = Effect::Copy(line);
    assert_eq!(driver.effects.last(), Some(&copied));
    assert!(driver.command(is_revert).is_none(), "y copies");
    driver.keys("<enter>");
    let confirmed = reverted(&driver);
    assert_eq!((&confirmed.repository[..], confirmed.push), ("fleet", true));
    assert_eq!(confirmed.draft, world::revision("d7a0f00"));
    let (mapping, digest, options) = &confirmed.syncs[0];
    assert_eq!((&mapping[..], &digest[..]), ("checkout", "digest-of-checkout"));
    assert!(options.wait.is_some(), "it is watched to healthy");
}

#[test]
fn a_conflict_names_the_files() {
    let why = "changed again since, so that it cannot be undone alone: apps/shop/checkout/deployment.yaml";
    let hint = "nothing was kept; `gitdeck log checkout` shows what came since";
    both("revert-conflict", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3jR");
        let conflict = RevertConflict {
            path: "apps/shop/checkout/deployment.yaml".into(),
            at: None,
            since: vec![world::commits().remove(0)],
            patch: PATCH.split_once('\n').expect("lines").1.to_owned(),
        };
        let conflicts = Arc::new(vec![conflict]);
        driver.fact(Event::RevertConflicted { job: job(driver, is_draft), conflicts });
        driver.end(world::failure(why, hint), is_draft);
    });
}

#[test]
fn esc_stops_it_at_any_time() {
    let mut driver = driver();
    driver.keys("R");
    let first = job(&driver, is_draft);
    driver.keys("<esc>");
    assert_eq!(driver.effects.last(), Some(&Effect::Cancel(first)));
    // What comes late is asked about no more, and answers no other question.
    let late = Event::RevertDrafted { job: first, draft: Arc::new(draft(&["checkout"])) };
    driver.fact(late.clone()).end(Outcome::Cancelled, is_draft);
    assert!(driver.command(is_preview).is_none());
    driver.keys("R").fact(late).done(is_draft);
    let picture = driver.picture();
    assert!(picture.contains("Nothing was reverted"), "the draft of another job: {picture}");
    driver.keys("<esc>R");
    drafted(&mut driver, world::drift());
    driver.keys("<esc>");
    assert!(driver.command(is_revert).is_none());
}

#[test]
fn of_a_merge_it_is_asked_which_line_stays() {
    let parents = ["8801c7e", "77ab210"].map(world::revision).to_vec();
    let mut commits = world::commits();
    commits[0] = Commit { parents, ..commits[0].clone() };
    let mut store = world::fleet();
    let subject = Subject::Mapping("checkout".into());
    store.apply(Event::LogLoaded { subject, skip: 0, commits, more: false });
    both("revert-merge", &store, |driver| {
        driver.keys("/checkout<enter>3R");
    });
    let mut driver = Driver::new(store, (120, 36));
    driver.keys("/checkout<enter>3R");
    assert!(driver.command(is_draft).is_none());
    driver.keys("2");
    assert_eq!(wished(&driver).mainline, Some(2));
}

#[test]
fn everything_since_a_state_is_undone_from_the_same_question() {
    let mut driver = driver();
    driver.keys("jR");
    drafted(&mut driver, world::drift());
    driver.keys("t");
    assert_eq!(wished(&driver).undo, Undo::Since(id("8801c7e")));
    drafted(&mut driver, world::drift());
    let picture = driver.picture();
    assert!(picture.contains("Take checkout back to 8801c7e?"), "{picture}");
}

#[test]
fn in_the_log_of_a_repository_all_of_a_commit_is_undone() {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("1j3R");
    let wish = wished(&driver);
    assert_eq!((wish.repository.as_deref(), wish.mapping), (Some("fleet"), None));
}

#[test]
fn a_commit_that_is_read_can_be_reverted() {
    let details = |store: &Store| {
        let log = store.log(&Subject::Mapping("checkout".into())).expect("a log");
        let (commit, patch) = (log.commits[1].clone(), PATCH.to_owned());
        Arc::new(CommitDetails { commit, files: Vec::new(), patch, truncated: false })
    };
    let mut driver = driver();
    driver.keys("j<enter>");
    let details = details(&driver.console.store);
    let loaded = Event::CommitLoaded { repository: "fleet".into(), details };
    driver.fact(loaded.clone()).done(is_show);
    assert!(driver.picture().contains("R revert"), "{}", driver.picture());
    driver.keys("R");
    assert_eq!(wished(&driver).undo, Undo::Commit(id("8801c7e")));
    let mut reading = Driver::with(world::fleet(), (120, 36), true);
    reading.keys("/checkout<enter>3R");
    assert!(reading.command(is_draft).is_none());
    reading.keys("j<enter>").fact(loaded).done(is_show).keys("R");
    assert!(!reading.picture().contains("R revert") && reading.command(is_draft).is_none());
}

#[test]
fn what_cannot_be_synced_can_only_be_pushed() {
    let suspension =
        Suspension { owner: "leo".into(), reason: None, since: world::ago(60), until: None };
    let mut plan = world::drift();
    plan.refusals = vec![Refusal::Suspended(suspension)];
    let mut driver = driver();
    driver.keys("R");
    drafted(&mut driver, plan);
    driver.keys("<enter>");
    assert!(driver.command(is_revert).is_none());
    driver.keys("p");
    let confirmed = reverted(&driver);
    assert!(confirmed.push && confirmed.syncs.is_empty());
}

#[test]
fn production_wants_its_name_typed() {
    let mut store = world::fleet();
    store.mappings["checkout"].mapping.production = true;
    let mut driver = Driver::new(store, (120, 36));
    driver.keys("/checkout<enter>3R");
    drafted(&mut driver, world::drift());
    driver.keys("<enter>");
    assert!(driver.command(is_revert).is_none());
    driver.keys("checkout<enter>");
    assert_eq!(reverted(&driver).syncs.len(), 1);
}

#[test]
fn what_was_edited_stays_and_what_was_not_done_is_told() {
    let mut driver = driver();
    driver.keys("R");
    drafted(&mut driver, world::drift());
    let content = Some(b"replicas: 9\n".to_vec());
    let edit = FileEdit { path: "apps/shop/checkout/deployment.yaml".into(), content };
    let edits = gitdeck::tui::ui::Edits { files: vec![edit], ..Default::default() };
    driver.console.ui.edits.insert("checkout".into(), edits);
    driver.keys("<enter>").fact(Event::Committed {
        repository: "fleet".into(),
        mapping: "checkout".into(),
        commit: draft(&[]).details.commit,
    });
    assert!(driver.console.ui.edits.contains_key("checkout"));
    let refused = Outcome::Refused(vec![Refusal::Moved { what: "others were faster".into() }]);
    driver.end(refused, is_revert);
    let picture = driver.picture();
    assert!(
        picture.contains("not finished") && picture.contains("others were faster"),
        "{picture}"
    );
}

#[test]
fn a_marked_range_is_undone_as_one() {
    both("revert-range", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3<space>j");
    });
    let mut driver = driver();
    driver.keys("j<space>k");
    assert!(driver.picture().contains("2 marked"), "{}", driver.picture());
    driver.keys("R");
    assert_eq!(wished(&driver).undo, Undo::Range(format!("{}~1", id("8801c7e")), id("3f2a91c")));
    drafted(&mut driver, world::drift());
    assert!(driver.picture().contains("gitdeck revert checkout '8801c7e~1..3f2a91c'"));
    assert!(!driver.picture().contains("as one commit"), "it is one already");
    driver.keys("<esc><space><esc>R");
    assert_eq!(wished(&driver).undo, Undo::Commit(id("3f2a91c")), "Esc takes the mark away");
}

#[test]
fn a_marked_range_that_has_the_first_commit_is_refused_with_what_to_do() {
    let mut store = world::fleet();
    let subject = Subject::Mapping("checkout".into());
    let mut commits = store.log(&subject).expect("a log").commits.clone();
    commits[1].parents.clear();
    commits.truncate(2);
    store.apply(Event::LogLoaded { subject, skip: 0, commits, more: false });
    let mut driver = Driver::new(store, (80, 24));
    driver.keys("/checkout<enter>3j<space>kR");
    assert!(driver.command(is_draft).is_none(), "nothing is drafted");
    let picture = driver.picture();
    let why = "8801c7e is the first commit: mark from the next one on, revert it alone";
    assert!(picture.contains(why) && picture.contains("2 marked"), "{picture}");
}

/// A draft of two commits.
fn several() -> RevertDraft {
    let first = world::commit("c0ffee1", "ana", 0, "Revert \"checkout: image 1.4.2\"");
    let one = draft(&["checkout"]);
    RevertDraft { commits: vec![first, one.details.commit.clone()], ..one }
}

#[test]
fn each_commit_of_a_range_is_named_and_they_may_become_one() {
    both("revert-several", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3j<space>kR");
        drafted_as(driver, several(), world::drift());
    });
    let mut driver = driver();
    driver.keys("j<space>kR");
    drafted_as(&mut driver, several(), world::drift());
    driver.keys("o");
    assert!(wished(&driver).squash);
    drafted(&mut driver, world::drift());
    driver.keys("<enter>");
    let Some(Command::Revert { wish, .. }) = driver.command(is_revert) else { panic!("none") };
    assert!(wish.squash);
}

#[test]
fn a_conflict_in_a_range_names_the_commit() {
    let mut driver = driver();
    driver.keys("j<space>kR");
    let conflict = RevertConflict {
        path: "apps/shop/checkout/deployment.yaml".into(),
        at: Some(world::commit("8801c7e", "ana", 0, "checkout: five replicas")),
        since: Vec::new(),
        patch: String::new(),
    };
    let conflicts = Arc::new(vec![conflict]);
    driver.fact(Event::RevertConflicted { job: job(&driver, is_draft), conflicts });
    driver.end(world::failure("changed again since", "nothing was kept"), is_draft);
    let picture = driver.picture();
    assert!(picture.contains("while undoing 8801c7e checkout: five replicas"), "{picture}");
}

#[test]
fn a_branch_of_its_own_is_pushed_and_nothing_is_synced() {
    let mut store = world::fleet();
    store.mappings["checkout"].mapping.production = true;
    let mut driver = Driver::new(store, (120, 36));
    driver.keys("/checkout<enter>3R");
    drafted(&mut driver, world::drift());
    // The name is typed here, so that a letter alone is no answer.
    driver.keys("b<c-b>");
    assert_eq!(wished(&driver).branch, Some(Branch::Generated));
    drafted(&mut driver, world::drift());
    let picture = driver.picture();
    assert!(picture.contains("on a branch of its own?"), "{picture}");
    assert!(picture.contains("gitdeck revert checkout 3f2a91c --pull-request"), "{picture}");
    let edits = gitdeck::tui::ui::Edits::default();
    driver.console.ui.edits.insert("checkout".into(), edits);
    driver.keys("<enter>");
    let confirmed = reverted(&driver);
    assert!(!confirmed.push && confirmed.syncs.is_empty());
    let address = Some("https://git.example.com/new".to_owned());
    driver.fact(Event::Offered {
        mapping: "checkout".into(),
        commit: draft(&[]).details.commit,
        branch: "gitdeck/checkout-1".into(),
        address,
        said: String::new(),
    });
    assert!(driver.console.ui.edits.contains_key("checkout"), "nothing that was edited went along");
    let picture = driver.picture();
    assert!(picture.contains("https://git.example.com/new"), "{picture}");
}
