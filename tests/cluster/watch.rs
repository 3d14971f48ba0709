//! The watch cache: news within moments, no requests in the steady state, nothing lost by faults.

use super::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::{Cluster, Notice, WatchState};
use gitdeck::domain::{Manifest, ObjectKey};
use gitdeck::sandbox::{Options, Rule, User};
use serde_json::json;

impl World {
    async fn watch(&self, desired: &[Manifest]) {
        let namespace = &self.mapping.target.namespace;
        let mut changes = self.cluster.changes();
        let objects = self.cluster.references(desired, namespace).await.expect("references");
        self.cluster.watch(&objects, &[&self.mapping.name]).await.expect("watches");
        while self.cluster.watch_state() != WatchState::Live {
            changes.next().await.expect("news");
        }
    }
}

async fn until_told(changes: &mut gitdeck::cluster::Changes, key: &ObjectKey) {
    while changes.next().await.expect("news") != Notice::Object(key.clone()) {}
}

#[tokio::test]
async fn the_steady_state_needs_no_request_and_drift_is_told() {
    in_every_world("watched", async |world| {
        let desired = manifests((0..20).map(|index| config(&format!("c{index}"), "a")));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.watch(&desired).await;
        let before = world.cluster.traffic();
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.is_empty(), plan.summary.unchanged, plan.dry_runs), (true, 20, 0));
        assert_eq!(world.cluster.traffic(), before, "a plan of what is watched sent requests");

        let mut changes = world.cluster.changes();
        world.set("c7", "b").await;
        until_told(&mut changes, &world.key("c7")).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.operations.len(), plan.summary.unchanged, plan.dry_runs), (1, 19, 1));
        let change = &plan.operations[0].changes[0];
        assert_eq!(
            (change.path.as_str(), change.live_manager.as_deref()),
            ("/data/key", Some("kubectl-edit"))
        );
        assert!(change.live_time.is_some());
        assert_eq!(
            world.plan("r1", &desired).await.expect("a plan").dry_runs,
            0,
            "a verdict was forgotten"
        );
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert!(
            world.plan("r1", &desired).await.expect("a plan").is_empty(),
            "our own write was not seen"
        );
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_newly_wanted_is_seen() {
    in_every_world("widened", async |world| {
        let desired = manifests([config("a", "1"), config("b", "1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.watch(&desired[..1]).await;
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        world.watch(&desired).await;
        let before = world.cluster.traffic();
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        assert_eq!(world.cluster.traffic(), before);
    })
    .await;
}

/// A definition of a kind of the namespace's own group, and an object of it.
fn late_kind(namespace: &str) -> Vec<Manifest> {
    let group = format!("{namespace}.example.com");
    manifests([
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("lates.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "lates", "singular": "late", "kind": "Late", "listKind": "LateList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                    {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "Late", "metadata": {"name": "l"}, "spec": {"size": 1}}),
    ])
}

impl World {
    /// Changes the object of the late kind, and waits until that is told.
    async fn until_late_drift_is_told(&self) {
        let namespace = &self.mapping.target.namespace;
        let group = format!("{namespace}.example.com");
        let mut changes = self.cluster.changes();
        let address =
            format!("/apis/{group}/v1/namespaces/{namespace}/lates/l?fieldManager=kubectl-edit");
        let patch =
            http::Request::patch(address).header("content-type", "application/merge-patch+json");
        let body = json!({"spec": {"size": 9}}).to_string().into_bytes();
        self.send(patch.body(body).expect("a request")).await;
        let (kind, name) = ("Late".to_owned(), "l".to_owned());
        until_told(
            &mut changes,
            &ObjectKey { group, kind, namespace: Some(namespace.clone()), name },
        )
        .await;
    }
}

/// What a definition of the same tree defines is claimed before the server knows it.
#[tokio::test]
async fn a_kind_that_comes_after_the_claim_is_watched() {
    in_every_world("kind-late", async |world| {
        let desired = late_kind(&world.mapping.target.namespace);
        world.watch(&desired).await;
        assert!(world.cluster.awaits_kinds() && !world.cluster.serves_more());
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert!(world.cluster.serves_more());
        world.watch(&desired).await;
        assert!(!world.cluster.awaits_kinds() && !world.cluster.serves_more());
        world.until_late_drift_is_told().await;
    })
    .await;
}

/// A group that does not answer says nothing of what the others serve.
#[tokio::test]
async fn a_kind_that_comes_while_another_group_fails_is_watched() {
    let (sandbox, world) = sandboxed("kind-late-gap", Options::default()).await;
    let desired = late_kind(&world.mapping.target.namespace);
    sandbox.faults().break_group("policy");
    world.watch(&desired).await;
    assert!(world.cluster.awaits_kinds() && !world.cluster.serves_more());
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert!(world.cluster.served().await.expect("an answer").failed.contains_key("policy"));
    assert!(world.cluster.serves_more());
    world.watch(&desired).await;
    assert!(!world.cluster.awaits_kinds() && !world.cluster.serves_more());
    world.until_late_drift_is_told().await;
}

#[tokio::test]
async fn new_admission_rules_void_the_proofs() {
    // In the sandbox alone: on a server that tests share, their proofs would be void as well.
    let (_sandbox, world) = sandboxed("distrusting", Options::default()).await;
    let desired = manifests((0..5).map(|index| config(&format!("c{index}"), "a")));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.watch(&desired).await;
    assert_eq!(world.plan("r1", &desired).await.expect("a plan").dry_runs, 0);
    let mut changes = world.cluster.changes();
    // It matches nothing here, which cannot be known from outside.
    let name = format!("{}.example.com", world.mapping.target.namespace);
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": [{"name": name, "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "failurePolicy": "Ignore", "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]}]});
    let address = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let request = http::Request::post(address).header("content-type", "application/json");
    world.send(request.body(hook.to_string().into_bytes()).expect("a request")).await;
    while changes.next().await.expect("news") != Notice::Everything {}
    let plan = world.plan("r1", &desired).await.expect("a plan");
    assert_eq!((plan.is_empty(), plan.dry_runs), (true, 5));
    assert_eq!(world.plan("r1", &desired).await.expect("a plan").dry_runs, 0);
}

#[tokio::test]
async fn who_may_watch_one_namespace_only_watches_that() {
    let rule = |verbs: &[&str], namespaces: &[&str]| Rule {
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        groups: vec!["*".to_owned()],
        resources: vec!["configmaps".to_owned(), "namespaces".to_owned()],
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        names: Vec::new(),
    };
    let user = User {
        name: "ana".to_owned(),
        groups: Vec::new(),
        token: "t".to_owned(),
        rules: Some(vec![rule(&["*"], &["narrow", "gitdeck-system"])]),
    };
    let options = Options { users: vec![user], ..Options::default() };
    let (sandbox, mut world) = sandboxed("narrow", options).await;
    let desired = manifests((0..5).map(|index| config(&format!("c{index}"), "a")));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.cluster = Cluster::from_client(sandbox.client(Some("ana")), "test", "default");
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    world.watch(&desired).await;
    let before = world.cluster.traffic();
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    assert_eq!(world.cluster.traffic(), before);
    let mut changes = world.cluster.changes();
    world.set("c3", "b").await;
    until_told(&mut changes, &world.key("c3")).await;
}
