//! Deletions in the wrong place: another namespace, another scope, another mapping's, somebody's child.

use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::{Cluster, NAMESPACE, parent_name, set_id};
use gitdeck::domain::Manifest;
use gitdeck::domain::plan::{Op, Plan};
use gitdeck::sandbox::{Options, Traffic};
use serde_json::{Value, json};

/// Labels of a member of the mapping.
fn ours(world: &World) -> Value {
    json!({"applyset.kubernetes.io/part-of": set_id(&world.mapping.name, NAMESPACE)})
}

fn inside(namespace: &str, name: &str) -> Value {
    let mut object = config(name, "1");
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn deletions(plan: &Plan) -> Vec<&str> {
    let gone = plan.operations.iter().filter(|one| one.op == Op::Delete);
    gone.map(|one| one.object.name.as_str()).collect()
}

async fn post(world: &World, address: &str, object: &Value) {
    let request = http::Request::post(address).header("content-type", "application/json");
    world.send(request.body(object.to_string().into_bytes()).expect("a request")).await;
}

/// A second namespace of the test's own.
async fn second(world: &World) -> String {
    let name = format!("{}-second", world.mapping.target.namespace);
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    post(world, "/api/v1/namespaces", &space).await;
    name
}

async fn there(world: &World, namespace: &str, name: &str) -> bool {
    let address = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
    world.try_get(&address).await.is_object()
}

async fn synced(world: &World, revision: &str, desired: &[Manifest]) {
    let applied = world.sync(revision, desired).await.expect("a sync");
    assert!(applied.complete, "{applied:#?}");
}

/// gitops-engine#171, the cause of argo-cd#17440 in the engine below it: while a group was discovered anew, its kinds
/// counted as namespaced, so that a cluster's role was looked for, and recorded, in a namespace. In the sandbox, whose
/// discovery can be broken.
#[tokio::test]
async fn gitops_engine_171_a_cluster_wide_object_has_no_namespace_while_its_group_is_away() {
    let (sandbox, mut world) = sandboxed("wide", Options::default()).await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "wide"}, "rules": []});
    let all = manifests([role, config("a", "1")]);
    synced(&world, "r1", &all).await;
    let deletes = |traffic: &Traffic| traffic.count(|one| one.verb == "delete");
    for forget in [false, true] {
        sandbox.faults().break_group("rbac.authorization.k8s.io");
        if forget {
            world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
        } else {
            world.cluster.forget_discovery();
        }
        let planned = world.plan("r2", &all).await;
        assert!(planned.as_ref().map_or(true, |plan| deletions(plan).is_empty()), "{planned:?}");
        let _ = world.sync("r2", &all).await;
        sandbox.faults().clear();
        world.cluster.forget_discovery();
        synced(&world, "r2", &all).await;
    }
    assert_eq!(deletes(sandbox.traffic()), 0);
    let inventory = world.cluster.inventory(&world.mapping.name).await.expect("a record");
    let places: Vec<_> =
        inventory.members.into_keys().map(|key| (key.kind, key.namespace)).collect();
    let configs = ("ConfigMap".to_owned(), Some("wide".to_owned()));
    assert_eq!(places, [configs, ("ClusterRole".to_owned(), None)]);
}

/// kustomize-controller#315: the slices of a Service carry its labels, the owner's among them, and were pruned as members
/// that Git does not name; each time their controller made them anew.
#[tokio::test]
async fn kustomize_controller_315_a_child_with_its_parents_labels_is_no_member() {
    in_every_world("children", async |world| {
        let namespace = world.mapping.target.namespace.clone();
        let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
        service["metadata"]["labels"] = json!({"app": "web"});
        let desired = manifests([service, config("a", "1")]);
        synced(&world, "r1", &desired).await;
        let live = world.get(&format!("/api/v1/namespaces/{namespace}/services/web")).await;
        let mut labels = live["metadata"]["labels"].clone();
        assert!(labels["applyset.kubernetes.io/part-of"].is_string());
        labels["kubernetes.io/service-name"] = "web".into();
        let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
        let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "web-x1", "labels": labels}, "endpoints": [{"addresses": ["10.0.0.1"]}]});
        post(&world, &format!("{slices}?fieldManager=kube-controller-manager"), &slice).await;
        for _ in 0..2 {
            assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
            synced(&world, "r2", &desired).await;
        }
        let left = manifests([config("a", "1")]);
        assert_eq!(deletions(&world.plan("r3", &left).await.expect("a plan")), ["web"]);
        synced(&world, "r3", &left).await;
        assert!(world.try_get(&format!("{slices}/web-x1")).await.is_object());
    })
    .await;
}

