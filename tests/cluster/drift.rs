//! What people and controllers do to applied objects, and what a plan says of it.

use super::world::{World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::PlanRequest;
use gitdeck::domain::plan::{Op, Reason};
use gitdeck::domain::{Manifest, Plan, Revision};
use gitdeck::sandbox::{Options, When};
use serde_json::{Value, json};

fn deployment(replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]}}}})
}

impl World {
    fn deployments(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments", self.mapping.target.namespace)
    }

    /// As `kubectl scale` does it.
    async fn scale(&self, manager: &str, replicas: u32) {
        let body = json!({"spec": {"replicas": replicas}}).to_string().into_bytes();
        let address = format!("{}/web/scale?fieldManager={manager}", self.deployments());
        let request = http::Request::patch(address)
            .header("content-type", "application/merge-patch+json")
            .body(body);
        self.send(request.expect("a request")).await;
    }
}

#[tokio::test]
async fn a_scaled_deployment_is_drift_and_is_corrected() {
    in_every_world("drift", async |world| {
        let desired = manifests([deployment(2)]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.scale("kubectl", 4).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        let [operation] = &plan.operations[..] else { panic!("{:#?}", plan.operations) };
        assert_eq!(operation.op, Op::Update);
        let [change] = &operation.changes[..] else { panic!("{:#?}", operation.changes) };
        assert_eq!(change.path, "/spec/replicas");
        assert_eq!(change.live_manager.as_deref(), Some("kubectl"));
        assert_eq!((&change.before, &change.after), (&Some(json!(4)), &Some(json!(2))));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let live = world.get(&format!("{}/web", world.deployments())).await;
        assert_eq!(live["spec"]["replicas"], 2);
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_autoscaler_keeps_its_replicas() {
    in_every_world("autoscaled", async |world| {
        let desired = manifests([deployment(2)]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.scale("kube-controller-manager", 4).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        assert_eq!(plan.objects[0].extra, ["/spec/replicas"]);
        let changed = manifests([{
            let mut changed = deployment(2);
            changed["spec"]["minReadySeconds"] = 3.into();
            changed
        }]);
        let plan = world.plan("r2", &changed).await.expect("a plan");
        assert_eq!(plan.operations[0].reason, Reason::Commit);
        assert!(world.sync("r2", &changed).await.expect("a sync").complete);
        let live = world.get(&format!("{}/web", world.deployments())).await;
        assert_eq!(
            (&live["spec"]["replicas"], &live["spec"]["minReadySeconds"]),
            (&json!(4), &json!(3))
        );
    })
    .await;
}

impl World {
    /// The plan after a sync of the same objects, as a session makes it.
    pub async fn plan_again(&self, desired: &[Manifest]) -> Plan {
        let revision = Revision::new("r1");
        let request = PlanRequest { previous: Some(desired), ..self.request(&revision, desired) };
        self.cluster.plan(&request).await.expect("a plan")
    }
}

#[tokio::test]
async fn a_person_who_changes_the_cluster_is_told_from_a_commit() {
    in_every_world("reasons", async |world| {
        let desired = manifests([config("a", "git"), config("b", "git"), config("c", "git")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.set("a", "ana").await;
        let changed = manifests([config("a", "git"), config("b", "new"), config("d", "git")]);
        let revision = Revision::new("r2");
        let request =
            PlanRequest { previous: Some(&desired), ..world.request(&revision, &changed) };
        let plan = world.cluster.plan(&request).await.expect("a plan");
        let told: Vec<(&str, Reason)> =
            plan.operations.iter().map(|one| (one.object.name.as_str(), one.reason)).collect();
        let expected = [
            ("a", Reason::Drift),
            ("b", Reason::Commit),
            ("d", Reason::Commit),
            ("c", Reason::Prune),
        ];
        assert_eq!(told, expected);
        let (manager, time) = plan.operations[0].culprit().expect("a culprit");
        assert!(manager == "kubectl-edit" && time.is_some());
        assert_eq!(
            (plan.operations[0].forced(), plan.operations[1].forced()),
            (vec!["kubectl-edit"], vec![])
        );
    })
    .await;
}

#[tokio::test]
async fn what_the_server_rewrites_does_not_converge_and_is_nobodys_drift() {
    // In the sandbox: on a server that tests share, its admission rules are not ours to change.
    let (sandbox, world) = sandboxed("rewritten", Options::default()).await;
    let desired = manifests([config("a", "git"), config("b", "git")]);
    let when = When { dry_run: Some(false), ..When::object("configmaps", "a") };
    sandbox.faults().rewrite(when, "/data/key", json!("webhook"));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert_eq!(world.data("a").await, "webhook");
    for _ in 0..2 {
        let plan = world.plan_again(&desired).await;
        let [operation] = &plan.operations[..] else { panic!("{:#?}", plan.operations) };
        assert_eq!((operation.object.name.as_str(), operation.reason), ("a", Reason::Admission));
        assert_eq!(plan.drifted_fields(), 0);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    }
    // What a person changes is drift all the same.
    world.set("a", "ana").await;
    world.set("b", "ana").await;
    sandbox.faults().clear();
    let plan = world.plan_again(&desired).await;
    let reasons: Vec<Reason> = plan.operations.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Reason::Drift, Reason::Drift], "{:#?}", plan.operations);
}
