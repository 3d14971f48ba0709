//! Taking field paths out of an object.

use serde_json::{Map, Value};

use super::atom::{Atom, Shape};
use super::element::Element;
use super::schema::Type;
use super::set::Set;

/// The value without the members and items in the set. Lists and maps merged as one value are taken out whole, where
/// the set names something below them; what becomes empty is null.
pub fn remove(node: &Type, value: &Value, set: &Set) -> Value {
    match Atom::of(node).shape(Some(value)) {
        Some(Shape::List(list)) => {
            let Value::Array(items) = value else { return Value::Null };
            if list.atomic {
                return Value::Null;
            }
            let mut kept = Vec::new();
            for item in items {
                let Ok(step) = list.identity(item) else { continue };
                if set.members.contains(&step) {
                    continue;
                }
                kept.push(below(list.items, item, set, &step));
            }
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        Some(Shape::Map(map)) => {
            let Value::Object(members) = value else { return Value::Null };
            if map.atomic {
                return Value::Null;
            }
            let mut kept = Map::new();
            for (name, member) in members {
                let step = Element::field(name);
                if !set.members.contains(&step) {
                    kept.insert(name.clone(), below(map.member(name), member, set, &step));
                }
            }
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        _ => value.clone(),
    }
}

fn below(node: Option<&Type>, value: &Value, set: &Set, step: &Element) -> Value {
    match (node, set.children.get(step)) {
        (Some(node), Some(child)) if !child.is_empty() => remove(node, value, child),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fields::schema::Schemas;
    use serde_json::json;

    #[test]
    fn items_and_members_go_and_what_is_empty_becomes_null() {
        let schema = Schemas::builtin().of("", "v1", "Service").unwrap();
        let service = json!({"spec": {"selector": {"app": "a"}, "ports": [{"port": 80}, {"port": 81, "name": "b"}]}});
        let set = Set::decode(
            &json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}}}),
        );
        let without = remove(schema.root(), &service, &set);
        assert_eq!(without["spec"]["ports"], json!([{"port": 81, "name": "b"}]));
        let all = Set::decode(&json!({"f:spec": {"f:selector": {}, "f:ports": {}}}));
        assert_eq!(remove(schema.root(), &service, &all), json!({"spec": null}));
    }
}
