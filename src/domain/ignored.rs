//! Ignored paths: they never count as drift, and an apply leaves them to whoever owns them.

use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::normalize::rule_matches;
use crate::domain::path::{FieldPath, Step, matches_key, same_scalar};
use crate::domain::prove::MANAGER;
use crate::domain::{IgnoreRule, ObjectRef};
use serde_json::{Map, Value};

/// The paths of the rules that are for this object; rules whose path cannot be read are for none.
pub fn ignored_paths(object: &Value, rules: &[IgnoreRule]) -> Vec<FieldPath> {
    if rules.is_empty() {
        return Vec::new();
    }
    let Some(reference) = ObjectRef::of(object) else { return Vec::new() };
    rules
        .iter()
        .filter(|rule| rule_matches(rule, &reference))
        .filter_map(|rule| FieldPath::parse(&rule.path).filter(|path| !path.0.is_empty()))
        .collect()
}

/// Changes the ignored paths of a desired object so that applying it changes nothing there: a value that another
/// manager owns is not sent, so that ownership stays with it; otherwise the live value is sent in place of the desired.
pub fn keep_ignored(desired: &mut Value, live: &Value, rules: &[IgnoreRule]) {
    for path in ignored_paths(desired, rules) {
        keep(desired, live, &path);
    }
}

fn keep(desired: &mut Value, live: &Value, path: &FieldPath) {
    let Some(current) = path.find(live) else {
        remove(desired, &path.0);
        return;
    };
    let wanted = path.find(desired);
    if let Value::Object(fields) = current
        && wanted.is_none_or(Value::is_object)
        && !fields.is_empty()
        && !is_whole(live, path)
    {
        let mut names: Vec<String> = fields.keys().cloned().collect();
        if let Some(Value::Object(wanted)) = wanted {
            names.extend(wanted.keys().filter(|name| !fields.contains_key(*name)).cloned());
        }
        for name in names {
            keep(desired, live, &path.join(Step::Field(name)));
        }
        if path.find(desired).is_some_and(|left| left.as_object().is_some_and(Map::is_empty)) {
            remove(desired, &path.0);
        }
        return;
    }
    let (mut ours, mut others) = (false, false);
    for entry in entries(live) {
        if ownership(entry.fields, path) != Ownership::None {
            if entry.manager == MANAGER && entry.applied { ours = true } else { others = true }
        }
    }
    // A list of which both own items is kept as it is: leaving it out would drop ours.
    if others && !(ours && current.is_array()) {
        remove(desired, &path.0);
    } else if ours || wanted.is_some() {
        set(desired, &path.0, current.clone());
    }
}

/// Whether some entry owns the value at this path as one piece (an atomic map).
fn is_whole(live: &Value, path: &FieldPath) -> bool {
    entries(live).any(|entry| {
        let below = path.join(Step::Field(String::new()));
        ownership(entry.fields, &below) == Ownership::Full
    })
}

fn remove(value: &mut Value, steps: &[Step]) {
    let Some((last, above)) = steps.split_last() else { return };
    let Some(parent) = above.iter().try_fold(value, |value, step| find_mut(value, step)) else {
        return;
    };
    match (parent, last) {
        (Value::Object(fields), Step::Field(name)) => drop(fields.shift_remove(name)),
        (Value::Array(items), step) => {
            if let Some(index) = position(items, step) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Sets a value; missing maps on the way are made, missing items of lists are not.
fn set(value: &mut Value, steps: &[Step], new: Value) {
    let Some((first, rest)) = steps.split_first() else {
        *value = new;
        return;
    };
    match (value, first) {
        (Value::Object(fields), Step::Field(name)) => {
            set(fields.entry(name).or_insert_with(|| Value::Object(Map::new())), rest, new);
        }
        (Value::Array(items), step) => {
            if let Some(index) = position(items, step) {
                set(&mut items[index], rest, new);
            }
        }
        _ => {}
    }
}

fn find_mut<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match (value, step) {
        (Value::Object(fields), Step::Field(name)) => fields.get_mut(name),
        (Value::Array(items), step) => {
            let index = position(items, step)?;
            items.get_mut(index)
        }
        _ => None,
    }
}

fn position(items: &[Value], step: &Step) -> Option<usize> {
    match step {
        Step::Index(index) => (*index < items.len()).then_some(*index),
        Step::Field(name) => name.parse().ok().filter(|index| *index < items.len()),
        Step::Key(keys) => items.iter().position(|item| matches_key(item, keys)),
        Step::Item(value) => items.iter().position(|item| same_scalar(item, value)),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::IgnoreRule;
    use crate::domain::normalize::as_sent;
    use serde_json::{Value, json};

    fn sent(path: &str, desired: &Value, live: &Value, entries: &Value) -> Value {
        let rule = IgnoreRule { kind: Some("D".into()), name: None, path: path.into() };
        let object = |spec: &Value| json!({"apiVersion": "v1", "kind": "D", "metadata": {"name": "d"}, "spec": spec});
        let mut live = object(live);
        live["metadata"]["managedFields"] = entries.clone();
        as_sent(&object(desired), &[], &[rule], Some(&live))["spec"].clone()
    }

    fn owner(manager: &str, fields: &Value) -> Value {
        let operation = if manager == "gitdeck" { "Apply" } else { "Update" };
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": {"f:spec": fields}})
    }

    #[test]
    fn a_path_of_another_manager_is_not_sent() {
        let entries = json!([
            owner("gitdeck", &json!({"f:a": {}})),
            owner("hpa", &json!({"f:replicas": {}}))
        ]);
        let found = sent(
            "/spec/replicas",
            &json!({"a": 1, "replicas": 2}),
            &json!({"a": 1, "replicas": 9}),
            &entries,
        );
        assert_eq!(found, json!({"a": 1}));
    }

    #[test]
    fn an_own_path_keeps_the_live_value() {
        let entries = json!([owner("gitdeck", &json!({"f:a": {}, "f:replicas": {}}))]);
        let live = json!({"a": 1, "replicas": 9});
        assert_eq!(sent("/spec/replicas", &json!({"a": 1, "replicas": 2}), &live, &entries), live);
        assert_eq!(sent("/spec/replicas", &json!({"a": 1}), &live, &entries), live);
        assert_eq!(
            sent("/spec/replicas", &json!({"a": 1, "replicas": 2}), &json!({"a": 1}), &entries),
            json!({"a": 1})
        );
    }

    #[test]
    fn subtrees_are_settled_leaf_by_leaf() {
        let entries = json!([
            owner("gitdeck", &json!({"f:m": {"f:a": {}}})),
            owner("x", &json!({"f:m": {"f:b": {}}}))
        ]);
        let found = sent(
            "/spec/m",
            &json!({"m": {"a": 1, "b": 1, "c": 1}}),
            &json!({"m": {"a": 5, "b": 6}}),
            &entries,
        );
        assert_eq!(found, json!({"m": {"a": 5}}));
        let found = sent(
            "/spec/l/[name=x]/v",
            &json!({"l": [{"name": "x", "v": 1}]}),
            &json!({"l": [{"name": "x", "v": 2}]}),
            &json!([]),
        );
        assert_eq!(found, json!({"l": [{"name": "x", "v": 2}]}));
    }
}
