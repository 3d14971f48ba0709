//! Live objects as somebody would have written them: without what the server, controllers and other tools put there.

use crate::domain::clean::without_defaults;
use crate::domain::culprit::is_controller;
use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::object::split_api_version;
use crate::domain::owner::PART_OF;
use crate::domain::path::FieldPath;
use serde_json::{Map, Value, json};

/// Which objects of a namespace are to be exported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Objects as `Kind/name`; everything that somebody made where none is named.
    pub names: Vec<String>,
    /// Labels that they have to carry, `app=web,tier in (front, back)`.
    pub selector: Option<String>,
}

/// Whether nobody would keep an object in Git: something else makes it.
pub fn is_made_by_machines(live: &Value) -> bool {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    let owned = live["metadata"]["ownerReferences"].as_array().is_some_and(|all| !all.is_empty());
    let kind = live["kind"].as_str().unwrap_or_default();
    owned
        || matches!(kind, "Event" | "Endpoints" | "EndpointSlice" | "Lease" | "ControllerRevision")
        || (kind == "ConfigMap" && name == "kube-root-ca.crt")
        || (kind == "ServiceAccount" && name == "default")
        || (kind == "Secret" && live["type"] == "kubernetes.io/service-account-token")
        || live["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "gitdeck"
}

/// The objects whose replicas an autoscaler keeps, as kind and name.
pub fn scaled<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Vec<(String, String)> {
    let scalers = objects.into_iter().filter(|one| one["kind"] == "HorizontalPodAutoscaler");
    let targets = scalers.filter_map(|scaler| {
        let target = &scaler["spec"]["scaleTargetRef"];
        Some((target["kind"].as_str()?.to_owned(), target["name"].as_str()?.to_owned()))
    });
    targets.collect()
}

/// The object without its namespace, to be made anew anywhere.
pub fn clean(live: &Value, scaled: &[(String, String)]) -> Value {
    let kind = live["kind"].as_str().unwrap_or_default();
    let (group, _) = split_api_version(live["apiVersion"].as_str().unwrap_or_default());
    let mut clean = Map::new();
    for name in ["apiVersion", "kind"] {
        clean.insert(name.to_owned(), live[name].clone());
    }
    clean.insert("metadata".to_owned(), metadata(&live["metadata"]));
    for (name, value) in live.as_object().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" | "metadata" | "status" => {}
            // Kept as it is: any key of theirs may be called like a field that is filled in.
            "data" | "binaryData" => drop(clean.insert(name.clone(), value.clone())),
            _ => drop(clean.insert(name.clone(), without_defaults(group, value))),
        }
    }
    let mut clean = Value::Object(clean);
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    if scaled.iter().any(|(k, n)| k == kind && n == name) {
        forget(&mut clean, "/spec", "replicas");
    }
    match (group, kind) {
        ("", "Service") => service(&mut clean, live),
        ("", "PersistentVolumeClaim") => claim(&mut clean, live),
        ("", "ServiceAccount") => forget(&mut clean, "", "secrets"),
        ("", "Pod") => pod(&mut clean),
        ("batch", "Job") => job(&mut clean),
        _ => {}
    }
    for pods in ["/spec/template", "/spec/jobTemplate/spec/template"] {
        template(&mut clean, pods);
    }
    without_nothing(&clean).unwrap_or_else(|| json!({}))
}

