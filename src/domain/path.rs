//! Paths of fields inside an object, with items of keyed lists named by their keys.

use crate::domain::managed::{item_key, item_value};
use serde_json::{Map, Value};
use std::fmt;

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A field of a map.
    Field(String),
    /// The item of a list whose key fields have these values, in the order of the key's fields.
    Key(Vec<(String, Value)>),
    /// The item of a set that has this value.
    Item(Value),
    /// The item at this position.
    Index(usize),
}

/// Where in an object a value is. Written as a JSON pointer (RFC 6901) whose keyed steps are `[name=app]`, with
/// several key fields `[containerPort=80,protocol=TCP]`, and `[=value]` for items of sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// Reads the written form; values inside `[...]` are read as JSON where they are, else as text.
    /// Nothing when it does not begin with `/` (the empty path is the whole object).
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let steps = text.strip_prefix('/')?.split('/').map(Step::parse).collect();
        Some(Self(steps))
    }

    /// What is wrong with the written form, if something is: an item of a list is named `[name=app]`, and a step has a
    /// name.
    pub fn fault(text: &str) -> Option<&'static str> {
        let Some(rest) = text.strip_prefix('/') else { return Some("begins with `/`") };
        rest.split('/').find_map(|step| match step.strip_prefix('[') {
            _ if step.is_empty() => Some("has no empty step"),
            None => None,
            Some(inside) => match inside.strip_suffix(']') {
                None => Some("closes each `[` with a `]`"),
                Some(keys) if keys.split(',').any(|pair| !pair.contains('=')) => {
                    Some("names items of lists by a key, like `[name=app]`")
                }
                Some(_) => None,
            },
        })
    }

    /// The value at this path; fields that look like positions are positions where the value is a list.
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, step| step.find(value))
    }

    /// The value at this path of the server's object in what somebody wrote: there, items of lists may leave out key
    /// fields that the server sets (`protocol`).
    pub fn find_written<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, step| step.find_written(value))
    }

    /// Whether `self` is `other` or above it.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.same(b))
    }

    /// Whether a step below this path is a key field of the list item that the path leads to.
    pub fn is_key_field(&self, step: &Step) -> bool {
        let (Some(Step::Key(keys)), Step::Field(name)) = (self.0.last(), step) else {
            return false;
        };
        keys.iter().any(|(key, _)| key == name)
    }

    /// This path with one more step.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

impl Step {
    fn parse(text: &str) -> Self {
        let text = text.replace("~1", "/").replace("~0", "~");
        let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return Self::Field(text);
        };
        if let Some(value) = inside.strip_prefix('=') {
            return Self::Item(read_value(value));
        }
        let keys: Option<Vec<_>> = inside
            .split(',')
            .map(|pair| {
                pair.split_once('=').map(|(key, value)| (key.to_owned(), read_value(value)))
            })
            .collect();
        match keys {
            Some(keys) => Self::Key(keys),
            None => Self::Field(text),
        }
    }

    /// The step of a node of `fieldsV1`: `f:`, `k:`, `v:` or `i:`.
    pub fn of_node(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix("f:") {
            return Some(Self::Field(name.to_owned()));
        }
        if let Some(index) = key.strip_prefix("i:") {
            return index.parse().ok().map(Self::Index);
        }
        item_value(key)
            .map(Self::Item)
            .or_else(|| item_key(key).map(|keys| Self::Key(keys.into_iter().collect())))
    }

    /// One step of [`FieldPath::find`].
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(map)) => map.get(name),
            (Self::Field(name), Value::Array(items)) => items.get(name.parse::<usize>().ok()?),
            (Self::Index(index), Value::Array(items)) => items.get(*index),
            (Self::Key(keys), Value::Array(items)) => {
                items.iter().find(|item| matches_key(item, keys))
            }
            (Self::Item(wanted), Value::Array(items)) => {
                items.iter().find(|item| same_scalar(item, wanted))
            }
            _ => None,
        }
    }

    /// One step of [`FieldPath::find_written`].
    pub fn find_written<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        let Value::Array(items) = value else { return self.find(value) };
        items.get(self.position_written(items)?)
    }

    /// Where in a list, as somebody wrote it, the item of this step is.
    pub fn position_written(&self, items: &[Value]) -> Option<usize> {
        match self {
            Self::Key(keys) => items.iter().position(|item| fits_written(item, keys)),
            Self::Item(wanted) => items.iter().position(|item| same_scalar(item, wanted)),
            _ => self.position().filter(|at| *at < items.len()),
        }
    }

    /// The position that this step may mean: paths that were read have fields where positions are meant.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            Self::Field(name) => name.parse().ok(),
            Self::Key(_) | Self::Item(_) => None,
        }
    }

    /// Whether this step, as somebody wrote it, is the other one. Who writes a rule may name fewer key fields than the
    /// server does.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(name), Self::Index(index)) | (Self::Index(index), Self::Field(name)) => {
                name.parse() == Ok(*index)
            }
            (Self::Key(a), Self::Key(b)) => {
                !a.is_empty()
                    && a.iter().all(|x| b.iter().any(|y| x.0 == y.0 && same_scalar(&x.1, &y.1)))
            }
            (Self::Item(a), Self::Item(b)) => same_scalar(a, b),
            _ => self == other,
        }
    }
}

