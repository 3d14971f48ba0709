//! Values that a controller puts into items of lists: an injector's authorities in a webhook.

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
