//! What one process learnt of values that the server stores in another form, the next need not ask about.

use super::world::{World, in_every_world, manifests};
use gitdeck::cluster::Cluster;
use gitdeck::domain::Plan;
use http::Request;
use serde_json::json;
use std::path::Path;

/// The plan of a process that begins now and keeps what it learns in a folder.
async fn plan_of_a_new_process(world: &World, folder: &Path, replicas: u32) -> Plan {
    let process = World {
        cluster: Cluster::from_client(world.client.clone(), "test", "default"),
        client: world.client.clone(),
        mapping: world.mapping.clone(),
        options: world.options,
    };
    process.cluster.remember_in(folder);
    // `readOnly: false` is sent and owned, and then not stored.
    let desired = manifests([
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "quiet"},
        "spec": {"replicas": replicas, "paused": true, "selector": {"matchLabels": {"app": "quiet"}}, "template": {
            "metadata": {"labels": {"app": "quiet"}}, "spec": {"volumes": [{"name": "x", "emptyDir": {}}], "containers": [
                {"name": "main", "image": "example.com/x:1",
                 "volumeMounts": [{"name": "x", "mountPath": "/x", "readOnly": false}]}]}}}}),
    ]);
    let plan = process.plan("r1", &desired).await.expect("a plan");
    if !plan.is_empty() && plan.operations[0].uid.is_none() {
        assert!(process.sync("r1", &desired).await.expect("a sync").complete);
    }
    plan
}

/// Plans until nothing is asked: other tests make definitions on the same server meanwhile.
async fn settled(world: &World, folder: &Path) {
    let mut plan = plan_of_a_new_process(world, folder, 0).await;
    for _ in 0..50 {
        assert!(plan.is_empty(), "{plan:?}");
        if plan.dry_runs == 0 {
            return;
        }
        plan = plan_of_a_new_process(world, folder, 0).await;
    }
    panic!("every process asks");
}

/// Makes or removes a definition of the test's own.
async fn define(world: &World, there: bool) {
    const ALL: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (plural, group) = ("precedents", format!("{}.example.com", world.mapping.target.namespace));
    let name = format!("{plural}.{group}");
    let request = if there {
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": "precedent", "kind": "Precedent", "listKind": "PrecedentList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
        Request::post(ALL)
            .header("Content-Type", "application/json")
            .body(definition.to_string().into_bytes())
    } else {
        Request::delete(format!("{ALL}/{name}")).body(Vec::new())
    };
    world.send(request.expect("a request")).await;
}

#[tokio::test]
async fn a_new_process_asks_only_about_what_changed() {
    in_every_world("precedents", async |world| {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let created = plan_of_a_new_process(&world, folder, 0).await;
        assert_eq!(created.operations.len(), 1);

        let first = plan_of_a_new_process(&world, folder, 0).await;
        assert!(first.is_empty(), "{first:?}");
        assert!(first.dry_runs > 0, "the value is proved by now; take another for this test");
        settled(&world, folder).await;

        // What others are defined by moves under all verdicts.
        define(&world, true).await;
        let asked = plan_of_a_new_process(&world, folder, 0).await;
        define(&world, false).await;
        assert!(asked.is_empty() && asked.dry_runs > 0, "{asked:?}");
        settled(&world, folder).await;

        // Somebody else's change, and one in Git, are other cases.
        let namespace = &world.mapping.target.namespace;
        let address =
            format!("/apis/apps/v1/namespaces/{namespace}/deployments/quiet?fieldManager=hand");
        let patch = json!({"spec": {"minReadySeconds": 7, "replicas": 1}}).to_string();
        let patch = Request::patch(address)
            .header("Content-Type", "application/merge-patch+json")
            .body(patch.into_bytes());
        world.send(patch.expect("a request")).await;
        let drifted = plan_of_a_new_process(&world, folder, 0).await;
        assert_eq!((drifted.operations.len(), drifted.dry_runs), (1, 1));
        let taken_over = plan_of_a_new_process(&world, folder, 1).await;
        assert_eq!(taken_over.dry_runs, 1);

        let text = std::fs::read_to_string(folder.join("verdicts.json")).expect("verdicts");
        assert!(!text.contains("quiet") && !text.contains("example.com"), "{text}");
    })
    .await;
}
