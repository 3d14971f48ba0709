//! Ways through a document: from the path of a field to the keys and positions that are written.

use crate::domain::path::{FieldPath, Step};
use crate::yaml::line::item_position;
use crate::yaml::node::{Body, Node};
use serde_json::{Map, Value};

/// One step down.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    /// Into the value of a key.
    Key(String),
    /// Into an item of a list.
    Index(usize),
}

/// Steps from the top of a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Route(pub Vec<At>);

/// A path as far as it is written, and what is missing of it.
pub(super) struct Found<'a> {
    pub route: Route,
    pub missing: &'a [Step],
}

impl Route {
    pub fn join(&self, at: At) -> Self {
        let mut route = self.clone();
        route.0.push(at);
        route
    }

    /// The node at its end.
    pub fn node<'a>(&self, root: &'a Node) -> Option<&'a Node> {
        self.0.iter().try_fold(root, |node, at| child(node, at))
    }

    /// The value at its end.
    pub fn value<'a>(&self, root: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(root, |value, at| match (value, at) {
            (Value::Object(map), At::Key(key)) => map.get_mut(key),
            (Value::Array(items), At::Index(index)) => items.get_mut(*index),
            _ => None,
        })
    }
}

pub(super) fn child<'a>(node: &'a Node, at: &At) -> Option<&'a Node> {
    match (&node.body, at) {
        (Body::Mapping(entries), At::Key(key)) => {
            entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node)
        }
        (Body::Sequence(items), At::Index(index)) => items.get(*index),
        _ => None,
    }
}

/// Follows a path below a place as far as it is written.
pub(super) fn find<'a>(root: &Node, above: &Route, path: &'a FieldPath) -> Found<'a> {
    let mut route = above.clone();
    let Some(mut node) = above.node(root) else {
        return Found { route: Route::default(), missing: &path.0 };
    };
    for (done, step) in path.0.iter().enumerate() {
        let at = match (&node.body, step) {
            (Body::Mapping(_), Step::Field(name)) => Some(At::Key(name.clone())),
            (Body::Sequence(items), step) => item_position(items, step).map(At::Index),
            _ => None,
        };
        match at.and_then(|at| child(node, &at).map(|next| (at, next))) {
            Some((at, next)) => {
                route.0.push(at);
                node = next;
            }
            None => return Found { route, missing: &path.0[done..] },
        }
    }
    Found { route, missing: &[] }
}

/// The object that begins at a line: the document, or an item of its lists of items.
pub(super) fn object_at(node: &Node, line: usize) -> Option<Route> {
    if node.shared {
        return None;
    }
    if node.first == line {
        return Some(Route::default());
    }
    let Body::Mapping(entries) = &node.body else { return None };
    let items = entries.iter().find(|entry| entry.key == "items")?;
    let Body::Sequence(items) = &items.node.body else { return None };
    let mut found = items.iter().enumerate().filter_map(|(index, item)| {
        let below = object_at(item, line)?;
        let mut route = vec![At::Key("items".to_owned()), At::Index(index)];
        route.extend(below.0);
        Some(Route(route))
    });
    let object = found.next()?;
    found.next().is_none().then_some(object)
}

/// Where below the end of a route a missing step is added; a reason where it cannot be.
pub(super) fn at(root: &Node, route: &Route, step: &Step) -> Result<At, String> {
    let node = route.node(root).ok_or("the value above is not written")?;
    match (&node.body, step) {
        (Body::Mapping(_) | Body::Scalar(Value::Null), Step::Field(name)) => {
            Ok(At::Key(name.clone()))
        }
        (Body::Sequence(items), Step::Key(_) | Step::Item(_)) => Ok(At::Index(items.len())),
        (Body::Sequence(items), Step::Index(index)) if *index == items.len() => {
            Ok(At::Index(*index))
        }
        (Body::Sequence(items), Step::Field(name)) if *name == items.len().to_string() => {
            Ok(At::Index(items.len()))
        }
        (Body::Scalar(Value::Null), Step::Key(_) | Step::Item(_) | Step::Index(0)) => {
            Ok(At::Index(0))
        }
        (Body::Sequence(_), _) => Err(format!("the list has no item {step}")),
        (Body::Mapping(_), _) => Err(format!("{step} names an item, and this is a map")),
        (Body::Scalar(_), _) => Err(format!("{step} is below a value that is no map or list")),
    }
}

/// The value that has to be added where `first` is missing, so that `value` is at the end of `rest`. Nothing where a
/// position beyond the first would be missing.
pub(super) fn nested(first: &Step, rest: &[Step], value: Value) -> Option<Value> {
    let mut value = value;
    for (index, step) in rest.iter().enumerate().rev() {
        value = match step {
            Step::Field(name) => Value::Object(Map::from_iter([(name.clone(), value)])),
            Step::Index(0) | Step::Item(_) => Value::Array(vec![value]),
            Step::Key(keys) => Value::Array(vec![keyed(keys, value, index + 1 == rest.len())?]),
            Step::Index(_) => return None,
        };
    }
    match first {
        Step::Key(keys) => keyed(keys, value, rest.is_empty()),
        _ => Some(value),
    }
}

/// An item with its key fields. What ends at the item itself brings them along.
fn keyed(keys: &[(String, Value)], value: Value, whole: bool) -> Option<Value> {
    let Value::Object(fields) = value else { return None };
    if whole {
        return Some(Value::Object(fields));
    }
    let mut item: Map<String, Value> = keys.iter().cloned().collect();
    item.extend(fields);
    Some(Value::Object(item))
}
