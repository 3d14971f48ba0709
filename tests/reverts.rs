//! Reverts on the sandbox and on a real API server: drafted, planned, and carried out exactly as planned.

use crate::support::clusters::{World, worlds};
use crate::support::demo::{Demo, json, said};
use crate::support::running::{Origin, Running, config_map, config_maps, get};
use crate::support::shell::git;
use gitdeck::domain::revert::{RevertDraft, Undo};
use gitdeck::domain::{Op, Plan, Refusal};
use gitdeck::engine::intent::Intent;
use gitdeck::engine::journal::Journal;
use gitdeck::engine::{Command, Confirmed, Outcome, SyncOptions, Wish};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: reverted\nstringData:\n";

const FILE: &str = "apps/cart/map.yaml";

/// The record of a mapping is found by its name alone, and other tests use the same cluster.
const MAPPING: &str = "reverted-cart";

fn options() -> SyncOptions {
    SyncOptions { wait: Some(Duration::from_secs(60)), ..SyncOptions::default() }
}

fn wish(undo: Undo) -> Wish {
    Wish {
        repository: None,
        mapping: Some(MAPPING.into()),
        undo,
        mainline: None,
        message: None,
        squash: false,
        branch: None,
        unchecked: false,
    }
}

async fn done(running: &mut Running, command: Command) {
    let outcome = running.run(command).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

async fn draft(running: &mut Running, undo: Undo) -> Arc<RevertDraft> {
    done(running, Command::DraftRevert { wish: Box::new(wish(undo)) }).await;
    running.store.revert.clone().expect("a draft")
}

async fn plan(running: &mut Running, revision: Option<String>) -> Arc<Plan> {
    let mapping = MAPPING.to_owned();
    done(running, Command::Plan { mapping, revision, options: options() }).await;
    running.store.mappings[MAPPING].plan.clone().expect("a plan").0
}

async fn sync(running: &mut Running) {
    done(running, Command::Fetch { repository: "fleet".into(), observe: false }).await;
    let confirmed = plan(running, None).await.digest.clone();
    let (mapping, options) = (MAPPING.to_owned(), options());
    done(running, Command::Sync { mapping, revision: None, confirmed, options }).await;
}

fn confirmed(wish: Wish, draft: &RevertDraft, digest: &str) -> Command {
    let confirmed = Confirmed {
        repository: "fleet".into(),
        base: draft.base.clone(),
        draft: draft.details.commit.revision.clone(),
        push: true,
        syncs: vec![(MAPPING.into(), digest.to_owned(), options())],
    };
    Command::Revert { wish: Box::new(wish), confirmed: Box::new(confirmed) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_is_pushed_and_synced_as_it_was_previewed() {
    for world in worlds("reverts").await {
        let table = format!("[mappings.{MAPPING}]\nrepository = \"fleet\"\npath = \"apps/cart\"\n");
        let origin = Origin::new(&world, &table);
        origin.commit("begin", &[(FILE, Some(&config_map("cart", "1")))]);
        let mut running = Running::watch(origin.settings("one"));
        sync(&mut running).await;
        let files = [(FILE, Some(&config_map("cart", "2")[..])), ("README", Some("also\n"))];
        let bad = origin.commit("bad", &files);
        sync(&mut running).await;
        let maps = config_maps(&world).await;

        let drafted = draft(&mut running, Undo::Newest).await;
        assert_eq!(drafted.besides, ["README"]);
        assert_eq!(drafted.touches, [MAPPING]);
        let message = &drafted.details.commit.message;
        assert!(message.contains(&format!("This reverts commit {bad}")), "{message}");
        let revision = drafted.details.commit.revision.to_string();
        let planned = plan(&mut running, Some(revision.clone())).await;
        let operations: Vec<Op> = planned.operations.iter().map(|one| one.op).collect();
        assert_eq!(operations, [Op::Update]);
        assert_eq!(get(&maps, "cart").await, "2", "a preview writes nothing");

        done(&mut running, confirmed(wish(Undo::Newest), &drafted, &planned.digest)).await;
        assert_eq!(get(&maps, "cart").await, "1");
        let status = &running.store.mappings[MAPPING].status;
        assert_eq!(
            status.synced_revision.as_ref().map(gitdeck::domain::Revision::as_str),
            Some(&revision[..])
        );
        let journal = running.journal().await;
        let newest: Vec<&str> = journal.iter().take(3).map(|entry| &entry.what[..]).collect();
        assert_eq!(newest, ["sync", "push", "revert"]);
        assert!(journal.iter().all(|entry| entry.state == "done"), "{journal:#?}");

        // Another plan than the one that was shown is not carried out; the commit is there.
        let back = Undo::Since(bad);
        let drafted = draft(&mut running, back.clone()).await;
        let outcome = running.run(confirmed(wish(back), &drafted, "another")).await;
        let refused =
            matches!(&outcome, Outcome::Refused(why) if matches!(why[..], [Refusal::Moved { .. }]));
        assert!(refused, "{outcome:?}");
        assert_eq!(get(&maps, "cart").await, "1");
        sync(&mut running).await;
        assert_eq!(get(&maps, "cart").await, "2");
        running.stop().await;
    }
}

/// The map that is mapped, with two commits, the newest synced.
async fn two_commits(world: &World, running_as: &str) -> (Origin, Running) {
    let table = format!("[mappings.{MAPPING}]\nrepository = \"fleet\"\npath = \"apps/cart\"\n");
    let origin = Origin::new(world, &table);
    origin.commit("begin", &[(FILE, Some(&config_map("cart", "1")))]);
    origin.commit("bad", &[(FILE, Some(&config_map("cart", "2")))]);
    let mut running = Running::watch(origin.settings(running_as));
    sync(&mut running).await;
    (origin, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moved_since_the_preview_is_synced_by_nobody() {
    let world = World::sandbox("reverts-race").await;
    let (origin, mut running) = two_commits(&world, "one").await;
    let maps = config_maps(&world).await;
    let drafted = draft(&mut running, Undo::Newest).await;
    let revision = drafted.details.commit.revision.to_string();
    let digest = plan(&mut running, Some(revision)).await.digest.clone();
    // Others push between the question and the answer: the commit is made again on theirs, and not synced.
    origin.commit("theirs", &[("apps/cart/more.yaml", Some(&config_map("more", "1")))]);
    let outcome = running.run(confirmed(wish(Undo::Newest), &drafted, &digest)).await;
    let Outcome::Refused(why) = &outcome else { panic!("{outcome:?}") };
    let Refusal::Moved { what } = &why[0] else { panic!("{why:?}") };
    assert!(what.contains("on top of commits that nobody has seen"), "{what}");
    assert_eq!(get(&maps, "cart").await, "2");
    let entry = running.journal().await.into_iter().find(|entry| entry.what == "revert");
    let entry = entry.expect("an entry");
    assert_eq!((&entry.state[..], entry.steps), ("failed", (2, 3)), "{entry:?}");
    // A draft on an older tip is not committed at all.
    done(&mut running, Command::Fetch { repository: "fleet".into(), observe: false }).await;
    let drafted = draft(&mut running, Undo::Newest).await;
    origin.pull();
    origin.commit("theirs again", &[("README", Some("more"))]);
    done(&mut running, Command::Fetch { repository: "fleet".into(), observe: false }).await;
    let outcome = running.run(confirmed(wish(Undo::Newest), &drafted, "any")).await;
    let Outcome::Failed(failure) = &outcome else { panic!("{outcome:?}") };
    assert!(failure.message.contains("README"), "{failure}");
    assert_eq!(running.store.repositories["fleet"].state.pending, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_whose_commit_was_dropped_is_not_made_again() {
    let world = World::sandbox("reverts-dropped").await;
    let (origin, mut running) = two_commits(&world, "one").await;
    let drafted = draft(&mut running, Undo::Newest).await;
    // What a process leaves that was killed after its first step; the commit was dropped by hand.
    let journal = Journal::open(&origin.settings("one").data_dir).expect("a journal");
    let intent = Intent::Revert {
        repository: "fleet".into(),
        mapping: Some(MAPPING.into()),
        base: None,
        revision: drafted.details.commit.revision.to_string(),
        push: true,
        syncs: Vec::new(),
    };
    let entry = journal.begin(intent, "gitdeck revert", Timestamp::now()).expect("an entry");
    journal.before(entry, 1, 2, "commit").expect("an intent");
    journal.after(entry, (1, 2), "commit", None).expect("an outcome");
    drop(journal);
    let before = origin.count();
    let outcome = running.run(Command::Continue { entry }).await;
    let Outcome::Failed(failure) = &outcome else { panic!("{outcome:?}") };
    assert!(failure.message.contains("dropped since"), "{failure}");
    assert_eq!(running.store.repositories["fleet"].state.pending, 0);
    assert_eq!(origin.count(), before);
    running.stop().await;
}

#[test]
fn the_command_line_shows_asks_and_says_what_it_did() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().expect("a directory");
    for number in [1, 2] {
        let file = dir.path().join("map.yaml");
        std::fs::write(&file, config_map("reverted", &number.to_string())).expect("a file");
        let message = format!("edit {number}");
        let mut command = demo.gitdeck();
        command.args(["commit", "quotas", "--push", "-m", &message, "--file"]);
        command.arg(format!("map.yaml={}", file.display()));
        let secret = dir.path().join("secret.yaml");
        std::fs::write(&secret, format!("{SECRET}  token: hidden-{number}\n")).expect("a file");
        command.arg(format!("--file=secret.yaml={}", secret.display()));
        let ended = command.output().expect("it runs");
        assert!(ended.status.success(), "{}", said(&ended));
    }
    let run = |arguments: &[&str]| revert(&demo, arguments);
    let (code, text) = run(&["quotas"]);
    assert!(code == 2 && text.contains("nobody is here to confirm it"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains("Revert \"edit 2\"") && text.contains("-  key: \"2\""), "{text}");
    let (code, text) = run(&["quotas", "HEAD~1", "--yes"]);
    assert!(
        code == 3 && text.contains("map.yaml") && text.contains("changed again since"),
        "{text}"
    );
    assert!(text.contains("conflict in quotas/map.yaml"), "{text}");
    assert!(text.contains("conflict in quotas/secret.yaml") && !text.contains("hidden"), "{text}");
    assert!(text.contains(": edit 2\n") && text.contains("+  key: \"2\""), "{text}");
    let (code, text) = run(&["nothing-like-it", "--yes"]);
    assert!(code == 2 && text.contains("no repository has a commit `nothing-like-it`"), "{text}");
    let mut command = demo.gitdeck();
    let document = json(command.args(["revert", "quotas", "--sync", "--yes"]));
    assert_eq!(document["outcome"], "synced", "{document}");
    assert_eq!(document["title"], "Revert \"edit 2\"", "{document}");
    assert_eq!(document["plans"][0]["mapping"], "quotas", "{document}");
    let status = json(demo.gitdeck().args(["status", "quotas"]));
    assert_eq!(status["mappings"][0]["synced_revision"], document["revision"], "{status}");
    let mut command = demo.gitdeck();
    let document = json(command.args(["revert", "quotas", "--no-push", "--yes"]));
    assert_eq!(document["title"], "Reapply \"edit 2\"", "{document}");
    assert_eq!(document["outcome"], "committed", "{document}");
    // What waits goes along with a push, and is named before anybody says yes.
    let (code, text) = run(&["quotas"]);
    assert!(code == 2 && text.contains("takes it along"), "{text}");
    assert!(text.contains("Reapply \"edit 2\""), "{text}");
    undo_a_range(&demo);
    undo_on_a_branch(&demo);
}

/// What mends a manifest is not undone unless somebody says so.
#[test]
fn what_would_no_longer_render_is_not_reverted() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().expect("a directory");
    let bare = demo.repository("platform");
    // By somebody else: gitdeck commits no file that is not YAML.
    let work = dir.path().join("work");
    let at = |arguments: &[&str]| git(&work, arguments);
    git(dir.path(), &["clone", "-q", &bare.display().to_string(), "work"]);
    for (text, message) in
        [("a: {\n".to_owned(), "break it"), (config_map("mended", "1"), "mend it")]
    {
        std::fs::write(work.join("quotas/map.yaml"), text).expect("a file");
        at(&["add", "-A"]);
        let who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
        at(&[&who[..], &["commit", "-qm", message]].concat());
    }
    at(&["push", "-q", "origin", "main"]);
    let tip = || git(&bare, &["log", "-1", "--format=%s", "main"]).trim().to_owned();
    let (code, text) = revert(&demo, &["quotas", "--push", "--yes"]);
    assert!(code == 3 && text.contains("quotas would no longer render: "), "{code} {text}");
    assert!(text.contains("quotas/map.yaml") && text.contains("--no-validate"), "{text}");
    assert_eq!(tip(), "mend it");
    let (code, text) = revert(&demo, &["quotas", "--push", "--yes", "--no-validate"]);
    assert_eq!((code, &*tip()), (0, "Revert \"mend it\""), "{text}");
    // What is broken already may be undone step by step.
    let (code, text) = revert(&demo, &["quotas", "HEAD", "--push", "--yes"]);
    assert_eq!((code, &*tip()), (0, "Reapply \"mend it\""), "{text}");
}

fn revert(demo: &Demo, arguments: &[&str]) -> (i32, String) {
    let mut command = demo.gitdeck();
    let ended = command.arg("revert").args(arguments).output().expect("it runs");
    (ended.status.code().unwrap_or(-1), said(&ended))
}

fn undo_a_range(demo: &Demo) {
    let run = |arguments: &[&str]| revert(demo, arguments);
    // Everything of the two edits at once, as a marked range of the console asks for it.
    let log = json(demo.gitdeck().args(["log", "quotas", "-n", "20"]));
    let id = |title: &str| {
        let all = log["commits"].as_array().expect("commits");
        let is_it = |one: &&serde_json::Value| {
            one["message"].as_str().is_some_and(|text| text.lines().next() == Some(title))
        };
        all.iter().find(is_it).expect(title)["revision"].as_str().expect("an id")[..7].to_owned()
    };
    let range = format!("{}~1..{}", id("edit 1"), id("Reapply \"edit 2\""));
    let (code, text) = run(&["quotas", &range, "--squash"]);
    assert!(code == 2 && text.contains("Revert 4 commits"), "{text}");
    let (code, text) = run(&["quotas", &range, "--no-push", "--yes", "-m", "undo"]);
    assert!(code == 3 && text.contains("each of 4 commits has a message"), "{text}");
    let document = json(demo.gitdeck().args(["revert", "quotas", &range, "--no-push", "--yes"]));
    let undone = ["Reapply \"edit 2\"", "Revert \"edit 2\"", "edit 2", "edit 1"];
    let titles: Vec<&str> =
        document["commits"].as_array().expect("commits").iter().map(title).collect();
    assert_eq!(
        titles[2..],
        undone[2..].iter().map(|one| format!("Revert \"{one}\"")).collect::<Vec<_>>()
    );
    assert_eq!(titles.len(), 4, "{document}");
    assert_eq!(document["title"], "Revert \"edit 1\"", "{document}");
    assert_eq!(document["files"], serde_json::json!(["quotas/map.yaml", "quotas/secret.yaml"]));
    let entries = json(demo.gitdeck().arg("activity"));
    assert_eq!(entries["entries"][0]["what"], "revert", "{entries}");
}

fn undo_on_a_branch(demo: &Demo) {
    let run = |arguments: &[&str]| revert(demo, arguments);
    // A branch of its own has none of the five commits that wait.
    let bare = demo.repository("platform");
    let at = |name: &str| git(&bare, &["rev-parse", name]).trim().to_owned();
    let main = at("main");
    let (code, text) = run(&["quotas", "--branch", "undo/it"]);
    assert!(code == 2 && text.contains("would be pushed to a new branch"), "{text}");
    assert!(!text.contains("takes it along"), "{text}");
    let (code, text) = run(&["quotas", "HEAD", "--branch", "undo/it", "--yes"]);
    assert!(code == 3 && text.contains("waits for a push"), "{text}");
    let mut command = demo.gitdeck();
    let document = json(command.args(["revert", "quotas", "--branch", "undo/it", "--yes"]));
    assert_eq!(
        (&document["outcome"], &document["branch"]["name"]),
        (&"offered".into(), &"undo/it".into())
    );
    assert_eq!((at("main"), at("undo/it~1")), (main.clone(), main));
    assert_eq!(at("undo/it"), document["revision"].as_str().expect("an id"));
    assert_eq!(document["title"], "Reapply \"edit 2\"", "{document}");
    let (code, text) = run(&["quotas", "--branch", "undo/it", "--yes"]);
    assert!(code == 2 && text.contains("has a branch undo/it already"), "{text}");
    let entries = json(demo.gitdeck().arg("activity"));
    let newest = &entries["entries"][0];
    assert_eq!((&newest["what"], &newest["state"]), (&"offer".into(), &"done".into()), "{newest}");
    let (code, text) = run(&["quotas", "--pull-request", "--yes"]);
    assert!(code == 0 && text.contains("pushed to the new branch gitdeck/quotas-"), "{text}");
    let status = json(demo.gitdeck().args(["status", "quotas"]));
    assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
}

fn title(made: &serde_json::Value) -> &str {
    made["title"].as_str().expect("a title")
}
