//! Defaults of the core group and of the smaller groups.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Members, blank, inside, put, text};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Fills the members of one structure; the name is that of its definition without `io.k8s.`.
pub fn fill(name: &str, members: &mut Members) {
    let Some(rest) = name.strip_prefix("api.") else {
        return extensions(name, members);
    };
    match rest {
        "core.v1.Service" => service(members),
        "core.v1.Secret" => secret(members),
        "core.v1.Namespace" => namespace(members),
        "core.v1.NamespaceStatus" => put(members, "phase", json!("Active")),
        "core.v1.PersistentVolume" => volume(members),
        "core.v1.PersistentVolumeClaim" => {
            if let Some(status) = inside(members, "status") {
                put(status, "phase", json!("Pending"));
            }
        }
        "core.v1.PersistentVolumeClaimSpec" => put(members, "volumeMode", json!("Filesystem")),
        "core.v1.ReplicationController" => replication(members),
        "core.v1.LimitRangeItem" => limits(members),
        "core.v1.EndpointPort" | "networking.v1.NetworkPolicyPort" => {
            put(members, "protocol", json!("TCP"));
        }
        "networking.v1.NetworkPolicy" => policy(members),
        "networking.v1.IngressClassSpec" => {
            if let Some(parameters) = members.get_mut("parameters").and_then(Value::as_object_mut) {
                put(parameters, "scope", json!("Cluster"));
            }
        }
        "rbac.v1.RoleRef" => put(members, "apiGroup", json!(RBAC)),
        "rbac.v1.Subject" if matches!(text(members, "kind"), "User" | "Group") => {
            put(members, "apiGroup", json!(RBAC));
        }
        "storage.v1.StorageClass" => {
            put(members, "reclaimPolicy", json!("Delete"));
            put(members, "volumeBindingMode", json!("Immediate"));
        }
        "storage.v1.CSIDriverSpec" => driver(members),
        "scheduling.v1.PriorityClass" => {
            put(members, "preemptionPolicy", json!("PreemptLowerPriority"));
        }
        "discovery.v1.EndpointPort" => {
            put(members, "name", json!(""));
            put(members, "protocol", json!("TCP"));
        }
        _ => admission(rest, members),
    }
}

fn service(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "sessionAffinity", json!("None"));
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.shift_remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            if let Some(client) =
                inside(spec, "sessionAffinityConfig").and_then(|config| inside(config, "clientIP"))
            {
                put(client, "timeoutSeconds", json!(10_800));
            }
        }
        _ => {}
    }
    put(spec, "type", json!("ClusterIP"));
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(port) = port.as_object_mut() else { continue };
        put(port, "protocol", json!("TCP"));
        if port.get("targetPort").is_none_or(|target| *target == json!(0) || *target == json!("")) {
            let own = port.get("port").cloned().unwrap_or(json!(0));
            port.insert("targetPort".to_owned(), own);
        }
    }
    let kind = text(spec, "type").to_owned();
    let outside = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if outside || (kind == "ClusterIP" && !blank(spec, "externalIPs")) {
        put(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if outside || kind == "ClusterIP" {
        put(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        put(spec, "allocateLoadBalancerNodePorts", json!(true));
        let ingress = members
            .get_mut("status")
            .and_then(|status| status.pointer_mut("/loadBalancer/ingress"));
        for point in ingress
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            if !text(point, "ip").is_empty() {
                put(point, "ipMode", json!("VIP"));
            }
        }
    }
}

fn secret(members: &mut Members) {
    put(members, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = members.shift_remove("stringData") else { return };
    if let Some(data) = inside(members, "data") {
        for (name, value) in plain {
            data.insert(name, json!(STANDARD.encode(value.as_str().unwrap_or_default())));
        }
    }
}

fn namespace(members: &mut Members) {
    let Some(metadata) = inside(members, "metadata") else { return };
    let name = text(metadata, "name").to_owned();
    if !name.is_empty()
        && let Some(labels) = inside(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), json!(name));
    }
}

