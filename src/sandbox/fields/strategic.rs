//! Strategic merge patches: lists are merged by the keys that the schema names, directives in the patch steer it.
//! See <https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md>.

use serde_json::{Map, Value};

use super::element::same;
use super::schema::{Schema, Type};

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// The live object with the patch merged into it; the error says which directive is wrong.
pub fn strategic_merge(schema: &Schema, live: &Value, patch: &Value) -> Result<Value, String> {
    let (Value::Object(live), Value::Object(patch)) = (live, patch) else {
        return Err("the patch is no object".to_owned());
    };
    merge_members(Some(schema.root()), live.clone(), patch.clone()).map(Value::Object)
}

/// What the schema says of one member: its type, whether its list merges, and by which key.
struct Field<'a> {
    node: Option<&'a Type>,
    merges: bool,
    replaces: bool,
    key: Option<&'a str>,
}

impl<'a> Field<'a> {
    fn of(parent: Option<&'a Type>, name: &str) -> Self {
        let node = parent.and_then(|parent| parent.member(name));
        let strategy = node.and_then(|node| node.patch.as_deref()).unwrap_or_default();
        Self {
            node,
            merges: strategy.split(',').any(|part| part == "merge"),
            replaces: strategy.split(',').any(|part| part == "replace"),
            key: node.and_then(|node| node.merge.as_deref()),
        }
    }

    fn items(&self) -> Option<&'a Type> {
        self.node.and_then(|node| node.resolve().items.as_deref())
    }
}

type Members = Map<String, Value>;

fn merge_members(
    node: Option<&Type>,
    mut live: Members,
    mut patch: Members,
) -> Result<Members, String> {
    match patch
        .shift_remove(DIRECTIVE)
        .as_ref()
        .map(|directive| directive.as_str().unwrap_or_default())
    {
        None | Some("merge") => {}
        Some("replace") => return Ok(plain_members(patch)),
        Some("delete") => return Ok(Map::new()),
        Some(other) => return Err(format!("unknown patch type found: {other}")),
    }
    retain(&mut live, &mut patch)?;
    let orders: Vec<String> =
        patch.keys().filter(|name| name.starts_with(ORDER)).cloned().collect();
    let stated: Vec<&str> = orders.iter().map(|name| &name[ORDER.len()..]).collect();
    for (name, order) in implied(node, &live, &patch, &stated) {
        ordered(node, &mut live, &mut patch, (&name, &order))?;
    }
    for name in orders {
        let order = patch.shift_remove(&name).unwrap_or_default();
        ordered(node, &mut live, &mut patch, (&name[ORDER.len()..], &order))?;
    }
    for (name, value) in patch {
        if let Some(name) = name.strip_prefix(DELETE) {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (live.get_mut(name), &value) {
                items.retain(|item| !gone.iter().any(|other| same(item, other)));
            }
            continue;
        }
        if value.is_null() {
            live.shift_remove(&name);
            continue;
        }
        let field = Field::of(node, &name);
        let merged = match live.get(&name) {
            Some(present) => merge_value(&field, present.clone(), value)?,
            None => plain(value),
        };
        live.insert(name, merged);
    }
    Ok(live)
}

/// A merged list without `$setElementOrder` comes out in the order of the patch.
fn implied(
    node: Option<&Type>,
    live: &Members,
    patch: &Members,
    stated: &[&str],
) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in patch {
        let (Value::Array(items), Some(Value::Array(_))) = (value, live.get(name)) else {
            continue;
        };
        let steered = items.iter().any(|item| item[DIRECTIVE] == "replace");
        if name.starts_with('$') || stated.contains(&name.as_str()) || steered {
            continue;
        }
        let field = Field::of(node, name);
        if field.merges {
            let kept = items.iter().filter(|item| item[DIRECTIVE] != "delete");
            found.push((name.clone(), kept.cloned().collect()));
        }
    }
    found
}

fn merge_value(field: &Field<'_>, live: Value, patch: Value) -> Result<Value, String> {
    match (live, patch) {
        (Value::Object(live), Value::Object(patch)) => {
            if field.replaces {
                return Ok(Value::Object(plain_members(patch)));
            }
            merge_members(field.node, live, patch).map(Value::Object)
        }
        (Value::Array(live), Value::Array(patch)) if field.merges => {
            merge_items(field, live, patch).map(Value::Array)
        }
        (_, patch) => Ok(plain(patch)),
    }
}

/// `$retainKeys`: only these members of the live object stay.
fn retain(live: &mut Members, patch: &mut Members) -> Result<(), String> {
    let Some(keys) = patch.shift_remove(RETAIN) else { return Ok(()) };
    let keys = keys.as_array().cloned().ok_or("$retainKeys is no list")?;
    let listed = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    if let Some(name) = patch
        .iter()
        .find(|(name, value)| !name.starts_with('$') && !value.is_null() && !listed(name))
    {
        return Err(format!("{:?} is not in $retainKeys", name.0));
    }
    live.retain(|name, _| listed(name));
    Ok(())
}

/// Without directives, and without members that are null.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(plain_members(members)),
        Value::Array(items) => Value::Array(
            items.into_iter().filter(|item| item.get(DIRECTIVE).is_none()).map(plain).collect(),
        ),
        other => other,
    }
}

fn plain_members(members: Members) -> Members {
    let directive = |name: &str| {
        name == DIRECTIVE || name == RETAIN || name.starts_with(ORDER) || name.starts_with(DELETE)
    };
    let kept = members.into_iter().filter(|(name, value)| !value.is_null() && !directive(name));
    kept.map(|(name, value)| (name, plain(value))).collect()
}

