//! The lines of a file on which a field of one of its objects is written, for blame.

use super::compose::compose;
use super::document::text;
use super::node::{Body, Node};
use crate::domain::Origin;
use crate::domain::path::{FieldPath, Step, same_scalar};
use serde_json::Value;
use std::ops::RangeInclusive;

/// A file, read once to answer for many paths.
#[derive(Debug)]
pub struct Lines {
    documents: Vec<Node>,
}

impl Lines {
    /// Reads a file. Nothing when it cannot be read, or when its lines are not Git's lines.
    pub fn read(content: &[u8]) -> Option<Self> {
        let text = text(content).ok()?;
        // A lone carriage return ends a line in YAML, but not in Git.
        let lone = |(at, _): (usize, &str)| text.as_bytes().get(at + 1) != Some(&b'\n');
        if text.match_indices('\r').any(lone) {
            return None;
        }
        Some(Self { documents: compose(text).ok()? })
    }

    /// The lines, from 1, on which the value at `path` of the object at `origin` is written, its key included:
    /// several for block text, lists and maps. Nothing where that is not certain: through an alias or a merge key,
    /// or where the path is not written at all.
    pub fn of(&self, origin: &Origin, path: &FieldPath) -> Option<RangeInclusive<usize>> {
        walk(object_at(self.documents.get(origin.document)?, origin.line)?, path)
    }
}

/// The first of the lines that [`Lines::of`] finds, for a single question.
pub fn line_of(content: &[u8], origin: &Origin, path: &FieldPath) -> Option<usize> {
    Lines::read(content)?.of(origin, path).map(|lines| *lines.start())
}

/// The object that begins at a line: the document, or an item of its lists of items.
fn object_at(node: &Node, line: usize) -> Option<&Node> {
    if node.shared {
        return None;
    }
    if node.first == line {
        // A list of items may begin on the line of its first item only in flow style, where lines do not tell.
        return Some(node);
    }
    let Body::Mapping(entries) = &node.body else { return None };
    let items = entries.iter().find(|entry| entry.key == "items")?;
    let Body::Sequence(items) = &items.node.body else { return None };
    let mut found = items.iter().filter_map(|item| object_at(item, line));
    let object = found.next()?;
    found.next().is_none().then_some(object)
}

fn walk(object: &Node, path: &FieldPath) -> Option<RangeInclusive<usize>> {
    let mut node = object;
    let mut first = node.first;
    for step in &path.0 {
        if node.shared {
            return None;
        }
        (node, first) = match (&node.body, step) {
            (Body::Mapping(entries), Step::Field(name)) => {
                let entry = entries.iter().find(|entry| entry.key == *name)?;
                (&entry.node, entry.line)
            }
            (Body::Sequence(items), step) => {
                let item = item(items, step)?;
                (item, item.first)
            }
            _ => return None,
        };
    }
    (!node.shared).then_some(first..=node.last.max(first))
}

fn item<'a>(items: &'a [Node], step: &Step) -> Option<&'a Node> {
    items.get(item_position(items, step)?)
}

/// Which item of a list a step leads to.
pub(super) fn item_position(items: &[Node], step: &Step) -> Option<usize> {
    let position = match step {
        Step::Index(index) => *index,
        Step::Field(name) => name.parse::<usize>().ok()?,
        Step::Item(value) => items.iter().position(
            |item| matches!(&item.body, Body::Scalar(scalar) if same_scalar(scalar, value)),
        )?,
        // Key fields that the author left to the server's default are not written; what is written must fit, and
        // only one item may.
        Step::Key(keys) => {
            let mut fitting = items.iter().enumerate().filter(|(_, item)| fits(item, keys));
            let (position, _) = fitting.next()?;
            if fitting.next().is_some() {
                return None;
            }
            position
        }
    };
    (position < items.len()).then_some(position)
}

fn fits(item: &Node, keys: &[(String, Value)]) -> bool {
    let Body::Mapping(entries) = &item.body else { return false };
    let mut written = 0;
    for (key, wanted) in keys {
        match entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node.body) {
            Some(Body::Scalar(value)) if same_scalar(value, wanted) => written += 1,
            Some(_) => return false,
            None => {}
        }
    }
    written > 0
}

#[cfg(test)]
mod tests {
    use super::{Lines, line_of};
    use crate::domain::Origin;
    use crate::domain::path::FieldPath;

    const TEXT: &str = "\
# head
kind: Deployment
metadata: {name: app, labels: {a: b}}
spec:
  replicas: 3 # few
  template:
    spec:
      containers:
        - name: side
          image: a:1
        - name: app
          args: [x,
                 y]
          image: >-
            b:2
          ports:
          - containerPort: 80
          - containerPort: 81
            protocol: UDP
---
kind: ConfigMap
data:
  long: |
    one
    two

  other: x
  shared: &s v
  alias: *s
";

    fn origin(document: usize, line: usize) -> Origin {
        Origin { file: "f.yaml".into(), document, line }
    }

    fn line(document: usize, first: usize, path: &str) -> Option<usize> {
        line_of(TEXT.as_bytes(), &origin(document, first), &FieldPath::parse(path).unwrap())
    }

    #[test]
    fn lines_of_values() {
        for (path, expected) in [
            ("/spec/replicas", Some(5)),
            ("/metadata/labels/a", Some(3)),
            ("/spec/template/spec/containers/[name=side]/image", Some(10)),
            ("/spec/template/spec/containers/[name=app]", Some(11)),
            ("/spec/template/spec/containers/[name=app]/image", Some(14)),
            ("/spec/template/spec/containers/1/args/1", Some(13)),
            (
                "/spec/template/spec/containers/[name=app]/ports/[containerPort=80,protocol=TCP]/containerPort",
                Some(17),
            ),
            (
                "/spec/template/spec/containers/[name=app]/ports/[containerPort=81,protocol=UDP]/protocol",
                Some(19),
            ),
            (
                "/spec/template/spec/containers/[name=app]/ports/[containerPort=81,protocol=TCP]",
                None,
            ),
            ("/spec/paused", None),
        ] {
            assert_eq!(line(0, 2, path), expected, "{path}");
        }
        assert_eq!(line(1, 21, "/data/other"), Some(27));
        assert_eq!(line(1, 21, "/data/shared"), Some(28));
        assert_eq!(line(1, 21, "/data/alias"), None);
    }

    #[test]
    fn ranges_span_block_text() {
        let path = FieldPath::parse("/data/long").unwrap();
        let lines = Lines::read(TEXT.as_bytes()).unwrap().of(&origin(1, 21), &path).unwrap();
        assert_eq!(*lines.start(), 23);
        assert!(*lines.end() >= 25 && *lines.end() < 27, "{lines:?}");
    }

    #[test]
    fn items_of_lists_are_found_by_their_line() {
        let text = "kind: List\nitems:\n- kind: A\n  x: 1\n- kind: B\n  x: 2\n";
        let path = FieldPath::parse("/x").unwrap();
        assert_eq!(line_of(text.as_bytes(), &origin(0, 5), &path), Some(6));
        assert_eq!(line_of(text.as_bytes(), &origin(0, 4), &path), None);
    }

    #[test]
    fn uncertain_lines_are_not_told() {
        let path = FieldPath::parse("/x").unwrap();
        assert_eq!(line_of(b"a: &m {x: 1}\n---\n<<: {x: 1}\n", &origin(1, 3), &path), None);
        assert_eq!(line_of(b"y2: 1\rx: 1\n", &origin(0, 1), &path), None);
        assert_eq!(line_of(b"x: [\n", &origin(0, 1), &path), None);
    }
}
