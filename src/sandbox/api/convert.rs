//! Between the form in which an object is stored and the version in which it is served.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{resource::Resource, store::Object};

/// Field names of `events.k8s.io/v1`, and of the core events that are stored.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
    ("reportingController", "reportingComponent"),
];

/// The object as it is stored.
pub fn to_stored(resource: &Resource, mut object: Value) -> Value {
    if resource.group == "events.k8s.io" {
        object = rename(object, |name| {
            EVENT_FIELDS
                .iter()
                .find(|(served, _)| *served == name)
                .map_or(name, |(_, stored)| stored)
        });
        object["apiVersion"] = json!("v1");
    }
    object
}

/// The object as this version serves it; the stored one itself where nothing differs.
pub fn to_served(resource: &Resource, object: &Object) -> Object {
    let version = resource.api_version();
    if object["apiVersion"] == version.as_str() {
        return object.clone();
    }
    let mut served = (**object).clone();
    if resource.group == "events.k8s.io" {
        served = rename(served, |name| {
            EVENT_FIELDS
                .iter()
                .find(|(_, stored)| *stored == name)
                .map_or(name, |(served, _)| served)
        });
    }
    if resource.group == "events.k8s.io"
        && let Some(fields) = served.as_object_mut()
    {
        fields.retain(|name, value| !(name.starts_with("reporting") && *value == ""));
    }
    served["apiVersion"] = json!(version);
    Arc::new(served)
}

fn rename<'a>(object: Value, name: impl Fn(&'a str) -> &'a str) -> Value {
    let Value::Object(fields) = object else { return object };
    let mut renamed = Map::new();
    for (key, value) in fields {
        let known = EVENT_FIELDS.iter().flat_map(|(a, b)| [*a, *b]).find(|each| *each == key);
        renamed.insert(known.map_or(key, |each| name(each).to_owned()), value);
    }
    Value::Object(renamed)
}
