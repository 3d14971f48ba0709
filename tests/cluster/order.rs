//! The order of a plan: the same for any input, deletion in reverse, nothing written where there is none.

use super::world::{Journal, config, in_every_world, manifests, sandboxed};
use gitdeck::domain::Manifest;
use gitdeck::domain::plan::Op;
use gitdeck::sandbox::Options;
use serde_json::{Value, json};

/// Objects of several kinds, in several files, with waves and a dependency.
fn mixed(namespace: &str) -> Vec<Manifest> {
    let noted = |mut object: Value, key: &str, value: &str| {
        object["metadata"]["annotations"] = json!({key: value});
        object
    };
    let core = |kind: &str, name: &str, rest: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        for (key, value) in rest.as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        object
    };
    let pods = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]}});
    let needed = format!("/namespaces/{namespace}/ConfigMap/first");
    let objects = [
        config("first", "1"),
        noted(config("late", "1"), "argocd.argoproj.io/sync-wave", "3"),
        noted(config("early", "1"), "argocd.argoproj.io/sync-wave", "-1"),
        noted(
            core("Secret", "after", json!({"stringData": {"k": "v"}})),
            "config.kubernetes.io/depends-on",
            &needed,
        ),
        core("ServiceAccount", "web", json!({})),
        core(
            "Service",
            "web",
            json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        ),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": pods}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
        config("second", "2"),
    ];
    let mut all = manifests(objects);
    for (index, manifest) in all.iter_mut().enumerate() {
        manifest.origin.file = format!("file-{}.yaml", index % 3);
    }
    all
}

/// A shuffle that is the same in every run.
fn shuffled(mut all: Vec<Manifest>, round: u64) -> Vec<Manifest> {
    let mut dice = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for last in (1..all.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let at = usize::try_from((dice >> 33) % (last as u64 + 1)).expect("an index");
        all.swap(last, at);
    }
    all
}

#[tokio::test]
async fn the_same_objects_in_any_order_give_the_same_bytes() {
    let (_sandbox, mut world) = sandboxed("shuffled", Options::default()).await;
    let all = mixed("shuffled");
    world.options.allow_delete = Some(2);
    let bytes = async |desired: &[Manifest], world: &super::world::World| {
        let plan = world.plan("r1", desired).await.expect("a plan");
        let stages: Vec<_> =
            plan.operations.iter().map(|one| (one.stage, one.origin.clone())).collect();
        (
            serde_json::to_string(&plan).expect("JSON"),
            format!("{stages:?} {:?}", plan.objects.len()),
        )
    };
    let created = bytes(&all, &world).await;
    for round in 0..24 {
        assert_eq!(bytes(&shuffled(all.clone(), round), &world).await, created, "round {round}");
    }
    // And so do changes and deletions.
    assert!(world.sync("r1", &shuffled(all.clone(), 7)).await.expect("a sync").complete);
    let mut changed = all;
    changed.retain(|one| one.reference.name != "late" && one.reference.kind != "Service");
    for manifest in &mut changed {
        manifest.object["metadata"]["labels"] = json!({"changed": "yes"});
    }
    let expected = bytes(&changed, &world).await;
    assert!(expected.0.contains("\"delete\":2"), "{}", expected.0);
    for round in 0..24 {
        assert_eq!(
            bytes(&shuffled(changed.clone(), round), &world).await,
            expected,
            "round {round}"
        );
    }
}

#[tokio::test]
async fn deletion_is_the_exact_reverse_of_apply() {
    in_every_world("reversed", async |mut world| {
        let all = mixed(&world.mapping.target.namespace);
        let order = |plan: &gitdeck::domain::Plan, op: Op| -> Vec<String> {
            let fitting = plan.operations.iter().filter(|one| one.op == op);
            fitting.map(|one| one.object.to_string()).collect()
        };
        let applied = order(&world.plan("r1", &all).await.expect("a plan"), Op::Create);
        assert_eq!(applied.len(), all.len());
        assert!(world.sync("r1", &all).await.expect("a sync").complete);
        world.options.allow_delete = Some(all.len());
        let plan = world.plan("r2", &[]).await.expect("a plan");
        let mut deleted = order(&plan, Op::Delete);
        let mut journal = Journal::default();
        assert!(world.sync_with("r2", &[], &mut journal).await.expect("a sync").complete);
        let begun: Vec<String> = journal
            .lines
            .iter()
            .filter_map(|line| Some(line.strip_prefix("before delete ")?.to_owned()))
            .collect();
        assert_eq!(begun, deleted);
        deleted.reverse();
        assert_eq!(deleted, applied);
    })
    .await;
}

#[tokio::test]
async fn a_cycle_is_named_and_nothing_is_sent() {
    let (sandbox, world) = sandboxed("cycle", Options::default()).await;
    let bound = |name: &str, to: &str| {
        let mut object = config(name, "1");
        object["metadata"]["annotations"] =
            json!({"config.kubernetes.io/depends-on": format!("/namespaces/cycle/ConfigMap/{to}")});
        object
    };
    let desired =
        manifests([bound("a", "b"), bound("b", "c"), bound("c", "a"), config("free", "1")]);
    let patches = || sandbox.traffic().count(|one| one.verb == "patch");
    let (writes, before) = (sandbox.traffic().writes(), patches());
    let error = world.sync("r1", &desired).await.expect_err("a sync").to_string();
    for name in ["cycle/a", "cycle/b", "cycle/c"] {
        assert!(error.contains(name), "{name}: {error}");
    }
    assert!(!error.contains("free"), "{error}");
    assert_eq!(sandbox.traffic().writes(), writes);
    assert_eq!(patches() - before, 0, "something was tried, or written");
}
