//! Workloads in the sandbox and on the real control plane live, fail and go as they would with a kubelet.

use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions::is_deleted};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::support::clusters::worlds;
use crate::support::control_plane::{ControlPlane, assets, control_plane};
use crate::support::fake_node::kind;

/// How long a state may take to come about on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn deployment(name: &str, image: &str) -> DynamicObject {
    let labels = json!({"app": name});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels}, "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    });
    serde_json::from_value(object).expect("a Deployment")
}

fn job(name: &str, image: &str) -> DynamicObject {
    let object = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": image}],
        }}},
    });
    serde_json::from_value(object).expect("a Job")
}

fn number(object: &DynamicObject, pointer: &str) -> i64 {
    object.data.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn condition_is_true(object: &DynamicObject, name: &str) -> bool {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == name && condition["status"] == "True")
}

/// Waits until the object is as wanted, and shows what it was if that never comes.
async fn until(
    api: &Api<DynamicObject>,
    name: &str,
    wanted: impl Fn(&DynamicObject) -> bool,
) -> DynamicObject {
    let condition = |object: Option<&DynamicObject>| object.is_some_and(&wanted);
    let Ok(found) =
        tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await
    else {
        panic!("{name} is still {:#?}", api.get(name).await);
    };
    found.expect("a watch").expect("an object")
}

fn deployments(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("apps", "v1", "Deployment"))
}

#[tokio::test]
async fn a_deployment_becomes_available_scales_and_goes() {
    for world in worlds("workloads-walk").await {
        println!("on {:?}", world.kind);
        walk(world.client().await, world.namespace.clone()).await;
    }
}

async fn walk(client: Client, namespace: String) {
    let api = deployments(&client, &namespace);
    api.create(&PostParams::default(), &deployment("web", "registry.example/web:1"))
        .await
        .expect("created");
    let live = until(&api, "web", |it| number(it, "/status/availableReplicas") == 2).await;
    assert!(condition_is_true(&live, "Available"));

    let scale = Patch::Merge(json!({"spec": {"replicas": 4}}));
    api.patch_scale("web", &PatchParams::default(), &scale).await.expect("scaled");
    until(&api, "web", |it| number(it, "/status/readyReplicas") == 4).await;

    let uid = live.uid().expect("a UID");
    api.delete("web", &DeleteParams::foreground()).await.expect("deleted");
    let gone = await_condition(api.clone(), "web", is_deleted(&uid));
    tokio::time::timeout(PATIENCE, gone).await.expect("in time").expect("a watch");
    let pods: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &kind("", "v1", "Pod"));
    assert_eq!(pods.list(&kube::api::ListParams::default()).await.expect("pods").items.len(), 0);
}

#[tokio::test]
async fn an_image_named_so_is_never_pulled() {
    for world in worlds("workloads-broken").await {
        println!("on {:?}", world.kind);
        broken(world.client().await, world.namespace.clone()).await;
    }
}

async fn broken(client: Client, namespace: String) {
    let api = deployments(&client, &namespace);
    api.create(&PostParams::default(), &deployment("web", "registry.example/web:broken"))
        .await
        .expect("created");
    until(&api, "web", |it| number(it, "/status/unavailableReplicas") == 2).await;
    let pods: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &kind("", "v1", "Pod"));
    let waiting = |pod: &DynamicObject| {
        pod.data.pointer("/status/containerStatuses/0/state/waiting/reason").cloned()
    };
    let name =
        pods.list(&kube::api::ListParams::default()).await.expect("pods").items[0].name_any();
    until(&pods, &name, |pod| waiting(pod) == Some("ImagePullBackOff".into())).await;

    let repaired = Patch::Merge(
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "web:2"}]}}}}),
    );
    api.patch("web", &PatchParams::default(), &repaired).await.expect("patched");
    until(&api, "web", |it| {
        number(it, "/status/availableReplicas") == 2 && number(it, "/status/replicas") == 2
    })
    .await;
}

