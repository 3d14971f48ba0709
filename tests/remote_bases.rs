//! What a mapping loads from elsewhere may move while its own commit stays: it is read again as often as the repository is
//! fetched, and with every plan.

use crate::support::clusters::World;
use crate::support::renderers::search_path;
use crate::support::running::{Origin, Running, config_map, config_maps, get, set};
use crate::support::shell::git;
use crate::support::skipped;
use gitdeck::domain::{Op, Reason, Refusal, SyncState};
use gitdeck::engine::{Command, Outcome, SyncOptions};
use serde_json::{Value, json};
use std::path::Path;

const MAPPING: &str =
    "[mappings.app]\nrepository = \"fleet\"\npath = \"app\"\nallow_remote = true\n";

/// Whether the engine of a test finds kustomize and git where it looks for programs.
pub fn has_kustomize() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("kustomize").is_file());
    if search_path().is_some() && !found {
        skipped("kustomize is not on PATH");
    }
    found
}

/// Another repository with one object, which says `value`.
pub fn publish(base: &Path, value: &str) -> String {
    std::fs::create_dir_all(base.join("base")).unwrap();
    if !base.join(".git").exists() {
        git(base, &["init", "-q", "-b", "main"]);
    }
    std::fs::write(base.join("base/map.yaml"), config_map("far", value)).unwrap();
    std::fs::write(base.join("base/kustomization.yaml"), "resources: [map.yaml]\n").unwrap();
    git(base, &["add", "-A"]);
    git(base, &["commit", "-qm", value]);
    git(base, &["rev-parse", "HEAD"]).trim().to_owned()
}

/// Publishes which files the other repository has in its base.
fn list(base: &Path, files: &str) {
    std::fs::write(base.join("base/near.yaml"), config_map("near", "one")).unwrap();
    std::fs::write(base.join("base/new.yaml"), config_map("new", "one")).unwrap();
    let text = format!("resources: [{files}]\n");
    std::fs::write(base.join("base/kustomization.yaml"), text).unwrap();
    git(base, &["add", "-A"]);
    git(base, &["commit", "-qm", files]);
}

