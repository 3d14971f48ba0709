//! Writes whose answer is lost on the way: read back, never repeated blindly. On both servers, behind a client that loses
//! the first answer to each write.

use super::world::{World, config, in_every_world, manifests};
use crate::support::lossy::{Loss, lossy};
use gitdeck::cluster::Cluster;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn deployment(label: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": label}},
        "template": {"metadata": {"labels": {"app": label}},
            "spec": {"containers": [{"name": "main", "image": "example.com/web:1",
                "resources": {"requests": {"cpu": "1000m"}}}]}}}})
}

/// What the server stores in another form, so that nothing but its own word tells that it is as desired.
fn policy(port: u16) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "inside"},
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": port}]}]}})
}

/// What needs another object goes on when that was carried out.
fn needy(world: &World) -> Value {
    let namespace = &world.mapping.target.namespace;
    let needs = format!("networking.k8s.io/namespaces/{namespace}/NetworkPolicy/inside");
    let mut object = config("needy", "1");
    object["metadata"]["annotations"] = json!({"config.kubernetes.io/depends-on": needs});
    object
}

/// Creates, updates, takes over from `kubectl apply`, makes anew and deletes; how often each write was carried out.
async fn all_kinds_of_writes(mut world: World, loss: Loss) -> BTreeMap<String, usize> {
    let mut planted = config("history", "1");
    planted["data"]["gone"] = "x".into();
    let applied = planted.to_string();
    planted["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
    world.plant(&planted, "kubectl-client-side-apply").await;
    let (client, carried) = lossy(&world.client, loss);
    world.cluster = Cluster::from_client(client, "test", "default");
    world.cluster.keep_records_in(&world.mapping.target.namespace);
    world.options.recreate = true;
    let first = manifests([
        config("a", "1"),
        config("b", "1"),
        deployment("old"),
        policy(80),
        needy(&world),
    ]);
    let applied = world.sync("r1", &first).await.expect("a sync");
    assert!(applied.complete, "{loss:?}: {:#?}", applied.outcomes);
    let second = manifests([
        config("a", "2"),
        config("history", "1"),
        deployment("new"),
        policy(81),
        needy(&world),
    ]);
    let applied = world.sync("r2", &second).await.expect("a sync");
    assert!(applied.complete, "{loss:?}: {:#?}", applied.outcomes);
    assert!(world.plan("r2", &second).await.expect("a plan").is_empty(), "{loss:?}");
    assert_eq!((world.data("a").await, world.data("b").await), (json!("2"), Value::Null));
    let history = world.get(&format!("{}/history", world.configs())).await;
    assert_eq!(history["data"], json!({"key": "1"}), "{loss:?}");
    assert_eq!(world.members().await, ["a", "history", "needy", "web", "inside"]);
    let namespace = &world.mapping.target.namespace;
    let counts = carried.counts().into_iter();
    counts.map(|(key, count)| (key.replace(namespace.as_str(), "NAMESPACE"), count)).collect()
}

async fn as_without_losses(losses: &[Loss]) {
    for loss in losses {
        in_every_world("lost", async |world| {
            let control = all_kinds_of_writes(world, *loss).await;
            let methods = [
                "POST",
                "PUT",
                "PATCH application/json-patch",
                "PATCH application/apply",
                "DELETE",
            ];
            for method in methods {
                assert!(
                    control.keys().any(|key| key.starts_with(method)),
                    "{method}: {control:#?}"
                );
            }
            // Each object once for each revision; the record before and after.
            for (key, count) in &control {
                let most = if key.starts_with("PUT") {
                    3
                } else {
                    1 + usize::from(key.contains("apply-patch"))
                };
                assert!(*count <= most, "{loss:?}: {key} was carried out {count} times");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_carried_out_is_not_done_twice() {
    use Loss::{Answer, Cut};
    as_without_losses(&[Loss::None, Answer(504), Answer(503), Answer(502), Answer(500), Cut]).await;
}

#[tokio::test]
async fn what_was_not_carried_out_is_tried_again() {
    use Loss::Before;
    as_without_losses(&[Before(500), Before(503), Before(504)]).await;
}

/// A client whose first deletion fails, and by the time of the answer the object belongs to somebody else.
fn handing_over(client: &Client, deletions: &Arc<AtomicUsize>) -> Client {
    let (client, deletions) = (client.clone(), deletions.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, deletions) = (client.clone(), deletions.clone());
        async move {
            let is_deletion = *request.method() == Method::DELETE;
            if is_deletion && deletions.fetch_add(1, Ordering::SeqCst) == 0 {
                let label = json!({"metadata": {"labels": {
                    "applyset.kubernetes.io/part-of": "applyset-of-somebody-else-v1"}}});
                let patch = Request::patch(request.uri().path())
                    .header("content-type", "application/merge-patch+json")
                    .body(label.to_string().into_bytes())
                    .expect("a request");
                let _: Value = client.request(patch).await.map_err(std::io::Error::other)?;
                let failed = Response::builder().status(500).body(Body::empty());
                return Ok(failed.expect("a response"));
            }
            client.send(request).await.map_err(std::io::Error::other)
        }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn what_changes_hands_between_two_tries_is_not_deleted() {
    in_every_world("handed", async |mut world| {
        world.cluster.keep_records_in(&world.mapping.target.namespace);
        let both = manifests([config("a", "1"), config("b", "1")]);
        world.sync("r1", &both).await.expect("a sync");
        let deletions = Arc::new(AtomicUsize::new(0));
        world.cluster =
            Cluster::from_client(handing_over(&world.client, &deletions), "test", "default");
        world.cluster.keep_records_in(&world.mapping.target.namespace);
        let applied = world.sync("r2", &manifests([config("a", "1")])).await.expect("a sync");
        assert!(applied.complete, "{:#?}", applied.outcomes);
        assert_eq!(world.data("b").await, json!("1"));
        assert_eq!(deletions.load(Ordering::SeqCst), 1);
    })
    .await;
}
