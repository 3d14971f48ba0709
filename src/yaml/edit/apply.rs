//! One small change at a time: every way to write it is tried until one says exactly what was intended.

use super::EditError;
use super::insert::insertions;
use super::remove::removals;
use super::replace::replacements;
use super::route::{At, Route};
use super::spot::Spot;
use super::write::Writer;
use crate::yaml::compose::{compose, compose_all};
use crate::yaml::document::text;
use crate::yaml::node::Node;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes that are replaced, and by what.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    pub range: Range<usize>,
    pub with: String,
}

/// The splices of one way to write a change; they do not overlap.
pub(super) type Draft = Vec<Splice>;

/// A change that needs no other.
pub(super) enum Step {
    /// The value becomes this one.
    Replace(Value),
    /// A new child of the map or list.
    Insert(At, Value),
    /// The value goes, with its key.
    Remove,
}

/// The text of a file while it is edited.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// Without byte order mark.
    pub content: String,
    marked: bool,
    /// Whether it is JSON and has to stay so.
    pub json: bool,
}

impl Text {
    pub fn read(content: &[u8]) -> Result<Self, EditError> {
        let text = text(content)?;
        let lone = |(at, _): &(usize, &str)| text.as_bytes().get(at + 1) != Some(&b'\n');
        if let Some((at, _)) = text.match_indices('\r').find(lone) {
            let line = super::layout::line_number(text, at);
            return Err(EditError::new(
                line,
                "a lone carriage return ends a line; edit it by hand",
            ));
        }
        let json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
            && text.trim_start().starts_with(['{', '[']);
        Ok(Self { content: text.to_owned(), marked: text.len() < content.len(), json })
    }

    /// As it goes into the file.
    pub fn bytes(&self, edited: &Self) -> Vec<u8> {
        let mark = if self.marked { "\u{feff}" } else { "" };
        format!("{mark}{}", edited.content).into_bytes()
    }

    /// Every document, empty ones too.
    pub fn values(&self) -> Result<Vec<Value>, EditError> {
        Ok(compose(&self.content)?.into_iter().map(Node::into_value).collect())
    }

    fn ends_open(&self) -> bool {
        if self.content.ends_with('\n') {
            return false;
        }
        let last = compose(&self.content).ok().and_then(|mut documents| documents.pop());
        last.is_none_or(|node| super::layout::ends_open(&self.content, &node))
    }

    fn with(&self, draft: &Draft) -> Self {
        let mut splices: Vec<&Splice> = draft.iter().collect();
        splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
        let mut text = self.content.clone();
        for splice in splices.into_iter().rev() {
            text.replace_range(splice.range.clone(), &splice.with);
        }
        Self { content: text, ..*self }
    }
}

/// Carries out one step at the end of a route.
pub(super) fn step(
    source: &Text,
    document: usize,
    route: &Route,
    step: &Step,
) -> Result<Text, EditError> {
    let documents = compose_all(&source.content)?;
    let spot =
        Spot::find(&source.content, &documents[document], route, matches!(step, Step::Insert(..)))?;
    let mut intended: Vec<Value> =
        documents.iter().map(|document| document.node.clone().into_value()).collect();
    if !intend(&mut intended[document], route, step) {
        return Err(EditError::new(spot.node.first, "nothing can be written here"));
    }
    let writer = Writer::of(&source.content, &documents[document].node, source.json);
    let drafts = match step {
        Step::Replace(value) => replacements(&spot, &writer, value),
        Step::Insert(at, value) => insertions(&spot, &writer, at, value),
        Step::Remove => removals(&spot, &writer),
    };
    let open = source.ends_open();
    for draft in drafts {
        // What an alias stands for is written further up, so that a part may seem to end before it begins.
        if draft.iter().any(|splice| splice.range.start > splice.range.end) {
            continue;
        }
        let edited = source.with(&draft);
        let at_end = draft.iter().any(|splice| splice.range.end == source.content.len());
        if at_end && (open || edited.ends_open()) {
            continue;
        }
        if edited.values().is_ok_and(|values| values == intended) {
            return Ok(edited);
        }
    }
    let line = spot.node.first;
    Err(EditError::new(
        line,
        "it cannot be changed here without touching more than the value; edit it by hand",
    ))
}