async fn synced(running: &mut Running) {
    let options = SyncOptions::default();
    let plan = Command::Plan { mapping: "app".into(), revision: None, options: options.clone() };
    assert!(matches!(running.run(plan).await, Outcome::Done(_)), "{:#?}", running.ended);
    let plan = running.store.mappings["app"].plan.as_ref().expect("a plan").0.clone();
    let sync = Command::Sync {
        mapping: "app".into(),
        revision: None,
        confirmed: plan.digest.clone(),
        options,
    };
    let ended = running.run(sync).await;
    assert!(matches!(ended, Outcome::Done(_)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_moved_is_read_again_at_the_same_commit() {
    if !has_kustomize() {
        return;
    }
    let world = World::sandbox("remote-bases").await;
    let origin = Origin::new(&world, MAPPING);
    let base = origin.place().join("base.git");
    publish(&base, "one");
    let address = format!("git::file://{}//base?ref=main", base.display());
    let kustomization = format!("resources:\n- {address}\n");
    origin.commit("the app", &[("app/kustomization.yaml", Some(&kustomization))]);
    let mut running = Running::watch(origin.settings("one"));
    running.see("app", "a plan", |status| status.objects.differing == 1).await;
    synced(&mut running).await;
    running.see("app", "in sync", |status| status.sync == SyncState::Synced).await;
    let status = running.store.mappings["app"].status.clone();
    assert_eq!(status.remote, [address.as_str()]);
    assert!(status.unpinned().is_some_and(|told| told.contains("not pinned")));

    publish(&base, "two");
    running.see("app", "what moved", |status| status.objects.differing == 1).await;
    let after = running.store.mappings["app"].status.clone();
    assert_eq!(after.desired_revision, status.desired_revision);
    synced(&mut running).await;
    running.see("app", "in sync again", |status| status.sync == SyncState::Synced).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_reads_anew_and_a_pinned_base_is_read_once() {
    if !has_kustomize() {
        return;
    }
    let world = World::sandbox("remote-plans").await;
    let origin = Origin::new(&world, MAPPING);
    let base = origin.place().join("base.git");
    let first = publish(&base, "one");
    let address =
        |to: &str| format!("resources:\n- git::file://{}//base?ref={to}\n", base.display());
    origin.commit("the app", &[("app/kustomization.yaml", Some(&address("main")))]);
    let mut settings = origin.settings("one");
    // Nothing reads by itself: only a plan does.
    let hour = std::time::Duration::from_secs(3600);
    settings.mappings["app"].polling_interval = hour;
    let mut running = Running::watch(settings);
    running.see("app", "a plan", |status| status.objects.differing == 1).await;
    synced(&mut running).await;
    running.see("app", "in sync", |status| status.sync == SyncState::Synced).await;
    publish(&base, "two");
    let plan =
        Command::Plan { mapping: "app".into(), revision: None, options: SyncOptions::default() };
    running.run(plan).await;
    let differing = |running: &Running| running.store.mappings["app"].status.objects.differing;
    assert_eq!(differing(&running), 1, "{:#?}", running.store.mappings["app"].status);

    // With a whole commit id nothing can move: even a base that is gone is not missed.
    origin.commit("pinned", &[("app/kustomization.yaml", Some(&address(&first)))]);
    running.see("app", "the pinned one", |status| status.remote.is_empty()).await;
    std::fs::rename(&base, base.with_extension("gone")).unwrap();
    let observe = Command::Observe { mapping: "app".into(), fetch: true };
    running.run(observe).await;
    let status = &running.store.mappings["app"].status;
    assert_eq!((status.sync == SyncState::Error, status.objects.total), (false, 1), "{status:#?}");
    running.stop().await;
}

/// The incident to be: one short answer of a base, and an automatic sync prunes what it left out.
#[tokio::test(flavor = "multi_thread")]
async fn what_moved_at_the_same_commit_is_neither_synced_nor_healed_by_itself() {
    if !has_kustomize() {
        return;
    }
    let world = World::sandbox("remote-unasked").await;
    let tables = format!("{MAPPING}sync = {{ auto = true, self_heal = true, prune = true }}\n");
    let (origin, maps) = (Origin::new(&world, &tables), config_maps(&world).await);
    let base = origin.place().join("base.git");
    publish(&base, "one");
    list(&base, "map.yaml, near.yaml");
    let address = format!("git::file://{}//base?ref=main", base.display());
    let kustomization = format!("resources:\n- {address}\n");
    origin.commit("the app", &[("app/kustomization.yaml", Some(&kustomization))]);
    let mut running = Running::watch(origin.settings("one"));
    running.see("app", "the first sync", |status| status.sync == SyncState::Synced).await;

    // One object changed, one is new, and one is gone; then a commit elsewhere in the repository.
    std::fs::write(base.join("base/map.yaml"), config_map("far", "two")).unwrap();
    list(&base, "map.yaml, new.yaml");
    let is_held = |held: &str| held.contains(&address) && held.contains("does not pin");
    running
        .see("app", "what moved, held", |status| {
            status.objects.differing == 3 && status.held.as_deref().is_some_and(is_held)
        })
        .await;
    let tip = origin.commit("elsewhere", &[("other/file", Some("text\n"))]);
    running
        .see("app", "held at the next commit", |status| {
            let at = status.desired_revision.as_ref().is_some_and(|at| at.as_str() == tip);
            at && status.behind == 0 && status.held.as_deref().is_some_and(is_held)
        })
        .await;
    let plan = running.store.mappings["app"].plan.as_ref().expect("a plan").0.clone();
    let mut found: Vec<_> = plan.operations.iter().map(|one| (one.op, one.reason)).collect();
    found.sort_by_key(|(op, _)| format!("{op:?}"));
    let expected =
        [(Op::Create, Reason::Commit), (Op::Delete, Reason::Prune), (Op::Update, Reason::Commit)];
    assert_eq!(found, expected);
    // Nor is a live change corrected to what nobody knows to be what was synced.
    set(&maps, "far", "mine", "kubectl-edit").await;
    let is_seen = |running: &Running| {
        let plan = &running.store.mappings["app"].plan.as_ref().expect("a plan").0;
        let mut changes = plan.operations.iter().flat_map(|one| &one.changes);
        changes.any(|change| change.before == Some(json!("mine")))
    };
    running.until("a live change", is_seen).await;
    let status = running.store.mappings["app"].status.clone();
    assert!(status.held.as_deref().is_some_and(is_held), "{status:#?}");
    assert_eq!(running.journal().await.len(), 1, "the first sync alone");
    for (name, value) in [("far", json!("mine")), ("near", json!("one")), ("new", Value::Null)] {
        assert_eq!(get(&maps, name).await, value, "{name}");
    }

    // A human carries it out.
    synced(&mut running).await;
    running.see("app", "in sync", |status| status.sync == SyncState::Synced).await;
    for (name, value) in [("far", json!("two")), ("near", Value::Null), ("new", json!("one"))] {
        assert_eq!(get(&maps, name).await, value, "{name}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_sync_does_not_go_on_with_what_nobody_confirmed() {
    if !has_kustomize() {
        return;
    }
    let world = World::sandbox("remote-resumed").await;
    let (origin, maps) = (Origin::new(&world, MAPPING), config_maps(&world).await);
    let base = origin.place().join("base.git");
    publish(&base, "one");
    let address = format!("git::file://{}//base?ref=main", base.display());
    let kustomization = format!("resources:\n- {address}\n");
    origin.commit("the app", &[("app/kustomization.yaml", Some(&kustomization))]);
    let mut running = Running::watch(origin.settings("one"));
    running.see("app", "a plan", |status| status.objects.differing == 1).await;
    synced(&mut running).await;
    running.stop().await;

    // As a killed process leaves it: begun, and without an end.
    let journal = origin.place().join("one/data/journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let (ends, kept): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.contains("\"record\":\"end\""));
    assert_eq!(ends.len(), 1, "{text}");
    std::fs::write(&journal, kept.join("\n") + "\n").unwrap();
    publish(&base, "two");

    let mut running = Running::watch(origin.settings("one"));
    running.see("app", "what moved", |status| status.objects.differing == 1).await;
    let entry = running.journal().await[0].clone();
    assert_eq!(entry.state, "interrupted");
    let refused = running.run(Command::Continue { entry: entry.id }).await;
    let Outcome::Refused(why) = &refused else { panic!("{refused:?}") };
    let [Refusal::Moved { what }] = &why[..] else { panic!("{why:?}") };
    assert!(what.contains(&address) && what.contains("sync app anew"), "{what}");
    assert_eq!(get(&maps, "far").await, json!("one"));
    running.run(Command::Discard { entry: entry.id }).await;
    synced(&mut running).await;
    assert_eq!(get(&maps, "far").await, json!("two"));
    running.stop().await;
}
