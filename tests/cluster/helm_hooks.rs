//! The hooks of a chart, from its templates to the cluster: Helm's events, weights and policies, in the order of a sync.

use super::world::{Journal, World, in_every_world};
use crate::support::renderers::{Bench, Files, rendered};
use gitdeck::domain::plan::Op;
use gitdeck::domain::{Manifest, Phase, Rendering};
use serde_json::Value;

/// A Job of a chart; its image decides how it ends.
fn job(name: &str, event: &str, more: &str, image: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {event}\n{more}spec:\n  \
         backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: work\n          image: {image}\n"
    )
}

fn weight(weight: i64) -> String {
    format!("    helm.sh/hook-weight: \"{weight}\"\n")
}

fn policy(policies: &str) -> String {
    format!("    helm.sh/hook-delete-policy: {policies}\n")
}

/// A chart with hooks before and after, in an order that is neither that of their names nor of their files.
fn chart(seed: &str) -> Files {
    let data = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  key: {{ .Values.key | quote }}\n";
    let files = [
        ("a-notify", job("notify", "post-install,post-upgrade", &weight(5), "work:1")),
        (
            "b-check",
            job("check", "post-install", &(weight(-1) + &policy("hook-succeeded")), "work:1"),
        ),
        (
            "c-seed",
            job(
                "seed",
                "pre-install,pre-upgrade",
                &(weight(10) + &policy("before-hook-creation")),
                seed,
            ),
        ),
        (
            "d-migrate",
            job(
                "migrate",
                "pre-install",
                &(weight(-5) + &policy("hook-succeeded,hook-failed")),
                "work:1",
            ),
        ),
        ("e-plain", job("plain", "pre-upgrade", "", "work:1")),
        ("f-goodbye", job("goodbye", "pre-delete", "", "work:1")),
        ("g-test", job("test", "test", "", "work:1")),
        ("h-app", data.to_owned()),
    ];
    let chart = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
    let start = Files::of(&[("chart/Chart.yaml", chart), ("chart/values.yaml", "key: one\n")]);
    files.iter().fold(start, |all, (name, text)| {
        all.with(&format!("chart/templates/{name}.yaml"), Some(text))
    })
}

/// What the chart renders to, for whatever namespace a mapping goes to.
async fn manifests(bench: &Bench, files: &Files) -> Vec<Manifest> {
    let rendering = Rendering::default();
    let mut found = rendered(bench, files, "chart", &rendering).await.expect("a render");
    for one in &mut found {
        let metadata = one.object["metadata"].as_object_mut().expect("metadata");
        metadata.shift_remove("namespace");
        one.reference.namespace = None;
    }
    assert!(found.len() >= 7, "{found:#?}");
    found
}

/// The names of what was begun, in order, with the record's own steps left out.
fn begun(journal: &Journal) -> Vec<&str> {
    let lines = journal.lines.iter().filter_map(|line| line.strip_prefix("before "));
    let names = lines.filter(|line| !line.contains("inventory"));
    names.filter_map(|line| line.split('/').next_back()).collect()
}

/// Those of these names that were begun, by when they were first.
fn firsts<'j>(journal: &'j Journal, of: &[&str]) -> Vec<&'j str> {
    let mut found: Vec<&str> = Vec::new();
    for name in begun(journal) {
        if of.contains(&name) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

async fn uid(world: &World, name: &str) -> Value {
    world.job(name).await["metadata"]["uid"].clone()
}

#[tokio::test]
async fn hooks_of_a_chart_run_by_event_and_weight_and_go_by_their_policy() {
    let Some(bench) = Bench::real() else { return };
    in_every_world("chart-hooks", async |world| {
        let desired = manifests(&bench, &chart("work:1")).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let hooks: Vec<(Phase, i64, &str)> = plan
            .hooks
            .iter()
            .map(|hook| (hook.phase, hook.wave, hook.object.name.as_str()))
            .collect();
        assert_eq!(
            hooks,
            [
                (Phase::PreSync, -5, "migrate"),
                (Phase::PreSync, 0, "plain"),
                (Phase::PreSync, 10, "seed"),
                (Phase::PostSync, -1, "check"),
                (Phase::PostSync, 5, "notify"),
            ]
        );
        let mut idle: Vec<&str> =
            plan.idle_hooks.iter().map(|hook| hook.object.name.as_str()).collect();
        idle.sort_unstable();
        assert!(idle.contains(&"goodbye"), "{idle:?}");
        assert_eq!(plan.operations.iter().map(|one| one.op).collect::<Vec<_>>(), [Op::Create]);
        let mut journal = Journal::default();
        let applied = world.sync_with("r1", &desired, &mut journal).await.expect("a sync");
        assert!(applied.complete, "{applied:#?}");
        let order = firsts(&journal, &["migrate", "plain", "seed", "app", "check", "notify"]);
        assert_eq!(
            order,
            ["migrate", "plain", "seed", "app", "check", "notify"],
            "{:#?}",
            journal.lines
        );
        // Each had ended well before the next began, and its policy says what is left of it.
        for (name, stays) in [
            ("migrate", false),
            ("plain", true),
            ("seed", true),
            ("check", false),
            ("notify", true),
        ] {
            let live = world.job(name).await;
            assert_eq!(live.is_object(), stays, "{name}: {live}");
            assert!(!stays || live["status"]["succeeded"] == 1, "{live}");
        }
        for name in ["goodbye", "test"] {
            assert!(world.job(name).await.is_null(), "{name} ran");
        }
        assert_eq!(world.members().await, ["app"]);
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        again(&bench, &world).await;
    })
    .await;
}

/// A release that changes runs them anew: `before-hook-creation` makes way. One that fails before keeps the rest from being
/// written.
async fn again(bench: &Bench, world: &World) {
    let before = uid(world, "seed").await;
    let next = chart("work:1").with("chart/values.yaml", Some("key: two\n"));
    let desired = manifests(bench, &next).await;
    assert!(world.sync("r2", &desired).await.expect("a sync").complete);
    assert_ne!(uid(world, "seed").await, before, "it did not run again");
    assert_eq!(world.data("app").await, "two");
    let broken = chart("fail:1").with("chart/values.yaml", Some("key: three\n"));
    let desired = manifests(bench, &broken).await;
    let mut journal = Journal::default();
    let applied = world.sync_with("r3", &desired, &mut journal).await.expect("a sync");
    assert!(!applied.complete, "{applied:#?}");
    assert_eq!(world.data("app").await, "two", "it was written behind a hook that failed");
    assert!(!begun(&journal).contains(&"notify"), "{:#?}", journal.lines);
    assert!(world.job("migrate").await.is_null(), "its policy");
}
