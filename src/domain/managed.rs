//! `metadata.managedFields`: who owns which field of a live object.
//!
//! The format is `FieldsV1` of structured-merge-diff: `f:` names a field, `k:` an item of a keyed list, `v:` an item
//! of a set; a node without children owns everything below it.

use crate::domain::path::{FieldPath, Step, same_scalar};
use serde_json::{Map, Value};

/// One entry of `managedFields`.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Name of the manager.
    pub manager: &'a str,
    /// Whether it wrote by server-side apply (`Apply`), not by `Update`.
    pub applied: bool,
    /// Version in which the fields are named.
    pub api_version: &'a str,
    /// Subresource through which it wrote, `status`, `scale`; empty for the object itself.
    pub subresource: &'a str,
    /// When it wrote last, RFC 3339.
    pub time: Option<&'a str>,
    /// The owned fields.
    pub fields: &'a Map<String, Value>,
}

/// How an entry owns a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ownership {
    /// Not at all.
    None,
    /// Something below the path, not the path itself.
    Below,
    /// The path itself, or all of something above it.
    Full,
}

/// The entries of an object; malformed ones own nothing and are left out.
pub fn entries(object: &Value) -> impl Iterator<Item = Entry<'_>> {
    object["metadata"]["managedFields"].as_array().into_iter().flatten().filter_map(entry_of)
}

/// One entry as it is written; nothing where it is malformed.
pub fn entry_of(entry: &Value) -> Option<Entry<'_>> {
    Some(Entry {
        manager: entry["manager"].as_str()?,
        applied: entry["operation"].as_str()? == "Apply",
        api_version: entry["apiVersion"].as_str().unwrap_or_default(),
        subresource: entry["subresource"].as_str().unwrap_or_default(),
        time: entry["time"].as_str(),
        fields: entry["fieldsV1"].as_object()?,
    })
}

/// How a tree of fields owns a path.
pub fn ownership(fields: &Map<String, Value>, path: &FieldPath) -> Ownership {
    let mut node = fields;
    for step in &path.0 {
        match child(node, step) {
            Some(next) if is_leaf(next) && !matches!(step, Step::Key(_)) => return Ownership::Full,
            Some(next) => node = next,
            None => return Ownership::None,
        }
    }
    if node.contains_key(".") || is_leaf(node) { Ownership::Full } else { Ownership::Below }
}

/// Whether a node has no children: it owns its whole value.
pub fn is_leaf(node: &Map<String, Value>) -> bool {
    node.keys().all(|key| key == ".")
}

/// The node below another for one step of a path.
pub fn child<'a>(node: &'a Map<String, Value>, step: &Step) -> Option<&'a Map<String, Value>> {
    let found = match step {
        Step::Field(name) => node.get(&format!("f:{name}")),
        Step::Index(index) => node.get(&format!("i:{index}")),
        Step::Item(value) => node
            .iter()
            .find(|(key, _)| item_value(key).is_some_and(|item| same_scalar(&item, value)))
            .map(|(_, node)| node),
        Step::Key(keys) => {
            // A path may name fewer key fields than the server does.
            let fits = |wanted: &Map<String, Value>| {
                keys.iter().all(|(name, value)| {
                    wanted.get(name).is_some_and(|own| same_scalar(own, value))
                })
            };
            node.iter()
                .find(|(key, _)| {
                    may_hold(key, keys) && item_key(key).is_some_and(|wanted| fits(&wanted))
                })
                .map(|(_, node)| node)
        }
    };
    found?.as_object()
}

/// A quick look that spares reading most keys of long lists: plain words stand in a key as they are.
fn may_hold(key: &str, keys: &[(String, Value)]) -> bool {
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    keys.iter()
        .all(|(_, value)| value.as_str().is_none_or(|text| !is_plain(text) || key.contains(text)))
}

/// The key fields of a `k:` node.
pub fn item_key(node: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(node.strip_prefix("k:")?).ok()
}

/// The value of a `v:` node.
pub fn item_value(node: &str) -> Option<Value> {
    serde_json::from_str(node.strip_prefix("v:")?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Ownership, ownership};
    use crate::domain::FieldPath;
    use serde_json::json;

    #[test]
    fn leaves_own_what_is_below_them() {
        let fields = json!({
            "f:metadata": {"f:finalizers": {".": {}, "v:\"x\"": {}}},
            "f:spec": {
                "f:selector": {},
                "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}, "k:{\"name\":\"b\"}": {}},
            },
        });
        for (path, expected) in [
            ("/spec", Ownership::Below),
            ("/spec/selector", Ownership::Full),
            ("/spec/selector/app", Ownership::Full),
            ("/spec/containers", Ownership::Below),
            ("/spec/containers/[name=a]", Ownership::Full),
            ("/spec/containers/[name=a]/image", Ownership::Full),
            ("/spec/containers/[name=a]/args", Ownership::None),
            ("/spec/containers/[name=b]", Ownership::Full),
            ("/spec/containers/[name=b]/image", Ownership::None),
            ("/metadata/finalizers/[=x]", Ownership::Full),
            ("/metadata/finalizers/[=y]", Ownership::None),
            ("/status", Ownership::None),
        ] {
            let path = FieldPath::parse(path).unwrap();
            assert_eq!(ownership(fields.as_object().unwrap(), &path), expected, "{path}");
        }
    }
}
