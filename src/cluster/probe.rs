//! Trying out whether the server would take an object anew, under another name.

use serde_json::Value;

const NAME: &str = "/metadata/name";
/// The name of a definition is its plural and its group.
const PLURAL: &str = "/spec/names/plural";

/// The object under another name, to try whether the server would take it anew.
pub(super) fn probe_of(sent: &Value) -> Value {
    let mut probe = sent.clone();
    let name = sent.pointer(NAME).and_then(Value::as_str).unwrap_or_default();
    if sent["kind"] == "CustomResourceDefinition" {
        let plural = sent.pointer(PLURAL).and_then(Value::as_str).unwrap_or_default();
        let stem: String = plural.chars().take(40).collect();
        let group = sent["spec"]["group"].as_str().unwrap_or_default();
        probe["spec"]["names"]["plural"] = format!("{stem}-gitdeck-probe").into();
        probe["metadata"]["name"] = format!("{stem}-gitdeck-probe.{group}").into();
    } else {
        let stem: String = name.chars().take(49).collect();
        probe["metadata"]["name"] =
            format!("{}-gitdeck-probe", stem.trim_end_matches(['-', '.'])).into();
    }
    probe
}

/// Names that admission gives to the volume of a token, each time another.
const TOKEN: &str = "kube-api-access-";

/// What the server made of the probe, as it would be in the place of the live object.
pub(super) fn as_named(mut predicted: Value, sent: &Value, live: &Value) -> Value {
    for pointer in [NAME, PLURAL] {
        if let (Some(place), Some(own)) = (predicted.pointer_mut(pointer), sent.pointer(pointer)) {
            place.clone_from(own);
        }
    }
    if live["kind"] == "Pod" && live["apiVersion"] == "v1" {
        // What is made up anew for each pod is no change.
        if let (Some(before), Some(after)) = (token_of(live), token_of(&predicted)) {
            rename(&mut predicted["spec"], &after, &before);
        }
        if let (None, Some(node)) = (sent["spec"].get("nodeName"), live["spec"].get("nodeName")) {
            predicted["spec"]["nodeName"] = node.clone();
        }
    }
    predicted
}

fn token_of(pod: &Value) -> Option<String> {
    let mut volumes = pod["spec"]["volumes"].as_array()?.iter();
    let name = volumes.find_map(|one| one["name"].as_str().filter(|it| it.starts_with(TOKEN)));
    name.map(str::to_owned)
}

/// Calls a volume otherwise, wherever it is mounted.
fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(fields) => {
            if fields.get("name").is_some_and(|name| name == from) {
                fields["name"] = to.into();
            }
            fields.values_mut().for_each(|one| rename(one, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|one| rename(one, from, to)),
        _ => {}
    }
}
