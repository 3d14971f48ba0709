//! Fields that may not change once set.

use crate::sandbox::fields::quantity::compare;
use serde_json::{Map, Value};
use std::cmp::Ordering;

use super::{Report, items, text};

const IMMUTABLE: &str = "field is immutable";
const SEALED: &str = "field is immutable when `immutable` is set";
const STATEFUL: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
    'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const CLAIM: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
    claims";
const POD: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Checks an object against the one that it replaces.
pub fn check(report: &mut Report, kind: &str, old: &Value, new: &Value) {
    let mut fixed = |pointer: &str, detail: &str| {
        let none = Value::Null;
        let (before, after) =
            (old.pointer(pointer).unwrap_or(&none), new.pointer(pointer).unwrap_or(&none));
        if before != after {
            report.invalid(&pointer[1..].replace('/', "."), after, detail);
        }
    };
    match kind {
        "Deployment" | "DaemonSet" | "ReplicaSet" => fixed("/spec/selector", IMMUTABLE),
        "Job" => {
            for pointer in
                ["/spec/completions", "/spec/selector", "/spec/template", "/spec/completionMode"]
            {
                fixed(pointer, IMMUTABLE);
            }
        }
        "Secret" => {
            fixed("/type", IMMUTABLE);
            sealed(report, old, new);
        }
        "ConfigMap" => sealed(report, old, new),
        "RoleBinding" | "ClusterRoleBinding" => fixed("/roleRef", "cannot change roleRef"),
        "StorageClass" => {
            for pointer in ["/parameters", "/provisioner", "/reclaimPolicy", "/volumeBindingMode"] {
                fixed(pointer, IMMUTABLE);
            }
        }
        "CustomResourceDefinition" => {
            fixed("/spec/group", IMMUTABLE);
            fixed("/spec/names/plural", IMMUTABLE);
            let conditions = items(&old["status"]["conditions"]).iter();
            let mut conditions = conditions.filter(|one| one["type"] == "Established");
            if conditions.any(|one| one["status"] == "True") {
                fixed("/spec/scope", IMMUTABLE);
                fixed("/spec/names/kind", IMMUTABLE);
            }
        }
        "EndpointSlice" => fixed("/addressType", IMMUTABLE),
        "RuntimeClass" => fixed("/handler", IMMUTABLE),
        "PriorityClass" if old["value"] != new["value"] => {
            report.forbidden("value", "may not be changed in an update.");
        }
        "CSIDriver" if old["spec"]["attachRequired"] != new["spec"]["attachRequired"] => {
            report.invalid("spec.attachedRequired", &new["spec"]["attachRequired"], IMMUTABLE);
        }
        "StatefulSet" => stateful(report, old, new),
        "Service" => address(report, old, new),
        "PersistentVolumeClaim" => claim(report, old, new),
        "PersistentVolume" => volume(report, old, new),
        "Pod" => pod(report, old, new),
        _ => {}
    }
}

fn without(spec: &Value, names: &[&str]) -> Map<String, Value> {
    let members = spec.as_object().cloned().unwrap_or_default();
    members.into_iter().filter(|(name, _)| !names.contains(&name.as_str())).collect()
}

fn sealed(report: &mut Report, old: &Value, new: &Value) {
    if old["immutable"] != true {
        return;
    }
    if new["immutable"] != true {
        report.forbidden("immutable", SEALED);
    }
    for name in ["data", "binaryData"] {
        if old.get(name) != new.get(name) {
            report.forbidden(name, SEALED);
        }
    }
}

fn stateful(report: &mut Report, old: &Value, new: &Value) {
    let free = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    if without(&old["spec"], &free) != without(&new["spec"], &free) {
        report.forbidden("spec", STATEFUL);
    }
}

/// An address stays while the service keeps needing one.
fn address(report: &mut Report, old: &Value, new: &Value) {
    let outside = |service: &Value| text(&service["spec"], "type") == "ExternalName";
    if outside(old) || outside(new) || text(&old["spec"], "clusterIP").is_empty() {
        return;
    }
    let (one, all) = (&new["spec"]["clusterIP"], &new["spec"]["clusterIPs"]);
    if items(all).first().is_some_and(|first| first != one) && one == &old["spec"]["clusterIP"] {
        report.invalid("spec.clusterIPs", all, "first value must match `clusterIP`");
    } else if one != &old["spec"]["clusterIP"] {
        report.invalid("spec.clusterIPs[0]", &serde_json::json!([one]), "may not change once set");
    }
}

fn claim(report: &mut Report, old: &Value, new: &Value) {
    let bound = text(&old["status"], "phase") == "Bound";
    let strip = |object: &Value| {
        let mut spec = without(&object["spec"], &["volumeAttributesClassName"]);
        if bound && let Some(requests) = spec.get_mut("resources").and_then(Value::as_object_mut) {
            requests.shift_remove("requests");
        }
        spec
    };
    let (mut before, after) = (strip(old), strip(new));
    // A claim may be given its volume and its class once.
    for name in ["volumeName", "storageClassName"] {
        if before.get(name).is_none_or(|value| value == "")
            && let Some(value) = after.get(name)
        {
            before.insert(name.to_owned(), value.clone());
        }
    }
    if before != after {
        report.forbidden("spec", CLAIM);
    }
    // A request that could not be met may be lowered, down to what there is.
    let storage = "/resources/requests/storage";
    let amount = |place: Option<&Value>| place.and_then(Value::as_str).unwrap_or("0").to_owned();
    let (was, wanted) =
        (amount(old["spec"].pointer(storage)), amount(new["spec"].pointer(storage)));
    let has = amount(old.pointer("/status/capacity/storage"));
    if compare(&wanted, &was) == Some(Ordering::Less)
        && compare(&wanted, &has).is_some_and(|order| order != Ordering::Greater)
    {
        let field = "spec.resources.requests.storage";
        report.forbidden(field, "field can not be less than status.capacity");
    }
}

fn volume(report: &mut Report, old: &Value, new: &Value) {
    let free = [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    ];
    if without(&old["spec"], &free) != without(&new["spec"], &free) {
        let field = "spec.persistentvolumesource";
        report.forbidden(field, "spec.persistentvolumesource is immutable after creation");
    }
}

fn pod(report: &mut Report, old: &Value, new: &Value) {
    let strip = |object: &Value| {
        let free = [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "ephemeralContainers",
        ];
        let mut spec = without(&object["spec"], &free);
        // The scheduler gives the node, once.
        if text(&old["spec"], "nodeName").is_empty() {
            spec.shift_remove("nodeName");
        }
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
            {
                if let Some(container) = container.as_object_mut() {
                    container.shift_remove("image");
                    container.shift_remove("resources");
                }
            }
        }
        spec
    };
    if strip(old) != strip(new) {
        report.forbidden("spec", POD);
    }
}
