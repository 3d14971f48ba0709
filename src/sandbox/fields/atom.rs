//! How a schema node is merged: as one value, as a list with identities, or member by member.

use indexmap::IndexMap;
use serde_json::Value;

use super::element::Element;
use super::schema::{Form, QUANTITY, RAW, Type};

/// A scalar's type, as far as merging checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Whole or not.
    Number,
    /// Text.
    Text,
    /// True or false.
    Truth,
    /// Any scalar.
    Any,
}

/// A list node.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// Merged as one value.
    pub atomic: bool,
    /// The key fields of items; none for a set of scalars.
    pub keys: &'a [String],
    /// The type of items.
    pub items: Option<&'a Type>,
}

/// A map or structure node.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    /// Merged as one value.
    pub atomic: bool,
    /// Named members.
    pub fields: &'a IndexMap<String, Type>,
    /// The type of other members; none where they are not allowed.
    pub rest: Option<&'a Type>,
}

impl<'a> Members<'a> {
    /// The type of a member.
    pub fn member(&self, name: &str) -> Option<&'a Type> {
        self.fields.get(name).or(self.rest)
    }
}

/// What a node may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Atom<'a> {
    /// As a scalar.
    pub scalar: Option<Scalar>,
    /// As a list.
    pub list: Option<List<'a>>,
    /// As a map.
    pub map: Option<Members<'a>>,
}

/// What a node is, given a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    List(List<'a>),
    /// A map.
    Map(Members<'a>),
}

static NO_FIELDS: std::sync::LazyLock<IndexMap<String, Type>> =
    std::sync::LazyLock::new(IndexMap::new);
/// Anything, merged as one value.
static UNTYPED: std::sync::LazyLock<Type> =
    std::sync::LazyLock::new(|| Type { reference: Some(RAW.to_owned()), ..Type::default() });
/// Anything: maps member by member, lists as one value.
static DEDUCED: std::sync::LazyLock<Type> =
    std::sync::LazyLock::new(|| Type { open: true, ..Type::default() });

impl<'a> Atom<'a> {
    /// What the schema says of a node. The rules are those of `kube-openapi`'s conversion to merge schemas.
    pub fn of(node: &'a Type) -> Self {
        if node.is(QUANTITY) {
            return Self { scalar: Some(Scalar::Any), ..Self::default() };
        }
        if node.is(RAW) {
            return Self::anything(true);
        }
        let this = node.resolve();
        let scalar = |scalar| Self { scalar: Some(scalar), ..Self::default() };
        match this.form {
            Form::Any => Self {
                scalar: Some(Scalar::Any),
                list: Some(list(this)),
                map: Some(members(node, this)),
            },
            Form::Object => Self { map: Some(members(node, this)), ..Self::default() },
            Form::Array => Self { list: Some(list(this)), ..Self::default() },
            Form::Integer | Form::Number => scalar(Scalar::Number),
            Form::Boolean => scalar(Scalar::Truth),
            Form::String => match this.format.as_deref() {
                None | Some("byte") => scalar(Scalar::Text),
                Some(_) => scalar(Scalar::Any),
            },
        }
    }

    fn anything(atomic: bool) -> Self {
        let rest: &'static Type = if atomic { &UNTYPED } else { &DEDUCED };
        Self {
            scalar: Some(Scalar::Any),
            list: Some(List { atomic: true, keys: &[], items: Some(&UNTYPED) }),
            map: Some(Members { atomic, fields: &NO_FIELDS, rest: Some(rest) }),
        }
    }

    /// What the node is for this value; null and absent values leave it as open as the schema does.
    pub fn shape(&self, value: Option<&Value>) -> Option<Shape<'a>> {
        let fitting = match value {
            Some(Value::Number(_) | Value::String(_) | Value::Bool(_)) => {
                self.scalar.map(Shape::Scalar)
            }
            Some(Value::Array(_)) => self.list.map(Shape::List),
            Some(Value::Object(_)) => self.map.map(Shape::Map),
            _ => None,
        };
        let any = || {
            self.map
                .map(Shape::Map)
                .or(self.scalar.map(Shape::Scalar))
                .or(self.list.map(Shape::List))
        };
        fitting.or_else(any)
    }
}

fn list(node: &Type) -> List<'_> {
    let (atomic, keys): (bool, &[String]) = match (node.list.as_deref(), node.patch.as_deref()) {
        (Some("set"), _) => (false, &[]),
        (Some("map"), _) => (false, &node.keys),
        (None, Some("merge" | "merge,retainKeys")) => (false, node.merge.as_slice()),
        _ => (true, &[]),
    };
    List { atomic, keys, items: Some(node.items.as_deref().unwrap_or(&UNTYPED)) }
}

fn members<'a>(node: &'a Type, this: &'a Type) -> Members<'a> {
    let rest = match &this.values {
        Some(values) => Some(&**values),
        None if this.open || this.fields.is_empty() => Some(&*DEDUCED),
        None => None,
    };
    let kind = node.map.as_deref().or(this.map.as_deref());
    Members { atomic: kind == Some("atomic"), fields: &this.fields, rest }
}

impl List<'_> {
    /// The identity of an item, or why it has none.
    pub fn identity(&self, item: &Value) -> Result<Element, String> {
        if self.keys.is_empty() {
            return match item {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".to_owned())
                }
                Value::Array(_) => {
                    Err("not supported: associative list with lists as elements".to_owned())
                }
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null"
                        .to_owned())
                }
                scalar => Ok(Element::Item(scalar.clone())),
            };
        }
        let members = match item {
            Value::Object(members) => members,
            Value::Null => {
                return Err("associative list with keys may not have a null element".to_owned());
            }
            _ => return Err("associative list with keys may not have non-map elements".to_owned()),
        };
        let fields = self.items.map(|items| &items.resolve().fields);
        let default = |key: &String| fields?.get(key)?.default.clone();
        let mut key: Vec<(String, Value)> = (self.keys.iter())
            .filter_map(|name| {
                Some((name.clone(), members.get(name).cloned().or_else(|| default(name))?))
            })
            .collect();
        if key.is_empty() {
            let names: Vec<String> = self.keys.iter().map(|name| format!("{name:?}")).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default \
                 values for any key fields)",
                names.join(" ")
            ));
        }
        key.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(Element::Key(key))
    }
}
