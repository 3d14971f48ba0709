//! What tells the items of a list apart: the keys that the server tracks, else keys that are known to be unique.

use crate::domain::managed::item_key;
use crate::domain::path::{Step, key_of};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A node of `fieldsV1`.
pub(crate) type Node<'a> = &'a Map<String, Value>;

/// Keys of lists that the server does not track itself (atomic lists, lists of custom resources), in this order.
const KNOWN_KEYS: &[&[&str]] = &[
    &["name"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["mountPath"],
    &["devicePath"],
    &["ip"],
    &["key"],
    &["uid"],
    &["id"],
    &["type"],
];

/// How the items of two versions of a list are matched.
#[derive(Debug, PartialEq)]
pub(crate) enum Identity {
    /// By key fields.
    Keys(Vec<String>),
    /// By value.
    Set,
    /// By position only.
    Position,
}

impl Identity {
    /// Chooses for a list whose nodes in `managedFields` are `nodes`.
    pub fn of(before: &[Value], after: &[Value], nodes: &[Node<'_>]) -> Self {
        for key in nodes.iter().flat_map(|node| node.keys()) {
            if let Some(fields) = item_key(key) {
                return Self::Keys(fields.keys().cloned().collect());
            }
            if key.starts_with("v:") {
                return Self::Set;
            }
        }
        let known = KNOWN_KEYS.iter().find(|names| {
            let identity = Self::Keys(names.iter().map(|name| (*name).to_owned()).collect());
            !(before.is_empty() && after.is_empty())
                && identity.steps(before).is_some()
                && identity.steps(after).is_some()
        });
        known.map_or(Self::Position, |names| {
            Self::Keys(names.iter().map(|name| (*name).to_owned()).collect())
        })
    }

    /// The steps of all items; nothing when an item has no key or two have the same.
    pub fn steps(&self, items: &[Value]) -> Option<Steps> {
        let mut steps = Vec::with_capacity(items.len());
        let mut positions = HashMap::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let step = match self {
                Self::Keys(names) => {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    Step::Key(key_of(item.as_object()?, &names)?)
                }
                Self::Set if !item.is_object() && !item.is_array() => Step::Item(item.clone()),
                _ => return None,
            };
            if positions.insert(step.to_string(), index).is_some() {
                return None;
            }
            steps.push(step);
        }
        Some(Steps { steps, positions })
    }
}

/// The items of one version of a list, by identity.
pub(crate) struct Steps {
    steps: Vec<Step>,
    positions: HashMap<String, usize>,
}

impl Steps {
    /// In list order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where the item of this identity is.
    pub fn position(&self, step: &Step) -> Option<usize> {
        self.positions.get(&step.to_string()).copied()
    }

    /// The identities in list order, for a change of order.
    pub fn names(&self) -> Value {
        self.steps.iter().map(ToString::to_string).collect::<Vec<_>>().into()
    }
}
