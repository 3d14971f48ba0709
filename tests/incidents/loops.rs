//! Engines that wrote for ever, or gave up for ever.

use crate::cluster::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::domain::Manifest;
use gitdeck::sandbox::{Effect, Options, When};
use serde_json::{Value, json};

fn deployment(resources: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "main", "image": "example.com/web:1", "resources": resources}]}}}})
}

/// Syncs again and again without a commit: nothing may be written.
pub async fn writes_nothing(world: &World, desired: &[Manifest]) {
    assert!(world.sync("r1", desired).await.expect("a sync").complete);
    let before = world.cluster.traffic().writes;
    // What is stored in another form is asked about once for each state, and remembered; the controllers of a new object
    // change its state a few times.
    let mut quiet = 0;
    for _ in 0..20 {
        let asked = world.cluster.traffic().dry_runs;
        let applied = world.sync("r1", desired).await.expect("a sync");
        assert!(applied.complete && applied.outcomes.is_empty(), "{applied:#?}");
        quiet = if world.cluster.traffic().dry_runs == asked { quiet + 1 } else { 0 };
        if quiet == 5 {
            break;
        }
    }
    assert_eq!(world.cluster.traffic().writes, before, "something was written without a commit");
    assert_eq!(quiet, 5, "five syncs in a row that ask nothing");
}

/// Syncs without a commit come to rest; what each thread was about is in `unrest`, and #22142 in `hooks`.
#[tokio::test]
async fn syncs_without_a_commit_write_nothing() {
    in_every_world("restful", async |world| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        let web = deployment(&json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}}));
        writes_nothing(&world, &manifests([web, service, config("a", "1")])).await;
    })
    .await;
}

/// argo-cd#6108: the status of KEDA and ESO objects changed all the time, and each change cost a comparison.
#[tokio::test]
async fn argo_cd_6108_status_churn_costs_nothing() {
    in_every_world("churn", async |world| {
        let desired = manifests([deployment(&json!({}))]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let address = format!(
            "/apis/apps/v1/namespaces/{}/deployments/web/status?fieldManager=churner",
            world.mapping.target.namespace
        );
        let before = world.cluster.traffic();
        for round in 0..20 {
            let body = json!({"status": {"conditions": [{"type": "Churning", "status": "True",
                "reason": format!("Round{round}"), "message": "x"}]}});
            let request = http::Request::patch(&address)
                .header("content-type", "application/strategic-merge-patch+json")
                .body(body.to_string().into_bytes());
            world.send(request.expect("a request")).await;
            assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        }
        let after = world.cluster.traffic();
        assert_eq!((after.writes, after.dry_runs), (before.writes, before.dry_runs));
    })
    .await;
}

/// kustomize-controller#792: the server fills in the rules of a webhook, which was drift for ever.
#[tokio::test]
async fn kustomize_controller_792_expanded_webhook_rules_are_no_drift() {
    in_every_world("expanded", async |world| {
        let name = format!("{}.example.com", world.mapping.target.namespace);
        let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": [{"name": name, "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "failurePolicy": "Ignore", "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["things"]}]}]});
        writes_nothing(&world, &manifests([hook])).await;
        let address =
            format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// argo-cd#18442: the opposite. A sync that failed once was never tried again at the same revision.
#[tokio::test]
async fn argo_cd_18442_what_failed_once_is_tried_again() {
    let (sandbox, world) = sandboxed("again", Options::default()).await;
    let desired = manifests([config("a", "1"), config("b", "1")]);
    let real = When { dry_run: Some(false), ..When::verb("patch", "configmaps") };
    let deny = Effect::Deny { webhook: "guard".to_owned(), message: "later".to_owned() };
    sandbox.faults().strike(real, 1, deny);
    assert!(!world.sync("r1", &desired).await.expect("a sync").complete);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
}
