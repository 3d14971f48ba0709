//! Pods out of templates, and the hash that names a template.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::world::uid;

/// The label that tells the pods of one template from those of another.
pub const HASH: &str = "pod-template-hash";

/// A short name of a template: FNV-1a of its sorted JSON in the letters that Kubernetes uses for such names, which form
/// no words.
pub fn hash(template: &Value) -> String {
    let mut template = template.clone();
    template.sort_all_objects();
    let number = template
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let letters = b"bcdfghjklmnpqrstvwxz2456789";
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(letters[usize::from(digit) % letters.len()]))
        .collect()
}

/// The reference that makes an object the controller of another.
pub fn owner(kind: Kind, object: &Value) -> Value {
    json!([{
        "apiVersion": kind.api_version(), "kind": kind.name(), "name": object["metadata"]["name"], "uid": uid(object),
        "controller": true, "blockOwnerDeletion": true,
    }])
}

/// A pod that follows a template. Without a name of its own it gets one that begins with its owner's.
pub fn pod(kind: Kind, parent: &Value, template: &Value, name: Option<&str>) -> Value {
    let metadata = &template["metadata"];
    let mut out = Map::new();
    if let Some(name) = name {
        out.insert("name".to_owned(), json!(name));
    } else {
        let start = parent["metadata"]["name"].as_str().unwrap_or_default();
        out.insert("generateName".to_owned(), json!(format!("{start}-")));
    }
    out.insert("namespace".to_owned(), parent["metadata"]["namespace"].clone());
    for part in ["labels", "annotations", "finalizers"] {
        if let Some(value) = metadata.get(part) {
            out.insert(part.to_owned(), value.clone());
        }
    }
    out.insert("ownerReferences".to_owned(), owner(kind, parent));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": out, "spec": template["spec"]})
}

/// Sets a label of an object or a template.
pub fn label(object: &mut Value, name: &str, value: &str) {
    let metadata = &mut object["metadata"];
    if !metadata["labels"].is_object() {
        metadata["labels"] = json!({});
    }
    metadata["labels"][name] = json!(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_follows_the_content_only() {
        let (a, b) = (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}));
        assert_eq!(hash(&a), hash(&b));
        assert_ne!(hash(&a), hash(&json!({"a": 1, "b": 3})));
        assert!(
            hash(&a).bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        );
    }
}
