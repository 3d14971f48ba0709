//! Health that was told too early, or kept too long.

use crate::cluster::world::{in_every_world, manifests};
use gitdeck::domain::Health;
use gitdeck::domain::health::assess;
use serde_json::json;

/// kustomize-controller#387: a custom resource counted as healthy before anything had looked at it.
#[tokio::test]
async fn kustomize_controller_387_current_before_a_status_exists() {
    in_every_world("patient", async |world| {
        let group = format!("{}.example.com", world.mapping.target.namespace);
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
        let gadget = json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}});
        let desired = manifests([definition, gadget]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let health = async || {
            let plan = world.plan("r1", &desired).await.expect("a plan");
            let found = plan.objects.iter().find(|one| one.object.kind == "Gadget").expect("it");
            (found.health, found.message.clone())
        };
        assert_eq!(health().await, (Health::Progressing, "no status reported yet".to_owned()));
        let address =
            format!("/apis/{group}/v1/namespaces/{}/gadgets/g/status", world.mapping.target.namespace);
        let body = json!({"status": {"phase": "here"}}).to_string().into_bytes();
        let request =
            http::Request::patch(address).header("content-type", "application/merge-patch+json");
        world.send(request.body(body).expect("a request")).await;
        assert_eq!(health().await.0, Health::Healthy);
        let address =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// An old `Ready` says nothing of the specification that was written since, where the controller tells which one it saw.
#[test]
fn cluster_api_9299_an_old_ready_is_no_health() {
    let cluster = |observed: i64| {
        json!({"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster",
            "metadata": {"name": "a", "generation": 2},
            "status": {"observedGeneration": observed, "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    assert_eq!(assess(&cluster(1)).health, Health::Progressing);
    assert_eq!(assess(&cluster(2)).health, Health::Healthy);
}

/// flux2#5855. Not said more of than that a resource counted as healthy too early; here: one whose controller has not seen
/// the specification that was applied a moment ago, and whose conditions are those of the one before.
#[tokio::test]
async fn flux2_5855_conditions_of_the_specification_before() {
    in_every_world("outrun", async |world| {
        let group = format!("{}.example.com", world.mapping.target.namespace);
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": open}}]}});
        let desired = |size: u32| {
            let gadget = json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": size}});
            manifests([definition.clone(), gadget])
        };
        let address =
            format!("/apis/{group}/v1/namespaces/{}/gadgets/g/status", world.mapping.target.namespace);
        let observe = async |generation: u32| {
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T12:00:00Z",
                "reason": "Done", "message": ""});
            let body = json!({"status": {"observedGeneration": generation, "conditions": [ready]}});
            let request = http::Request::patch(&address)
                .header("content-type", "application/merge-patch+json")
                .body(body.to_string().into_bytes());
            world.send(request.expect("a request")).await;
        };
        let health = async |size: u32| {
            let plan = world.plan("r", &desired(size)).await.expect("a plan");
            let found = plan.objects.iter().find(|one| one.object.kind == "Gadget").expect("it");
            found.health
        };
        assert!(world.sync("r1", &desired(1)).await.expect("a sync").complete);
        observe(1).await;
        assert_eq!(health(1).await, Health::Healthy);
        assert!(world.sync("r2", &desired(2)).await.expect("a sync").complete);
        assert_eq!(health(2).await, Health::Progressing);
        observe(2).await;
        assert_eq!(health(2).await, Health::Healthy);
        let address =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}
