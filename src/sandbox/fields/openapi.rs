//! Schemas as `/openapi/v3` publishes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{Form, Schema, Type, Unset, definition};

impl Schema {
    /// The JSON schema of the kind. Definitions that it uses are references into `#/components/schemas`, which
    /// [`Schema::components`] lists.
    pub fn openapi(&self) -> Value {
        match self.custom() {
            Some(schema) => with_identity(schema),
            None => describe(self.root()),
        }
    }

    /// All definitions that the schema refers to, directly or not, by their names.
    pub fn components(&self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        gather(self.root(), &mut found);
        found
    }
}

fn with_identity(schema: &Value) -> Value {
    let mut schema = if schema.is_object() {
        schema.clone()
    } else {
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    };
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = link(super::schema::OBJECT_META);
    schema
}

fn link(name: &str) -> Value {
    json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]})
}

fn gather(node: &Type, found: &mut BTreeMap<String, Value>) {
    if let Some(name) = &node.reference
        && !found.contains_key(name)
        && let Some(target) = definition(name)
    {
        found.insert(name.clone(), describe(target));
        gather(target, found);
    }
    for below in node.fields.values().chain(node.items.as_deref()).chain(node.values.as_deref()) {
        gather(below, found);
    }
}

fn describe(node: &Type) -> Value {
    let mut out = match &node.reference {
        Some(name) => link(name).as_object().cloned().unwrap_or_default(),
        None => Map::new(),
    };
    let form = match node.form {
        Form::Any => None,
        Form::Object => Some("object"),
        Form::Array => Some("array"),
        Form::String => Some("string"),
        Form::Integer => Some("integer"),
        Form::Number => Some("number"),
        Form::Boolean => Some("boolean"),
    };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    set("type", form.map(Value::from));
    set("format", node.format.clone().map(Value::from));
    let default = (node.go == Some(Unset::Zero) && node.reference.is_some()).then(|| json!({}));
    set("default", node.default.clone().or(default));
    set("enum", (!node.choices.is_empty()).then(|| json!(node.choices)));
    set("required", (!node.required.is_empty()).then(|| json!(node.required)));
    set("x-kubernetes-list-type", node.list.clone().map(Value::from));
    set("x-kubernetes-list-map-keys", (!node.keys.is_empty()).then(|| json!(node.keys)));
    set("x-kubernetes-map-type", node.map.clone().map(Value::from));
    set("x-kubernetes-patch-strategy", node.patch.clone().map(Value::from));
    set("x-kubernetes-patch-merge-key", node.merge.clone().map(Value::from));
    set("items", node.items.as_deref().map(describe));
    set("additionalProperties", node.values.as_deref().map(describe));
    if !node.fields.is_empty() {
        let fields: Map<String, Value> =
            node.fields.iter().map(|(name, field)| (name.clone(), describe(field))).collect();
        set("properties", Some(Value::Object(fields)));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fields::Schemas;

    #[test]
    fn every_reference_leads_to_a_component() {
        let deployment = Schemas::builtin().of("apps", "v1", "Deployment").unwrap();
        let components = deployment.components();
        let text = serde_json::to_string(&components).unwrap() + &deployment.openapi().to_string();
        let names =
            text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        for name in names {
            assert!(components.contains_key(name), "{name}");
        }
        let containers = &components["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
        assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    }
}