/// Whether a list item has these key values. A key field that the item omits matches nothing.
pub fn matches_key(item: &Value, keys: &[(String, Value)]) -> bool {
    item.as_object().is_some_and(|map| {
        keys.iter()
            .all(|(key, wanted)| map.get(key).is_some_and(|value| same_scalar(value, wanted)))
    })
}

/// Whether a list item, as somebody wrote it, can be the one with these key values: it may leave out key fields that the
/// server sets, but not all. The one such field with a default is a port's `protocol`, which is TCP then (Kubernetes API
/// reference, `ContainerPort` and `ServicePort`).
pub fn fits_written(item: &Value, keys: &[(String, Value)]) -> bool {
    let may_miss = |name: &str, value: &Value| name != "protocol" || value == "TCP";
    keys.iter().any(|(name, _)| item.get(name).is_some())
        && keys.iter().all(|(name, value)| match item.get(name) {
            Some(own) => same_scalar(own, value),
            None => may_miss(name, value),
        })
}

/// The values of the key fields of a list item; nothing when one is missing or is no scalar.
pub fn key_of(item: &Map<String, Value>, names: &[&str]) -> Option<Vec<(String, Value)>> {
    names
        .iter()
        .map(|name| {
            let value = item.get(*name).filter(|value| !value.is_object() && !value.is_array())?;
            Some(((*name).to_owned(), value.clone()))
        })
        .collect()
}

/// Whether two values name the same item: the written form of a path loses the difference between `80` and `"80"`.
pub fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        _ => a == b,
    }
}

fn read_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(&escape(name)),
            Self::Index(index) => write!(f, "{index}"),
            Self::Item(value) => write!(f, "[={}]", escape(&plain(value))),
            Self::Key(keys) => {
                let pairs: Vec<_> = keys
                    .iter()
                    .map(|(key, value)| format!("{}={}", escape(key), escape(&plain(value))))
                    .collect();
                write!(f, "[{}]", pairs.join(","))
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn escape(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::{FieldPath, Step};
    use serde_json::json;

    #[test]
    fn ports_without_a_protocol_are_those_of_tcp() {
        let object = json!({"ports": [{"port": 53, "name": "dns"}, {"port": 53, "protocol": "UDP", "name": "udp"}]});
        for (protocol, name) in [("TCP", "dns"), ("UDP", "udp")] {
            let path =
                FieldPath::parse(&format!("/ports/[port=53,protocol={protocol}]/name")).unwrap();
            assert_eq!(path.find_written(&object), Some(&json!(name)), "{protocol}");
        }
    }

    #[test]
    fn finds_fields_keys_items_and_positions() {
        let object = json!({
            "metadata": {"annotations": {"a/b~c": "1"}, "finalizers": ["x/y"]},
            "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]},
        });
        for (path, value) in [
            ("/metadata/annotations/a~1b~0c", json!("1")),
            ("/metadata/finalizers/[=x~1y]", json!("x/y")),
            ("/metadata/finalizers/0", json!("x/y")),
            (
                "/spec/containers/[name=app]/ports/[containerPort=80,protocol=TCP]/protocol",
                json!("TCP"),
            ),
        ] {
            let parsed = FieldPath::parse(path).unwrap();
            assert_eq!(parsed.find(&object), Some(&value), "{path}");
            assert_eq!(parsed.to_string(), path);
        }
        assert_eq!(FieldPath::parse("/spec/containers/[name=web]").unwrap().find(&object), None);
        assert_eq!(FieldPath::parse("spec"), None);
    }

    #[test]
    fn texts_that_look_like_numbers_name_their_items() {
        let object = json!({"env": [{"name": "80", "value": "x"}], "set": ["1", "2"]});
        for path in ["/env/[name=80]/value", "/set/[=2]"] {
            let path = FieldPath::parse(path).unwrap();
            assert!(path.find(&object).is_some() && path.find_written(&object).is_some(), "{path}");
        }
    }

    #[test]
    fn contains_is_by_step() {
        let rule = FieldPath::parse("/spec/rep").unwrap();
        assert!(!rule.contains(&FieldPath::parse("/spec/replicas").unwrap()));
        assert!(rule.contains(&FieldPath::parse("/spec/rep/x").unwrap()));
        let position = FieldPath::parse("/args/0").unwrap();
        assert!(position.contains(&FieldPath(vec![Step::Field("args".into()), Step::Index(0)])));
    }

    #[test]
    fn what_is_wrong_with_a_path_is_said() {
        for (path, expected) in [
            ("/spec/replicas", None),
            ("/spec/containers/[name=app]/image", None),
            ("/metadata/annotations/example.com~1a[0]", None),
            ("spec", Some("begins with `/`")),
            ("/", Some("has no empty step")),
            ("/spec//a", Some("has no empty step")),
            ("/spec/[name=app", Some("closes each `[` with a `]`")),
            ("/spec/[app]", Some("names items of lists by a key, like `[name=app]`")),
        ] {
            assert_eq!(FieldPath::fault(path), expected, "{path}");
        }
    }
}
