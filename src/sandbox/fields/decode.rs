//! Values that the server's own types cannot take in: wrong kinds of JSON, amounts and bytes that are none.

use base64::{Engine as _, alphabet, engine::general_purpose};
use serde_json::Value;

use super::quantity;
use super::schema::{Form, QUANTITY, Schema, Type};

const AMOUNT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// Why a built-in object cannot be read, in the server's words; custom resources are read as they are.
pub fn decode_error(schema: &Schema, object: &Value) -> Option<String> {
    if schema.is_custom() {
        return None;
    }
    let owner = short(schema.name()).to_owned();
    Walk { owner, path: String::new() }.visit(schema.root(), object)
}

fn short(definition: &str) -> &str {
    definition.rsplit('.').next().unwrap_or(definition)
}

struct Walk {
    owner: String,
    path: String,
}

impl Walk {
    fn visit(&self, node: &Type, value: &Value) -> Option<String> {
        if value.is_null() {
            return None;
        }
        if node.is(QUANTITY) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return (!quantity::is_amount(&text)).then(|| AMOUNT.to_owned());
        }
        let this = node.resolve();
        let fits = match this.form {
            _ if this.format.as_deref() == Some("int-or-string") => {
                value.is_string() || value.is_i64()
            }
            Form::Any => true,
            Form::Object => value.is_object(),
            Form::Array => value.is_array(),
            Form::String => value.is_string(),
            Form::Integer => value.is_i64() || value.is_u64(),
            Form::Number => value.is_number(),
            Form::Boolean => value.is_boolean(),
        };
        if !fits {
            let (found, wanted) = (found(value), wanted(node));
            return Some(format!(
                "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
                self.owner, self.path
            ));
        }
        if this.format.as_deref() == Some("byte") {
            return value.as_str().and_then(base64_error);
        }
        match value {
            Value::Object(members) => {
                let owner = node.reference.as_deref().map_or(&*self.owner, short);
                members.iter().find_map(|(name, member)| {
                    let field = this.fields.get(name);
                    // A map is a field of its owner, whatever the key.
                    let path = match field {
                        Some(_) if self.path.is_empty() => name.clone(),
                        Some(_) => format!("{}.{name}", self.path),
                        None => self.path.clone(),
                    };
                    let below = Self { owner: owner.to_owned(), path };
                    below.visit(field.or(this.values.as_deref())?, member)
                })
            }
            Value::Array(items) => {
                let of = this.items.as_deref()?;
                items.iter().find_map(|item| self.visit(of, item))
            }
            _ => None,
        }
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wanted(node: &Type) -> String {
    if let Some(name) = &node.reference {
        let mut parts = name.rsplit('.');
        let (kind, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return format!("{version}.{kind}");
    }
    match node.form {
        Form::Array => format!("[]{}", node.items.as_deref().map(wanted).unwrap_or_default()),
        Form::Object => {
            format!("map[string]{}", node.values.as_deref().map(wanted).unwrap_or_default())
        }
        Form::Integer => node.format.clone().unwrap_or_else(|| "int64".to_owned()),
        Form::Boolean => "bool".to_owned(),
        Form::Number => "float64".to_owned(),
        Form::String | Form::Any => "string".to_owned(),
    }
}

fn base64_error(text: &str) -> Option<String> {
    let engine = general_purpose::GeneralPurpose::new(&alphabet::STANDARD, general_purpose::PAD);
    // Line breaks are skipped.
    let plain: String = text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
    let position = match engine.decode(&plain).err()? {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => {
            at
        }
        _ => plain.len() / 4 * 4,
    };
    Some(format!("illegal base64 data at input byte {position}"))
}
