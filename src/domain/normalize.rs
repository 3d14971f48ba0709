//! The desired object as it would be sent to the server.

use crate::domain::migrate::LAST_APPLIED;
use crate::domain::object::split_api_version;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// Fields of `metadata` that belong to the server. An exported manifest carries them; sent back they would be
/// refused or, as `resourceVersion`, lose every race.
const SERVER_FIELDS: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The object as it would be sent: `stringData` folded into `data` (the server does the same and drops it), `status`
/// and the server's own metadata gone, null `creationTimestamp`s of embedded metadata gone, and our labels added. Ignored
/// places are for [`keep_ignored`](crate::domain::ignored::keep_ignored).
pub fn as_sent(manifest: &Value, labels: &[(&str, &str)]) -> Value {
    let mut object = manifest.clone();
    if let Value::Object(fields) = &mut object {
        fields.shift_remove("status");
        fold_string_data(fields);
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            settle_metadata(metadata, labels);
        }
        for (_, value) in fields.iter_mut().filter(|(name, _)| *name != "metadata") {
            drop_null_timestamps(value);
        }
    }
    object
}

/// Whether an object is a Secret of the core group.
pub fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret"
        && object["apiVersion"]
            .as_str()
            .is_some_and(|version| split_api_version(version).0.is_empty())
}

fn settle_metadata(metadata: &mut Map<String, Value>, labels: &[(&str, &str)]) {
    for name in SERVER_FIELDS {
        metadata.shift_remove(*name);
    }
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations")
        && annotations.shift_remove(LAST_APPLIED).is_some()
        && annotations.is_empty()
    {
        metadata.shift_remove("annotations");
    }
    if labels.is_empty() {
        return;
    }
    let written = metadata.entry("labels").or_insert(Value::Null);
    if written.is_null() {
        *written = Value::Object(Map::new());
    }
    // Labels that are no map are left for the server to refuse.
    if let Value::Object(written) = written {
        for (name, value) in labels {
            written.insert((*name).to_owned(), Value::from(*value));
        }
    }
}

fn fold_string_data(fields: &mut Map<String, Value>) {
    let is_core = fields.get("apiVersion").is_some_and(|version| version == "v1");
    if !is_core || fields.get("kind").is_none_or(|kind| kind != "Secret") {
        return;
    }
    let is_text =
        |value: &Value| value.as_object().is_some_and(|data| data.values().all(Value::is_string));
    let data_is_map = fields.get("data").is_none_or(|data| data.is_object() || data.is_null());
    match fields.get("stringData") {
        Some(Value::Null) => drop(fields.shift_remove("stringData")),
        // What the server would refuse is left for it to refuse.
        Some(value) if is_text(value) && data_is_map => {}
        _ => return,
    }
    let Some(Value::Object(texts)) = fields.shift_remove("stringData") else { return };
    if texts.is_empty() {
        return;
    }
    let data = fields.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        for (name, text) in texts {
            data.insert(name, Value::String(STANDARD.encode(text.as_str().unwrap_or_default())));
        }
    }
}

/// Generators write `creationTimestamp: null` into pod templates; the server reads it as absent.
fn drop_null_timestamps(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, child) in fields.iter_mut() {
                if name == "metadata"
                    && let Value::Object(metadata) = child
                    && metadata.get("creationTimestamp").is_some_and(Value::is_null)
                {
                    metadata.shift_remove("creationTimestamp");
                }
                drop_null_timestamps(child);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_timestamps),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::as_sent;
    use serde_json::json;

    #[test]
    fn string_data_is_folded_and_wins() {
        let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "b2xk", "k": "eA=="}, "stringData": {"a": "new"}});
        let sent = as_sent(&manifest, &[]);
        assert_eq!(sent["data"], json!({"a": "bmV3", "k": "eA=="}));
        assert!(sent.get("stringData").is_none());
        let wrong = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": 1}});
        assert_eq!(as_sent(&wrong, &[]), wrong);
        let other = json!({"apiVersion": "x/v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}});
        assert_eq!(as_sent(&other, &[]), other);
    }

    #[test]
    fn what_belongs_to_the_server_goes() {
        let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "uid": "1", "resourceVersion": "2", "creationTimestamp": null,
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"template": {"metadata": {"creationTimestamp": null, "labels": {"a": "b"}}}},
            "status": {}});
        assert_eq!(
            as_sent(&manifest, &[("part-of", "x")]),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "labels": {"part-of": "x"}},
                "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})
        );
    }
}
