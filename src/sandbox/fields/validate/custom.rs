//! Custom resources against the schema of their definition.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::{Value, json};

use super::{FieldErrorKind, Report};
use crate::sandbox::fields::atom::{Atom, List};
use crate::sandbox::fields::element::same;
use crate::sandbox::fields::schema::{Schema, Type};

/// Checks types, required members, choices, bounds, patterns and identities.
pub fn check(report: &mut Report, schema: &Schema, object: &Value) {
    let Some(written) = schema.custom() else { return };
    visit(report, (written, Some(schema.root())), object, "");
}

fn visit(report: &mut Report, nodes: (&Value, Option<&Type>), value: &Value, at: &str) {
    let (schema, node) = nodes;
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let wanted = schema["type"].as_str().unwrap_or_default();
    let either = schema["x-kubernetes-int-or-string"] == true;
    let fits = match wanted {
        _ if either => value.is_i64() || value.is_u64() || value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    };
    if !fits {
        let wanted = if either { "integer,string" } else { wanted };
        let detail = format!("{at} in body must be of type {wanted}: \"{}\"", type_of(value));
        report.add(FieldErrorKind::TypeInvalid, at, &json!(type_of(value)), &detail);
    }
    choices(report, schema, value, at);
    if !fits {
        return;
    }
    match value {
        Value::Object(_) => members(report, nodes, value, at),
        Value::Array(items) => list(report, (schema, node), items, at),
        Value::String(text) => check_text(report, schema, text, at),
        Value::Number(_) => bounds(report, schema, value, at),
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn choices(report: &mut Report, schema: &Value, value: &Value, at: &str) {
    let Some(choices) = schema["enum"].as_array() else { return };
    if !choices.iter().any(|choice| same(choice, value)) {
        let listed: Vec<String> = choices.iter().map(Value::to_string).collect();
        let detail = format!("supported values: {}", listed.join(", "));
        report.add(FieldErrorKind::NotSupported, at, value, &detail);
    }
}

fn members(report: &mut Report, nodes: (&Value, Option<&Type>), value: &Value, at: &str) {
    let (schema, node) = nodes;
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            report.required(&path(name), "");
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        if at.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let below = node.and_then(|node| node.member(name));
        let property = &schema["properties"][name];
        if property.is_object() {
            visit(report, (property, below), member, &path(name));
        } else if schema["additionalProperties"].is_object() {
            visit(report, (&schema["additionalProperties"], below), member, &path(name));
        }
    }
}

fn list(report: &mut Report, nodes: (&Value, Option<&Type>), items: &[Value], at: &str) {
    let (schema, node) = nodes;
    let below = node.and_then(|node| node.items.as_deref());
    for (position, item) in items.iter().enumerate() {
        visit(report, (&schema["items"], below), item, &format!("{at}[{position}]"));
    }
    if let Some(list) = node.and_then(|node| Atom::of(node).list).filter(|list| !list.atomic) {
        repeats(report, list, items, at);
    }
    let count = items.len() as u64;
    if let Some(least) = schema["minItems"].as_u64().filter(|least| count < *least) {
        report.invalid(
            at,
            &json!(count),
            &format!("{at} in body should have at least {least} items"),
        );
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        report.add(
            FieldErrorKind::Invalid,
            at,
            &json!(count),
            &format!("must have at most {most} items"),
        );
    }
}

fn repeats(report: &mut Report, list: List<'_>, items: &[Value], at: &str) {
    let mut seen = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let Ok(identity) = list.identity(item) else { continue };
        if seen.contains(&identity) {
            let shown = if list.keys.is_empty() {
                item.clone()
            } else {
                list.keys
                    .iter()
                    .filter_map(|name| Some((name.clone(), item.get(name)?.clone())))
                    .collect()
            };
            report.duplicate(&format!("{at}[{position}]"), &shown);
        }
        seen.push(identity);
    }
}

fn check_text(report: &mut Report, schema: &Value, text: &str, at: &str) {
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        report.add(
            FieldErrorKind::TooLong,
            at,
            &Value::Null,
            &format!("may not be more than {most} bytes"),
        );
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        report.invalid(
            at,
            &json!(text),
            &format!("{at} in body should be at least {least} chars long"),
        );
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && regex(pattern).is_some_and(|pattern| !pattern.is_match(text))
    {
        report.invalid(at, &json!(text), &format!("{at} in body should match '{pattern}'"));
    }
}

/// A pattern, compiled once. One that this program cannot read is not checked.
fn regex(pattern: &str) -> Option<Regex> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok()).clone()
}

fn bounds(report: &mut Report, schema: &Value, value: &Value, at: &str) {
    let number = value.as_f64().unwrap_or_default();
    if let Some(least) = schema["minimum"].as_f64() {
        let open = schema["exclusiveMinimum"] == true;
        if number < least || (open && number <= least) {
            let word = if open { "greater than" } else { "greater than or equal to" };
            report.invalid(
                at,
                value,
                &format!("{at} in body should be {word} {}", schema["minimum"]),
            );
        }
    }
    if let Some(most) = schema["maximum"].as_f64() {
        let open = schema["exclusiveMaximum"] == true;
        if number > most || (open && number >= most) {
            let word = if open { "less than" } else { "less than or equal to" };
            report.invalid(
                at,
                value,
                &format!("{at} in body should be {word} {}", schema["maximum"]),
            );
        }
    }
}
