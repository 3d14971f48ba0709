//! Defaults of built-in kinds, type by type, and of custom resources, from their schema.

mod core;
mod structural;
mod workloads;

use serde_json::{Map, Value, json};

use super::schema::{Schema, Type, Unset};
use super::settle::settle;

/// The members of an object.
type Members = Map<String, Value>;

/// Fills in what the server fills in when it reads an object: the defaults of the API, amounts in canonical form, and
/// text of a Secret in its data. What the server allocates (addresses, ports) is not part of it.
pub fn default(schema: &Schema, object: &mut Value) {
    settle(schema, object);
    if schema.is_custom() {
        structural::fill(schema.root(), object);
        return;
    }
    let name = schema.name().to_owned();
    visit(schema.root(), Some(&name), object);
    settle(schema, object);
}

/// Applies the defaults of one node, then those of what is below.
fn visit(node: &Type, name: Option<&str>, value: &mut Value) {
    let name = name.or(node.reference.as_deref());
    let this = node.resolve();
    match value {
        Value::Object(members) => {
            if let Some(name) = name {
                let short = name.strip_prefix("io.k8s.").unwrap_or(name);
                core::fill(short, members);
                workloads::fill(short, members);
            }
            for (name, field) in &this.fields {
                declared(name, field, members);
                if let Some(value) = members.get_mut(name) {
                    visit(field, None, value);
                }
            }
            if let Some(values) = &this.values {
                for (_, value) in
                    members.iter_mut().filter(|(name, _)| !this.fields.contains_key(*name))
                {
                    visit(values, None, value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(node) = &this.items {
                    visit(node, None, item);
                }
            }
        }
        _ => {}
    }
}

/// A default that the published description declares.
fn declared(name: &str, field: &Type, members: &mut Members) {
    let Some(default) = &field.default else { return };
    let zero = matches!(default, Value::String(text) if text.is_empty()) || *default == json!(0);
    if zero && !matches!(field.go, Some(Unset::OmitNull | Unset::Null)) {
        return;
    }
    put(members, name, default.clone());
}

/// Sets a member that is absent, null or empty text.
fn put(members: &mut Members, name: &str, value: Value) {
    match members.get_mut(name) {
        Some(present) if present.is_null() || present == "" => *present = value,
        Some(_) => {}
        None => {
            members.insert(name.to_owned(), value);
        }
    }
}

/// A member as text; empty where it is none.
fn text<'a>(members: &'a Members, name: &str) -> &'a str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a member is absent, null or empty.
fn blank(members: &Members, name: &str) -> bool {
    match members.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(_) => false,
    }
}

/// The members of a member, which is made where it is absent.
fn inside<'a>(members: &'a mut Members, name: &str) -> Option<&'a mut Members> {
    put(members, name, json!({}));
    members.get_mut(name)?.as_object_mut()
}

#[cfg(test)]
mod tests;
