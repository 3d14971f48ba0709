//! The tree of one document: values together with the lines on which they are written.

use serde_json::{Map, Value};
use std::ops::Range;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// First line, from 1.
    pub first: usize,
    /// Last line, inclusive.
    pub last: usize,
    /// Written elsewhere: it came through an alias or a merge key.
    pub shared: bool,
    /// Where its bytes are.
    pub mark: Mark,
    /// The value.
    pub body: Body,
}

/// The bytes of a value, counted from after a byte order mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// First byte, after anchor and tag. Of block text the first byte of its first line that is not empty; of a map or
    /// list in block style the first byte of its first key, or of a first item or its dash.
    pub start: usize,
    /// After the last byte. Of block text and of block style this is no use: both end before the next token.
    pub end: usize,
    /// How it is written.
    pub style: Style,
    /// Number of its anchor in the document; 0 for none.
    pub anchor: usize,
    /// Whether it has an explicit tag.
    pub tagged: bool,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Text without quotes; nothing at all is plain, too.
    Plain,
    /// `'text'`
    Single,
    /// `"text"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// `{...}` or `[...]`
    Flow,
    /// A map or list by indentation.
    Block,
    /// `*name`
    Alias,
}

impl Mark {
    /// The bytes.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Whether it is text by indentation.
    pub fn is_block_text(&self) -> bool {
        matches!(self.style, Style::Literal | Style::Folded)
    }
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
    /// The bytes of the key; of an entry that a merge key brought, those where it is written.
    pub at: Mark,
    /// Whether a merge key brought it.
    pub merged: bool,
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
