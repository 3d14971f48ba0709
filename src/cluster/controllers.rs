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

/// The leaves of a set of fields that differ. What stands in `metadata` is nobody's to keep, and inside of lists only
/// what injectors fill is kept: whoever once wrote the image of a container does not keep it from Git.
fn differing(
    fields: &Map<String, Value>,
    (desired, live): (&Value, &Value),
    at: &mut FieldPath,
    paths: &mut Vec<FieldPath>,
) {
    for (name, below) in fields {
        let (Some(step), Some(below)) = (Step::of_node(name), below.as_object()) else { continue };
        if !matches!(step, Step::Field(_) | Step::Key(_)) || at.0.is_empty() && name == "f:metadata"
        {
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
        } else if !is_in_list(at) || is_injected(at) {
            paths.push(at.clone());
        }
        at.0.pop();
    }
}

fn is_in_list(path: &FieldPath) -> bool {
    path.0.iter().any(|step| matches!(step, Step::Key(_)))
}

/// Whether a field is the authorities with which the API server calls a webhook, the one thing in lists that Git leaves
/// empty for others to fill.
fn is_injected(path: &FieldPath) -> bool {
    let is = |step: &Step, wanted: &str| matches!(step, Step::Field(name) if name == wanted);
    matches!(&path.0[..], [webhooks, Step::Key(_), config, bundle]
        if is(webhooks, "webhooks") && is(config, "clientConfig") && is(bundle, "caBundle"))
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
    fn in_lists_only_the_authorities_of_webhooks_are_kept() {
        let object = json!({
            "metadata": {"labels": {"a": "1"}, "managedFields": [{"manager": "some-operator", "operation": "Update", "fieldsV1": {
                "f:metadata": {"f:labels": {"f:a": {}}},
                "f:webhooks": {"k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:timeoutSeconds": {}, "f:clientConfig": {"f:caBundle": {}, "f:url": {}}},
                    "k:{\"name\":\"gone\"}": {"f:clientConfig": {"f:caBundle": {}}}},
                "f:spec": {"f:conversion": {"f:webhook": {"f:clientConfig": {"f:caBundle": {}}}},
                    "f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:caBundle": {}}}},
                "f:set": {"v:\"x\"": {}}, "f:whole": {}}}]},
            "webhooks": [{"name": "a", "clientConfig": {"caBundle": "x"}},
                {"name": "b", "timeoutSeconds": 1, "clientConfig": {"caBundle": "x", "url": "x"}}],
            "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "x"}}},
                "containers": [{"name": "app", "image": "app:1", "caBundle": "x"}]},
            "set": ["x", "y"], "whole": [{"v": 1}]});
        // In another order.
        let desired = json!({"metadata": {"labels": {"a": "2"}},
            "webhooks": [{"name": "b", "timeoutSeconds": 2, "clientConfig": {"caBundle": "?", "url": "?"}},
                {"name": "a", "clientConfig": {"caBundle": "?"}}],
            "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "?"}}},
                "containers": [{"name": "app", "image": "app:2", "caBundle": "?"}]},
            "set": ["y"], "whole": [{"v": 2}]});
        assert_eq!(
            kept(&desired, &object),
            [
                "/spec/conversion/webhook/clientConfig/caBundle some-operator",
                "/webhooks/[name=b]/clientConfig/caBundle some-operator",
                "/whole some-operator"
            ]
        );
    }
}
