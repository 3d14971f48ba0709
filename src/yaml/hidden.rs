//! The lines of a file on which its Secrets have what nobody is to see.

use super::compose::compose;
use super::document::{YamlError, text};
use super::node::{Body, Entry, Node};
use crate::domain::sensitive::{Part, Places};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What may be shown of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// What stands before its first colon: the key.
    Key,
    /// Nothing.
    Nothing,
}

/// The lines, from 1, on which values of Secrets of the core group are written: those of `data`, `stringData` and
/// annotations, and the comments between them; and those of what users call sensitive. An error where that is not certain: the file cannot be read, its lines
/// are not Git's lines, or a value is written elsewhere (alias, merge key).
pub fn secret_lines(content: &[u8]) -> Result<BTreeMap<usize, Visible>, YamlError> {
    let text = text(content)?;
    if text.replace("\r\n", "\n").contains('\r') {
        return Err(YamlError {
            line: 1,
            message: "a lone carriage return ends a line".to_owned(),
        });
    }
    let mut lines = BTreeMap::new();
    for document in compose(text)? {
        object(&document, &mut lines)?;
    }
    Ok(lines)
}

fn object(node: &Node, lines: &mut BTreeMap<usize, Visible>) -> Result<(), YamlError> {
    if let Some(Entry { node: Node { body: Body::Sequence(items), .. }, .. }) = entry(node, "items")
    {
        return items.iter().try_for_each(|item| object(item, lines));
    }
    for place in sensitive_places(node).iter() {
        match place {
            Some(parts) => within(node, parts, lines)?,
            None => all_of(node, lines)?,
        }
    }
    if !is_secret(node) {
        return Ok(());
    }
    let annotations = entry(node, "metadata").map(|metadata| &metadata.node);
    let annotations = annotations.and_then(|metadata| entry(metadata, "annotations"));
    let whole = entry(node, "metadata").filter(|metadata| metadata.node.shared);
    [entry(node, "data"), entry(node, "stringData"), annotations, whole]
        .into_iter()
        .flatten()
        .try_for_each(|entry| values(entry, lines))
}

/// What users call sensitive of the object that a node is.
fn sensitive_places(node: &Node) -> Places {
    let word =
        |of: Option<&Node>, key| match of.and_then(|of| entry(of, key)).map(|one| &one.node.body) {
            Some(Body::Scalar(value)) => value.clone(),
            _ => Value::Null,
        };
    let metadata = entry(node, "metadata").map(|entry| &entry.node);
    Places::of(
        &json!({"apiVersion": word(Some(node), "apiVersion"), "kind": word(Some(node), "kind"),
        "metadata": {"name": word(metadata, "name"), "namespace": word(metadata, "namespace")}}),
    )
}

/// Everything but what tells one object from another.
fn all_of(node: &Node, lines: &mut BTreeMap<usize, Visible>) -> Result<(), YamlError> {
    let Body::Mapping(entries) = &node.body else { return Ok(()) };
    for entry in entries {
        match entry.key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" if entry.node.shared => values(entry, lines)?,
            "metadata" => {
                within(&entry.node, &[Part::Name("annotations".to_owned())], lines)?;
            }
            _ => values(entry, lines)?,
        }
    }
    Ok(())
}

/// The values at a place; items of lists need not be named in it.
fn within(
    node: &Node,
    parts: &[Part],
    lines: &mut BTreeMap<usize, Visible>,
) -> Result<(), YamlError> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    match &node.body {
        Body::Mapping(entries) => {
            for entry in entries.iter().filter(|entry| first.is_field(&entry.key)) {
                if rest.is_empty() || entry.node.shared {
                    values(entry, lines)?;
                } else if matches!(entry.node.body, Body::Mapping(_) | Body::Sequence(_)) {
                    within(&entry.node, rest, lines)?;
                }
            }
            Ok(())
        }
        Body::Sequence(items) => {
            let below = if *first == Part::Any { rest } else { parts };
            for item in items {
                if item.shared {
                    let message = "a value is written elsewhere".to_owned();
                    return Err(YamlError { line: item.first, message });
                }
                if below.is_empty() {
                    for line in item.first..=item.last {
                        lines.insert(line, Visible::Nothing);
                    }
                }
                within(item, below, lines)?;
            }
            Ok(())
        }
        Body::Scalar(_) => Ok(()),
    }
}

