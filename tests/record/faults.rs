//! What goes wrong while live changes are recorded: nothing is lost, nothing is doubled, and it is said.

use super::{SHORT, document, is_level, recorded, settings, table};
use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use gitdeck::domain::{MappingStatus, SyncState};
use gitdeck::engine::{Command, Outcome};
use gitdeck::sandbox::{Effect, When};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use std::fs;

/// A mapping with one config map that is live as it is in Git.
pub(super) async fn begin(world: &World, name: &str, more: &str) -> (Origin, Api<DynamicObject>) {
    let origin = Origin::new(world, &(table(name) + more));
    let maps = begin_with(world, &origin, name).await;
    (origin, maps)
}

/// The same for a repository that is laid out already.
pub(super) async fn begin_with(world: &World, origin: &Origin, name: &str) -> Api<DynamicObject> {
    let text = config_map("one", "1");
    origin.commit("begin", &[(&file(name), Some(&text))]);
    let maps = config_maps(world).await;
    let object: DynamicObject = serde_json::from_value(document(&text)).expect("an object");
    maps.create(&PostParams::default(), &object).await.expect("an object");
    maps
}

/// Whether it is said that recording failed, and when it is tried again.
pub(super) fn failed(status: &MappingStatus) -> bool {
    let held = status.held.as_deref().unwrap_or_default();
    held.contains("next at") && !held.contains("nothing changes")
}

