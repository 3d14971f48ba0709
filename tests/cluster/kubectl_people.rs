//! What people did with the real kubectl, before and after the first sync.

use super::world::{World, manifests};
use crate::support::clusters::{World as Site, kubectl, worlds};
use gitdeck::domain::plan::Reason;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn deployment(replicas: u32, environment: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "containers": [{"name": "main", "image": "example.com/web:1", "env": environment}]}}}})
}

/// Runs kubectl as the administrator of a world.
fn by_hand(kubectl: &Path, site: &Site, arguments: &[&str], input: &Value) {
    let home = tempfile::tempdir().expect("a home");
    let mut child = Command::new(kubectl)
        .arg("--kubeconfig")
        .arg(&site.kubeconfig)
        .args(arguments)
        .env("HOME", home.path())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.to_string().as_bytes()).expect("input");
    drop(stdin);
    let output = child.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_kubectl_is_taken_over_and_scaling_is_drift() {
    let Some(kubectl) = kubectl() else { return };
    for site in worlds("people").await {
        let world = World::new(site.client().await, "people", &site.namespace);
        let variable = |name: &str| json!({"name": name, "value": "1"});
        let both = deployment(2, &json!([variable("KEPT"), variable("GONE")]));
        by_hand(&kubectl, &site, &["apply", "-f", "-"], &both);
        let live = async || {
            let address = format!("/apis/apps/v1/namespaces/{}/deployments/web", site.namespace);
            world.get(&address).await
        };
        let main = "/spec/template/spec/containers/0/env";
        assert_eq!(live().await.pointer(main).and_then(Value::as_array).map(Vec::len), Some(2));
        // A variable that Git does not have: shown, and removed by the first sync.
        let desired = manifests([deployment(2, &json!([variable("KEPT")]))]);
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let paths: Vec<&str> =
            plan.operations[0].changes.iter().map(|one| one.path.as_str()).collect();
        assert!(paths.iter().any(|path| path.contains("GONE")), "{paths:?}");
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(live().await.pointer(main).expect("variables")[0]["name"], "KEPT");
        assert_eq!(live().await.pointer(main).and_then(Value::as_array).map(Vec::len), Some(1));
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        // A person scales: drift, by name, and corrected.
        by_hand(&kubectl, &site, &["scale", "deployment/web", "--replicas=4"], &Value::Null);
        let plan = world.plan_again(&desired).await;
        let [operation] = &plan.operations[..] else { panic!("{:#?}", plan.operations) };
        assert_eq!(operation.reason, Reason::Drift);
        let [change] = &operation.changes[..] else { panic!("{:#?}", operation.changes) };
        assert_eq!(change.path, "/spec/replicas");
        assert_eq!(change.live_manager.as_deref(), Some("kubectl"));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert_eq!(live().await["spec"]["replicas"], 2);
    }
}
