//! The tree of one document: values together with the lines on which they are written.

use serde_json::{Map, Value};

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// First line, from 1.
    pub first: usize,
    /// Last line, inclusive.
    pub last: usize,
    /// Written elsewhere: it came through an alias or a merge key.
    pub shared: bool,
    /// The value.
    pub body: Body,
}

/// The value of a [`Node`].
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Null, boolean, number or text.
    Scalar(Value),
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in written order; its keys are unique.
    Mapping(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key, as `kubectl` spells it.
    pub key: String,
    /// The line of the key.
    pub line: usize,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The value alone.
    pub fn into_value(self) -> Value {
        match self.body {
            Body::Scalar(value) => value,
            Body::Sequence(items) => {
                Value::Array(items.into_iter().map(Self::into_value).collect())
            }
            Body::Mapping(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.node.into_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// First lines of the entries of `items`, if the node is a map with such a list.
    pub fn item_lines(&self) -> Vec<usize> {
        let Body::Mapping(entries) = &self.body else { return Vec::new() };
        match entries.iter().find(|entry| entry.key == "items").map(|entry| &entry.node.body) {
            Some(Body::Sequence(items)) => items.iter().map(|item| item.first).collect(),
            _ => Vec::new(),
        }
    }

    /// The same value, marked as written elsewhere.
    pub fn share(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Number of nodes in the tree.
    pub fn size(&self) -> usize {
        1 + match &self.body {
            Body::Scalar(_) => 0,
            Body::Sequence(items) => items.iter().map(Self::size).sum(),
            Body::Mapping(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
        }
    }
}