pub(super) fn file(name: &str) -> String {
    format!("apps/{name}/one.yaml")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_is_tried_again_also_by_the_next_process() {
    for world in worlds("record-push").await {
        let (origin, maps) = begin(&world, "rec-push", "").await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-push", 1).await;
        let lock = origin.place().join("fleet.git/refs/heads/main.lock");
        fs::write(&lock, "").expect("a lock");
        set(&maps, "one", "2", "kubectl-edit").await;
        running
            .see("rec-push", "the failure", |status| {
                failed(status) && status.sync == SyncState::Drifted
            })
            .await;
        assert_eq!(origin.count(), 1);
        let entries = running.journal().await;
        let states = |what: &str| -> Vec<String> {
            let of = entries.iter().filter(|entry| entry.what == what);
            of.map(|entry| entry.state.clone()).collect()
        };
        assert_eq!(states("commit"), ["done"], "{entries:#?}");
        assert!(states("push").iter().all(|state| state == "failed"), "{entries:#?}");
        running.stop().await;
        fs::remove_file(&lock).expect("no lock");
        // Another process of the same user finds the commit in the outbox and makes no second one.
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-push", 2).await;
        assert!(origin.pushed(&file("rec-push")).contains("\"2\""));
        let entries = running.journal().await;
        assert_eq!(entries.iter().filter(|entry| entry.what == "commit").count(), 1);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_came_in_between_stays_and_the_recording_goes_on_top() {
    for world in worlds("record-race").await {
        let (origin, maps) = begin(&world, "rec-race", "").await;
        let name = file("rec-race");
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-race", 1).await;
        let heads = origin.place().join("fleet.git/refs/heads");
        fs::write(heads.join("main.lock"), "").expect("a lock");
        set(&maps, "one", "2", "kubectl-edit").await;
        running.see("rec-race", "the failure", failed).await;
        // Somebody else was faster with the same file.
        let commented = format!("# theirs\n{}", config_map("one", "1"));
        let theirs = origin.commit_to("side", "theirs", &[(&name, Some(&commented))]);
        fs::write(heads.join("main"), format!("{theirs}\n")).expect("a branch");
        fs::remove_file(heads.join("main.lock")).expect("no lock");
        recorded(&mut running, &origin, "rec-race", 3).await;
        assert_eq!(origin.pushed(&name), format!("# theirs\n{}", config_map("one", "2")));
        let entries = running.journal().await;
        assert_eq!(entries.iter().filter(|entry| entry.what == "drop").count(), 1, "{entries:#?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_commit_asks_for_is_never_recorded_over() {
    for world in worlds("record-clash").await {
        let (origin, maps) = begin(&world, "rec-clash", "").await;
        let name = file("rec-clash");
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-clash", 1).await;
        running.see("rec-clash", "the record", |status| status.synced_revision.is_some()).await;
        origin.commit("theirs", &[(&name, Some(&config_map("one", "theirs")))]);
        running
            .see("rec-clash", "the clash", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("/data/key") && held.contains("gitdeck adopt rec-clash")
            })
            .await;
        // Neither side moved, and something else that changes is recorded all the same.
        assert_eq!(origin.count(), 2);
        crate::support::running::label(&maps, "one", "tier", "front").await;
        running.until("the other change", |_| origin.count() == 3).await;
        let pushed = origin.pushed(&name);
        assert!(pushed.contains("theirs") && pushed.contains("tier: front"), "{pushed}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_record_once() {
    for world in worlds("record-two").await {
        let (origin, maps) = begin(&world, "rec-two", "").await;
        let mut one = Running::watch(settings(&origin, "one", SHORT));
        let mut two = Running::watch(settings(&origin, "two", SHORT));
        one.see("rec-two", "the record", |status| status.synced_revision.is_some()).await;
        for turn in 2..5 {
            set(&maps, "one", &turn.to_string(), "kubectl-edit").await;
            tokio::join!(
                recorded(&mut one, &origin, "rec-two", turn),
                recorded(&mut two, &origin, "rec-two", turn)
            );
        }
        let (a, b) = (one.journal().await, two.journal().await);
        let made = a.iter().chain(&b).filter(|entry| entry.what == "commit").count();
        assert_eq!(made, 3, "{a:#?} {b:#?}");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_gone_records_nothing_and_comes_back() {
    let world = World::sandbox("record-gone").await;
    let (origin, maps) = begin(&world, "rec-gone", "").await;
    let mut running = Running::watch(settings(&origin, "one", SHORT));
    recorded(&mut running, &origin, "rec-gone", 1).await;
    let faults = world.faults().expect("a sandbox");
    let gone = || Effect::Status { code: 500, retry_after: None };
    for verb in ["list", "watch", "get"] {
        faults.always(When { verb: Some(verb.into()), ..When::default() }, gone());
    }
    set(&maps, "one", "2", "kubectl-edit").await;
    faults.drop_watches("configmaps");
    running
        .until("the loss", |running| {
            running.store.mappings["rec-gone"].status.sync != SyncState::Synced
                || running.store.clusters.values().any(|state| {
                    matches!(state, gitdeck::engine::event::ClusterState::Stale { .. })
                })
        })
        .await;
    assert_eq!(origin.count(), 1, "recorded from a cluster that cannot be seen");
    assert!(running.journal().await.iter().all(|entry| entry.what != "commit"));
    faults.clear();
    recorded(&mut running, &origin, "rec-gone", 2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_computed_is_said_and_not_recorded() {
    for world in worlds("record-computed").await {
        let more = "substitute = { level = \"1\" }\n";
        let origin = Origin::new(&world, &(table("rec-computed") + more));
        let text = config_map("one", "${level}");
        origin.commit("begin", &[(&file("rec-computed"), Some(&text))]);
        let maps = config_maps(&world).await;
        let object = document(&config_map("one", "1"));
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        maps.create(&PostParams::default(), &object).await.expect("an object");
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-computed", 1).await;
        set(&maps, "one", "2", "kubectl-edit").await;
        running
            .see("rec-computed", "the reason", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("is computed from a variable")
            })
            .await;
        running
            .until("the journal's word", |running| {
                running.store.journal.iter().any(|entry| {
                    entry.what == "record"
                        && entry.message.as_deref().is_some_and(|said| said.contains("computed"))
                })
            })
            .await;
        assert_eq!(origin.count(), 1);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_synced_to_a_cluster_that_is_the_source() {
    for world in worlds("record-sync").await {
        let (origin, maps) =
            begin(&world, "rec-sync", "sync = { auto = true, self_heal = true }\n").await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-sync", 1).await;
        origin.commit("theirs", &[(&file("rec-sync"), Some(&config_map("one", "theirs")))]);
        running.see("rec-sync", "the commit", |status| status.held.is_some()).await;
        let plan = running.store.mappings["rec-sync"].plan.as_ref().expect("a plan").0.clone();
        let sync = Command::Sync {
            mapping: "rec-sync".into(),
            revision: None,
            confirmed: plan.digest.clone(),
            options: gitdeck::engine::SyncOptions { take_over: true, ..Default::default() },
        };
        let outcome = running.run(sync).await;
        assert!(
            matches!(&outcome, Outcome::Refused(why) if why.contains(&gitdeck::domain::Refusal::LiveWins)),
            "{outcome:?}"
        );
        assert_eq!(crate::support::running::get(&maps, "one").await, "1");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_is_not_both_recorded_and_corrected() {
    for world in worlds("record-loop").await {
        let other = "[mappings.rec-other]\nrepository = \"fleet\"\npath = \"other\"\nsync = { auto = true, self_heal = true }\n";
        let (origin, maps) = begin(&world, "rec-loop", other).await;
        origin.commit("other", &[("other/one.yaml", Some(&config_map("one", "git")))]);
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        for (name, its) in [("rec-loop", "rec-other"), ("rec-other", "rec-loop")] {
            running
                .see(name, "the refusal", |status| {
                    let said = status.message.as_deref().unwrap_or_default();
                    status.sync == SyncState::Error && said.contains(its)
                })
                .await;
        }
        assert_eq!(
            (origin.count(), crate::support::running::get(&maps, "one").await),
            (2, "1".into())
        );
        assert!(running.journal().await.iter().all(|entry| entry.what == "record"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_push_recordings_wait_in_the_outbox() {
    for world in worlds("record-wait").await {
        let (origin, maps) = begin(&world, "rec-wait", "record = { push = false }\n").await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-wait", 1).await;
        for turn in 2..4 {
            set(&maps, "one", &turn.to_string(), "kubectl-edit").await;
            let words = format!("{} recordings wait for a push", turn - 1);
            running
                .see("rec-wait", "the recording", |status| {
                    status.held.as_deref().is_some_and(|held| held.contains(&words))
                })
                .await;
        }
        assert_eq!(origin.count(), 1);
        let outcome = running.run(Command::Push { repository: "fleet".into() }).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        running.see("rec-wait", "the push", is_level).await;
        assert_eq!(origin.count(), 3);
        running.stop().await;
    }
}
