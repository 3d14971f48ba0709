//! Fields that a controller keeps, such as the replicas of an autoscaled workload or the authorities of a webhook.

use crate::domain::FieldPath;
use crate::domain::culprit::is_controller;
use crate::domain::managed::entries;
use crate::domain::path::Step;
use serde_json::{Map, Value};

/// The desired fields whose live value differs because a controller owns it, with that, in path order.
pub(super) fn controlled(desired: &Value, live: &Value) -> Vec<(FieldPath, String)> {
    let mut kept = Vec::new();
    for entry in entries(live) {
        if entry.subresource == "status" || !is_controller(entry.manager) {
            continue;
        }
        let mut paths = Vec::new();
        differing(entry.fields, (desired, live), &mut FieldPath::default(), &mut paths);
        kept.extend(paths.into_iter().map(|path| (path, entry.manager.to_owned())));
    }
    kept.sort_by_cached_key(|(path, manager)| (path.to_string(), manager.clone()));
    kept.dedup_by(|a, b| a.0 == b.0);
    kept
}

/// The leaves of a set of fields, also those inside of items that have a key, that differ. What stands in `metadata` is
/// nobody's to keep, and neither is the item of a set or a key, which make the item what it is.
fn differing(
    fields: &Map<String, Value>,
    (desired, live): (&Value, &Value),
    at: &mut FieldPath,
    paths: &mut Vec<FieldPath>,
) {
    for (name, below) in fields {
        let (Some(step), Some(below)) = (Step::of_node(name), below.as_object()) else { continue };
        let is_item = matches!(step, Step::Key(_));
        let counts = is_item || matches!(&step, Step::Field(_)) && !at.is_key_field(&step);
        if !counts || at.0.is_empty() && name == "f:metadata" {
            continue;
        }
        let (Some(wanted), Some(found)) = (step.find_written(desired), step.find(live)) else {
            continue;
        };
        if wanted == found {
            continue;
        }
        at.0.push(step);
        if !below.is_empty() {
            differing(below, (wanted, found), at, paths);
        } else if !is_item {
            paths.push(at.clone());
        }
        at.0.pop();
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

    fn kept(desired: &Value, live: &Value) -> Vec<String> {
        let named = |(path, manager)| format!("{path} {manager}");
        controlled(desired, live).into_iter().map(named).collect()
    }

    #[test]
    fn an_autoscaler_keeps_its_replicas_and_a_person_does_not() {
        let desired = json!({"spec": {"replicas": 3}});
        assert_eq!(
            kept(&desired, &live("kube-controller-manager", 5)),
            ["/spec/replicas kube-controller-manager"]
        );
        assert!(kept(&desired, &live("kubectl", 5)).is_empty());
        assert!(kept(&desired, &live("kustomize-controller", 5)).is_empty());
    }

    #[test]
    fn equal_values_and_fields_nobody_wants_are_nothing_to_keep() {
        let autoscaled = live("kube-controller-manager", 5);
        assert!(kept(&json!({"spec": {"replicas": 5}}), &autoscaled).is_empty());
        assert!(kept(&json!({"spec": {}}), &autoscaled).is_empty());
    }

    #[test]
    fn fields_of_items_are_found_by_their_key_and_items_stay_gits() {
        let port =
            |number: u32, name: &str| json!({"port": number, "protocol": "TCP", "name": name});
        let object = json!({
            "metadata": {"labels": {"a": "1"}, "managedFields": [{"manager": "some-operator", "operation": "Update", "fieldsV1": {
                "f:metadata": {"f:labels": {"f:a": {}}},
                "f:hooks": {"k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:client": {"f:bundle": {}}},
                    "k:{\"name\":\"gone\"}": {"f:client": {"f:bundle": {}}}},
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:name": {}, "f:port": {}}, "k:{\"port\":81,\"protocol\":\"TCP\"}": {}},
                "f:set": {"v:\"x\"": {}}, "f:whole": {}}}]},
            "hooks": [{"name": "a", "client": {"bundle": "x"}}, {"name": "b", "client": {"bundle": "x"}}],
            "ports": [port(80, "found"), port(81, "own")], "set": ["x", "y"], "whole": [{"v": 1}]});
        // In another order, and with a key field left out that the server sets.
        let desired = json!({"metadata": {"labels": {"a": "2"}},
            "hooks": [{"name": "b", "client": {"bundle": "?"}}, {"name": "a", "client": {"bundle": "?"}}],
            "ports": [{"port": 81, "name": "asked"}, {"port": 80, "name": "asked"}], "set": ["y"], "whole": [{"v": 2}]});
        assert_eq!(
            kept(&desired, &object),
            [
                "/hooks/[name=b]/client/bundle some-operator",
                "/ports/[port=80,protocol=TCP]/name some-operator",
                "/whole some-operator"
            ]
        );
    }
}
