//! One step of a field path, in the notation of `FieldsV1`.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::Value;

/// One step of a field path. The order is that of `managedFields`: names, keys, values, positions.
#[derive(Debug, Clone)]
pub enum Element {
    /// `f:NAME`: a member.
    Field(String),
    /// `k:{...}`: the list item with these key fields, sorted by name.
    Key(Vec<(String, Value)>),
    /// `v:VALUE`: the item of a set.
    Item(Value),
    /// `i:N`: a position.
    Index(i64),
}

impl Element {
    /// The member of this name.
    pub fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Item(_) => 2,
            Self::Index(_) => 3,
        }
    }

    /// The key in `FieldsV1`.
    pub fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let parts: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{}", canonical(value)))
                    .collect();
                format!("k:{{{}}}", parts.join(","))
            }
            Self::Item(value) => format!("v:{}", canonical(value)),
            Self::Index(position) => format!("i:{position}"),
        }
    }

    /// Reads a key of `FieldsV1`; none for notations of the future.
    pub fn decode(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::field(rest)),
            "v" => serde_json::from_str(rest).ok().map(Self::Item),
            "i" => rest.parse().ok().map(Self::Index),
            "k" => {
                let fields: serde_json::Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
                fields.sort_by(|left, right| left.0.cmp(&right.0));
                Some(Self::Key(fields))
            }
            _ => None,
        }
    }
}

/// JSON as the server writes it inside a key: Go escapes what would be markup in HTML.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            other => out.push(other),
        }
    }
    out
}

impl fmt::Display for Element {
    /// The notation of conflict messages: `.spec`, `[name="web"]`, `[="x"]`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(out, ".{name}"),
            Self::Key(fields) => {
                let parts: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(out, "[{}]", parts.join(","))
            }
            Self::Item(value) => write!(out, "[={value}]"),
            Self::Index(position) => write!(out, "[{position}]"),
        }
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(left), Self::Field(right)) => left.cmp(right),
            (Self::Key(left), Self::Key(right)) => {
                for (left, right) in left.iter().zip(right) {
                    let order = left.0.cmp(&right.0).then_with(|| order(&left.1, &right.1));
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                left.len().cmp(&right.len())
            }
            (Self::Item(left), Self::Item(right)) => order(left, right),
            (Self::Index(left), Self::Index(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Element {}

/// The order of JSON values: numbers, text, truth values, lists, maps, null.
fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => rank(left).cmp(&rank(right)).then_with(|| left.to_string().cmp(&right.to_string())),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

/// Whether two values mean the same: numbers by amount, maps in any order.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_the_server_writes_them() {
        for text in
            ["f:spec", r#"k:{"containerPort":80,"protocol":"TCP"}"#, r#"v:"finalizer""#, "i:3"]
        {
            assert_eq!(Element::decode(text).unwrap().encode(), text);
        }
        assert!(Element::decode("z:new").is_none());
        let key = Element::decode(r#"k:{"protocol":"TCP","port":80}"#).unwrap();
        assert_eq!(key.encode(), r#"k:{"port":80,"protocol":"TCP"}"#);
        assert_eq!(key.to_string(), r#"[port=80,protocol="TCP"]"#);
        assert_eq!(Element::Item("a<b&c".into()).encode(), r#"v:"a\u003cb\u0026c""#);
    }

    #[test]
    fn the_order_is_names_keys_values_positions() {
        let sorted = [
            "f:a",
            "f:b",
            r#"k:{"a":1}"#,
            r#"k:{"a":1,"b":1}"#,
            r#"k:{"a":2}"#,
            "v:1",
            r#"v:"x""#,
            "i:0",
        ];
        let mut elements: Vec<Element> =
            sorted.iter().rev().filter_map(|text| Element::decode(text)).collect();
        elements.sort();
        let written: Vec<String> = elements.iter().map(Element::encode).collect();
        assert_eq!(written, sorted);
    }
}
