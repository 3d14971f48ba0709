//! What a real kube-apiserver refused, and in which words. `invalid.json` was recorded from version 1.36.3.

use serde_json::Value;

use super::{FieldError, validate};
use crate::sandbox::fields::{Schemas, decode_error, default, prune_unknown};

fn sentence(errors: &[FieldError]) -> String {
    let each: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.field, error.message())).collect();
    match each.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// The server prints values of its internal types, which have other names and members.
fn is_internal(message: &str) -> bool {
    message.contains("{\"Name\"")
        || message.contains("\"Spec\":")
        || message.contains("{\"Type\"")
        || message.contains('\n')
        || message.contains("\"APIGroup\"")
        || message.contains("\"MinAvailable\"")
}

fn refusal(schemas: &Schemas, case: &Value) -> (String, Vec<FieldError>) {
    let text = |name: &str| case["body"][name].as_str().unwrap_or_default().to_owned();
    let version = text("apiVersion");
    let (group, bare) = version.split_once('/').unwrap_or(("", &version));
    let schema = schemas.of(group, bare, &text("kind")).unwrap();
    let mut object = case["body"].clone();
    if let Some(error) = decode_error(&schema, &object) {
        return (error, Vec::new());
    }
    prune_unknown(&schema, &mut object);
    default(&schema, &mut object);
    let old = Some(&case["old"]).filter(|old| old.is_object());
    let errors = validate(&schema, old, &object);
    (if errors.is_empty() { String::new() } else { sentence(&errors) }, errors)
}

#[test]
fn recorded_refusals_are_refused_in_the_same_words() {
    let recording: Value = serde_json::from_str(include_str!("invalid.json")).unwrap();
    let schemas = Schemas::builtin().with_crd(&recording["crd"]);
    let mut failures = Vec::new();
    for case in recording["cases"].as_array().unwrap() {
        let expected = case["message"].as_str().unwrap_or_default();
        let (found, errors) = refusal(&schemas, case);
        if is_internal(expected) {
            let causes = case["causes"].as_array().unwrap();
            let pair = |cause: &Value| format!("{} {}", cause["field"], cause["reason"]);
            let wanted: Vec<String> = causes.iter().map(pair).collect();
            let got: Vec<String> = errors
                .iter()
                .map(|error| format!("{:?} {:?}", error.field, error.kind.reason()))
                .collect();
            if wanted != got {
                failures.push(format!("{}: expected {wanted:?}, found {got:?}", case["name"]));
            }
        } else if found != expected {
            failures.push(format!("{}: expected {expected:?}, found {found:?}", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_stateful_set_may_mount_what_it_claims() {
    let set = serde_json::json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db:1",
            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}]}});
    let case = serde_json::json!({"body": set});
    assert_eq!(refusal(&Schemas::builtin(), &case).0, "");
}

#[test]
fn a_pod_template_is_checked_like_any_other() {
    let template = serde_json::json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t"},
        "template": {"spec": {"containers": [{"name": "a", "image": "a:1"}, null]}}});
    let errors = refusal(&Schemas::builtin(), &serde_json::json!({"body": template})).1;
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["template.spec.containers[1].name", "template.spec.containers[1].image"]);
}