#[tokio::test]
async fn jobs_end_as_their_image_says() {
    for world in worlds("workloads-jobs").await {
        println!("on {:?}", world.kind);
        jobs(world.client().await, world.namespace.clone()).await;
    }
}

async fn jobs(client: Client, namespace: String) {
    let jobs: Api<DynamicObject> =
        Api::namespaced_with(client, &namespace, &kind("batch", "v1", "Job"));
    jobs.create(&PostParams::default(), &job("good", "migrate:1")).await.expect("created");
    jobs.create(&PostParams::default(), &job("bad", "migrate:crash")).await.expect("created");
    until(&jobs, "good", |it| condition_is_true(it, "Complete")).await;
    until(&jobs, "bad", |it| condition_is_true(it, "Failed")).await;
}

#[tokio::test]
async fn stateful_and_daemon_sets_get_their_pods_and_services_their_address() {
    for world in worlds("workloads-sets").await {
        println!("on {:?}", world.kind);
        sets(world.client().await, world.namespace.clone()).await;
    }
}

async fn sets(client: Client, namespace: String) {
    let template = deployment("db", "db:1").data["spec"]["template"].clone();
    let selector = json!({"matchLabels": {"app": "db"}});
    let claims = json!([{"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }}]);
    let apply = PatchParams::apply("gitdeck-tests");
    let set = |name: &str| {
        Api::<DynamicObject>::namespaced_with(client.clone(), &namespace, &kind("apps", "v1", name))
    };
    let (stateful, daemon) = (set("StatefulSet"), set("DaemonSet"));
    let wanted = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "serviceName": "db", "replicas": 2, "selector": selector, "template": template, "volumeClaimTemplates": claims,
    }});
    stateful.patch("db", &apply, &Patch::Apply(wanted)).await.expect("applied");
    let wanted = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "db"}, "spec": {
        "selector": selector, "template": template,
    }});
    daemon.patch("db", &apply, &Patch::Apply(wanted)).await.expect("applied");
    until(&stateful, "db", |it| number(it, "/status/readyReplicas") == 2).await;
    until(&daemon, "db", |it| number(it, "/status/numberReady") == 1).await;

    let claims: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &namespace, &kind("", "v1", "PersistentVolumeClaim"));
    until(&claims, "data-db-0", |it| it.data.pointer("/status/phase") == Some(&"Bound".into()))
        .await;
    let services: Api<DynamicObject> =
        Api::namespaced_with(client, &namespace, &kind("", "v1", "Service"));
    let wanted = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
        "type": "LoadBalancer", "ports": [{"port": 80}],
    }});
    services.patch("web", &apply, &Patch::Apply(wanted)).await.expect("applied");
    until(&services, "web", |it| it.data.pointer("/status/loadBalancer/ingress/0/ip").is_some())
        .await;
}

#[tokio::test]
async fn rights_are_checked() {
    let Some(plane) = control_plane() else { return };
    let namespace = plane.namespace("rights").await;
    let nobody =
        crate::support::control_plane::client_of(&plane.kubeconfig_for("nobody", &[])).await;
    match deployments(&nobody, &namespace).list(&kube::api::ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_control_plane_of_ones_own_leaves_nothing_behind() {
    let Some(assets) = assets() else { return };
    let plane = ControlPlane::start(&assets).expect("started");
    let folder = plane.kubeconfig.parent().expect("a folder").to_path_buf();
    let address = plane.url.strip_prefix("https://").expect("https").to_string();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(plane);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(&address).is_err());
}

/// Not a test: `KUBEBUILDER_ASSETS=… cargo test -- --ignored --nocapture stands_until_input_ends` gives a control plane
/// to work on by hand. Prints the path of its kubeconfig, and ends with standard input.
#[test]
#[ignore = "holds a control plane for work by hand"]
fn stands_until_input_ends() {
    let Some(assets) = assets() else { return };
    let plane = ControlPlane::start(&assets).expect("started");
    println!("{}", plane.kubeconfig.display());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("input");
}
