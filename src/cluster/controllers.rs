//! Fields that a controller keeps, such as the replicas of an autoscaled workload.

use crate::domain::culprit::is_controller;
use serde_json::Value;

/// The desired fields, as JSON pointers, whose live value differs because a controller owns it, with that.
pub(super) fn controlled(desired: &Value, live: &Value) -> Vec<(String, String)> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut kept = Vec::new();
    for entry in entries.filter(|entry| keeps_fields(entry)) {
        let mut paths = Vec::new();
        leaves("", &entry["fieldsV1"], &mut paths);
        let manager = entry["manager"].as_str().unwrap_or_default();
        kept.extend(paths.into_iter().map(|path| (path, manager.to_owned())));
    }
    kept.retain(|(path, _)| {
        let (wanted, found) = (desired.pointer(path), live.pointer(path));
        wanted.is_some() && found.is_some() && wanted != found && !path.starts_with("/metadata")
    });
    kept.sort();
    kept.dedup_by(|a, b| a.0 == b.0);
    kept
}

/// Whether an entry of `managedFields` is a controller's, and no part of the status.
fn keeps_fields(entry: &Value) -> bool {
    let manager = entry["manager"].as_str().unwrap_or_default();
    entry["subresource"] != "status" && is_controller(manager)
}

/// JSON pointers of the leaves of a field set; items of lists are left out, what autoscalers keep is never in one.
fn leaves(path: &str, fields: &Value, paths: &mut Vec<String>) {
    for (name, below) in fields.as_object().into_iter().flatten() {
        let Some(field) = name.strip_prefix("f:") else { continue };
        let path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
        if below.as_object().is_none_or(serde_json::Map::is_empty) {
            paths.push(path);
        } else {
            leaves(&path, below, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::controlled;
    use serde_json::{Value, json};

    fn live(manager: &str, replicas: u32) -> Value {
        json!({"metadata": {"managedFields": [{"manager": manager, "operation": "Update", "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}, "spec": {"replicas": replicas}})
    }

    #[test]
    fn an_autoscaler_keeps_its_replicas_and_a_person_does_not() {
        let desired = json!({"spec": {"replicas": 3}});
        let kept = [("/spec/replicas".to_owned(), "kube-controller-manager".to_owned())];
        assert_eq!(controlled(&desired, &live("kube-controller-manager", 5)), kept);
        assert!(controlled(&desired, &live("kubectl", 5)).is_empty());
    }

    #[test]
    fn equal_values_and_fields_nobody_wants_are_nothing_to_keep() {
        assert!(
            controlled(&json!({"spec": {"replicas": 5}}), &live("kube-controller-manager", 5))
                .is_empty()
        );
        assert!(controlled(&json!({"spec": {}}), &live("kube-controller-manager", 5)).is_empty());
    }
}
