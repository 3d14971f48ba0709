//! Health that was told too early, or kept too long.

use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::domain::health::{GRACE, assess};
use gitdeck::domain::{Health, Manifest};
use gitdeck::sandbox::Options;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

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

/// A definition of gadgets whose controller never names the generation that it saw, and a gadget of it.
struct Gadgets {
    group: String,
    item: String,
}

impl Gadgets {
    fn of(world: &World) -> Self {
        let namespace = &world.mapping.target.namespace;
        let group = format!("{namespace}.example.com");
        let item = format!("/apis/{group}/v1/namespaces/{namespace}/gadgets/g");
        Self { group, item }
    }

    /// The definition, a gadget of this size, and a config map that is applied once the gadget is healthy.
    fn desired(&self, size: u32) -> Vec<Manifest> {
        let group = &self.group;
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": open}}]}});
        let gadget = json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": size}});
        let mut after = config("after", &size.to_string());
        after["metadata"]["annotations"] = json!({"argocd.argoproj.io/sync-wave": "1"});
        manifests([definition, gadget, after])
    }

    async fn patch(&self, world: &World, below: &str, kind: &str, body: &Value) {
        let request = http::Request::patch(format!("{}{below}", self.item))
            .header("content-type", format!("application/{kind}+json"))
            .body(body.to_string().into_bytes());
        world.send(request.expect("a request")).await;
    }

    /// The controller reports a condition that is so since now.
    async fn report(&self, world: &World, kind: &str) {
        let condition = json!({"type": kind, "status": "True", "reason": "Told", "message": "",
            "lastTransitionTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
        let body = json!({"status": {"conditions": [condition]}});
        self.patch(world, "/status", "merge-patch", &body).await;
    }

    /// Makes everything that was ever written an hour older, as bookkeeping counts whole seconds.
    async fn age(&self, world: &World) {
        let then = Timestamp::now() - Duration::from_secs(3600);
        let then = json!(then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let patch = json!([{"op": "replace", "path": "/status/conditions/0/lastTransitionTime", "value": then}]);
        self.patch(world, "/status", "json-patch", &patch).await;
        let live = world.get(&self.item).await;
        let mut entries = live["metadata"]["managedFields"].clone();
        for entry in entries.as_array_mut().expect("entries") {
            entry["time"] = then.clone();
        }
        // A change of nothing but times is none to a server.
        let aged = json!({"aged": live["metadata"]["resourceVersion"]});
        let patch = json!([{"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "add", "path": "/metadata/annotations", "value": aged}]);
        self.patch(world, "", "json-patch", &patch).await;
    }

    async fn health(&self, world: &World, size: u32) -> Health {
        let plan = world.plan("r", &self.desired(size)).await.expect("a plan");
        plan.objects.iter().find(|one| one.object.kind == "Gadget").expect("it").health
    }
}

/// The same for a controller that never says which generation it saw: what it told before the change is of before.
#[tokio::test]
async fn conditions_of_before_a_change_say_nothing_of_it() {
    in_every_world("overtaken", async |world| {
        let gadgets = Gadgets::of(&world);
        for (size, kind, told) in [(2, "Ready", Health::Healthy), (3, "Degraded", Health::Degraded)]
        {
            // The first in its own step: nothing is waited for where nothing comes after it.
            let only = |size| gadgets.desired(size)[..2].to_vec();
            assert!(world.sync("r1", &only(size - 1)).await.expect("a sync").complete);
            gadgets.report(&world, kind).await;
            assert_eq!(gadgets.health(&world, size - 1).await, told);
            gadgets.age(&world).await;
            assert!(world.sync("r2", &only(size)).await.expect("a sync").complete);
            assert_eq!(gadgets.health(&world, size).await, Health::Progressing, "{kind}");
            gadgets.report(&world, kind).await;
            assert_eq!(gadgets.health(&world, size).await, told);
        }
        let definition = format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{}",
            gadgets.group
        );
        world.send(http::Request::delete(definition).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// kustomize-controller#387 and cluster-api#9299 with a controller that reports after half a minute: what comes after its
/// resource waits for it, on creation and after a change, whatever it had told before. The minutes are the clock's of the
/// test.
#[tokio::test(start_paused = true)]
async fn a_controller_that_reports_after_half_a_minute_is_waited_for() {
    let slow = Duration::from_secs(30);
    assert!(slow < GRACE);
    let (_sandbox, world) = sandboxed("slow", Options::default()).await;
    let gadgets = Gadgets::of(&world);
    for (size, before) in [(1, None), (2, Some("Ready")), (3, Some("Degraded"))] {
        if let Some(kind) = before {
            let body = json!({"status": null});
            gadgets.patch(&world, "/status", "merge-patch", &body).await;
            gadgets.report(&world, kind).await;
            gadgets.age(&world).await;
        }
        let begun = Instant::now();
        let controller = async {
            while world.try_get(&gadgets.item).await["spec"]["size"] != size {
                sleep(Duration::from_millis(20)).await;
            }
            sleep(slow).await;
            assert_ne!(world.data("after").await, size.to_string(), "it came before the report");
            gadgets.report(&world, "Ready").await;
        };
        let desired = gadgets.desired(size);
        let (applied, ()) = tokio::join!(world.sync("r", &desired), controller);
        let applied = applied.expect("a sync");
        assert!(applied.complete, "{before:?}: {:?}", applied.failures().collect::<Vec<_>>());
        assert_eq!(world.data("after").await, size.to_string());
        assert!(
            begun.elapsed() >= slow && begun.elapsed() < GRACE,
            "{before:?}: {:?}",
            begun.elapsed()
        );
    }
}
