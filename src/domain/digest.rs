//! What a confirmation refers to: the digest of a plan, and the name of an ApplySet.

use crate::domain::migrate::LAST_APPLIED;
use crate::domain::normalize::is_secret;
use crate::domain::sensitive::Places;
use crate::domain::{ObjectKey, Op, Operation, Revision};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One operation, with the object as it will be where a dry run or the manifest tells.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The result of the dry run; the manifest for what is created; nothing for deletions.
    pub result: Option<&'a Value>,
}

/// SHA-256 in hexadecimal over the revision and, for each operation in whatever order it is given, what is done to
/// which object with which UID and result. Fields that the server changes by itself (`resourceVersion`, ...) do not
/// count, so that a plan that was made again for the same world has the same digest. Values of Secrets, and what users call sensitive, do not count
/// either: a digest is printed, and short values could be guessed from it; the revision pins them.
pub fn digest(revision: &Revision, parts: &[Part<'_>]) -> String {
    let mut hashes: Vec<[u8; 32]> = parts.iter().map(part).collect();
    hashes.sort_unstable();
    let mut hash = Sha256::new();
    field(&mut hash, revision.as_str());
    for part in hashes {
        hash.update(part);
    }
    hexadecimal(&hash.finalize())
}

/// SHA-256 in hexadecimal over one operation alone, as it counts in [`digest`].
pub fn part_digest(one: &Part<'_>) -> String {
    hexadecimal(&part(one))
}

/// SHA-256 in hexadecimal of a value, whatever the order of its maps.
pub fn value_digest(value: &Value) -> String {
    let mut hash = Sha256::new();
    canonical(&mut hash, value);
    hexadecimal(&hash.finalize())
}

/// SHA-256 in hexadecimal of an object as it is written, under its name in the cluster. Values of Secrets do not count.
pub fn manifest_digest(key: &ObjectKey, object: &Value) -> String {
    let mut hash = Sha256::new();
    field(&mut hash, &key.group_kind());
    field(&mut hash, &key.to_string());
    object_digest(&mut hash, object);
    hexadecimal(&hash.finalize())
}

/// SHA-256 in hexadecimal of texts in their order.
pub fn chain<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        field(&mut hash, text);
    }
    hexadecimal(&hash.finalize())
}

/// The id of an ApplySet, from its parent object (KEP-3659):
/// `applyset-<base64url(sha256("name.namespace.kind.group"))>-v1`.
pub fn applyset_id(name: &str, namespace: &str, kind: &str, group: &str) -> String {
    let hash = Sha256::digest(format!("{name}.{namespace}.{kind}.{group}"));
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(hash))
}

fn part(part: &Part<'_>) -> [u8; 32] {
    let operation = part.operation;
    let object = &operation.object;
    let mut hash = Sha256::new();
    for text in [
        &format!("{:?}", operation.op),
        &object.group,
        &object.version,
        &object.kind,
        object.namespace.as_ref().unwrap_or(&String::new()),
        &object.name,
        operation.uid.as_ref().unwrap_or(&String::new()),
    ] {
        field(&mut hash, text);
    }
    // What disappears shows in the paths, not in the result. What is created counts by its manifest alone: its dry run
    // holds addresses and ports that the server draws anew each time.
    if !matches!(operation.op, Op::Create | Op::Recreate) {
        for change in &operation.changes {
            field(&mut hash, &change.path);
        }
    }
    if let Some(result) = part.result {
        object_digest(&mut hash, result);
    }
    hash.finalize().into()
}

fn object_digest(hash: &mut Sha256, object: &Value) {
    match Places::of(object).blanked(object) {
        Some(blank) => shown_digest(hash, &blank),
        None => shown_digest(hash, object),
    }
}

fn shown_digest(hash: &mut Sha256, object: &Value) {
    let Some(fields) = object.as_object() else { return };
    let secret = is_secret(object);
    let mut names: Vec<&String> =
        fields.keys().filter(|name| *name != "status" && *name != "metadata").collect();
    names.sort_unstable();
    for name in names {
        field(hash, name);
        match &fields[name] {
            Value::Object(values) if secret && matches!(name.as_str(), "data" | "stringData") => {
                let mut keys: Vec<&String> = values.keys().collect();
                keys.sort_unstable();
                for key in keys {
                    field(hash, key);
                }
            }
            value => canonical(hash, value),
        }
    }
    for part in ["labels", "annotations", "finalizers", "ownerReferences"] {
        field(hash, part);
        match &object["metadata"][part] {
            Value::Object(values) => {
                let mut entries: Vec<_> =
                    values.iter().filter(|(name, _)| *name != LAST_APPLIED).collect();
                entries.sort_unstable_by_key(|(name, _)| *name);
                for (name, value) in entries {
                    field(hash, name);
                    if !(secret && part == "annotations") {
                        canonical(hash, value);
                    }
                }
            }
            value => canonical(hash, value),
        }
    }
}

