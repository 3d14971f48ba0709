//! Conversations about custom resources.

use serde_json::{Value, json};

use crate::support::wire::{Ask, JSON_PATCH, MERGE, STRATEGIC};

/// A definition with defaults, list keys, validation, a status and a scale.
pub fn definition(group: &str) -> Value {
    let spec = json!({"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "default": "fast", "enum": ["fast", "safe"]},
        "replicas": {"type": "integer"},
        "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "value": {"x-kubernetes-int-or-string": true}}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": spec,
                    "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}}},
                }}},
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            }],
        },
    })
}

/// What is said about the custom resources once the definition is established.
#[expect(clippy::too_many_lines, reason = "a table of what is asked")]
pub fn widgets(group: &str, namespace: &str) -> Vec<Ask> {
    let all = &format!("/apis/{group}/v1/namespaces/{namespace}/widgets");
    let one = &format!("{all}/w");
    let widget = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    let items = json!([{"name": "a", "value": 1}, {"name": "b", "value": "two"}]);
    vec![
        Ask::apply(
            one,
            "ana",
            "&fieldValidation=Strict",
            widget(json!({"size": 1, "items": items, "tags": ["x", "y"],
            "free": {"deep": {"er": [1, 2]}}, "whole": {"a": "1"}})),
        ),
        Ask::apply(
            one,
            "leo",
            "",
            widget(json!({"size": 1, "items": [{"name": "b", "value": "three"}], "tags": ["z"]})),
        ),
        Ask::apply(
            one,
            "leo",
            "&force=true",
            widget(json!({"size": 1, "items": [{"name": "b", "value": "three"}], "tags": ["z"]})),
        ),
        Ask::apply(one, "ana", "", widget(json!({"size": 1, "tags": ["x"], "whole": {"b": "2"}}))),
        Ask::apply(
            one,
            "ana",
            "&fieldValidation=Strict",
            widget(json!({"size": 1, "colour": "red"})),
        ),
        Ask::apply(one, "ana", "&dryRun=All", widget(json!({"size": 1, "colour": "red"}))),
        Ask::apply(one, "ana", "", widget(json!({"size": 0}))),
        Ask::apply(one, "ana", "", widget(json!({"size": "one"}))),
        Ask::apply(one, "ana", "", widget(json!({"size": 1, "mode": "slow"}))),
        Ask::apply(one, "ana", "", widget(json!({"mode": "safe"}))),
        Ask::patch(
            MERGE,
            format!("{one}/status?fieldManager=operator"),
            json!({"status": {"phase": "Ready", "replicas": 2}, "spec": {"size": 9}}),
        ),
        Ask::apply(one, "ana", "&force=true", {
            let mut with_status = widget(json!({"size": 2}));
            with_status["status"] = json!({"phase": "Mine"});
            with_status
        }),
        Ask::get(format!("{one}/status")),
        Ask::patch(
            MERGE,
            format!("{one}/scale?fieldManager=kubectl-scale"),
            json!({"spec": {"replicas": 5}}),
        ),
        Ask::get(format!("{one}/scale")),
        Ask::patch(
            JSON_PATCH,
            one.as_str(),
            json!([{"op": "test", "path": "/spec/size", "value": 77}]),
        ),
        Ask::patch(
            JSON_PATCH,
            one.as_str(),
            json!([{"op": "add", "path": "/spec/tags/-", "value": "new"}]),
        ),
        Ask::patch(STRATEGIC, one.as_str(), json!({"spec": {"size": 3}})),
        Ask::get(all),
        Ask::get(all).accept("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        Ask::delete(one),
    ]
}
