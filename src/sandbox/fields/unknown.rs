//! Members that a schema does not know: reported for strict validation, or taken out.

use serde_json::{Map, Value};

use super::schema::{Form, QUANTITY, RAW, Schema, Type};

/// The paths of members that the schema does not know, such as `spec.template.spec.contaners`.
pub fn unknown_fields(schema: &Schema, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    report(schema.root(), object, "", &mut found);
    found
}

fn report(at: &Type, value: &Value, path: &str, found: &mut Vec<String>) {
    let this = at.resolve();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match below(at, this, name) {
                    Known::As(node) => report(node, member, &here, found),
                    Known::Anything => {}
                    Known::No => found.push(here),
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = &this.items else { return };
            for (position, item) in items.iter().enumerate() {
                report(node, item, &format!("{path}[{position}]"), found);
            }
        }
        _ => {}
    }
}

/// Takes out what the schema does not know, as the server does before it stores an object.
pub fn prune_unknown(schema: &Schema, object: &mut Value) {
    prune(schema.root(), object);
}

fn prune(at: &Type, value: &mut Value) {
    let this = at.resolve();
    match value {
        Value::Object(members) => {
            let kept = std::mem::take(members).into_iter().filter_map(|(name, mut member)| {
                match below(at, this, &name) {
                    Known::As(node) => {
                        prune(node, &mut member);
                        Some((name, member))
                    }
                    Known::Anything => Some((name, member)),
                    Known::No => None,
                }
            });
            *members = kept.collect::<Map<String, Value>>();
        }
        Value::Array(items) => {
            if let Some(node) = &this.items {
                for item in items {
                    prune(node, item);
                }
            }
        }
        _ => {}
    }
}

enum Known<'a> {
    As(&'a Type),
    Anything,
    No,
}

fn below<'a>(at: &'a Type, this: &'a Type, name: &str) -> Known<'a> {
    if let Some(node) = this.fields.get(name).or(this.values.as_deref()) {
        return Known::As(node);
    }
    let free = this.open || at.is(QUANTITY) || at.is(RAW);
    // A structure without members takes any; so does a built-in value of any form.
    let open = this.fields.is_empty()
        && (this.go.is_some() || at.reference.is_some() || this.form == Form::Any);
    if free || open { Known::Anything } else { Known::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fields::schema::Schemas;
    use serde_json::json;

    #[test]
    fn unknown_members_are_named_and_taken_out() {
        let schema = Schemas::builtin().of("apps", "v1", "Deployment").unwrap();
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "colour": 1},
            "spec": {"replica": 3, "template": {"spec": {"containers": [{"name": "a", "imag": "b"}]}}}});
        let expected = ["metadata.colour", "spec.replica", "spec.template.spec.containers[0].imag"];
        assert_eq!(unknown_fields(&schema, &object), expected);
        prune_unknown(&schema, &mut object);
        assert_eq!(unknown_fields(&schema, &object), Vec::<String>::new());
        assert_eq!(object["spec"]["template"]["spec"]["containers"], json!([{"name": "a"}]));
    }

    #[test]
    fn custom_resources_keep_what_their_schema_leaves_open() {
        let crd = json!({"spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [{"name": "v1",
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"size": {"type": "integer"}, "port": {"x-kubernetes-int-or-string": true}}},
                "data": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}}}}}}}]}});
        let schema = Schemas::builtin().with_crd(&crd).of("example.com", "v1", "Thing").unwrap();
        let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"},
            "spec": {"size": 1, "port": 80, "siez": 2}, "data": {"any": {"thing": 1}, "known": {"a": "b"}}});
        assert_eq!(unknown_fields(&schema, &thing), ["spec.siez"]);
    }
}
