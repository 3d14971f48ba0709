//! The form in which the server writes an object: what its own types leave out, write as null, or always write.

use serde_json::{Map, Value, json};

use super::quantity;
use super::schema::{Form, QUANTITY, Schema, Type, Unset};

/// Brings an object into the form in which the server stores and returns it. Custom resources keep what they say,
/// except for their metadata.
pub fn settle(schema: &Schema, object: &mut Value) {
    node(schema.root(), object);
}

/// Empties that storage does not tell from absent ones: lists that the type writes as null when unset. Kinds that are
/// stored as JSON keep them.
pub fn forget_empty(schema: &Schema, object: &mut Value) {
    if !schema.is_custom() && schema.name().starts_with("io.k8s.api.") {
        drop_empty(schema.root(), object);
    }
}

fn drop_empty(at: &Type, value: &mut Value) {
    let this = at.resolve();
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let Some(field) = this.fields.get(name).or(this.values.as_deref()) else {
                    continue;
                };
                if field.go == Some(Unset::Null) && member.as_array().is_some_and(Vec::is_empty) {
                    *member = Value::Null;
                }
                drop_empty(field, member);
            }
        }
        Value::Array(items) => {
            for item in items {
                if let Some(of) = &this.items {
                    drop_empty(of, item);
                }
            }
        }
        _ => {}
    }
}

/// The object of a kind before anything is set in it.
pub fn empty(schema: &Schema, identity: (&str, &str)) -> Value {
    let mut object = json!({"apiVersion": identity.0, "kind": identity.1});
    if !schema.is_custom() {
        settle(schema, &mut object);
    }
    object
}

fn node(at: &Type, value: &mut Value) {
    if at.is(QUANTITY) {
        if let Some(canonical) = quantity::canonical(value) {
            *value = Value::String(canonical);
        }
        return;
    }
    let this = at.resolve();
    match value {
        Value::Object(members) if !this.fields.is_empty() || this.values.is_some() => {
            for (name, field) in &this.fields {
                member(name, field, members);
            }
            if let Some(values) = &this.values {
                let others =
                    members.iter_mut().filter(|(name, _)| !this.fields.contains_key(*name));
                others.for_each(|(_, value)| entry(values, value, this));
            }
        }
        Value::Array(items) => {
            if let Some(of) = &this.items {
                // The server's own lists have no nulls: what was one is what its type begins with.
                let is_typed = at.go.or(this.go).is_some() && of.resolve().form != Form::Any;
                for item in items {
                    if is_typed && item.is_null() {
                        *item = zero(of);
                    }
                    node(of, item);
                }
            }
        }
        _ => {}
    }
}

/// A value of a map. The server's maps of text have no nulls.
fn entry(of: &Type, value: &mut Value, map: &Type) {
    if value.is_null() && of.form == Form::String && of.format.is_none() && map.go.is_some() {
        *value = Value::String(String::new());
    }
    node(of, value);
}

fn member(name: &str, field: &Type, members: &mut Map<String, Value>) {
    let Some(unset) = field.go else {
        if let Some(value) = members.get_mut(name) {
            node(field, value);
        }
        return;
    };
    match members.get_mut(name) {
        Some(value) if !value.is_null() => {
            node(field, value);
            if unset == Unset::OmitEmpty && is_empty(value) {
                members.shift_remove(name);
            }
        }
        _ => match unset {
            Unset::OmitEmpty | Unset::OmitNull => {
                members.shift_remove(name);
            }
            Unset::Null => {
                members.insert(name.to_owned(), Value::Null);
            }
            Unset::Zero => {
                members.insert(name.to_owned(), zero(field));
            }
        },
    }
}

fn zero(field: &Type) -> Value {
    if field.is(QUANTITY) {
        return json!("0");
    }
    let this = field.resolve();
    match this.form {
        Form::Object => {
            let mut value = json!({});
            node(field, &mut value);
            value
        }
        Form::Array => Value::Null,
        Form::Boolean => json!(false),
        Form::Integer | Form::Number | Form::Any => json!(0),
        Form::String => json!(""),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fields::schema::Schemas;

    #[test]
    fn an_empty_deployment_has_what_its_type_always_writes() {
        let schema = Schemas::builtin().of("apps", "v1", "Deployment").unwrap();
        let expected = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "status": {},
            "spec": {"selector": null, "strategy": {}, "template": {"metadata": {}, "spec": {"containers": null}}}});
        assert_eq!(empty(&schema, ("apps/v1", "Deployment")), expected);
    }

    #[test]
    fn empties_go_unless_the_type_tells_them_apart() {
        let schema = Schemas::builtin().of("", "v1", "Pod").unwrap();
        let mut pod = json!({"metadata": {"name": "p", "labels": {}, "annotations": {"a": null}}, "spec": {
            "hostNetwork": false, "automountServiceAccountToken": false, "securityContext": {}, "nodeSelector": null,
            "containers": [{"name": "c", "args": [], "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}],
            "volumes": [{"name": "v", "emptyDir": {}}]}});
        pod["spec"]["containers"][0]["command"] = json!(["run", null]);
        settle(&schema, &mut pod);
        assert_eq!(pod["metadata"], json!({"name": "p", "annotations": {"a": ""}}));
        let spec = json!({"automountServiceAccountToken": false, "securityContext": {},
            "containers": [{"name": "c", "command": ["run", ""], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}],
            "volumes": [{"name": "v", "emptyDir": {}}]});
        assert_eq!(pod["spec"], spec);
    }
}
