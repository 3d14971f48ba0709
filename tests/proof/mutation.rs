//! Random changes of objects.

use serde_json::{Value, json};

/// Every place in an object but its identity and its bookkeeping, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let step = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => {
            for (name, child) in fields {
                let path = step(name);
                if matches!(
                    path.as_str(),
                    "/metadata/managedFields"
                        | "/metadata/name"
                        | "/metadata/namespace"
                        | "/kind"
                        | "/apiVersion"
                ) {
                    continue;
                }
                if path != "/metadata" {
                    found.push(path.clone());
                }
                places(child, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                found.push(step(&index.to_string()));
                places(child, &step(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

/// The number of ways in which [`mutate`] changes things.
pub const WAYS: u8 = 8;

/// Changes one place of an object in one of the ways in which things go wrong.
pub fn mutate(object: &mut Value, pick: usize, way: u8) {
    let mut found = Vec::new();
    places(object, "", &mut found);
    if found.is_empty() {
        return;
    }
    let path = found[pick % found.len()].clone();
    let (above, last) = path.rsplit_once('/').unwrap();
    match way {
        0 => match object.pointer_mut(above) {
            Some(Value::Object(fields)) => {
                drop(fields.shift_remove(&last.replace("~1", "/").replace("~0", "~")));
            }
            Some(Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
            _ => {}
        },
        1 => {
            if let Some(Value::Array(items)) = object.pointer_mut(above) {
                let copy = items[last.parse::<usize>().unwrap()].clone();
                items.push(copy);
            }
        }
        2 => {
            if let Some(Value::Array(items)) = object.pointer_mut(&path) {
                items.reverse();
            }
        }
        way => {
            let Some(value) = object.pointer_mut(&path) else { return };
            change(value, way);
        }
    }
}

fn change(value: &mut Value, way: u8) {
    match (way, &mut *value) {
        (3, Value::Object(fields)) => drop(fields.insert("extra".to_owned(), json!("x"))),
        (3, Value::Array(items)) => items.push(json!({"name": "extra"})),
        (4, Value::Number(number)) => *value = Value::String(number.to_string()),
        (5, _) => *value = Value::Null,
        (6, Value::Array(_)) => *value = json!([]),
        (6, _) => *value = json!({}),
        (_, Value::String(text)) => text.push('x'),
        (_, Value::Number(number)) => *value = json!(number.as_i64().unwrap_or(0) + 1),
        (_, Value::Bool(truth)) => *truth = !*truth,
        _ => {}
    }
}
