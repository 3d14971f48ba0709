//! What happens to an object's metadata, status and generation before it is stored.

use serde_json::{Map, Value, json};

use super::{
    failure::{Cause, Failure},
    identity,
    resource::Resource,
};

/// Metadata that only the server sets.
const SERVER_SET: [&str; 5] =
    ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];

/// Fills in what a new object gets from the server.
pub fn creation(resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let metadata = metadata(object);
    for name in SERVER_SET {
        metadata.remove(name);
    }
    metadata.remove("generation");
    if metadata
        .remove("resourceVersion")
        .is_some_and(|version| version.as_str().is_some_and(|text| !text.is_empty()))
    {
        return Err(Failure::unforeseen(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    if metadata.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        metadata.remove("name");
        if metadata.get("generateName").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(Failure::invalid(resource, "", &[required_name()]));
        }
        generate_name(object);
    }
    if let Some(cause) = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .and_then(|name| bad_name(resource, name))
    {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        return Err(Failure::invalid(resource, name, &[cause]));
    }
    let metadata = self::metadata(object);
    metadata.insert("uid".into(), json!(identity::uid()));
    metadata.insert("creationTimestamp".into(), json!(identity::now()));
    if resource.generation || resource.is_custom() {
        metadata.insert("generation".into(), json!(1));
    }
    reset_status(resource, object);
    Ok(())
}

fn required_name() -> Cause {
    Cause {
        reason: "FieldValueRequired".into(),
        message: "Required value: name or generateName is required".into(),
        field: "metadata.name".into(),
    }
}

/// Draws a new name from `generateName`.
pub fn generate_name(object: &mut Value) {
    let prefix: String = object
        .pointer("/metadata/generateName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .chars()
        .take(58)
        .collect();
    metadata(object).insert("name".into(), json!(format!("{prefix}{}", identity::suffix())));
}

/// A new object has no status of its writer's making, except where nodes and events report themselves.
fn reset_status(resource: &Resource, object: &mut Value) {
    if !resource.status || resource.plural == "nodes" {
        return;
    }
    let Some(fields) = object.as_object_mut() else { return };
    fields.remove("status");
    let status = match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => json!({"phase": "Pending", "qosClass": quality(&fields["spec"])}),
        ("", "namespaces") => json!({"phase": "Active"}),
        ("", "persistentvolumeclaims" | "persistentvolumes") => json!({"phase": "Pending"}),
        ("", "services") | ("networking.k8s.io", "ingresses") => json!({"loadBalancer": {}}),
        ("apps", "replicasets" | "statefulsets") | ("", "replicationcontrollers") => {
            json!({"replicas": 0})
        }
        ("apps", "daemonsets") => json!({
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
        }),
        ("apps" | "batch" | "", _) => json!({}),
        ("policy", "poddisruptionbudgets") => json!({
            "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
        }),
        ("autoscaling", "horizontalpodautoscalers") => {
            json!({"currentMetrics": null, "desiredReplicas": 0})
        }
        _ => return,
    };
    fields.insert("status".into(), status);
}

/// Quality-of-service class of a pod.
fn quality(specification: &Value) -> &'static str {
    let containers = specification["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let amounts = |container: &Value, kind: &str| {
        ["cpu", "memory"]
            .map(|name| container.pointer(&format!("/resources/{kind}/{name}")).cloned())
    };
    let none = |container: &Value| {
        ["requests", "limits"]
            .iter()
            .all(|kind| amounts(container, kind).iter().all(Option::is_none))
    };
    if containers.iter().all(none) {
        return "BestEffort";
    }
    let guaranteed = containers.iter().all(|container| {
        let (requests, limits) = (amounts(container, "requests"), amounts(container, "limits"));
        limits.iter().all(Option::is_some)
            && requests
                .iter()
                .zip(&limits)
                .all(|(request, limit)| request.is_none() || request == limit)
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

/// Carries over what an update may not change, and keeps the two halves of the object apart.
pub fn update(
    resource: &Resource,
    live: &Value,
    object: &mut Value,
    subresource: Option<&str>,
) -> Result<(), Failure> {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    check_precondition(resource, live, object, name)?;
    if subresource == Some("status") {
        keep_all_but_status(resource, live, object);
    } else if resource.status && subresource != Some("binding") {
        restore(object, live, "status");
    }
    let metadata = metadata(object);
    for field in SERVER_SET.into_iter().chain([
        "generation",
        "resourceVersion",
        "name",
        "namespace",
        "generateName",
    ]) {
        match live["metadata"].get(field) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.remove(field),
        };
    }
    if metadata.get("managedFields").is_none_or(Value::is_null) {
        match live["metadata"].get("managedFields") {
            Some(fields) => metadata.insert("managedFields".into(), fields.clone()),
            None => metadata.remove("managedFields"),
        };
    }
    check_finalizers(resource, live, object, name)
}

fn check_precondition(
    resource: &Resource,
    live: &Value,
    object: &Value,
    name: &str,
) -> Result<(), Failure> {
    let given = |field: &str| object["metadata"][field].as_str().filter(|text| !text.is_empty());
    if let Some(uid) = given("uid")
        && live["metadata"]["uid"] != uid
    {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            resource.plural,
            live["metadata"]["namespace"].as_str().unwrap_or_default(),
            live["metadata"]["uid"].as_str().unwrap_or_default()
        );
        return Err(Failure::conflict(resource, name, &why));
    }
    if let Some(version) = given("resourceVersion")
        && live["metadata"]["resourceVersion"] != version
    {
        return Err(Failure::modified(resource, name));
    }
    Ok(())
}

fn keep_all_but_status(resource: &Resource, live: &Value, object: &mut Value) {
    let status = object.get("status").cloned();
    let given = object["metadata"].take();
    *object = live.clone();
    // Custom resources keep their metadata; built-in kinds let labels and annotations pass with the status.
    if !resource.is_custom() && given.is_object() {
        object["metadata"] = given;
    } else if let Some(fields) = given.get("managedFields") {
        object["metadata"]["managedFields"] = fields.clone();
    }
    if let Some(fields) = object.as_object_mut() {
        match status {
            Some(status) => fields.insert("status".into(), status),
            None => fields.shift_remove("status"),
        };
    }
}

fn restore(object: &mut Value, live: &Value, field: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    match live.get(field) {
        Some(value) => fields.insert(field.into(), value.clone()),
        None => fields.shift_remove(field),
    };
}

fn check_finalizers(
    resource: &Resource,
    live: &Value,
    object: &Value,
    name: &str,
) -> Result<(), Failure> {
    if live.pointer("/metadata/deletionTimestamp").is_none() {
        return Ok(());
    }
    let before = finalizers(live);
    let added: Vec<&str> =
        finalizers(object).into_iter().filter(|each| !before.contains(each)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let cause = Cause {
        reason: "FieldValueForbidden".into(),
        message: format!(
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
        ),
        field: "metadata.finalizers".into(),
    };
    Err(Failure::invalid(resource, name, &[cause]))
}

/// Finalizers of an object.
pub fn finalizers(object: &Value) -> Vec<&str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether an object that is being deleted has nothing left to wait for.
pub fn is_finished(object: &Value) -> bool {
    let metadata = &object["metadata"];
    metadata.get("deletionTimestamp").is_some()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && finalizers(object).is_empty()
        && (object["kind"] != "Namespace"
            || object
                .pointer("/spec/finalizers")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty))
}

/// Counts the generation up when anything but metadata and status changed.
pub fn count_generation(resource: &Resource, live: &Value, object: &mut Value) {
    if !(resource.generation || resource.is_custom()) {
        return;
    }
    // Without a status subresource the status is an ordinary field.
    let outside = |name: &str| {
        name == "metadata" || name == "apiVersion" || (name == "status" && resource.status)
    };
    if without(live, outside) != without(object, outside) {
        let generation = live["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        metadata(object).insert("generation".into(), json!(generation));
    }
}

fn without(
    object: &Value,
    outside: impl Fn(&str) -> bool,
) -> std::collections::BTreeMap<&String, &Value> {
    object.as_object().into_iter().flatten().filter(|(name, _)| !outside(name)).collect()
}

/// Whether a write changes nothing: such a write is not stored.
pub fn same(live: &Value, object: &Value) -> bool {
    let metadata = |name: &str| name == "metadata";
    let revision = |name: &str| name == "resourceVersion";
    without(live, metadata) == without(object, metadata)
        && without(&live["metadata"], revision) == without(&object["metadata"], revision)
}

/// The metadata of an object that has some.
pub fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(fields) => fields,
        // Made an object just above.
        _ => unreachable!("metadata is an object"),
    }
}

fn bad_name(resource: &Resource, name: &str) -> Option<Cause> {
    let word = |text: &str, dots: bool| {
        let inside = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || byte == b'-'
                || (dots && byte == b'.')
        };
        let end = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        text.bytes().all(inside) && end(text.as_bytes().first()) && end(text.as_bytes().last())
    };
    let text = match (resource.group.as_str(), resource.plural.as_str()) {
        ("rbac.authorization.k8s.io", _) => {
            let bad = name == "." || name == ".." || name.contains('/') || name.contains('%');
            bad.then_some("may not contain '/' or '%'")
        }
        ("", "namespaces" | "services") => (!word(name, false) || name.len() > 63).then_some(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        _ => (!word(name, true) || name.len() > 253).then_some(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
    }?;
    Some(Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: {name:?}: {text}"),
        field: "metadata.name".into(),
    })
}
