//! Clients that waited for themselves.

use crate::cluster::world::{config, manifests, sandboxed};
use gitdeck::cluster::Cluster;
use gitdeck::sandbox::Options;
use serde_json::json;

/// kubectl#1722, #773, kustomize-controller#757, helm-controller#567, kpt#3293: discovery of many groups took a request
/// each, held back by the client's own limit.
#[tokio::test]
async fn kubectl_1722_three_hundred_definitions_cost_two_requests() {
    let (sandbox, mut world) =
        sandboxed("groups", Options { controllers: false, ..Options::default() }).await;
    let definitions = manifests((0..300).map(|index| {
        let group = format!("g{index}.example.com");
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
    }));
    assert!(world.sync("r1", &definitions).await.expect("a sync").complete);
    world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
    let discovery =
        || sandbox.traffic().count(|one| one.resource.is_empty() && one.path.starts_with("/api"));
    let before = discovery();
    world.mapping.name = "groups-user".to_owned();
    assert!(world.sync("r1", &manifests([config("a", "1")])).await.expect("a sync").complete);
    assert!(discovery() - before <= 2, "{} requests", discovery() - before);
}
