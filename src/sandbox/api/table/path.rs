//! The JSON paths of printer columns: `.a.b`, `.a[0]`, `.a['b.c']`, `.a[?(@.type=="Ready")].status`.

use serde_json::Value;

/// The first value at a path.
pub fn find(object: &Value, path: &str) -> Option<Value> {
    let mut rest = path.trim().trim_start_matches('$');
    let mut found = object.clone();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let end = after.find(']')?;
            found = bracket(&found, after[..end].trim())?;
            rest = &after[end + 1..];
        } else {
            let after = rest.strip_prefix('.')?;
            let (field, end) = field(after);
            if !field.is_empty() {
                found = found.get(&field)?.clone();
            }
            rest = &after[end..];
        }
    }
    (!found.is_null()).then_some(found)
}

/// A field name, where `\.` is a dot in the name, and its length in the path.
fn field(path: &str) -> (String, usize) {
    let (mut name, mut escaped) = (String::new(), false);
    for (at, character) in path.char_indices() {
        match character {
            '\\' if !escaped => escaped = true,
            '.' | '[' if !escaped => return (name, at),
            other => {
                name.push(other);
                escaped = false;
            }
        }
    }
    (name, path.len())
}

fn bracket(value: &Value, inside: &str) -> Option<Value> {
    if inside == "*" {
        return value.as_array()?.first().cloned();
    }
    if let Ok(position) = inside.parse::<usize>() {
        return value.get(position).cloned();
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let (left, right) = filter.split_once("==")?;
        let wanted = right.trim().trim_matches(['"', '\'']);
        let place = left.trim().trim_start_matches('@');
        return value
            .as_array()?
            .iter()
            .find(|item| match find(item, place) {
                Some(Value::String(text)) => text == wanted,
                Some(Value::Bool(set)) => set == (wanted == "true"),
                _ => false,
            })
            .cloned();
    }
    value.get(inside.trim_matches(['"', '\''])).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_real_definitions() {
        let object = json!({"spec": {"a": 1}, "metadata": {"labels": {"x.y/z": "l"}},
            "status": {"conditions": [{"type": "Old", "status": "False"}, {"type": "Ready", "status": "True"}]}});
        assert_eq!(find(&object, ".spec.a"), Some(json!(1)));
        assert_eq!(
            find(&object, ".status.conditions[?(@.type==\"Ready\")].status"),
            Some(json!("True"))
        );
        assert_eq!(find(&object, ".status.conditions[0].type"), Some(json!("Old")));
        assert_eq!(find(&object, ".metadata.labels.x\\.y/z"), Some(json!("l")));
        assert_eq!(find(&object, ".metadata.labels['x.y/z']"), Some(json!("l")));
        assert_eq!(find(&object, ".spec.missing"), None);
        assert_eq!(find(&object, ".["), None);
    }
}
