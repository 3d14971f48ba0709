//! What people and controllers do to applied objects, and what a plan says of it.

use super::world::{World, in_every_world, manifests};
use gitdeck::domain::plan::{Op, Reason};
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
