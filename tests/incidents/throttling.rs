//! Clients that waited for themselves. The clock of these tests goes on only when everybody waits for it: where it stands
//! still, nobody did.

use crate::cluster::records::many;
use crate::cluster::world::{World, config, manifests, sandboxed};
use gitdeck::cluster::Cluster;
use gitdeck::domain::Manifest;
use gitdeck::sandbox::{Options, Sandbox};
use http::Request;
use http::header::{ACCEPT, HeaderValue};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

fn quiet() -> Options {
    Options { controllers: false, ..Options::default() }
}

/// Definitions in groups of their own.
fn definitions(count: usize) -> Vec<Manifest> {
    manifests((0..count).map(|index| {
        let group = format!("g{index}.example.com");
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
    }))
}

fn discovery(sandbox: &Sandbox) -> usize {
    sandbox.traffic().count(|one| one.resource.is_empty() && one.path.starts_with("/api"))
}

fn deployment(index: usize) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("nginx-{index}")}, "spec": {
        "selector": {"matchLabels": {"app": format!("nginx-{index}")}},
        "template": {"metadata": {"labels": {"app": format!("nginx-{index}")}}, "spec": {"containers": [
            {"name": "nginx", "image": "nginx:1", "resources": {"limits": {"cpu": "1000m"}}}]}}}})
}

/// A server of before 1.27, which tells of one group and version at a time.
fn old_server(client: &Client) -> Client {
    let client = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let client = client.clone();
        async move {
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            client.send(request).await
        }
    });
    Client::new(service, "default")
}

/// kubectl#1722: discovery of many groups was held back by the client's own limit, for 14 seconds.
#[tokio::test]
async fn kubectl_1722_three_hundred_definitions_cost_two_requests() {
    let (sandbox, mut world) = sandboxed("groups", quiet()).await;
    assert!(world.sync("r1", &definitions(300)).await.expect("a sync").complete);
    world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
    let before = discovery(&sandbox);
    world.mapping.name = "groups-user".to_owned();
    assert!(world.sync("r1", &manifests([config("a", "1")])).await.expect("a sync").complete);
    let asked = discovery(&sandbox) - before;
    assert!(asked <= 2, "{asked} requests");
}

/// kubectl#773: the same against servers that have to be asked for each group. They are, once, and without a pause.
#[tokio::test(start_paused = true)]
async fn kubectl_773_an_old_server_is_asked_for_each_group_once_and_without_a_pause() {
    let (sandbox, mut world) = sandboxed("old-groups", quiet()).await;
    assert!(world.sync("r1", &definitions(60)).await.expect("a sync").complete);
    world.cluster = Cluster::from_client(old_server(&world.client), "test", "default");
    let (before, begun) = (discovery(&sandbox), Instant::now());
    let served = world.cluster.served().await.expect("an answer");
    assert!(served.failed.is_empty(), "{:?}", served.failed);
    let asked = discovery(&sandbox) - before;
    assert_eq!(begun.elapsed().as_millis(), 0, "it waited for itself");
    assert!((60..150).contains(&asked), "{asked} requests");
    world.cluster.served().await.expect("an answer");
    assert_eq!(discovery(&sandbox) - before, asked, "it was not kept");
}

/// kustomize-controller#757: "Waited for 1.04 s due to client-side throttling" at each of many requests of one apply.
#[tokio::test(start_paused = true)]
async fn kustomize_controller_757_an_apply_of_many_waits_for_nobody() {
    let (sandbox, world) = sandboxed("unthrottled", quiet()).await;
    let begun = Instant::now();
    let desired = many(400);
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    assert_eq!(begun.elapsed().as_millis(), 0, "it waited for itself");
    let written = sandbox.traffic().count(|one| one.is_write() && one.resource == "configmaps");
    assert!((400..=410).contains(&written), "{written} writes");
}

/// helm-controller#567: every release had a client with a limit of its own, so that comparing many objects took minutes.
/// Here mappings share one connection, and what has to be tried out on the server is, without a pause.
#[tokio::test(start_paused = true)]
async fn helm_controller_567_comparisons_of_many_mappings_wait_for_nobody() {
    let (_sandbox, world) = sandboxed("releases", quiet()).await;
    let namespace = world.mapping.target.namespace.clone();
    let beside = |index: usize| World {
        cluster: world.cluster.clone(),
        client: world.client.clone(),
        mapping: crate::cluster::world::mapping(&format!("release{index}"), &namespace),
        options: world.options,
    };
    let releases: Vec<World> = (0..10).map(beside).collect();
    let begun = Instant::now();
    let work = releases.iter().enumerate().map(async |(index, release)| {
        let desired = manifests((0..12).map(|item| deployment(index * 12 + item)));
        let plan = release.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.summary.create, plan.dry_runs), (12, 12));
        assert!(release.sync("r1", &desired).await.expect("a sync").complete);
        assert!(release.plan("r1", &desired).await.expect("a plan").is_empty());
    });
    futures::future::join_all(work).await;
    assert_eq!(begun.elapsed().as_millis(), 0, "somebody waited for himself");
}

/// kpt#3293: 1,000 Deployments took 36 minutes at five requests a second, and their removal as long again.
#[tokio::test(start_paused = true)]
async fn kpt_3293_deployments_are_made_and_removed_by_one_request_each() {
    const COUNT: usize = 300;
    let (sandbox, mut world) = sandboxed("nginx", quiet()).await;
    let begun = Instant::now();
    let desired = manifests((0..COUNT).map(deployment));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.options.allow_delete = Some(COUNT - 1);
    assert!(world.sync("r2", &desired[..1]).await.expect("a sync").complete);
    assert_eq!(begun.elapsed().as_millis(), 0, "it waited for itself");
    let of = |verb: &str| {
        sandbox
            .traffic()
            .count(|one| one.verb == verb && one.resource == "deployments" && !one.dry_run)
    };
    assert_eq!((of("patch"), of("delete")), (COUNT, COUNT - 1));
}
