//! Moves the history of client-side `kubectl apply` to server-side apply, once per object.
//!
//! Without it a field that leaves Git stays in the cluster for ever, because the client-side entry still owns it. The
//! rules are those of client-go's `csaupgrade`: the entries that own the last-applied annotation are merged into ours.

use crate::domain::FieldPath;
use crate::domain::managed::{Ownership, entries, item_key, ownership};
use crate::domain::path::{Step, matches_key, same_scalar};
use crate::domain::prove::MANAGER;
use serde_json::{Map, Value, json};

/// The annotation in which client-side apply keeps what it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Managers of client-side apply and of what was there before managers were recorded.
const CLIENT_SIDE: &[&str] = &["kubectl-client-side-apply", "before-first-apply"];

/// Whether a live object has history of client-side apply that server-side apply does not see.
pub fn needs_migration(live: &Value) -> bool {
    let annotation = last_applied();
    live["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|entry| is_client_side(entry, &annotation))
}

/// A list of `managedFields` with these entries merged into the entry of gitdeck. The last-applied annotation becomes
/// ours with its entry, so that the next apply, which does not send it, removes it.
pub(super) fn merged(list: &[Value], is_merged: impl Fn(&Value) -> bool) -> Value {
    let (mut moved, mut kept): (Vec<&Value>, Vec<&Value>) =
        list.iter().partition(|entry| is_merged(entry));
    if moved.is_empty() {
        return Value::Array(list.to_vec());
    }
    if let Some(at) = kept.iter().position(|entry| is_ours(entry)) {
        moved.insert(0, kept.remove(at));
    }
    let mut fields = Map::new();
    for entry in &moved {
        if let Some(more) = entry["fieldsV1"].as_object() {
            unite(&mut fields, more);
        }
    }
    let newest = moved.iter().filter_map(|entry| entry["time"].as_str()).max();
    // Our own entry, when there is one, is first and names the version in which we apply.
    let api_version = moved.first().map(|entry| entry["apiVersion"].clone()).unwrap_or_default();
    let mut ours = json!({
        "manager": MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if let Some(time) = newest {
        ours["time"] = time.into();
    }
    let mut merged: Vec<Value> = kept.into_iter().cloned().collect();
    merged.push(ours);
    Value::Array(merged)
}

/// Paths in `live` that only the client-side history owns and that are not desired: what the first apply after the
/// migration takes away. Only fields that a dry run before the migration cannot show are in it.
pub fn left_behind(live: &Value, desired: &Value) -> Vec<FieldPath> {
    let annotation = last_applied();
    let history = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let Some(applied) = history.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Vec::new();
    };
    let others: Vec<_> = entries(live)
        .filter(|entry| {
            entry.manager != MANAGER && ownership(entry.fields, &annotation) != Ownership::Full
        })
        .filter(|entry| !CLIENT_SIDE.contains(&entry.manager))
        .collect();
    let mut gone = Vec::new();
    missing(&applied, desired, live, &mut FieldPath::default(), &mut gone);
    for entry in live["metadata"]["managedFields"].as_array().into_iter().flatten() {
        if is_client_side(entry, &annotation)
            && let Some(fields) = entry["fieldsV1"].as_object()
        {
            items_left(fields, (desired, live), &mut FieldPath::default(), &mut gone);
        }
    }
    gone.retain(|path| others.iter().all(|entry| ownership(entry.fields, path) == Ownership::None));
    gone
}

fn missing(
    applied: &Value,
    desired: &Value,
    live: &Value,
    at: &mut FieldPath,
    gone: &mut Vec<FieldPath>,
) {
    let (Value::Object(applied), Value::Object(live)) = (applied, live) else { return };
    for (name, value) in applied {
        let Some(current) = live.get(name) else { continue };
        at.0.push(Step::Field(name.clone()));
        match desired.get(name) {
            Some(wanted) => missing(value, wanted, current, at, gone),
            None if at.0.len() > 1
                || !matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status") =>
            {
                let identity = at.0.len() == 2
                    && matches!(at.0.first(), Some(Step::Field(first)) if first == "metadata");
                if !(identity
                    && matches!(
                        name.as_str(),
                        "name" | "namespace" | "annotations" | "creationTimestamp"
                    ))
                {
                    gone.push(at.clone());
                }
            }
            None => {}
        }
        at.0.pop();
    }
}

/// Items of lists with keys: only the recorded fields tell which fields those are.
fn items_left(
    node: &Map<String, Value>,
    (desired, live): (&Value, &Value),
    at: &mut FieldPath,
    gone: &mut Vec<FieldPath>,
) {
    for (name, below) in node {
        let Some(below) = below.as_object() else { continue };
        if let Some(name) = name.strip_prefix("f:") {
            if let (Some(wanted), Some(current)) = (desired.get(name), live.get(name)) {
                at.0.push(Step::Field(name.to_owned()));
                items_left(below, (wanted, current), at, gone);
                at.0.pop();
            }
        } else if let Some(keys) = item_key(name) {
            let keys: Vec<(String, Value)> = keys.into_iter().collect();
            let item = |list: &Value, fits: &dyn Fn(&Value) -> bool| {
                list.as_array().and_then(|items| items.iter().find(|item| fits(item)).cloned())
            };
            let Some(current) = item(live, &|item| matches_key(item, &keys)) else { continue };
            // A key that is left out has its default, which is not known here.
            let same = |item: &Value| {
                let same = |(key, own): &(String, Value)| {
                    item.get(key).is_none_or(|wanted| same_scalar(wanted, own))
                };
                keys.iter().all(same)
            };
            let wanted = item(desired, &same);
            at.0.push(Step::Key(keys.clone()));
            match wanted {
                Some(wanted) => items_left(below, (&wanted, &current), at, gone),
                None => gone.push(at.clone()),
            }
            at.0.pop();
        }
    }
}

pub(super) fn is_client_side(entry: &Value, annotation: &FieldPath) -> bool {
    if entry["operation"] != "Update"
        || !entry["subresource"].as_str().unwrap_or_default().is_empty()
    {
        return false;
    }
    entry["manager"].as_str().is_some_and(|manager| CLIENT_SIDE.contains(&manager))
        || entry["fieldsV1"]
            .as_object()
            .is_some_and(|fields| ownership(fields, annotation) == Ownership::Full)
}

pub(super) fn is_ours(entry: &Value) -> bool {
    entry["manager"] == MANAGER
        && entry["operation"] == "Apply"
        && entry["subresource"].as_str().unwrap_or_default().is_empty()
}

pub(super) fn last_applied() -> FieldPath {
    FieldPath(
        ["metadata", "annotations", LAST_APPLIED].map(|name| Step::Field(name.to_owned())).to_vec(),
    )
}

/// The union of two sets of fields. A leaf and a node with children become the node with `.`.
pub(super) fn unite(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (into.get_mut(key), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => {
                if mine.is_empty() != theirs.is_empty() {
                    mine.insert(".".to_owned(), json!({}));
                }
                unite(mine, theirs);
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{left_behind, needs_migration};
    use crate::domain::succession::Succession;
    use serde_json::{Value, json};

    fn live(entries: Value) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    fn client_side() -> Value {
        json!({"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}},
                "f:data": {".": {}, "f:a": {}}}})
    }

    #[test]
    fn only_client_side_history_is_migrated() {
        assert!(needs_migration(&live(json!([client_side()]))));
        let mut renamed = client_side();
        renamed["manager"] = "ci".into();
        assert!(needs_migration(&live(json!([renamed]))));
        for other in [
            json!({"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:data": {}}}),
            json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {}}}),
            json!({"manager": "kubectl", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}),
        ] {
            let object = live(json!([other]));
            assert!(!needs_migration(&object));
            assert_eq!(Succession::ours().managed_fields(&object), None);
        }
    }

    #[test]
    fn history_becomes_ours() {
        let ours = json!({"manager": "gitdeck", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:b": {}}}});
        let other =
            json!({"manager": "x", "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}});
        let before = live(json!([client_side(), ours, other.clone()]));
        let migrated = Succession::ours().managed_fields(&before).expect("history");
        assert_eq!(
            migrated,
            json!([other, {
                "manager": "gitdeck", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-02T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": {
                    "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}},
                    "f:data": {".": {}, "f:a": {}, "f:b": {}}}}])
        );
        assert!(!needs_migration(&live(migrated)));
    }

    #[test]
    fn fields_that_only_history_owns_are_named() {
        let applied = json!({"kind": "ConfigMap", "metadata": {"name": "x", "labels": {"l": "1"}}, "data": {"a": "1", "b": "2", "c": "3"}});
        let mut object = live(
            json!([client_side(), {"manager": "x", "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}}]),
        );
        object["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()});
        object["data"] = applied["data"].clone();
        object["metadata"]["labels"] = json!({"l": "1"});
        let desired = json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"b": "2"}});
        let paths: Vec<_> =
            left_behind(&object, &desired).iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["/metadata/labels", "/data/a"]);
    }
}
