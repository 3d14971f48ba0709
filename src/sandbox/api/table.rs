//! Objects as tables for people, as `kubectl get` prints them.

use serde_json::{Value, json};

use super::{resource::Resource, store::Object};

/// A `meta.k8s.io/v1` table of objects.
pub fn of(
    resource: &Resource,
    objects: &[Object],
    metadata: &Value,
    include: Option<&str>,
) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| json!({"cells": [object["metadata"]["name"]], "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}}))
        .collect();
    let _ = (resource, include);
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}],
        "rows": rows,
    })
}
