//! Merging an applied configuration into a live object, as structured-merge-diff does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::atom::{Atom, List, Members, Shape};
use super::element::Element;
use super::schema::Type;

/// Merges `applied` over `live`; nothing is removed. `None` where nothing is left to say.
pub fn merge(
    node: &Type,
    live: Option<&Value>,
    applied: Option<&Value>,
) -> Result<Option<Value>, String> {
    let leaf = || applied.or(live).cloned();
    let shape = Atom::of(node).shape(applied.or(live));
    match shape {
        None => Err("schema error: invalid atom".to_owned()),
        Some(Shape::Scalar(_)) => Ok(leaf()),
        Some(Shape::List(list)) => {
            let (old, new) = (items(live), items(applied));
            if list.atomic || (old.is_empty() && new.is_empty()) {
                return Ok(leaf());
            }
            merge_items(&list, old, new)
        }
        Some(Shape::Map(map)) => {
            let (old, new) = (live.and_then(Value::as_object), applied.and_then(Value::as_object));
            if map.atomic || (old.is_none_or(Map::is_empty) && new.is_none_or(Map::is_empty)) {
                return Ok(leaf());
            }
            merge_members(&map, old, new)
        }
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn merge_members(
    map: &Members<'_>,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
) -> Result<Option<Value>, String> {
    let mut out = Map::new();
    let known = old.into_iter().flatten().map(|(name, _)| name);
    let added = new
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .filter(|name| old.is_none_or(|old| !old.contains_key(*name)));
    for name in known.chain(added) {
        let Some(node) = map.member(name) else {
            return Err(format!(".{name}: field not declared in schema"));
        };
        let left = old.and_then(|old| old.get(name));
        let right = new.and_then(|new| new.get(name));
        let merged = merge(node, left, right).map_err(|error| format!(".{name}{error}"))?;
        if let Some(merged) = merged {
            out.insert(name.clone(), merged);
        }
    }
    Ok((!out.is_empty()).then_some(Value::Object(out)))
}

/// The items of one side by identity. A repeated identity stands for nothing.
type Indexed<'a> = (Vec<Element>, BTreeMap<Element, &'a Value>);

fn index<'a>(
    list: &List<'_>,
    values: &'a [Value],
    duplicates: bool,
) -> Result<Indexed<'a>, String> {
    let mut order = Vec::new();
    let mut found = BTreeMap::new();
    for (position, value) in values.iter().enumerate() {
        let identity =
            list.identity(value).map_err(|error| format!(": element {position}: {error}"))?;
        let known = found.contains_key(&identity);
        if known && !duplicates {
            return Err(format!(": duplicate entries for key {identity}"));
        }
        found.insert(identity.clone(), if known { &Value::Null } else { value });
        order.push(identity);
    }
    Ok((order, found))
}

/// Two ordered lists on their way into one. Items of the live list keep their places; items that are in both come in
/// the applied order; items that only the applied list has follow the ones they follow there.
struct Weave<'a, 'b> {
    list: &'b List<'a>,
    live: &'b [Value],
    old: Indexed<'b>,
    new: Indexed<'b>,
    shared: VecDeque<Element>,
    done: BTreeSet<Element>,
    out: Vec<Value>,
}

fn merge_items(
    list: &List<'_>,
    live: &[Value],
    applied: &[Value],
) -> Result<Option<Value>, String> {
    let new = index(list, applied, false)?;
    let old = index(list, live, true)?;
    let shared = new.0.iter().filter(|step| old.1.contains_key(step)).cloned().collect();
    let mut weave = Weave { list, live, old, new, shared, done: BTreeSet::new(), out: Vec::new() };
    weave.run()?;
    Ok((!weave.out.is_empty()).then_some(Value::Array(weave.out)))
}

impl Weave<'_, '_> {
    fn run(&mut self) -> Result<(), String> {
        let (mut left, mut right) = (0, 0);
        while left < self.old.0.len() || right < self.new.0.len() {
            let ours = self.old.0.get(left).cloned();
            let theirs = self.new.0.get(right).cloned();
            if let (Some(ours), Some(theirs)) = (&ours, &theirs) {
                if ours == theirs {
                    self.take_applied(ours)?;
                    self.shared.pop_front();
                    left += 1;
                    right += 1;
                    continue;
                }
                // An item of both, but another one is due.
                if self.new.1.contains_key(ours)
                    && self.shared.front().is_some_and(|next| next != ours)
                {
                    left += 1;
                    continue;
                }
            }
            if let Some(ours) = &ours {
                if !self.new.1.contains_key(ours) {
                    let value = &self.live[left];
                    self.push(ours, Some(value), None)?;
                    left += 1;
                    continue;
                }
                if self.done.contains(ours) {
                    left += 1;
                }
            }
            if let Some(theirs) = &theirs {
                self.take_applied(theirs)?;
                right += 1;
                if self.shared.front() == Some(theirs) {
                    self.shared.pop_front();
                }
            }
        }
        Ok(())
    }

    fn take_applied(&mut self, step: &Element) -> Result<(), String> {
        self.done.insert(step.clone());
        let (left, right) = (self.old.1.get(step).copied(), self.new.1.get(step).copied());
        self.push(step, left, right)
    }

    fn push(
        &mut self,
        step: &Element,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Result<(), String> {
        let Some(node) = self.list.items else { return Ok(()) };
        if let Some(merged) = merge(node, left, right).map_err(|error| format!("{step}{error}"))? {
            self.out.push(merged);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set_of_text() -> Type {
        serde_json::from_value(json!({"type": "array", "list": "set", "items": {"type": "string"}}))
            .unwrap()
    }

    #[test]
    fn items_come_in_the_order_that_both_sides_ask_for() {
        let table = [
            (json!(["a", "b"]), json!(["b", "c"]), json!(["a", "b", "c"])),
            (json!(["a", "b", "c"]), json!(["c", "a"]), json!(["b", "c", "a"])),
            (json!(["a", "b"]), json!(["x", "a"]), json!(["x", "a", "b"])),
            (json!([]), json!(["b", "a"]), json!(["b", "a"])),
            (json!(["a", "b"]), json!([]), json!(["a", "b"])),
        ];
        for (live, applied, expected) in table {
            let merged = merge(&set_of_text(), Some(&live), Some(&applied)).unwrap();
            assert_eq!(merged, Some(expected), "{live} <- {applied}");
        }
    }

    #[test]
    fn a_repeated_item_is_refused() {
        let error = merge(&set_of_text(), None, Some(&json!(["a", "a"]))).unwrap_err();
        assert_eq!(error, ": duplicate entries for key [=\"a\"]");
    }

    #[test]
    fn null_and_empty_are_kept_apart() {
        let node: Type =
            serde_json::from_value(json!({"type": "object", "values": {"type": "string"}}))
                .unwrap();
        assert_eq!(merge(&node, None, Some(&json!({}))).unwrap(), Some(json!({})));
        assert_eq!(
            merge(&node, Some(&json!({"a": "b"})), Some(&Value::Null)).unwrap(),
            Some(json!({"a": "b"}))
        );
        assert_eq!(merge(&node, Some(&json!({})), Some(&Value::Null)).unwrap(), Some(Value::Null));
    }
}
