//! Defaults that the schema of a custom resource declares.

use serde_json::Value;

use crate::sandbox::fields::schema::Type;

/// Fills in declared defaults; a null where none is allowed counts as absent.
pub fn fill(node: &Type, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| !member.is_null() || keeps_null(node, name));
            for (name, field) in &node.fields {
                if let Some(default) = &field.default
                    && !members.contains_key(name)
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, member) in members.iter_mut() {
                if let Some(field) = node.fields.get(name).or(node.values.as_deref()) {
                    fill(field, member);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(node) = &node.items {
                    fill(node, item);
                }
            }
        }
        _ => {}
    }
}

fn keeps_null(node: &Type, name: &str) -> bool {
    node.fields.get(name).or(node.values.as_deref()).is_none_or(|field| field.nullable)
}
