//! Schemas of custom resources, out of their `CustomResourceDefinition`.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::schema::{Form, OBJECT_META, Type, index};

/// One version of a custom resource.
#[derive(Debug)]
pub struct Version {
    /// The structural schema with `apiVersion`, `kind` and `metadata`.
    pub root: Type,
    /// The schema as written.
    pub schema: Value,
    /// Whether status is a subresource.
    pub status: bool,
    /// The name in `/openapi/v3`: reversed group, version, kind.
    pub name: String,
}

/// The versions of a `CustomResourceDefinition`, by `group/version/Kind`.
pub fn versions(crd: &Value) -> Vec<(String, Version)> {
    let spec = &crd["spec"];
    let (group, kind) = (text(&spec["group"]), text(&spec["names"]["kind"]));
    let open = spec["preserveUnknownFields"] == json!(true);
    let empty = Vec::new();
    let listed = spec["versions"].as_array().unwrap_or(&empty);
    listed
        .iter()
        .map(|version| {
            let name = text(&version["name"]);
            let schema = version["schema"]["openAPIV3Schema"].clone();
            let reversed: Vec<&str> = group.rsplit('.').collect();
            let root = root(&schema, open);
            let status = version["subresources"].get("status").is_some();
            let title = format!("{}.{name}.{kind}", reversed.join("."));
            (index(group, name, kind), Version { root, schema, status, name: title })
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn root(schema: &Value, open: bool) -> Type {
    let mut root = convert(schema, open || schema.is_null());
    root.form = Form::Object;
    identity(&mut root);
    root
}

/// Every object carries these, whatever its schema says of them.
fn identity(node: &mut Type) {
    for name in ["apiVersion", "kind"] {
        node.fields.insert(name.to_owned(), Type { form: Form::String, ..Type::default() });
    }
    let metadata = Type { reference: Some(OBJECT_META.to_owned()), ..Type::default() };
    node.fields.insert("metadata".to_owned(), metadata);
}

fn convert(schema: &Value, inherited: bool) -> Type {
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let owned = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    let open = inherited || flag("x-kubernetes-preserve-unknown-fields");
    let int_or_string = flag("x-kubernetes-int-or-string");
    let mut node = Type {
        form: if int_or_string { Form::Any } else { form(&schema["type"]) },
        format: owned("format"),
        fields: properties(schema, open),
        items: schema.get("items").map(|items| Box::new(convert(items, open))),
        values: match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Box::new(Type { open: true, ..Type::default() })),
            Some(Value::Object(_)) => {
                Some(Box::new(convert(&schema["additionalProperties"], open)))
            }
            _ => None,
        },
        required: strings(&schema["required"]),
        choices: schema["enum"].as_array().cloned().unwrap_or_default(),
        list: owned("x-kubernetes-list-type"),
        keys: strings(&schema["x-kubernetes-list-map-keys"]),
        map: owned("x-kubernetes-map-type"),
        int_or_string,
        open,
        embedded: flag("x-kubernetes-embedded-resource"),
        nullable: flag("nullable"),
        default: schema.get("default").cloned(),
        ..Type::default()
    };
    if node.embedded {
        identity(&mut node);
    }
    node
}

fn properties(schema: &Value, open: bool) -> IndexMap<String, Type> {
    let listed = schema.get("properties").and_then(Value::as_object);
    listed
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), convert(property, open)))
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn form(value: &Value) -> Form {
    match text(value) {
        "object" => Form::Object,
        "array" => Form::Array,
        "string" => Form::String,
        "integer" => Form::Integer,
        "number" => Form::Number,
        "boolean" => Form::Boolean,
        _ => Form::Any,
    }
}
