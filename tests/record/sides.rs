//! Which side is right: what somebody commits is never undone unasked, and nobody records over somebody else.

use super::faults::{begin, failed, file};
use super::{SHORT, WEB, document, patch, recorded, settings, table};
use crate::support::clusters::{World, worlds};
use crate::support::fake_node::kind;
use crate::support::running::{Origin, Running, config_map, label, set};
use gitdeck::engine::Command;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::fs;

async fn create(world: &World, kind: kube::api::ApiResource, text: &str) -> Api<DynamicObject> {
    let objects = Api::namespaced_with(world.client().await, &world.namespace, &kind);
    let object: DynamicObject = serde_json::from_value(document(text)).expect("an object");
    objects.create(&PostParams::default(), &object).await.expect("an object");
    objects
}

fn says(held: Option<&str>, words: &[&str]) -> bool {
    words.iter().all(|word| held.unwrap_or_default().contains(word))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_pushed_late_undoes_nobody() {
    for world in worlds("record-late").await {
        let (origin, maps) = begin(&world, "rec-late", "").await;
        let two = "apps/rec-late/two.yaml";
        origin.commit("two", &[(two, Some(&config_map("two", "1")))]);
        create(&world, kind("", "v1", "ConfigMap"), &config_map("two", "1")).await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-late", 2).await;
        running.see("rec-late", "the record", |status| status.synced_revision.is_some()).await;
        let heads = origin.place().join("fleet.git/refs/heads");
        fs::write(heads.join("main.lock"), "").expect("a lock");
        set(&maps, "one", "2", "kubectl-edit").await;
        running.see("rec-late", "the failure", failed).await;
        // Somebody changes another file, and the recording waits.
        let theirs =
            origin.commit_to("side", "theirs", &[(two, Some(&config_map("two", "theirs")))]);
        fs::write(heads.join("main"), format!("{theirs}\n")).expect("a branch");
        fs::remove_file(heads.join("main.lock")).expect("no lock");
        running
            .until("the push", |running| {
                let status = &running.store.mappings["rec-late"].status;
                origin.count() == 4 && says(status.held.as_deref(), &["ConfigMap", "two:/data/key"])
            })
            .await;
        // Nor does it when something else is recorded.
        set(&maps, "one", "3", "kubectl-edit").await;
        running
            .until("the next one", |running| {
                let status = &running.store.mappings["rec-late"].status;
                origin.count() == 5 && says(status.held.as_deref(), &["two:/data/key"])
            })
            .await;
        assert_eq!(origin.pushed(two), config_map("two", "theirs"));
        assert_eq!(origin.pushed(&file("rec-late")), config_map("one", "3"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_at_the_first_look_waits_for_somebody() {
    for world in worlds("record-first").await {
        let (origin, maps) = begin(&world, "rec-first", "").await;
        origin.commit("newer", &[(&file("rec-first"), Some(&config_map("one", "git")))]);
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        running
            .see("rec-first", "the question", |status| {
                let words = ["nothing was recorded before", "gitdeck adopt rec-first"];
                says(status.held.as_deref(), &words)
            })
            .await;
        set(&maps, "one", "2", "kubectl-edit").await;
        running
            .until("a look at it", |running| {
                let plan = running.store.mappings["rec-first"].plan.as_ref();
                plan.is_some_and(|(plan, _)| {
                    plan.operations.iter().flat_map(|one| &one.changes).any(|change| {
                        change.before == Some(json!("2")) && change.path == "/data/key"
                    })
                })
            })
            .await;
        assert_eq!(origin.count(), 2);
        assert!(running.journal().await.iter().all(|entry| entry.what == "record"));
        // Once both say the same, changes are recorded.
        origin.commit("agreed", &[(&file("rec-first"), Some(&config_map("one", "2")))]);
        running.see("rec-first", "the record", |status| status.synced_revision.is_some()).await;
        set(&maps, "one", "3", "kubectl-edit").await;
        recorded(&mut running, &origin, "rec-first", 4).await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_of_another_cluster_are_not_recorded_over() {
    for world in worlds("record-other").await {
        let (origin, maps) = begin(&world, "rec-other", "").await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-other", 1).await;
        running.see("rec-other", "the record", |status| status.synced_revision.is_some()).await;
        let message = "theirs\n\nGitdeck-Mapping: rec-other\nGitdeck-Source: cluster\nGitdeck-Cluster: elsewhere";
        let theirs = config_map("one", "theirs");
        origin.commit(message, &[(&file("rec-other"), Some(&theirs))]);
        let words = ["records another cluster or mapping"];
        running.see("rec-other", "the other", |status| says(status.held.as_deref(), &words)).await;
        label(&maps, "one", "tier", "front").await;
        running
            .until("a look at it", |running| {
                let plan = running.store.mappings["rec-other"].plan.as_ref();
                plan.is_some_and(|(plan, _)| {
                    plan.operations.iter().flat_map(|one| &one.changes).count() == 2
                })
            })
            .await;
        running.see("rec-other", "the other", |status| says(status.held.as_deref(), &words)).await;
        assert_eq!((origin.count(), origin.pushed(&file("rec-other"))), (2, theirs));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_configuration_is_not_recorded() {
    for world in worlds("record-owned").await {
        let (origin, maps) = begin(&world, "rec-owned", "").await;
        let mark = json!({"metadata": {"labels": {"applyset.kubernetes.io/part-of": "applyset-other-v1"}},
            "data": {"key": "2"}});
        let by = PatchParams { field_manager: Some("other".into()), ..PatchParams::default() };
        maps.patch("one", &by, &Patch::Merge(mark)).await.expect("a mark");
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        running
            .see("rec-owned", "the owner", |status| {
                let said = format!("{:?} {:?}", status.held, status.message);
                said.contains("applyset-other-v1")
            })
            .await;
        assert!(running.journal().await.iter().all(|entry| entry.what == "record"));
        assert_eq!(origin.count(), 1);
        running.stop().await;
    }
}

const DOORS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: doors\nspec:\n  rules:\n    - host: h0.example\n    - host: h1.example\n    - host: h2.example\n";

#[tokio::test(flavor = "multi_thread")]
async fn lists_without_names_are_recorded_as_they_are() {
    for world in worlds("record-list").await {
        let origin = Origin::new(&world, &table("rec-list"));
        let name = "apps/rec-list/doors.yaml";
        origin.commit("begin", &[(name, Some(DOORS))]);
        let doors = create(&world, kind("networking.k8s.io", "v1", "Ingress"), DOORS).await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-list", 1).await;
        running.see("rec-list", "the record", |status| status.synced_revision.is_some()).await;
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        for (turn, hosts) in [vec![0], (0..12).collect(), vec![0, 2, 11]].iter().enumerate() {
            let rules: Vec<Value> =
                hosts.iter().map(|host| json!({"host": format!("h{host}.example")})).collect();
            let change = json!({"spec": {"rules": rules}});
            doors.patch("doors", &by, &Patch::Merge(change)).await.expect("a live change");
            recorded(&mut running, &origin, "rec-list", turn + 2).await;
            assert_eq!(document(&origin.pushed(name))["spec"]["rules"], json!(rules));
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_known_as_own_and_is_pushed_by_nobody_else() {
    for world in worlds("record-own").await {
        let more = format!("record = {{ push = false }}\n{}", table("rec-eager"));
        let (origin, maps) = begin(&world, "rec-own", &more).await;
        let eager = file("rec-eager");
        origin.commit("eager", &[(&eager, Some(&config_map("eager", "1")))]);
        create(&world, kind("", "v1", "ConfigMap"), &config_map("eager", "1")).await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        for name in ["rec-own", "rec-eager"] {
            recorded(&mut running, &origin, name, 2).await;
            running.see(name, "the record", |status| status.synced_revision.is_some()).await;
        }
        // It comes, it goes, and it comes again.
        for turn in 1..4 {
            let tier = if turn == 2 { Value::Null } else { json!("front") };
            let change = json!({"metadata": {"labels": {"tier": tier}}});
            let by = PatchParams {
                field_manager: Some("kubectl-label".into()),
                ..PatchParams::default()
            };
            maps.patch("one", &by, &Patch::Merge(change)).await.expect("a live change");
            let words = format!("{turn} recordings wait for a push");
            running
                .see("rec-own", "the recording", |status| says(status.held.as_deref(), &[&words]))
                .await;
        }
        set(&maps, "eager", "2", "kubectl-edit").await;
        running
            .see("rec-eager", "the reason", |status| {
                says(status.held.as_deref(), &["commits of yours wait for a push"])
            })
            .await;
        assert_eq!(origin.count(), 2);
        let outcome = running.run(Command::Push { repository: "fleet".into() }).await;
        assert!(matches!(outcome, gitdeck::engine::Outcome::Done(_)), "{outcome:?}");
        recorded(&mut running, &origin, "rec-eager", 6).await;
        assert_eq!(origin.pushed(&eager), config_map("eager", "2"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_credential_is_named_and_not_committed() {
    for world in worlds("record-env").await {
        let origin = Origin::new(&world, &table("rec-env"));
        let name = "apps/rec-env/web.yaml";
        origin.commit("begin", &[(name, Some(WEB))]);
        create(&world, kind("apps", "v1", "Deployment"), WEB).await;
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-env", 1).await;
        running.see("rec-env", "the record", |status| status.synced_revision.is_some()).await;
        let canary = "env-canary-value";
        let env =
            json!([{"name": "DB_PASSWORD", "value": canary}, {"name": "MODE", "value": "slow"}]);
        let change =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}});
        patch(&world, "web", "kubectl-set", Patch::Strategic(change)).await;
        running
            .until("the rest", |running| {
                let held = running.store.mappings["rec-env"].status.held.as_deref();
                origin.count() == 2 && says(held, &["DB_PASSWORD may be a credential"])
            })
            .await;
        assert!(origin.pushed(name).contains("value: slow"), "{}", origin.pushed(name));
        assert!(!origin.message().contains("slow"), "{}", origin.message());
        let said = format!("{:?}", running.journal().await);
        assert!(!said.contains(canary) && !said.contains("slow"), "{said}");
        running.stop().await;
        assert_eq!(origin.holders_of(canary, &[]), Vec::<String>::new());
    }
}
