//! Sets of field paths and their `FieldsV1` form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::atom::Atom;
use super::element::Element;
use super::schema::Type;

/// A set of field paths. A path with children in the set need not be in the set itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    /// Steps whose paths are in the set.
    pub members: BTreeSet<Element>,
    /// What the set holds below a step.
    pub children: BTreeMap<Element, Set>,
}

impl Set {
    /// A set of paths of member names.
    pub fn of(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<Element> = path.iter().map(|name| Element::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path; the empty path is nobody's.
    pub fn insert(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Whether the path itself is in the set.
    #[cfg(test)]
    pub fn has(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|child| child.has(rest)),
        }
    }

    /// Whether no path is in the set.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Paths of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.members.extend(other.members.iter().cloned());
        for (step, child) in &other.children {
            let merged =
                out.children.get(step).map_or_else(|| child.clone(), |own| own.union(child));
            out.children.insert(step.clone(), merged);
        }
        out
    }

    /// Paths of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: self.pairs(|step, child| {
                other.children.get(step).map(|there| child.intersection(there))
            }),
        }
    }

    /// Paths of this set alone; what lies below a path of the other set stays.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.pairs(|step, child| match other.children.get(step) {
                Some(there) => Some(child.difference(there)),
                None => Some(child.clone()),
            }),
        }
    }

    /// Paths of this set that are neither in the other nor below one of its paths.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.pairs(|step, child| match other.children.get(step) {
                _ if other.members.contains(step) => None,
                Some(there) => Some(child.without(there)),
                None => Some(child.clone()),
            }),
        }
    }

    fn pairs(&self, keep: impl Fn(&Element, &Self) -> Option<Self>) -> BTreeMap<Element, Self> {
        let kept = self
            .children
            .iter()
            .filter_map(|(step, child)| Some((step.clone(), keep(step, child)?)));
        kept.filter(|(_, child)| !child.is_empty()).collect()
    }

    /// The set with every named member of a structure that has children in it: `a.b` brings `a`.
    #[must_use]
    pub fn with_named(&self, node: Option<&Type>) -> Self {
        let atom = node.map(Atom::of);
        let mut out = self.clone();
        for (step, child) in &self.children {
            let below = match (step, &atom) {
                (Element::Field(name), Some(Atom { map: Some(map), .. })) => {
                    if map.fields.contains_key(name) {
                        out.members.insert(step.clone());
                    }
                    map.member(name)
                }
                (Element::Key(_), Some(Atom { list: Some(list), .. })) => list.items,
                _ => None,
            };
            out.children.insert(step.clone(), child.with_named(below));
        }
        out
    }

    /// Every path, members before what lies below.
    pub fn paths(&self) -> Vec<Vec<Element>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Vec<Element>, out: &mut Vec<Vec<Element>>) {
        for member in &self.members {
            out.push(prefix.iter().chain(Some(member)).cloned().collect());
        }
        for (step, child) in &self.children {
            prefix.push(step.clone());
            child.collect(prefix, out);
            prefix.pop();
        }
    }

    /// The `FieldsV1` form.
    pub fn encode(&self) -> Value {
        Value::Object(self.body(false))
    }

    fn body(&self, member: bool) -> Map<String, Value> {
        let mut out = Map::new();
        if member {
            out.insert(".".to_owned(), json!({}));
        }
        let steps: BTreeSet<&Element> = self.members.iter().chain(self.children.keys()).collect();
        for step in steps {
            let body = match self.children.get(step) {
                Some(child) => child.body(self.members.contains(step)),
                None => Map::new(),
            };
            out.insert(step.encode(), Value::Object(body));
        }
        out
    }

    /// Reads the `FieldsV1` form.
    pub fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        for (key, below) in fields.as_object().into_iter().flatten() {
            let Some(step) = Element::decode(key) else { continue };
            let inner = below.as_object();
            let child = Self::decode(below);
            if child.is_empty() || inner.is_some_and(|inner| inner.contains_key(".")) {
                set.members.insert(step.clone());
            }
            if !child.is_empty() {
                set.children.insert(step, child);
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_survive_a_round_trip() {
        let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:replicas": {},
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}});
        let set = Set::decode(&fields);
        assert_eq!(set.encode(), fields);
        assert!(set.has(&[Element::field("spec"), Element::field("replicas")]));
        assert!(!set.has(&[Element::field("spec")]));
    }

    fn any_set() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(0_u8..3, 1..4), 0..8)
    }

    fn build(paths: &[Vec<u8>]) -> Set {
        let mut set = Set::default();
        for path in paths {
            let path: Vec<Element> =
                path.iter().map(|step| Element::field(&step.to_string())).collect();
            set.insert(&path);
        }
        set
    }

    fn plain(set: &Set) -> BTreeSet<Vec<Element>> {
        set.paths().into_iter().collect()
    }

    proptest! {
        #[test]
        fn algebra_equals_that_of_plain_sets_of_paths(left in any_set(), right in any_set()) {
            let (left, right) = (build(&left), build(&right));
            let (l, r) = (plain(&left), plain(&right));
            prop_assert_eq!(plain(&left.union(&right)), l.union(&r).cloned().collect());
            prop_assert_eq!(plain(&left.intersection(&right)), l.intersection(&r).cloned().collect());
            prop_assert_eq!(plain(&left.difference(&right)), l.difference(&r).cloned().collect());
            let below: BTreeSet<Vec<Element>> = l
                .into_iter()
                .filter(|path| !(1..=path.len()).any(|length| r.contains(&path[..length])))
                .collect();
            prop_assert_eq!(plain(&left.without(&right)), below);
            prop_assert_eq!(Set::decode(&left.encode()), left.difference(&Set::default()));
        }
    }
}
