//! Values that a controller puts into items of lists: an injector's authorities in a webhook stay, an image does not.

use super::world::{World, in_every_world, manifests};
use gitdeck::domain::{Manifest, Why};
use serde_json::{Value, json};

const PLACEHOLDER: &str = "Cg==";

struct Hooks<'w> {
    world: &'w World,
    item: String,
}

impl Hooks<'_> {
    /// Two webhooks that match nothing, both with a placeholder.
    fn desired(&self, seconds: u32) -> Vec<Manifest> {
        let namespace = &self.world.mapping.target.namespace;
        let hook = |name: &str| {
            json!({"name": format!("{name}.example.com"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Ignore", "timeoutSeconds": seconds,
                "clientConfig": {"url": "https://127.0.0.1:9/", "caBundle": PLACEHOLDER},
                "rules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["things"], "scope": "*"}]})
        };
        manifests([
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": format!("{namespace}-injected")}, "webhooks": [hook("own"), hook("injected")]}),
        ])
    }

    async fn patch(&self, manager: &str, path: &str, value: &Value) {
        let body = json!([{"op": "replace", "path": path, "value": value}]);
        let request = http::Request::patch(format!("{}?fieldManager={manager}", self.item))
            .header("content-type", "application/json-patch+json");
        self.world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
    }

    /// Authorities and seconds of both webhooks.
    async fn live(&self) -> Value {
        let live = self.world.get(&self.item).await;
        let told = |at: usize| {
            let hook = &live["webhooks"][at];
            json!([hook["clientConfig"]["caBundle"], hook["timeoutSeconds"]])
        };
        json!([told(0), told(1)])
    }
}

#[tokio::test]
async fn authorities_that_an_injector_put_into_a_webhook_are_left() {
    in_every_world("injected", async |world| {
        let name = format!("{}-injected", world.mapping.target.namespace);
        let base = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        let hooks = Hooks { world: &world, item: format!("{base}/{name}") };
        assert!(world.sync("r1", &hooks.desired(5)).await.expect("a sync").complete);
        hooks
            .patch("cainjector", "/webhooks/1/clientConfig/caBundle", &json!("aW5qZWN0ZWQ="))
            .await;
        // Nothing to heal, and it is said who keeps what.
        let plan = world.plan("r1", &hooks.desired(5)).await.expect("a plan");
        assert!(plan.is_empty(), "{:#?}", plan.operations);
        let kept: Vec<&String> = plan
            .left_out
            .iter()
            .filter(
                |one| matches!(&one.why, Why::Controller { manager } if manager == "cainjector"),
            )
            .flat_map(|one| &one.paths)
            .collect();
        assert_eq!(kept, ["/webhooks/[name=injected.example.com]/clientConfig/caBundle"]);
        // A commit that changes something else leaves it as well.
        assert!(world.sync("r2", &hooks.desired(7)).await.expect("a sync").complete);
        assert_eq!(hooks.live().await, json!([[PLACEHOLDER, 7], ["aW5qZWN0ZWQ=", 7]]));
        assert!(world.plan("r2", &hooks.desired(7)).await.expect("a plan").is_empty());
        // What a person writes there is drift as ever.
        hooks.patch("kubectl-edit", "/webhooks/0/clientConfig/caBundle", &json!("cGVyc29u")).await;
        let plan = world.plan("r2", &hooks.desired(7)).await.expect("a plan");
        let paths: Vec<_> =
            plan.operations[0].changes.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/webhooks/[name=own.example.com]/clientConfig/caBundle"]);
        assert!(world.sync("r2", &hooks.desired(7)).await.expect("a sync").complete);
        assert_eq!(hooks.live().await, json!([[PLACEHOLDER, 7], ["aW5qZWN0ZWQ=", 7]]));
        let request = http::Request::delete(&hooks.item).body(Vec::new()).expect("a request");
        world.send(request).await;
    })
    .await;
}

/// Who wrote an image once, under a name like a controller's, does not keep it from Git.
#[tokio::test]
async fn an_image_that_a_controller_wrote_follows_git() {
    in_every_world("written-once", async |world| {
        let namespace = &world.mapping.target.namespace;
        let item = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
        let desired = |image: &str| {
            manifests([
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": image}]}}}}),
            ])
        };
        let path = "/spec/template/spec/containers/0/image";
        let live = async || world.get(&item).await.pointer(path).cloned().unwrap_or_default();
        assert!(world.sync("r1", &desired("web:1")).await.expect("a sync").complete);
        for (revision, manager, wanted) in
            [("r1", "deploy-manager", "web:1"), ("r2", "some-operator", "web:2")]
        {
            let body = json!([{"op": "replace", "path": path, "value": format!("web:{manager}")}]);
            let request = http::Request::patch(format!("{item}?fieldManager={manager}"))
                .header("content-type", "application/json-patch+json");
            world.send(request.body(body.to_string().into_bytes()).expect("a request")).await;
            assert_eq!(live().await, format!("web:{manager}"));
            let plan = world.plan(revision, &desired(wanted)).await.expect("a plan");
            let changed: Vec<&str> = plan
                .operations
                .iter()
                .flat_map(|one| &one.changes)
                .map(|one| one.path.as_str())
                .collect();
            assert_eq!(changed, ["/spec/template/spec/containers/[name=web]/image"], "{manager}");
            assert!(world.sync(revision, &desired(wanted)).await.expect("a sync").complete);
            assert_eq!(live().await, wanted);
        }
    })
    .await;
}