/// The same change of the value alone.
fn intend(root: &mut Value, route: &Route, step: &Step) -> bool {
    match step {
        Step::Replace(value) => route.value(root).map(|old| *old = value.clone()).is_some(),
        Step::Insert(at, value) => {
            let Some(parent) = route.value(root) else { return false };
            match (parent, at) {
                (Value::Object(map), At::Key(key)) => {
                    map.insert(key.clone(), value.clone()).is_none()
                }
                (Value::Array(items), At::Index(index)) if *index <= items.len() => {
                    items.insert(*index, value.clone());
                    true
                }
                (parent @ Value::Null, At::Key(key)) => {
                    *parent = serde_json::json!({ key: value });
                    true
                }
                (parent @ Value::Null, At::Index(0)) => {
                    *parent = Value::Array(vec![value.clone()]);
                    true
                }
                _ => false,
            }
        }
        Step::Remove => {
            let Some((last, above)) = route.0.split_last() else { return false };
            match (Route(above.to_vec()).value(root), last) {
                (Some(Value::Object(map)), At::Key(key)) => map.shift_remove(key).is_some(),
                (Some(Value::Array(items)), At::Index(index)) if *index < items.len() => {
                    items.remove(*index);
                    true
                }
                _ => false,
            }
        }
    }
}

/// Makes the value at a route another one, touching only what differs between them.
pub(super) fn reach(
    source: &Text,
    document: usize,
    route: &Route,
    wanted: &Value,
) -> Result<Text, EditError> {
    let mut values = source.values()?;
    let old = values.get_mut(document).and_then(|root| route.value(root)).map(std::mem::take);
    match (old, wanted) {
        (Some(old), wanted) if old == *wanted => Ok(source.clone()),
        (Some(Value::Object(old)), Value::Object(new)) => {
            let mut text = source.clone();
            for (key, value) in new {
                let at = At::Key(key.clone());
                text = if old.contains_key(key) {
                    reach(&text, document, &route.join(at), value)?
                } else {
                    step(&text, document, route, &Step::Insert(at, value.clone()))?
                };
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                text = step(&text, document, &route.join(At::Key(key.clone())), &Step::Remove)?;
            }
            Ok(text)
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            reach_items(source, document, route, &old, new)
        }
        _ => step(source, document, route, &Step::Replace(wanted.clone())),
    }
}

fn reach_items(
    source: &Text,
    document: usize,
    route: &Route,
    old: &[Value],
    new: &[Value],
) -> Result<Text, EditError> {
    let mut text = source.clone();
    let (a, b) = (names(old), names(new));
    // From the back, so that positions in front stay what they are.
    for part in capture_diff_slices(Algorithm::Myers, &a, &b).into_iter().rev() {
        let (from, to) = match part {
            DiffOp::Equal { old_index, new_index, len } => {
                (old_index..old_index + len, new_index..new_index + len)
            }
            other => (other.old_range(), other.new_range()),
        };
        let both = from.len().min(to.len());
        for value in new[to.start + both..to.end].iter().rev() {
            let insert = Step::Insert(At::Index(from.start + both), value.clone());
            text = step(&text, document, route, &insert)?;
        }
        for index in (from.start + both..from.end).rev() {
            text = step(&text, document, &route.join(At::Index(index)), &Step::Remove)?;
        }
        for (index, value) in from.zip(&new[to.start..to.start + both]).rev() {
            text = reach(&text, document, &route.join(At::Index(index)), value)?;
        }
    }
    Ok(text)
}

/// What makes items of a list the same one: their names where each has its own, else all of them.
fn names(items: &[Value]) -> Vec<String> {
    let named: BTreeSet<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
    if named.len() == items.len() {
        items.iter().map(|item| format!("={}", item["name"])).collect()
    } else {
        items.iter().map(ToString::to_string).collect()
    }
}