fn metadata(live: &Value) -> Value {
    let mut kept = Map::new();
    kept.insert("name".to_owned(), live["name"].clone());
    for (name, is_theirs) in
        [("labels", is_label as fn(&str) -> bool), ("annotations", is_annotation)]
    {
        let all = live[name].as_object().into_iter().flatten();
        let own: Map<String, Value> = all
            .filter(|(key, _)| is_theirs(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !own.is_empty() {
            kept.insert(name.to_owned(), Value::Object(own));
        }
    }
    Value::Object(kept)
}

/// Whether a label is one that people set.
fn is_label(key: &str) -> bool {
    key != PART_OF
        && !matches!(
            key,
            "pod-template-hash" | "controller-revision-hash" | "controller-uid" | "job-name"
        )
        && !key.starts_with("batch.kubernetes.io/")
        && key != "kubernetes.io/metadata.name"
}

/// Whether an annotation is one that people set.
fn is_annotation(key: &str) -> bool {
    const MACHINES: &[&str] = &[
        "autoscaling.alpha.kubernetes.io/",
        "batch.kubernetes.io/",
        "control-plane.alpha.kubernetes.io/",
        "deployment.kubernetes.io/",
        "endpoints.kubernetes.io/",
        "field.cattle.io/",
        "kubectl.kubernetes.io/last-applied-configuration",
        "meta.helm.sh/",
        "pv.kubernetes.io/",
        "volume.beta.kubernetes.io/",
        "volume.kubernetes.io/",
    ];
    !MACHINES.iter().any(|beginning| key.starts_with(beginning))
}

/// Whether somebody who is no controller said this value.
fn was_said(live: &Value, path: &str) -> bool {
    let Some(path) = FieldPath::parse(path) else { return true };
    entries(live).any(|entry| {
        !is_controller(entry.manager) && ownership(entry.fields, &path) == Ownership::Full
    })
}

/// Ports of nodes are handed out where nobody asks for one.
fn service(clean: &mut Value, live: &Value) {
    forget(clean, "/spec", "healthCheckNodePort");
    if clean["spec"]["clusterIP"] == "None" {
        forget(clean, "/spec", "clusterIPs");
    }
    let Some(ports) = clean["spec"]["ports"].as_array_mut() else { return };
    for port in ports {
        let number = port["port"].clone();
        let protocol = port["protocol"].as_str().unwrap_or("TCP").to_owned();
        let path = format!("/spec/ports/[port={number},protocol={protocol}]/nodePort");
        if let Some(port) = port.as_object_mut()
            && !was_said(live, &path)
        {
            port.shift_remove("nodePort");
        }
    }
}

/// The volume that a claim was bound to is not that of the next one.
fn claim(clean: &mut Value, live: &Value) {
    if !was_said(live, "/spec/volumeName") {
        forget(clean, "/spec", "volumeName");
    }
}

/// The selector of a job is made up with it.
fn job(clean: &mut Value) {
    if clean["spec"]["manualSelector"] != true {
        forget(clean, "/spec", "selector");
        forget(clean, "/spec", "manualSelector");
    }
}

fn pod(clean: &mut Value) {
    for name in ["nodeName", "priority", "preemptionPolicy"] {
        forget(clean, "/spec", name);
    }
    let given = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default();
        name.starts_with("kube-api-access-")
    };
    retain(clean, "/spec/volumes", |volume| !given(volume));
    for containers in ["containers", "initContainers"] {
        let count = clean["spec"][containers].as_array().map_or(0, Vec::len);
        for index in 0..count {
            let mounts = format!("/spec/{containers}/{index}/volumeMounts");
            retain(clean, &mounts, |mount| !given(mount));
        }
    }
    retain(clean, "/spec/tolerations", |one| {
        let key = one["key"].as_str().unwrap_or_default();
        !matches!(key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
            || one["tolerationSeconds"] != 300
    });
    account(clean, "/spec");
}

fn template(clean: &mut Value, at: &str) {
    forget(clean, &format!("{at}/metadata"), "creationTimestamp");
    if let Some(labels) =
        clean.pointer_mut(&format!("{at}/metadata/labels")).and_then(Value::as_object_mut)
    {
        labels.retain(|key, _| is_label(key));
    }
    account(clean, &format!("{at}/spec"));
}

/// The older name of the account goes with the newer one.
fn account(clean: &mut Value, at: &str) {
    let name = |field: &str| clean.pointer(&format!("{at}/{field}")).cloned();
    let (old, new) = (name("serviceAccount"), name("serviceAccountName"));
    if old.is_some() && (new.is_none() || new == old) {
        forget(clean, at, "serviceAccount");
    }
    if new.as_ref().is_some_and(|name| name == "default") {
        forget(clean, at, "serviceAccountName");
    }
}

fn forget(value: &mut Value, at: &str, name: &str) {
    if let Some(fields) = value.pointer_mut(at).and_then(Value::as_object_mut) {
        fields.shift_remove(name);
    }
}

fn retain(value: &mut Value, at: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(items) = value.pointer_mut(at).and_then(Value::as_array_mut) {
        items.retain(|item| keep(item));
    }
}

/// Without nulls. Empty maps and lists stay: `emptyDir: {}` and `podSelector: {}` mean something.
fn without_nothing(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), without_nothing(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => {
            Some(Value::Array(items.iter().filter_map(without_nothing).collect()))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, is_made_by_machines, scaled};
    use serde_json::json;

    #[test]
    fn what_the_server_keeps_goes_and_what_people_said_stays() {
        let live = json!({"apiVersion": "v1", "kind": "Service", "metadata": {
            "name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "2", "creationTimestamp": "x",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"},
            "managedFields": [{"manager": "kubectl-create", "operation": "Update", "fieldsV1": {"f:spec": {"f:ports": {
                "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:nodePort": {}}}}}}]},
            "spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"],
                "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP", "nodePort": 30002}]},
            "status": {"loadBalancer": {}}});
        let expected = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "annotations": {"team": "a"}},
            "spec": {"type": "NodePort", "ports": [{"port": 80}, {"port": 81, "nodePort": 30002}]}});
        assert_eq!(clean(&live, &[]), expected);
    }

    #[test]
    fn replicas_are_the_autoscalers_and_data_is_nobodys() {
        let scaler = json!({"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
        let live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}});
        let of = scaled(&[scaler]);
        assert_eq!(clean(&live, &of)["spec"], json!({}));
        assert_eq!(clean(&live, &[])["spec"], json!({"replicas": 4}));
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"},
            "data": {"type": "ClusterIP", "protocol": "TCP"}});
        assert_eq!(clean(&map, &[]), map);
        let root = json!({"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}});
        assert!(is_made_by_machines(&root) && !is_made_by_machines(&map));
    }
}