/// kubernetes#110905: with a namespace given, what is in no namespace was pruned all the same.
#[tokio::test]
async fn kubernetes_110905_nothing_without_a_namespace_is_pruned_for_its_label() {
    in_every_world("scoped", async |world| {
        let name = format!("{}-foreign", world.mapping.target.namespace);
        let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": ours(&world)}, "rules": []});
        synced(&world, "r1", &manifests([config("a", "1"), config("b", "1")])).await;
        post(&world, roles, &role).await;
        let left = manifests([config("a", "1")]);
        assert_eq!(deletions(&world.plan("r2", &left).await.expect("a plan")), ["b"]);
        synced(&world, "r2", &left).await;
        let role = format!("{roles}/{name}");
        assert!(world.try_get(&role).await.is_object());
        world.send(http::Request::delete(role).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// kubernetes#87756: of a set in several namespaces only what was in the current one was pruned.
#[tokio::test]
async fn kubernetes_87756_what_leaves_in_a_second_namespace_is_pruned() {
    in_every_world("spread", async |world| {
        let (first, second) = (world.mapping.target.namespace.clone(), second(&world).await);
        let all = manifests([
            config("a", "1"),
            config("b", "1"),
            inside(&second, "c"),
            inside(&second, "d"),
        ]);
        synced(&world, "r1", &all).await;
        synced(&world, "r2", &manifests([config("a", "1"), inside(&second, "c")])).await;
        let mut found = Vec::new();
        for (namespace, name) in [(&first, "a"), (&first, "b"), (&second, "c"), (&second, "d")] {
            found.push(there(&world, namespace, name).await);
        }
        assert_eq!(found, [true, false, true, false]);
    })
    .await;
}

/// kubernetes#90968. Not said more of than that objects out of scope were deleted; here: one of the same kind, name and
/// label in a namespace that the mapping has nothing in.
#[tokio::test]
async fn kubernetes_90968_a_namesake_elsewhere_is_left() {
    in_every_world("namesake", async |world| {
        let elsewhere = second(&world).await;
        let mut other = inside(&elsewhere, "b");
        other["metadata"]["labels"] = ours(&world);
        post(&world, &format!("/api/v1/namespaces/{elsewhere}/configmaps"), &other).await;
        synced(&world, "r1", &manifests([config("a", "1"), config("b", "1")])).await;
        synced(&world, "r2", &manifests([config("a", "1")])).await;
        let own = world.mapping.target.namespace.clone();
        assert_eq!(
            (there(&world, &own, "b").await, there(&world, &elsewhere, "b").await),
            (false, true)
        );
    })
    .await;
}

/// kubectl#555: the last object of a namespace was never pruned, because nothing named that namespace any more.
#[tokio::test]
async fn kubectl_555_the_last_object_of_a_namespace_is_pruned() {
    in_every_world("last-one", async |world| {
        let second = second(&world).await;
        synced(&world, "r1", &manifests([config("a", "1"), inside(&second, "last")])).await;
        synced(&world, "r2", &manifests([config("a", "1")])).await;
        assert!(!there(&world, &second, "last").await);
        assert_eq!(world.members().await, ["a"]);
    })
    .await;
}

/// fleet#1251: names that were too long were cut, the cut ones again somewhere else, and what was installed under the one
/// was removed under the other, without end.
#[tokio::test]
async fn fleet_1251_a_mapping_of_a_long_name_stays_what_it_is() {
    in_every_world("long-name", async |mut world| {
        world.mapping.name = format!("{}-{}", world.mapping.name, "x".repeat(200));
        let desired = manifests([config("a", "1")]);
        synced(&world, "r1", &desired).await;
        let address = format!("{}/a", world.configs());
        let uid = world.get(&address).await["metadata"]["uid"].clone();
        for revision in ["r1", "r2"] {
            world.cluster = Cluster::from_client(world.client.clone(), "test", "default");
            assert!(world.plan(revision, &desired).await.expect("a plan").is_empty());
            synced(&world, revision, &desired).await;
            assert_eq!(world.get(&address).await["metadata"]["uid"], uid);
            assert_eq!(world.members().await, ["a"]);
        }
        // The name that was made of it is no other mapping's.
        let made = parent_name(&world.mapping.name);
        assert_ne!(parent_name(made.trim_start_matches("gitdeck-")), made);
    })
    .await;
}

/// rancher#38672. Not said more of than that long names became the same; here: two mappings on one cluster whose names
/// begin with the same 63 characters and more.
#[tokio::test]
async fn rancher_38672_two_long_names_that_begin_alike_do_not_delete_each_other() {
    in_every_world("alike", async |mut world| {
        let stem = format!("{}-{}", world.mapping.name, "y".repeat(100));
        let named = |suffix: &str| format!("{stem}{suffix}");
        for _ in 0..2 {
            for (name, object) in [(named("one"), "a"), (named("two"), "b")] {
                world.mapping.name = name;
                synced(&world, "r1", &manifests([config(object, "1")])).await;
                assert_eq!(world.members().await, [object]);
            }
        }
        assert_eq!((world.data("a").await, world.data("b").await), (json!("1"), json!("1")));
        // What leaves the one is nothing to the other.
        synced(&world, "r2", &manifests([config("c", "1")])).await;
        assert_eq!((world.data("a").await, world.data("b").await), (json!("1"), Value::Null));
    })
    .await;
}
