//! Volumes, claims and storage classes, and the data of configuration.

use serde_json::{Value, json};

use super::{Layout, age, head, name, word};

/// The layout, if the resource is one of these.
pub fn layout(group: &str, plural: &str) -> Option<Layout> {
    Some(match (group, plural) {
        ("", "configmaps") => {
            (head("Name|Data|Age"), |object| vec![name(object), json!(data(object)), age(object)])
        }
        ("", "secrets") => (head("Name|Type|Data|Age"), |object| {
            vec![name(object), word(object, "/type", "Opaque"), json!(data(object)), age(object)]
        }),
        ("", "persistentvolumeclaims") => (
            head(
                "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|+VolumeMode",
            ),
            claim,
        ),
        ("", "persistentvolumes") => (
            head(
                "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|+VolumeMode",
            ),
            volume,
        ),
        ("storage.k8s.io", "storageclasses") => (
            head("Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age"),
            class,
        ),
        _ => return None,
    })
}

fn data(object: &Value) -> usize {
    ["data", "binaryData"]
        .iter()
        .filter_map(|field| object[*field].as_object())
        .map(serde_json::Map::len)
        .sum()
}

/// `RWO,RWX`.
fn modes(modes: Option<&Value>) -> Value {
    let short = |mode: &str| match mode {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    let list: Vec<String> = modes
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(short)
        .collect();
    json!(list.join(","))
}

fn claim(object: &Value) -> Vec<Value> {
    let bound = object.pointer("/spec/volumeName").is_some();
    let status = if object.pointer("/metadata/deletionTimestamp").is_some() {
        json!("Terminating")
    } else {
        word(object, "/status/phase", "")
    };
    vec![
        name(object),
        status,
        word(object, "/spec/volumeName", ""),
        word(object, "/status/capacity/storage", ""),
        if bound { modes(object.pointer("/status/accessModes")) } else { json!("") },
        word(object, "/spec/storageClassName", ""),
        word(object, "/spec/volumeAttributesClassName", "<unset>"),
        age(object),
        word(object, "/spec/volumeMode", "<unset>"),
    ]
}

fn volume(object: &Value) -> Vec<Value> {
    let claim = object.pointer("/spec/claimRef").map_or_else(String::new, |claim| {
        let text = |field: &str| claim[field].as_str().unwrap_or_default();
        format!("{}/{}", text("namespace"), text("name"))
    });
    vec![
        name(object),
        word(object, "/spec/capacity/storage", ""),
        modes(object.pointer("/spec/accessModes")),
        word(object, "/spec/persistentVolumeReclaimPolicy", ""),
        word(object, "/status/phase", ""),
        json!(claim),
        word(object, "/spec/storageClassName", ""),
        word(object, "/spec/volumeAttributesClassName", "<unset>"),
        word(object, "/status/reason", ""),
        age(object),
        word(object, "/spec/volumeMode", "<unset>"),
    ]
}

fn class(object: &Value) -> Vec<Value> {
    let default =
        object.pointer("/metadata/annotations/storageclass.kubernetes.io~1is-default-class");
    let mut shown = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if default.is_some_and(|value| value == "true") {
        shown.push_str(" (default)");
    }
    vec![
        json!(shown),
        word(object, "/provisioner", ""),
        word(object, "/reclaimPolicy", "Delete"),
        word(object, "/volumeBindingMode", "Immediate"),
        json!(object["allowVolumeExpansion"] == true),
        age(object),
    ]
}