/// A Secret, or what lacks the version that would tell; other groups have kinds of that name too.
fn is_secret(node: &Node) -> bool {
    let word = |key| match entry(node, key).map(|entry| &entry.node.body) {
        Some(Body::Scalar(Value::String(text))) => Some(text.as_str()),
        _ => None,
    };
    word("kind") == Some("Secret") && !word("apiVersion").is_some_and(|text| text.contains('/'))
}

fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    let Body::Mapping(entries) = &node.body else { return None };
    entries.iter().find(|entry| entry.key == key)
}

fn values(of: &Entry, lines: &mut BTreeMap<usize, Visible>) -> Result<(), YamlError> {
    if of.node.shared {
        return Err(YamlError {
            line: of.line,
            message: "a value is written elsewhere".to_owned(),
        });
    }
    let Body::Mapping(entries) = &of.node.body else {
        hide(of, lines);
        return Ok(());
    };
    for entry in entries {
        if entry.node.shared {
            let message = "a value is written elsewhere".to_owned();
            return Err(YamlError { line: entry.line, message });
        }
        hide(entry, lines);
    }
    for line in of.line + 1..=of.node.last {
        lines.entry(line).or_insert(Visible::Nothing);
    }
    Ok(())
}

/// A line on which the value before it ends may begin with a part of that value, so that it keeps nothing.
fn hide(entry: &Entry, lines: &mut BTreeMap<usize, Visible>) {
    lines.entry(entry.line).or_insert(Visible::Key);
    for line in entry.line + 1..=entry.node.last {
        lines.entry(line).or_insert(Visible::Nothing);
    }
}

#[cfg(test)]
mod tests {
    use super::{Visible, secret_lines};
    use crate::domain::sensitive::{Sensitive, also};

    fn lines(text: &str) -> Vec<(usize, bool)> {
        let lines = secret_lines(text.as_bytes()).unwrap();
        lines.into_iter().map(|(line, visible)| (line, visible == Visible::Key)).collect()
    }

    #[test]
    fn values_and_the_comments_between_them_are_found() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    a: x\nstringData:\n  one: |\n    p\n    q\n  # was r\n  two: s\ntype: Opaque\n";
        let expected = [(6, true), (8, true), (9, false), (10, false), (11, false), (12, true)];
        assert_eq!(lines(text), expected);
        assert_eq!(
            lines("kind: Secret\ndata: {a: x,\n  b: 'y\n  z', c: w}\n"),
            [(2, true), (3, true), (4, false)]
        );
        assert_eq!(lines("kind: List\nitems:\n- kind: Secret\n  data:\n    a: x\n"), [(5, true)]);
        assert_eq!(
            lines("{\"kind\": \"Secret\",\n\"data\": {\"a\":\n\"x\"}}"),
            [(2, true), (3, false)]
        );
    }

    #[test]
    fn what_users_call_sensitive_is_found() {
        let rules = ["Hushed:/spec/users/password", "Silent"];
        let rules: Vec<Sensitive> =
            rules.iter().map(|one| Sensitive::parse(one).unwrap()).collect();
        also(&rules);
        let users = "spec:\n  users:\n  - name: ana\n    password: |\n      p\n  - {name: leo, password: q}\n  open: x\n";
        assert_eq!(lines(&format!("kind: Hushed\n{users}")), [(5, true), (6, false), (7, true)]);
        assert_eq!(
            lines(
                "apiVersion: a.io/v1\nkind: Silent\nmetadata:\n  name: s\n  annotations:\n    a: x\nspec:\n  b: y\n"
            ),
            [(6, true), (8, true)]
        );
        assert!(
            secret_lines(b"kind: Hushed\nspec:\n  users:\n  - &a {password: p}\n  - *a\n").is_err()
        );
    }

    #[test]
    fn others_have_none() {
        assert!(lines("apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n").is_empty());
        assert!(lines("apiVersion: acme.io/v1\nkind: Secret\ndata: {a: b}\n").is_empty());
    }

    #[test]
    fn what_is_written_elsewhere_is_not_certain() {
        for text in [
            "kind: Secret\nx: &a t\ndata: {a: *a}\n",
            "kind: Secret\nx: &a {a: t}\ndata: *a\n",
            "kind: Secret\nx: &a {a: t}\ndata:\n  <<: *a\n",
            "kind: Secret\nx: &a {annotations: {b: t}}\nmetadata: *a\n",
            "kind: Secret\n  data: [",
            "kind: Secret\rdata: {a: b}\n",
        ] {
            assert!(secret_lines(text.as_bytes()).is_err(), "{text}");
        }
    }
}
