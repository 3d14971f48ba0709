//! The field paths that an object mentions, and its check against the schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::atom::{Atom, List, Members, Scalar, Shape};
use super::element::Element;
use super::schema::Type;
use super::set::Set;

/// Every leaf and every item that the object mentions.
pub fn paths(node: &Type, object: &Value) -> Set {
    let mut set = Set::default();
    collect(node, object, &mut Vec::new(), &mut set);
    set
}

fn collect(node: &Type, value: &Value, path: &mut Vec<Element>, set: &mut Set) {
    match Atom::of(node).shape(Some(value)) {
        None => {}
        Some(Shape::Scalar(_)) => set.insert(path),
        Some(Shape::List(list)) => {
            if list.atomic {
                set.insert(path);
            } else if let Value::Array(items) = value {
                collect_items(&list, items, path, set);
            }
        }
        Some(Shape::Map(map)) => {
            if map.atomic {
                set.insert(path);
                return;
            }
            for (name, member) in value.as_object().into_iter().flatten() {
                let Some(node) = map.member(name) else { continue };
                path.push(Element::field(name));
                collect(node, member, path, set);
                let empty =
                    member.is_null() || member.as_object().is_some_and(serde_json::Map::is_empty);
                if empty || !map.fields.contains_key(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
    }
}

fn collect_items(list: &List<'_>, items: &[Value], path: &mut Vec<Element>, set: &mut Set) {
    let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
    for item in items {
        if let Ok(step) = list.identity(item) {
            *counts.entry(step).or_default() += 1;
        }
    }
    for item in items {
        let Ok(step) = list.identity(item) else { continue };
        let repeated = counts.get(&step).is_some_and(|count| *count > 1);
        path.push(step);
        if let (false, Some(node)) = (repeated, list.items) {
            collect(node, item, path, set);
        }
        set.insert(path);
        path.pop();
    }
}

/// Checks an applied configuration against the schema: types, unknown members, repeated items.
pub fn check(node: &Type, value: &Value) -> Result<(), String> {
    let mut errors = Vec::new();
    visit(node, value, "", &mut errors);
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn visit(node: &Type, value: &Value, at: &str, errors: &mut Vec<String>) {
    let mut report =
        |text: String| errors.push(if at.is_empty() { text } else { format!("{at}: {text}") });
    match Atom::of(node).shape(Some(value)) {
        None => {}
        Some(Shape::Scalar(scalar)) => {
            if let Some(expected) = mismatch(scalar, value) {
                report(expected);
            }
        }
        Some(Shape::List(list)) => match value {
            Value::Null => {}
            Value::Array(items) => visit_items(&list, items, at, errors),
            _ => report(format!("expected list, got {}", shown(value))),
        },
        Some(Shape::Map(map)) => match value {
            Value::Null => {}
            Value::Object(_) => visit_members(&map, value, at, errors),
            _ => report(format!("expected map, got {}", shown(value))),
        },
    }
}

fn visit_members(map: &Members<'_>, value: &Value, at: &str, errors: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let here = format!("{at}.{name}");
        match map.member(name) {
            Some(node) => visit(node, member, &here, errors),
            None => errors.push(format!("{here}: field not declared in schema")),
        }
    }
}

fn visit_items(list: &List<'_>, items: &[Value], at: &str, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (position, item) in items.iter().enumerate() {
        let step =
            if list.atomic { Ok(Element::Index(position as i64)) } else { list.identity(item) };
        match step {
            Err(error) => return errors.push(format!("{at}: element {position}: {error}")),
            Ok(step) => {
                if seen.contains(&step) {
                    errors.push(format!("{at}: duplicate entries for key {step}"));
                }
                if let Some(node) = list.items {
                    visit(node, item, &format!("{at}{step}"), errors);
                }
                seen.insert(step);
            }
        }
    }
}

fn mismatch(scalar: Scalar, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    match scalar {
        Scalar::Number if !value.is_number() => {
            Some(format!("expected numeric (int or float), got {}", go_type(value)))
        }
        Scalar::Text if !value.is_string() => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{value}}}"))
        }
        Scalar::Truth if !value.is_boolean() => {
            Some(format!("expected boolean, got {}", shown(value)))
        }
        Scalar::Any if value.is_array() || value.is_object() => {
            Some(format!("expected any scalar, got {}", shown(value)))
        }
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    format!("&{{{}}}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Null | Value::Number(_) => "<nil>",
    }
}
