//! kube-prometheus from nothing in one sync, then nothing to do, then healed, then exactly what left Git is pruned.

use super::renders::healed;
use super::world::{Journal, World, render};
use crate::support::control_plane::{ControlPlane, assets};
use crate::support::shared_data;
use gitdeck::domain::Manifest;
use gitdeck::domain::plan::{Op, Refusal};
use gitdeck::sandbox::{Options, Sandbox};
use kube::Client;

fn corpus() -> Option<Vec<Manifest>> {
    Some(render(&shared_data()?.join("manifests/kube-prometheus/manifests")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_on_a_real_api_server() {
    let (Some(manifests), Some(assets)) = (corpus(), assets()) else { return };
    // Its own control plane: the corpus has an APIService without a backend.
    let plane = ControlPlane::start(&assets).expect("a control plane");
    walk(plane.client().await, manifests).await;
}

#[tokio::test]
async fn from_nothing_in_the_sandbox() {
    let Some(manifests) = corpus() else { return };
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    walk(sandbox.client(None), manifests).await;
}

async fn walk(client: Client, manifests: Vec<Manifest>) {
    let mut world = World::new(client, "kube-prometheus", "monitoring");
    let mut journal = Journal::default();
    let applied = world.sync_with("r1", &manifests, &mut journal).await.expect("a first sync");
    let failures: Vec<_> = applied.failures().collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(applied.complete, "{:?}", applied.stopped);
    assert_definitions_first(&journal, &manifests);

    let plan = world.plan("r1", &manifests).await.expect("a second plan");
    assert!(plan.is_empty(), "{:#?}", plan.operations);
    assert_eq!(plan.summary.unchanged, manifests.len());

    let before = world.cluster.traffic();
    assert!(world.sync("r1", &manifests).await.expect("a second sync").complete);
    assert_eq!(world.cluster.traffic().writes, before.writes, "a sync with nothing to do wrote");
    assert_members(&world, &manifests).await;
    healed(&world, &manifests, "grafana").await;

    let (kept, gone): (Vec<_>, Vec<_>) = manifests
        .iter()
        .cloned()
        .partition(|one| !one.origin.file.contains("blackboxExporter-service"));
    let plan = world.plan("r2", &kept).await.expect("a plan after a file was removed");
    let deleted: Vec<_> =
        plan.operations.iter().map(|one| (one.op, one.object.name.clone())).collect();
    let expected: Vec<_> =
        gone.iter().map(|one| (Op::Delete, one.reference.name.clone())).collect();
    assert_eq!(sorted(deleted), sorted(expected));
    assert!(world.sync("r2", &kept).await.expect("a pruning sync").complete);
    assert_members(&world, &kept).await;

    let refused = world.plan("r3", &[]).await.expect("a plan of nothing");
    assert!(
        refused
            .refusals
            .iter()
            .any(|one| matches!(one, Refusal::Deletions { count, .. } if *count == kept.len()))
    );
    assert!(world.sync("r3", &[]).await.is_err(), "an emptied directory was pruned");
    world.options.allow_delete = Some(kept.len());
    assert!(world.plan("r3", &[]).await.expect("a released plan").refusals.is_empty());
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn assert_definitions_first(journal: &Journal, manifests: &[Manifest]) {
    let definitions =
        manifests.iter().filter(|one| one.reference.kind == "CustomResourceDefinition").count();
    assert!(definitions > 5);
    let last_definition = journal
        .lines
        .iter()
        .rposition(|line| line.contains("CustomResourceDefinition"))
        .expect("definitions");
    let first_custom =
        journal.lines.iter().position(|line| line.contains("ServiceMonitor")).expect("monitors");
    assert!(last_definition < first_custom, "a custom resource before its definition");
}

/// `kubectl get -l applyset.kubernetes.io/part-of=ID -A` over every kind lists exactly these.
async fn assert_members(world: &World, manifests: &[Manifest]) {
    let keys = world.cluster.keys(manifests, "monitoring").await.expect("keys");
    let inventory = world.cluster.inventory("kube-prometheus").await.expect("an inventory");
    assert_eq!(inventory.members.keys().cloned().collect::<std::collections::HashSet<_>>(), keys);
    assert!(inventory.members.values().all(|member| member.uid.is_some()));
}