/// Maps by key, each piece with its type and length, so that no two values are written alike.
fn canonical(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            hash.update([b'{']);
            hash.update(fields.len().to_be_bytes());
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            for name in names {
                field(hash, name);
                canonical(hash, &fields[name]);
            }
        }
        Value::Array(items) => {
            hash.update([b'[']);
            hash.update(items.len().to_be_bytes());
            for item in items {
                canonical(hash, item);
            }
        }
        Value::String(text) => {
            hash.update([b'"']);
            field(hash, text);
        }
        scalar => {
            hash.update([b'=']);
            field(hash, &scalar.to_string());
        }
    }
}

fn field(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_be_bytes());
    hash.update(text.as_bytes());
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{Part, applyset_id, digest, value_digest};
    use crate::domain::{Change, ObjectRef, Op, Operation, Reason, Revision};
    use serde_json::{Value, json};

    fn operation(name: &str) -> Operation {
        Operation {
            op: Op::Update,
            object: ObjectRef {
                group: String::new(),
                version: "v1".into(),
                kind: "ConfigMap".into(),
                namespace: None,
                name: name.into(),
            },
            reason: Reason::Commit,
            changes: Vec::new(),
            stage: 0,
            uid: Some("u".into()),
            resource_version: Some("1".into()),
            origin: None,
            blind: None,
            replaces: None,
            digest: String::new(),
        }
    }

    fn of(revision: &str, parts: &[(&Operation, Option<&Value>)]) -> String {
        let parts: Vec<_> =
            parts.iter().map(|(operation, result)| Part { operation, result: *result }).collect();
        digest(&Revision::new(revision), &parts)
    }

    #[test]
    fn what_matters_counts_and_nothing_else() {
        let (a, b) = (operation("a"), operation("b"));
        let result = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"x": "1", "y": "2"}, "metadata": {"resourceVersion": "1"}});
        let later = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": "2"}, "data": {"y": "2", "x": "1"}});
        let base = of("r", &[(&a, Some(&result)), (&b, None)]);
        assert_eq!(base.len(), 64);
        assert_eq!(base, of("r", &[(&b, None), (&a, Some(&later))]));
        let mut moved = a.clone();
        moved.resource_version = Some("9".into());
        assert_eq!(base, of("r", &[(&moved, Some(&result)), (&b, None)]));
        moved.uid = Some("v".into());
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "12", "y": ""}});
        let mut deleted = a.clone();
        deleted.op = Op::Delete;
        for different in [
            of("s", &[(&a, Some(&result)), (&b, None)]),
            of("r", &[(&a, Some(&result))]),
            of("r", &[(&moved, Some(&result)), (&b, None)]),
            of("r", &[(&a, Some(&other)), (&b, None)]),
            of("r", &[(&deleted, Some(&result)), (&b, None)]),
        ] {
            assert_ne!(base, different);
        }
    }

    #[test]
    fn what_is_created_counts_by_its_manifest() {
        let mut created = operation("a");
        created.op = Op::Create;
        let service = |port: u32| json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": port}]}});
        let base = of("r", &[(&created, Some(&service(80)))]);
        assert_ne!(base, of("r", &[(&created, Some(&service(81)))]));
        created.changes.push(Change {
            path: "/spec/clusterIP".into(),
            before: None,
            after: Some("10.0.0.1".into()),
            live_manager: None,
            live_time: None,
            forced: Vec::new(),
            commit: None,
            redacted: false,
        });
        assert_eq!(base, of("r", &[(&created, Some(&service(80)))]), "what the server draws");
    }

    #[test]
    fn secret_values_cannot_be_guessed_from_it() {
        let secret =
            |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": value}});
        let a = operation("a");
        assert_eq!(
            of("r", &[(&a, Some(&secret("MQ==")))]),
            of("r", &[(&a, Some(&secret("Mg==")))])
        );
    }

    #[test]
    fn values_of_different_shape_differ() {
        assert_eq!(value_digest(&json!({"a": 1, "b": 2})), value_digest(&json!({"b": 2, "a": 1})));
        for (a, b) in [
            (json!("1"), json!(1)),
            (json!([]), json!({})),
            (json!(["a", "b"]), json!(["ab"])),
            (json!(null), json!("null")),
        ] {
            assert_ne!(value_digest(&a), value_digest(&b));
        }
    }

    #[test]
    fn applyset_ids_follow_the_standard() {
        // sha256("foo.ns.Secret.") in base64url without padding.
        assert_eq!(
            applyset_id("foo", "ns", "Secret", ""),
            "applyset-0zzvK3-p5B2vEOI6_e3KJzDjp3VcV-bK60dIxjd6izw-v1"
        );
        assert!(applyset_id("a", "b", "ApplySet", "x.example").len() <= 63);
    }
}