fn volume(members: &mut Members) {
    if let Some(status) = inside(members, "status") {
        put(status, "phase", json!("Pending"));
    }
    if let Some(spec) = inside(members, "spec") {
        put(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
        put(spec, "volumeMode", json!("Filesystem"));
    }
}

fn replication(members: &mut Members) {
    let labels =
        members.get("spec").and_then(|spec| spec.pointer("/template/metadata/labels")).cloned();
    let Some(labels) = labels.filter(Value::is_object) else { return };
    if let Some(spec) = inside(members, "spec") {
        put(spec, "replicas", json!(1));
        if blank(spec, "selector") {
            spec.insert("selector".to_owned(), labels.clone());
        }
    }
    if let Some(metadata) = inside(members, "metadata")
        && blank(metadata, "labels")
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

fn limits(members: &mut Members) {
    if text(members, "type") != "Container" {
        return;
    }
    for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")]
    {
        let given = members.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
        if given.is_empty() {
            continue;
        }
        if let Some(target) = inside(members, to) {
            for (name, value) in given {
                put(target, &name, value);
            }
        }
    }
}

fn policy(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    if blank(spec, "policyTypes") {
        let types =
            if blank(spec, "egress") { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        spec.insert("policyTypes".to_owned(), types);
    }
}

fn driver(members: &mut Members) {
    put(members, "attachRequired", json!(true));
    for name in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
        put(members, name, json!(false));
    }
    put(members, "fsGroupPolicy", json!("ReadWriteOnceWithFSType"));
    if blank(members, "volumeLifecycleModes") {
        members.insert("volumeLifecycleModes".to_owned(), json!(["Persistent"]));
    }
}

fn admission(name: &str, members: &mut Members) {
    match name {
        "admissionregistration.v1.ValidatingWebhook"
        | "admissionregistration.v1.MutatingWebhook" => {
            put(members, "failurePolicy", json!("Fail"));
            put(members, "timeoutSeconds", json!(10));
            matching(members);
            if name.ends_with("MutatingWebhook") {
                put(members, "reinvocationPolicy", json!("Never"));
            }
        }
        "admissionregistration.v1.MatchResources" => matching(members),
        "admissionregistration.v1.ValidatingAdmissionPolicySpec"
        | "admissionregistration.v1.MutatingAdmissionPolicySpec" => {
            put(members, "failurePolicy", json!("Fail"));
        }
        "admissionregistration.v1.RuleWithOperations"
        | "admissionregistration.v1.NamedRuleWithOperations" => {
            put(members, "scope", json!("*"));
        }
        "admissionregistration.v1.ServiceReference" => put(members, "port", json!(443)),
        _ => {}
    }
}

fn matching(members: &mut Members) {
    put(members, "matchPolicy", json!("Equivalent"));
    put(members, "namespaceSelector", json!({}));
    put(members, "objectSelector", json!({}));
}

fn extensions(name: &str, members: &mut Members) {
    if name.ends_with("apis.apiextensions.v1.ServiceReference")
        || name.ends_with("apis.apiregistration.v1.ServiceReference")
    {
        put(members, "port", json!(443));
    }
    if !name.ends_with("apis.apiextensions.v1.CustomResourceDefinition") {
        return;
    }
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "conversion", json!({"strategy": "None"}));
    let stored = spec.get("versions").and_then(Value::as_array).and_then(|versions| {
        versions
            .iter()
            .find(|version| version["storage"] == json!(true))
            .map(|version| version["name"].clone())
    });
    if let Some(names) = inside(spec, "names") {
        let kind = text(names, "kind").to_owned();
        put(names, "singular", json!(kind.to_lowercase()));
        if !kind.is_empty() {
            put(names, "listKind", json!(format!("{kind}List")));
        }
    }
    if let (Some(status), Some(stored)) = (inside(members, "status"), stored)
        && blank(status, "storedVersions")
    {
        status.insert("storedVersions".to_owned(), json!([stored]));
    }
}