fn merge_items(
    field: &Field<'_>,
    mut live: Vec<Value>,
    patch: Vec<Value>,
) -> Result<Vec<Value>, String> {
    if !patch.iter().chain(&live).any(Value::is_object) {
        for item in patch {
            if !live.iter().any(|present| same(present, &item)) {
                live.push(item);
            }
        }
        return Ok(live);
    }
    let Some(key) = field.key else { return Ok(patch.into_iter().map(plain).collect()) };
    if patch.iter().any(|item| item[DIRECTIVE] == "replace") {
        return Ok(plain(Value::Array(patch)).as_array().cloned().unwrap_or_default());
    }
    for item in patch {
        let Value::Object(mut members) = item else {
            return Err("a list of objects holds something else".to_owned());
        };
        let identity = members.get(key).cloned().ok_or_else(|| {
            format!(
                "map: {} does not contain declared merge key: {key}",
                Value::Object(members.clone())
            )
        })?;
        let position = live.iter().position(|present| same(&present[key], &identity));
        match members.get(DIRECTIVE).and_then(Value::as_str) {
            Some("delete") => live.retain(|present| !same(&present[key], &identity)),
            None | Some("merge") => {
                if let Some(position) = position {
                    let present = live[position].as_object().cloned().unwrap_or_default();
                    live[position] = Value::Object(merge_members(field.items(), present, members)?);
                } else {
                    members.shift_remove(DIRECTIVE);
                    live.push(Value::Object(plain_members(members)));
                }
            }
            Some(other) => return Err(format!("unknown patch type found: {other}")),
        }
    }
    Ok(live)
}

/// `$setElementOrder`: merges the list and puts the items that the patch knows into the given order; the others keep
/// their places relative to those that were there before.
fn ordered(
    node: Option<&Type>,
    live: &mut Members,
    patch: &mut Members,
    order: (&str, &Value),
) -> Result<(), String> {
    let (name, order) = order;
    let order = order.as_array().cloned().ok_or_else(|| format!("{ORDER}{name} is no list"))?;
    let field = Field::of(node, name);
    let before = live.get(name).and_then(Value::as_array).cloned();
    let deleted = patch
        .get(&format!("{DELETE}{name}"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let merged = match (before.clone(), patch.shift_remove(name)) {
        (None, None) => return Ok(()),
        (Some(before), None) => before,
        (None, Some(patch)) => plain(patch).as_array().cloned().unwrap_or_default(),
        (Some(_), Some(Value::Null)) => {
            live.shift_remove(name);
            return Ok(());
        }
        (Some(before), Some(patch)) => {
            let merged = merge_value(&field, Value::Array(before), patch)?;
            merged.as_array().cloned().unwrap_or_default()
        }
    };
    let merged: Vec<Value> =
        merged.into_iter().filter(|item| !deleted.iter().any(|gone| same(gone, item))).collect();
    let alike = |left: &Value, right: &Value| match field.key {
        Some(key) => same(&left[key], &right[key]),
        None => same(left, right),
    };
    let place = |list: &[Value], item: &Value| list.iter().position(|other| alike(other, item));
    let (mut known, others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| place(&order, item).is_some());
    known.sort_by_key(|item| place(&order, item));
    let before = before.unwrap_or_default();
    let (mut known, mut others) = (known.into_iter().peekable(), others.into_iter().peekable());
    let mut out = Vec::new();
    loop {
        let first = match (others.peek(), known.peek()) {
            (None, None) => break,
            (Some(other), Some(own)) => {
                matches!((place(&before, other), place(&before, own)), (Some(left), Some(right)) if left < right)
            }
            (other, _) => other.is_some(),
        };
        out.extend(if first { others.next() } else { known.next() });
    }
    live.insert(name.to_owned(), Value::Array(out));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fields::Schemas;
    use serde_json::json;

    fn merged(live: &Value, patch: &Value) -> Value {
        let schema = Schemas::builtin().of("", "v1", "Pod").unwrap();
        strategic_merge(&schema, live, patch).unwrap()
    }

    #[test]
    fn lists_merge_by_their_keys() {
        let live = json!({"spec": {"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"}]}});
        let table = [
            (
                json!({"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}]}}),
                json!([{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}]),
            ),
            (
                json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}),
                json!([{"name": "b", "image": "1"}]),
            ),
            (
                json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "z", "image": null}]}}),
                json!([{"name": "z"}]),
            ),
            (
                json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}],
                    "containers": [{"name": "c", "image": "3"}]}}),
                json!([{"name": "c", "image": "3"}, {"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"}]),
            ),
            (
                json!({"spec": {"containers": [{"name": "a", "args": ["y"], "image": null}]}}),
                json!([{"name": "a", "args": ["y"]}, {"name": "b", "image": "1"}]),
            ),
        ];
        for (patch, expected) in table {
            assert_eq!(merged(&live, &patch)["spec"]["containers"], expected, "{patch}");
        }
    }

    #[test]
    fn maps_and_primitive_lists_obey_their_directives() {
        let live = json!({"metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}},
            "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}});
        let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"],
            "$setElementOrder/finalizers": ["c", "b"], "labels": {"x": null, "y": "2"}}});
        let result = merged(&live, &patch);
        assert_eq!(result["metadata"], json!({"finalizers": ["c", "b"], "labels": {"y": "2"}}));
        let retain = json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]}});
        assert_eq!(
            merged(&live, &retain)["spec"]["volumes"],
            json!([{"name": "v", "hostPath": {"path": "/"}}])
        );
        let replace = json!({"metadata": {"labels": {"$patch": "replace", "z": "3"}}});
        assert_eq!(merged(&live, &replace)["metadata"]["labels"], json!({"z": "3"}));
        let schema = Schemas::builtin().of("", "v1", "Pod").unwrap();
        assert!(strategic_merge(&schema, &live, &json!({"$patch": "explode"})).is_err());
    }
}
