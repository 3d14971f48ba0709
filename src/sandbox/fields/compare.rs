//! Which field paths differ between two versions of an object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::atom::{Atom, List, Members, Shape};
use super::element::{Element, same};
use super::schema::Type;
use super::set::Set;

/// The paths by which an object differs from an older one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Only the old one has them.
    pub removed: Set,
    /// Both have them, with different values.
    pub modified: Set,
    /// Only the new one has them.
    pub added: Set,
}

impl Comparison {
    /// Compares two objects of one kind.
    pub fn of(node: &Type, old: &Value, new: &Value) -> Self {
        let mut walk = Walk { out: Self::default(), path: Vec::new() };
        walk.compare(node, Some(old), Some(new));
        walk.out
    }

    /// Forgets some paths and all below them.
    #[must_use]
    pub fn without(&self, ignored: &Set) -> Self {
        Self {
            removed: self.removed.without(ignored),
            modified: self.modified.without(ignored),
            added: self.added.without(ignored),
        }
    }

    /// Added or modified.
    pub fn written(&self) -> Set {
        self.modified.union(&self.added)
    }
}

struct Walk {
    out: Comparison,
    path: Vec<Element>,
}

impl Walk {
    fn compare(&mut self, node: &Type, old: Option<&Value>, new: Option<&Value>) {
        let atom = Atom::of(node);
        let leaf = match atom.shape(new.or(old)) {
            None => return,
            Some(Shape::Scalar(_)) => true,
            Some(Shape::List(list)) => {
                let (left, right) = (items(old), items(new));
                let leaf = list.atomic || (left.is_empty() && right.is_empty());
                if !leaf {
                    self.items(&list, left, right);
                }
                leaf
            }
            Some(Shape::Map(map)) => {
                let (left, right) =
                    (old.and_then(Value::as_object), new.and_then(Value::as_object));
                let leaf = map.atomic
                    || (left.is_none_or(Map::is_empty) && right.is_none_or(Map::is_empty));
                if !leaf {
                    self.members(&map, left, right);
                }
                leaf
            }
        };
        match (old, new) {
            (None, Some(_)) => self.out.added.insert(&self.path),
            (Some(_), None) => self.out.removed.insert(&self.path),
            (Some(old), Some(new)) if leaf && !same(old, new) => {
                self.out.modified.insert(&self.path);
            }
            _ => {}
        }
    }

    fn below(
        &mut self,
        step: Element,
        node: Option<&Type>,
        old: Option<&Value>,
        new: Option<&Value>,
    ) {
        let Some(node) = node else { return };
        self.path.push(step);
        self.compare(node, old, new);
        self.path.pop();
    }

    fn members(
        &mut self,
        map: &Members<'_>,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) {
        for (name, value) in old.into_iter().flatten() {
            self.below(
                Element::field(name),
                map.member(name),
                Some(value),
                new.and_then(|new| new.get(name)),
            );
        }
        for (name, value) in new.into_iter().flatten() {
            if old.is_none_or(|old| !old.contains_key(name)) {
                self.below(Element::field(name), map.member(name), None, Some(value));
            }
        }
    }

    /// Items with one identity are compared with each other; repeated ones as one value.
    fn items(&mut self, list: &List<'_>, old: &[Value], new: &[Value]) {
        let mut groups: BTreeMap<Element, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for value in old {
            if let Ok(step) = list.identity(value) {
                groups.entry(step).or_default().0.push(value);
            }
        }
        for value in new {
            if let Ok(step) = list.identity(value) {
                groups.entry(step).or_default().1.push(value);
            }
        }
        for (step, (left, right)) in groups {
            let here: Vec<Element> = self.path.iter().cloned().chain(Some(step.clone())).collect();
            match (left.as_slice(), right.as_slice()) {
                ([] | [_], [] | [_]) => {
                    self.below(step, list.items, left.first().copied(), right.first().copied());
                }
                ([_, _, ..], [_, _, ..]) => {
                    let equal = left.len() == right.len()
                        && left.iter().zip(&right).all(|(a, b)| same(a, b));
                    if !equal {
                        self.out.modified.insert(&here);
                    }
                }
                ([_, _, ..], rest) => {
                    if let Some(new) = rest.first() {
                        self.below(step, list.items, None, Some(new));
                    }
                    self.out.removed.insert(&here);
                }
                (rest, _) => {
                    if let Some(old) = rest.first() {
                        self.below(step, list.items, Some(old), None);
                    }
                    self.out.added.insert(&here);
                }
            }
        }
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
