//! What of an answer has to be equal in every world: chance, clocks and the work of controllers are taken out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Gives what differs by chance a name that tells whether it is the same as before: `uid-1`, `version-2`.
#[derive(Default)]
pub struct Names {
    known: BTreeMap<String, String>,
}

impl Names {
    fn of(&mut self, what: &str, value: &str) -> String {
        let count = self.known.values().filter(|name| name.starts_with(what)).count();
        self.known
            .entry(format!("{what} {value}"))
            .or_insert_with(|| format!("{what}-{}", count + 1))
            .clone()
    }
}

/// Managers of controllers, whose fields come when they come.
const CONTROLLERS: &[&str] =
    &["kube-controller-manager", "kube-apiserver", "fake-node", "gitdeck-sandbox"];

/// Takes out of `value`, in place, what may differ. `versions` keeps track of `resourceVersion` as well: only for
/// objects that no controller writes.
pub fn normalize(value: &mut Value, names: &mut Names, versions: bool) {
    match value {
        Value::Object(map) => object(map, names, versions),
        Value::Array(items) => {
            // How many bookmarks a watch gets is a matter of time, but for the one that ends the initial events.
            items.retain(|item| {
                item["type"] != "BOOKMARK"
                    || item
                        .pointer("/object/metadata/annotations/k8s.io~1initial-events-end")
                        .is_some()
            });
            for item in items {
                normalize(item, names, versions);
            }
        }
        Value::String(text) => *text = named(text, names),
        _ => {}
    }
}

/// Text with the UIDs and versions in it named.
fn named(text: &str, names: &mut Names) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(uid) = rest.get(..36).filter(|part| is_uid(part)) {
            out.push_str(&names.of("uid", uid));
            rest = &rest[36..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    match out.split_once("ResourceVersion in record (") {
        Some((before, after)) if after.contains(')') => {
            let end = after.find(')').unwrap_or_default();
            format!("{before}ResourceVersion in record ((some){}", &after[end..])
        }
        _ => out,
    }
}

/// Whether this is written as a UID is.
pub fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, sign)| match at {
            8 | 13 | 18 | 23 => sign == '-',
            _ => sign.is_ascii_hexdigit(),
        })
}

fn object(map: &mut Map<String, Value>, names: &mut Names, versions: bool) {
    for (key, value) in map.iter_mut() {
        let text = value.as_str().unwrap_or_default().to_string();
        match key.as_str() {
            "resourceVersion" if versions && !text.is_empty() => {
                *value = names.of("version", &text).into();
            }
            "resourceVersion" | "continue" if !text.is_empty() => *value = "(some)".into(),
            "time" | "creationTimestamp" | "deletionTimestamp" if !text.is_empty() => {
                *value = "(time)".into();
            }
            _ if key.ends_with("Time") && !text.is_empty() => *value = "(time)".into(),
            "clusterIP" if text.starts_with(|first: char| first.is_ascii_digit()) => {
                *value = "(address)".into();
            }
            "clusterIPs" if value.pointer("/0") != Some(&"None".into()) => {
                *value = json!(["(address)"]);
            }
            "nodePort" | "healthCheckNodePort" if value.is_number() => *value = "(port)".into(),
            "managedFields" => managers(value),
            "columnDefinitions" => columns(value),
            "cells" => ages(value),
            _ => normalize(value, names, versions),
        }
    }
    if let Some(Value::Array(finalizers)) = map.get_mut("finalizers") {
        // The controller of definitions sets it.
        finalizers.retain(|name| name != "customresourcecleanup.apiextensions.k8s.io");
        if finalizers.is_empty() {
            map.shift_remove("finalizers");
        }
    }
    if let Some(Value::Object(annotations)) = map.get_mut("annotations") {
        annotations.shift_remove("deployment.kubernetes.io/revision");
        if annotations.is_empty() {
            map.shift_remove("annotations");
        }
    }
}

/// Headings of tables without their explanations, which are pages of the reference.
fn columns(value: &mut Value) {
    for column in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        column.shift_remove("description");
    }
}

/// Cells of a table, without ages.
fn ages(value: &mut Value) {
    for cell in value.as_array_mut().into_iter().flatten() {
        let text = cell.as_str().unwrap_or_default();
        if text.strip_suffix('s').is_some_and(|number| number.parse::<u32>().is_ok()) {
            *cell = "(age)".into();
        }
    }
}

/// The entries of people, in a fixed order, without times.
fn managers(value: &mut Value) {
    let Some(entries) = value.as_array_mut() else { return };
    entries.retain(|entry| !CONTROLLERS.iter().any(|controller| entry["manager"] == *controller));
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.shift_remove("time");
    }
    entries.sort_by_key(|entry| {
        format!("{} {} {}", entry["manager"], entry["operation"], entry["subresource"])
    });
}

/// Every place where two values differ, as `pointer: left | right`.
pub fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", left, right, &mut found);
    found
}

fn compare(at: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                compare(&format!("{at}/{key}"), value, b.get(key).unwrap_or(&ABSENT), found);
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                compare(&format!("{at}/{key}"), &ABSENT, value, found);
            }
        }
        (Value::Array(a), Value::Array(b))
            if a.len() != b.len() && a.iter().chain(b).all(Value::is_string) =>
        {
            let only = |these: &[Value], those: &[Value]| -> Vec<Value> {
                these.iter().filter(|line| !those.contains(line)).cloned().collect()
            };
            found.push(format!(
                "{at}: {} | {}",
                shown(&only(a, b).into()),
                shown(&only(b, a).into())
            ));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter()
                .zip(b)
                .enumerate()
                .for_each(|(index, (a, b))| compare(&format!("{at}/{index}"), a, b, found));
        }
        _ if left == right && !std::ptr::eq(left, &raw const ABSENT) => {}
        _ => found.push(format!("{at}: {} | {}", shown(left), shown(right))),
    }
}

/// Stands for a missing member; told from a `null` that is there by its address.
static ABSENT: Value = Value::Null;

fn shown(value: &Value) -> String {
    if std::ptr::eq(value, &raw const ABSENT) {
        return "(absent)".into();
    }
    let text = value.to_string();
    match text.char_indices().nth(900) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
