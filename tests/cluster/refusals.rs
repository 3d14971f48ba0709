//! What is refused before anything is written, and what a confirmed plan still means later.

use super::world::{Journal, World, config, in_every_world, manifests};
use gitdeck::cluster::ClusterError;
use gitdeck::domain::plan::{Op, Refusal};
use gitdeck::domain::{Manifest, Revision};
use serde_json::{Value, json};

fn deployment(label: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": label}},
        "template": {"metadata": {"labels": {"app": label}},
            "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]}}}})
}

impl World {
    async fn web(&self) -> Value {
        self.get(&format!(
            "/apis/apps/v1/namespaces/{}/deployments/web",
            self.mapping.target.namespace
        ))
        .await
    }
}

#[tokio::test]
async fn an_immutable_field_needs_a_word() {
    in_every_world("immutable", async |mut world| {
        assert!(
            world.sync("r1", &manifests([deployment("old", 1)])).await.expect("a sync").complete
        );
        let uid = world.web().await["metadata"]["uid"].clone();
        let changed = manifests([deployment("new", 1)]);
        let plan = world.plan("r2", &changed).await.expect("a plan");
        assert_eq!(plan.operations[0].op, Op::Recreate);
        let [Refusal::Immutable { fields, .. }] = &plan.refusals[..] else {
            panic!("{:?}", plan.refusals)
        };
        assert!(fields.iter().any(|field| field.contains("selector")), "{fields:?}");
        world.options.recreate = true;
        assert!(world.sync("r2", &changed).await.expect("a sync").complete);
        let live = world.web().await;
        assert_ne!(live["metadata"]["uid"], uid);
        assert_eq!(live["spec"]["selector"]["matchLabels"]["app"], "new");
    })
    .await;
}

/// A claim without a class: nothing provisions it, nothing holds it.
fn claim(size: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": "none", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}, "volumeName": size}})
}

#[tokio::test]
async fn what_holds_data_is_made_anew_only_with_its_number() {
    in_every_world("precious", async |mut world| {
        let address = format!(
            "/api/v1/namespaces/{}/persistentvolumeclaims/data",
            world.mapping.target.namespace
        );
        assert!(world.sync("r1", &manifests([claim("one")])).await.expect("a sync").complete);
        let uid = world.get(&address).await["metadata"]["uid"].clone();
        let changed = manifests([claim("two")]);
        let refusals = world.plan("r2", &changed).await.expect("a plan").refusals;
        assert!(
            refusals.iter().any(|one| matches!(one, Refusal::Immutable { .. })),
            "{refusals:?}"
        );
        world.options.recreate = true;
        let refusals = world.plan("r2", &changed).await.expect("a plan").refusals;
        let [Refusal::Deletions { count: 1, because }] = &refusals[..] else {
            panic!("{refusals:?}")
        };
        assert!(because.contains("PersistentVolumeClaim"), "{because}");
        assert!(world.sync("r2", &changed).await.is_err());
        assert_eq!(world.get(&address).await["metadata"]["uid"], uid);
        world.options.allow_delete = Some(1);
        let applied = world.sync("r2", &changed).await.expect("a sync");
        assert!(applied.complete, "{applied:?}");
        let live = world.get(&address).await;
        assert_ne!(live["metadata"]["uid"], uid);
        assert_eq!(live["spec"]["volumeName"], "two");
    })
    .await;
}

#[tokio::test]
async fn a_definition_is_made_anew_only_with_its_number() {
    in_every_world("redefined", async |mut world| {
        let group = format!("{}.example.com", world.mapping.target.namespace);
        let definition = |scope: &str| {
            manifests([json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": scope,
                    "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                    "versions": [{"name": "v1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {"type": "object"}}}]}})])
        };
        let address =
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}");
        assert!(world.sync("r1", &definition("Namespaced")).await.expect("a sync").complete);
        world.options.recreate = true;
        let changed = definition("Cluster");
        let refusals = world.plan("r2", &changed).await.expect("a plan").refusals;
        assert!(matches!(&refusals[..], [Refusal::Deletions { count: 1, .. }]), "{refusals:?}");
        world.options.allow_delete = Some(1);
        let applied = world.sync("r2", &changed).await.expect("a sync");
        assert!(applied.complete, "{applied:?}");
        assert_eq!(world.get(&address).await["spec"]["scope"], "Cluster");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

#[tokio::test]
async fn what_would_not_validate_is_never_made_anew() {
    in_every_world("invalid", async |mut world| {
        assert!(
            world.sync("r1", &manifests([deployment("old", 1)])).await.expect("a sync").complete
        );
        let before = world.web().await["metadata"]["uid"].clone();
        world.options.recreate = true;
        let wrong = manifests([deployment("new", -1)]);
        let plan = world.plan("r2", &wrong).await.expect("a plan");
        assert!(matches!(&plan.refusals[..], [Refusal::Invalid { .. }]), "{:?}", plan.refusals);
        assert!(world.sync("r2", &wrong).await.is_err());
        assert_eq!(world.web().await["metadata"]["uid"], before);
    })
    .await;
}

