//! Stands in for scheduler, kubelet, volumes and load balancers: without them no pod would ever run.
//!
//! A pod runs and is ready at once, and one of a Job succeeds. An image named `fail` or `broken` is never pulled; one
//! named `crash` ends with an error. Deleted pods go at once. Claims are bound and Services of the type `LoadBalancer`
//! get an address, unless they are named so. A claim whose class waits for its first consumer is bound when a pod mounts it.

mod pod_status;

use std::time::Duration;

use futures::StreamExt;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::GroupVersionKind;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// The only node.
pub const NODE: &str = "gitdeck-node";
/// Requests in flight.
const CONCURRENCY: usize = 16;

/// The kind of a core object or of another group's.
pub fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// Is the node until dropped.
pub async fn run(client: Client) {
    register(&client).await;
    tokio::join!(
        follow(&client, "Pod", |client, pod| Box::pin(attend_pod(client, pod))),
        follow(&client, "PersistentVolumeClaim", |client, claim| Box::pin(bind_claim(
            client, claim
        ))),
        follow(&client, "Service", |client, service| Box::pin(balance_load(client, service))),
    );
}

type Attendance<'a> = futures::future::BoxFuture<'a, Result<(), kube::Error>>;

/// Calls `attend` for every object of a core kind when it appears and whenever it changes.
async fn follow(
    client: &Client,
    name: &str,
    attend: for<'a> fn(&'a Client, DynamicObject) -> Attendance<'a>,
) {
    let resource = kind("", "v1", name);
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher::watcher(all, watcher::Config::default())
        .default_backoff()
        .touched_objects()
        .for_each_concurrent(CONCURRENCY, |event| async move {
            let Ok(object) = event else { return };
            let named = format!("{name} {}", object.name_any());
            match attend(client, object).await {
                Ok(()) => {}
                // Somebody was faster: the next event shows the result.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => eprintln!("fake node: {named}: {error}"),
            }
        })
        .await;
}

async fn register(client: &Client) {
    let resource = kind("", "v1", "Node");
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let mut node = DynamicObject::new(NODE, &resource);
    node.metadata.labels =
        Some(labels().map(|(name, value)| (name.to_string(), value.to_string())).into());
    if let Err(error) = nodes.create(&PostParams::default(), &node).await {
        eprintln!("fake node: {error}");
    }
    // Admission gave it the taint `not-ready`; the controller that would take it away is not there.
    let untaint = json!({"spec": {"taints": null}});
    let _ = nodes.patch(NODE, &by_node(), &Patch::Merge(untaint)).await;
    let amount =
        json!({"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "100Gi"});
    let status = json!({"status": {
        "capacity": amount, "allocatable": amount,
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": NODE}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "a fake node",
            "lastTransitionTime": now(), "lastHeartbeatTime": now()}],
    }});
    let _ = nodes.patch_status(NODE, &by_node(), &Patch::Merge(status)).await;
}

/// What selectors of ordinary manifests ask of a node.
fn labels() -> [(&'static str, &'static str); 3] {
    [
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/hostname", NODE),
    ]
}

/// The API of a core kind in the object's own namespace.
fn beside(client: &Client, object: &DynamicObject, name: &str) -> Api<DynamicObject> {
    Api::namespaced_with(
        client.clone(),
        &object.namespace().unwrap_or_default(),
        &kind("", "v1", name),
    )
}

async fn attend_pod(client: &Client, pod: DynamicObject) -> Result<(), kube::Error> {
    let pods = beside(client, &pod, "Pod");
    let name = pod.name_any();
    if pod.metadata.deletion_timestamp.is_some() {
        // With grace 0 already and still here: a finalizer holds it, and that is not the kubelet's.
        if pod.metadata.deletion_grace_period_seconds == Some(0) {
            return Ok(());
        }
        let preconditions = Preconditions { uid: pod.uid(), resource_version: None };
        let now = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default().grace_period(0)
        };
        return pods.delete(&name, &now).await.map(|_| ());
    }
    match pod.data.pointer("/spec/nodeName").and_then(Value::as_str) {
        None if pod.data.pointer("/spec/schedulingGates").is_some() => Ok(()),
        None if !fits(&pod) => {
            unless_there(&pods, &name, &pod, pod_status::unschedulable(now())).await
        }
        None => {
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding",
                "metadata": {"name": name, "uid": pod.uid()},
                "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
            });
            pods.create_subresource::<Value, Value>(
                "binding",
                &name,
                &PostParams::default(),
                &binding,
            )
            .await
            .map(|_| ())
        }
        Some(NODE) => {
            bind_mounted(client, &pod).await?;
            report(&pods, &pod).await
        }
        Some(_) => Ok(()),
    }
}

