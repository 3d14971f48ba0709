//! Objects as tables for people, as `kubectl get` prints them.

mod age;
mod cluster;
mod network;
mod path;
mod pods;
mod storage;
mod workloads;

use serde_json::{Value, json};

use super::{
    resource::{Custom, Resource},
    store::Object,
};
use age::since;

/// A column: heading, type, format, and 1 for those that only `-o wide` shows.
type Column = (&'static str, &'static str, &'static str, i64);

/// Columns of a kind, and how its cells are found.
type Layout = (Vec<Column>, fn(&Value) -> Vec<Value>);

/// Columns from their headings: `#` an integer, `?` a boolean, `@` a date, `+` before it only with `-o wide`.
fn head(headings: &'static str) -> Vec<Column> {
    let column = |heading: &'static str| {
        let (heading, priority) =
            heading.strip_prefix('+').map_or((heading, 0), |heading| (heading, 1));
        let (heading, kind) = match (heading.strip_prefix('#'), heading.strip_prefix('?')) {
            (Some(heading), _) => (heading, "integer"),
            (_, Some(heading)) => (heading, "boolean"),
            _ => heading.strip_prefix('@').map_or((heading, "string"), |heading| (heading, "date")),
        };
        (heading, kind, if heading == "Name" { "name" } else { "" }, priority)
    };
    headings.split('|').map(column).collect()
}

/// A `meta.k8s.io/v1` table of objects. `include` says what of each object goes with its row: `None`, `Object`, or
/// its metadata.
pub fn of(
    resource: &Resource,
    objects: &[Object],
    metadata: &Value,
    include: Option<&str>,
) -> Value {
    let with = |object: &Object| match include {
        Some("None") => Value::Null,
        Some("Object") => (**object).clone(),
        _ => json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        }),
    };
    let (columns, rows): (Vec<Value>, Vec<Vec<Value>>) = if let Some(custom) = &resource.custom {
        let rows = objects.iter().map(|object| custom_cells(custom, object)).collect();
        (custom_columns(custom), rows)
    } else {
        let (columns, cells) = layout(resource);
        let rows = objects.iter().map(|object| cells(object)).collect();
        (columns.iter().map(column).collect(), rows)
    };
    let rows: Vec<Value> = rows
        .into_iter()
        .zip(objects)
        .map(|(cells, object)| json!({"cells": cells, "object": with(object)}))
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns,
        "rows": rows,
    })
}

fn column((name, kind, format, priority): &Column) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": name, "priority": priority})
}

fn layout(resource: &Resource) -> Layout {
    let (group, plural) = (resource.group.as_str(), resource.plural.as_str());
    pods::layout(group, plural)
        .or_else(|| workloads::layout(group, plural))
        .or_else(|| network::layout(group, plural))
        .or_else(|| storage::layout(group, plural))
        .or_else(|| cluster::layout(group, plural))
        .unwrap_or_else(|| (head("Name|Age"), |object| vec![name(object), age(object)]))
}

fn custom_columns(custom: &Custom) -> Vec<Value> {
    let mut columns: Vec<Value> =
        head(if custom.columns.is_empty() { "Name|@Age" } else { "Name" })
            .iter()
            .map(column)
            .collect();
    columns.extend(custom.columns.iter().map(|column| {
        json!({
            "name": column.name, "type": column.kind, "format": "", "description": column.description,
            "priority": column.priority,
        })
    }));
    columns
}

fn custom_cells(custom: &Custom, object: &Value) -> Vec<Value> {
    let mut cells = vec![name(object)];
    if custom.columns.is_empty() {
        cells.push(age(object));
    }
    cells.extend(custom.columns.iter().map(|column| {
        let found = path::find(object, &column.path);
        match (column.kind.as_str(), found) {
            ("date", Some(Value::String(time))) => json!(since(Some(&json!(time)))),
            ("string", Some(value)) if value.is_object() || value.is_array() => {
                json!(value.to_string())
            }
            ("string", Some(Value::Number(number))) => json!(number.to_string()),
            ("string", Some(Value::Bool(set))) => json!(set.to_string()),
            (_, Some(value)) => value,
            (_, None) => Value::Null,
        }
    }));
    cells
}

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn age(object: &Value) -> Value {
    json!(since(object.pointer("/metadata/creationTimestamp")))
}

/// A number at a place, 0 where there is none.
fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A text at a place, `fallback` where there is none.
fn word(object: &Value, pointer: &str, fallback: &str) -> Value {
    let found = object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    json!(found.unwrap_or(fallback))
}

/// `a=b,c=d`, or `<none>`.
fn pairs(map: Option<&Value>) -> String {
    let pairs: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// Names and images of the containers in a pod template, as two cells.
fn containers(template: Option<&Value>) -> [Value; 2] {
    let list = template
        .and_then(|template| template.pointer("/spec/containers"))
        .and_then(Value::as_array);
    ["name", "image"].map(|field| {
        let texts: Vec<&str> =
            list.into_iter().flatten().filter_map(|each| each[field].as_str()).collect();
        json!(texts.join(","))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::api::registry::Registry;

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        for resource in Registry::builtin().all() {
            let object: Value = json!({"metadata": {"name": "a"}});
            let table = of(resource, &[object.into()], &json!({}), None);
            assert_eq!(
                table["columnDefinitions"].as_array().map(Vec::len),
                table["rows"][0]["cells"].as_array().map(Vec::len),
                "{}",
                resource.plural
            );
        }
    }
}