#[tokio::test]
async fn unknown_kinds_and_duplicates_stop_everything() {
    in_every_world("unknown", async |world| {
        let thing = json!({"apiVersion": "nowhere.example.com/v1", "kind": "Thing", "metadata": {"name": "x"}});
        let error = world.plan("r1", &manifests([config("a", "1"), thing])).await.expect_err("a plan");
        assert!(matches!(&error, ClusterError::UnknownKind { objects, .. } if objects.len() == 1), "{error}");
        assert!(error.to_string().contains("all.yaml:2"), "{error}");
        let error = world.plan("r1", &manifests([config("a", "1"), config("a", "2")])).await.expect_err("a plan");
        assert!(error.to_string().contains("all.yaml:1 and at all.yaml:2"), "{error}");
        assert_eq!(world.cluster.traffic().writes, 0);
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_carried_out_only_if_its_result_is_the_same() {
    in_every_world("moved", async |world| {
        let (old, new) = (manifests([config("a", "1")]), manifests([config("a", "2")]));
        assert!(world.sync("r1", &old).await.expect("a sync").complete);
        let revision = Revision::new("r2");
        let request = world.request(&revision, &new);
        let plan = world.cluster.plan(&request).await.expect("a plan");
        // Something that the plan does not touch moves: the result is the same.
        annotate(&world, "a").await;
        let again = world.cluster.plan(&request).await.expect("a plan");
        assert_eq!(again.digest, again_digest(&world, &new).await);
        world.set("a", "somebody").await;
        let error = world
            .cluster
            .apply(&request, &plan, &mut Journal::default())
            .await
            .expect_err("an apply");
        assert!(matches!(&error, ClusterError::Moved { objects } if objects.len() == 1), "{error}");
        assert_eq!(world.data("a").await, "somebody");
        let plan = world.cluster.plan(&request).await.expect("a plan");
        annotate(&world, "b").await;
        assert!(
            world
                .cluster
                .apply(&request, &plan, &mut Journal::default())
                .await
                .expect("an apply")
                .complete
        );
        assert_eq!(world.data("a").await, "2");
    })
    .await;
}

async fn again_digest(world: &World, desired: &[Manifest]) -> String {
    world.plan("r2", desired).await.expect("a plan").digest
}

async fn annotate(world: &World, value: &str) {
    let address = format!("{}/a?fieldManager=operator", world.configs());
    let body =
        json!({"metadata": {"annotations": {"example.com/seen": value}}}).to_string().into_bytes();
    let request =
        http::Request::patch(address).header("content-type", "application/merge-patch+json");
    world.send(request.body(body).expect("a request")).await;
}

#[tokio::test]
async fn no_value_of_a_secret_is_told() {
    const CANARY: &str = "canary-7f3a";
    in_every_world("secretive", async |world| {
        let secret = |value: &str, kind: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "type": kind,
                "metadata": {"name": "token", "annotations": {"note": value}}, "stringData": {"token": value}})
        };
        assert!(world.sync("r1", &manifests([secret(CANARY, "Opaque")])).await.expect("a sync").complete);
        let changed = manifests([secret("other-canary-7f3a", "Opaque")]);
        let plan = world.plan("r2", &changed).await.expect("a plan");
        let changes = &plan.operations[0].changes;
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["/data/token", "/metadata/annotations/note"]);
        assert!(changes.iter().all(|one| one.redacted && one.before.is_none() && one.after.is_none()));
        assert!(!format!("{plan:?}").contains("canary"));
        // A type that the data does not fit: the server quotes what it refuses.
        let wrong = manifests([secret(CANARY, "kubernetes.io/dockerconfigjson")]);
        let plan = world.plan("r3", &wrong).await.expect("a plan");
        assert!(!plan.refusals.is_empty());
        assert!(!format!("{plan:?}").contains(CANARY), "{:?}", plan.refusals);
        assert!(world.plan("r1", &manifests([secret(CANARY, "Opaque")])).await.expect("a plan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn namespace_definition_and_object_in_one_pass() {
    in_every_world("onepass", async |world| {
        let base = world.mapping.target.namespace.clone();
        let group = format!("{base}.example.com");
        let inner = format!("{base}-inner");
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": {
                        "size": {"type": "integer"}, "mode": {"type": "string", "default": "plain"}}}}}}}]}});
        // Nobody answers for it: whatever comes after it and is meant by it would be refused.
        let hook_name = format!("{base}.example.com");
        let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": hook_name}, "webhooks": [{"name": hook_name, "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "failurePolicy": "Fail", "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["things"]}]}]});
        let desired = manifests([
            hook,
            json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "x", "namespace": inner},
                "spec": {"size": 3}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": inner}, "data": {}}),
            definition,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}),
        ]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let mut blind: Vec<&str> =
            plan.operations.iter().filter_map(|one| one.blind.as_deref()).collect();
        blind.sort_unstable();
        let namespace = format!("namespace {inner} is not there yet");
        assert_eq!(blind, ["kind Thing is not there yet", namespace.as_str()]);
        let told = serde_json::to_string(&plan).expect("a document");
        assert!(told.contains("\"blind\":\"kind Thing is not there yet\""), "{told}");
        let applied = world.sync("r1", &desired).await.expect("a sync");
        assert!(applied.complete, "{:?}", applied.outcomes);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        let hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        let request = http::Request::delete(format!("{hooks}/{hook_name}")).body(Vec::new());
        world.send(request.expect("a request")).await;
    })
    .await;
}
