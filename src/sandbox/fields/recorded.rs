//! What a real kube-apiserver answered to the same writes. `recorded.json` was recorded from version 1.36.3.

use serde_json::{Value, json};

use super::{Schemas, Writer, apply, default, prune_unknown, track_update};

/// Members that the server sets or allocates beyond the field rules.
const ELSEWHERE: [&str; 10] = [
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/metadata/creationTimestamp",
    "/metadata/generation",
    "/metadata/finalizers",
    "/spec/clusterIP",
    "/spec/clusterIPs",
    "/spec/ipFamilies",
    "/spec/ipFamilyPolicy",
    "/status",
];

fn take(object: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(members) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        members.shift_remove(name);
    }
}

/// An object as far as the field rules decide it. Times only tell whether there is one.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    let service = object["kind"] == "Service";
    for pointer in ELSEWHERE {
        if service || !pointer.starts_with("/spec") {
            take(&mut object, pointer);
        }
    }
    if object["kind"] == "Namespace" {
        take(&mut object, "/spec/finalizers");
    }
    let generation = "/metadata/annotations/deprecated.daemonset.template.generation";
    if let Some(value) = object.pointer_mut(generation) {
        *value = json!("counted");
    }
    if object["kind"] == "Pod" {
        for pointer in ["/spec/priority", "/spec/preemptionPolicy", "/spec/tolerations"] {
            take(&mut object, pointer);
        }
    }
    if object["kind"] == "Node" {
        take(&mut object, "/spec/taints");
    }
    for port in
        object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten()
    {
        take(port, "/nodePort");
    }
    let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        if entry.get("time").is_some() {
            entry["time"] = json!("set");
        }
    }
    let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    if let Some(entries) = entries {
        entries.sort_by_key(|entry| format!("{}{}", entry["operation"], entry["manager"]));
    }
    object.sort_all_objects();
    object
}

fn replay(schemas: &Schemas, case: &Value) -> Result<Value, String> {
    let body = &case["body"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&body["apiVersion"]);
    let (group, bare) = version.split_once('/').unwrap_or(("", &version));
    let schema = schemas.of(group, bare, &text(&body["kind"])).ok_or("no schema")?;
    let (manager, subresource) = (text(&case["manager"]), case["subresource"].as_str());
    let time = "2026-01-01T00:00:00Z";
    let writer = Writer { manager: &manager, api_version: &version, time, subresource };
    let live = Some(&case["live"]).filter(|live| live.is_object());
    if case["op"] == "apply" {
        let force = case["force"] == json!(true);
        let mut object =
            apply(&schema, live, body, &writer, force).map_err(|error| error.to_string())?;
        default(&schema, &mut object);
        return Ok(object);
    }
    let mut object = body.clone();
    prune_unknown(&schema, &mut object);
    default(&schema, &mut object);
    track_update(&schema, live, &mut object, &writer);
    Ok(object)
}

/// The first places in which two values differ.
fn differences(expected: &Value, found: &Value, path: &str, out: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
                let none = json!("(absent)");
                let (left, right) =
                    (left.get(name).unwrap_or(&none), right.get(name).unwrap_or(&none));
                differences(left, right, &format!("{path}/{name}"), out);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (position, (left, right)) in left.iter().zip(right).enumerate() {
                differences(left, right, &format!("{path}/{position}"), out);
            }
        }
        _ if expected != found => out.push(format!("{path}: expected {expected}, found {found}")),
        _ => {}
    }
}

fn play(recording: &Value) -> Vec<String> {
    let crds = recording["crds"].as_array().into_iter().flatten();
    let schemas = crds.fold(Schemas::builtin(), |schemas, crd| schemas.with_crd(crd));
    let mut failures = Vec::new();
    for case in recording["cases"].as_array().into_iter().flatten() {
        let (code, name) = (case["code"].as_u64().unwrap_or_default(), &case["name"]);
        let mut found = Vec::new();
        match replay(&schemas, case) {
            Ok(object) if code < 300 => {
                differences(&comparable(&case["result"]), &comparable(&object), "", &mut found);
            }
            Err(error) if code < 300 => found.push(format!("refused: {error}")),
            Err(error) => {
                let expected = case["result"]["message"].as_str().unwrap_or_default();
                if !same_message(expected, &error) {
                    found.push(format!("expected {expected:?}, found {error:?}"));
                }
            }
            // Validation refuses after the field rules are done.
            Ok(_) if code == 422 => {}
            Ok(_) => found.push(format!("expected {}", case["result"]["message"])),
        }
        failures.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    }
    failures
}

/// The server lists the conflicts of several managers in any order.
fn same_message(expected: &str, found: &str) -> bool {
    let sorted = |text: &str| {
        let mut lines: Vec<String> =
            text.split(": ").flat_map(|part| part.lines()).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    sorted(expected) == sorted(found)
}

#[test]
fn recorded_writes_come_out_as_the_server_made_them() {
    let recording: Value = serde_json::from_str(include_str!("recorded.json")).unwrap();
    let failures = play(&recording);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A longer recording, where one is named by `GITDECK_RECORDED`.
#[test]
fn a_longer_recording_comes_out_as_well() {
    let Some(path) = std::env::var_os("GITDECK_RECORDED") else {
        eprintln!("skipped: GITDECK_RECORDED names no recording");
        return;
    };
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let failures = play(&recording);
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