async fn report(pods: &Api<DynamicObject>, pod: &DynamicObject) -> Result<(), kube::Error> {
    let name = pod.name_any();
    match pod_status::next(pod, now()) {
        Some(status) => pods
            .patch_status(&name, &by_node(), &Patch::Merge(json!({"status": status})))
            .await
            .map(|_| ()),
        None => Ok(()),
    }
}

/// Binds the claims that a pod mounts.
async fn bind_mounted(client: &Client, pod: &DynamicObject) -> Result<(), kube::Error> {
    let claims = beside(client, pod, "PersistentVolumeClaim");
    let volumes = pod.data.pointer("/spec/volumes").and_then(Value::as_array);
    let names = volumes
        .into_iter()
        .flatten()
        .filter_map(|one| one.pointer("/persistentVolumeClaim/claimName"));
    for name in names.filter_map(Value::as_str) {
        if let Some(claim) = claims.get_opt(name).await? {
            bind(client, &claim).await?;
        }
    }
    Ok(())
}

/// Whether a claim's class binds with the first consumer.
async fn binds_late(client: &Client, claim: &DynamicObject) -> Result<bool, kube::Error> {
    let name = claim.data.pointer("/spec/storageClassName").and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(false) };
    let classes: Api<DynamicObject> =
        Api::all_with(client.clone(), &kind("storage.k8s.io", "v1", "StorageClass"));
    let class = classes.get_opt(name).await?;
    Ok(class.is_some_and(|class| class.data["volumeBindingMode"] == "WaitForFirstConsumer"))
}

/// Whether the pod's selector asks only for what the node has.
fn fits(pod: &DynamicObject) -> bool {
    let Some(selector) = pod.data.pointer("/spec/nodeSelector").and_then(Value::as_object) else {
        return true;
    };
    selector.iter().all(|(name, value)| {
        labels().iter().any(|(have, is)| have == name && value.as_str() == Some(is))
    })
}

/// Patches the status unless its conditions say so already.
async fn unless_there(
    pods: &Api<DynamicObject>,
    name: &str,
    pod: &DynamicObject,
    status: Value,
) -> Result<(), kube::Error> {
    if pod.data.pointer("/status/conditions/0/reason") == status.pointer("/conditions/0/reason") {
        return Ok(());
    }
    pods.patch_status(name, &by_node(), &Patch::Merge(json!({"status": status}))).await.map(|_| ())
}

async fn bind_claim(client: &Client, claim: DynamicObject) -> Result<(), kube::Error> {
    if binds_late(client, &claim).await? { Ok(()) } else { bind(client, &claim).await }
}

async fn bind(client: &Client, claim: &DynamicObject) -> Result<(), kube::Error> {
    let pending = claim.data.pointer("/status/phase").and_then(Value::as_str) == Some("Pending");
    if !pending || named_to_fail(&claim.name_any()) {
        return Ok(());
    }
    let status = json!({"status": {
        "phase": "Bound",
        "accessModes": claim.data.pointer("/spec/accessModes"),
        "capacity": claim.data.pointer("/spec/resources/requests"),
    }});
    let claims = beside(client, claim, "PersistentVolumeClaim");
    claims.patch_status(&claim.name_any(), &by_node(), &Patch::Merge(status)).await.map(|_| ())
}

async fn balance_load(client: &Client, service: DynamicObject) -> Result<(), kube::Error> {
    let wants = service.data.pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer");
    let has = service.data.pointer("/status/loadBalancer/ingress").is_some();
    if !wants || has || named_to_fail(&service.name_any()) {
        return Ok(());
    }
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}});
    let services = beside(client, &service, "Service");
    services.patch_status(&service.name_any(), &by_node(), &Patch::Merge(status)).await.map(|_| ())
}

/// Whether a name asks for a failure.
fn named_to_fail(name: &str) -> bool {
    name.contains("fail") || name.contains("broken")
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Creates a namespace.
pub async fn create_namespace(client: &Client, name: &str) {
    let resource = kind("", "v1", "Namespace");
    let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let object = DynamicObject::new(name, &resource);
    namespaces.create(&PostParams::default(), &object).await.expect("a namespace");
}

/// Waits for the service account of a namespace, without which pods are refused.
pub async fn await_account(client: &Client, namespace: &str) {
    let resource = kind("", "v1", "ServiceAccount");
    let accounts: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let appears = async {
        while accounts.get_opt("default").await.expect("service accounts").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), appears).await.expect("the account `default`");
}

/// Patches carry the node's name as their field manager.
fn by_node() -> PatchParams {
    PatchParams { field_manager: Some("fake-node".into()), ..PatchParams::default() }
}
