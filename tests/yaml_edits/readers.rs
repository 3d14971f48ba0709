//! What readers make of a file, and changes of what they read. The third is in `marks`.

use super::generate::Down;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A change of one value.
#[derive(Debug, Clone)]
pub enum Edit {
    Set(Value),
    Add(Down, Value),
    Remove,
}

/// The documents that are not empty, by serde-saphyr, on whose parser gitdeck stands, too.
pub fn saphyr(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { budget: None };
    let documents = serde_saphyr::from_multiple_with_options::<Value>(text, options);
    let documents = documents.map_err(|error| error.to_string())?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The documents that are not empty, by the port of libyaml.
pub fn libyaml(text: &str) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for document in yaml_serde::Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        let value = yaml_serde::Value::deserialize(document);
        let mut value = value.map_err(|error| error.to_string())?;
        value.apply_merge().map_err(|error| error.to_string())?;
        found.push(plain(value));
    }
    Ok(found.into_iter().filter(|document| !document.is_null()).collect())
}

fn plain(value: yaml_serde::Value) -> Value {
    use yaml_serde::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(truth),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            _ => serde_json::Number::from_f64(number.as_f64().unwrap())
                .map_or(Value::Null, Value::Number),
        },
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(fields) => {
            let key = |key| match plain(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (key(name), plain(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Yaml::Tagged(tagged) => plain(tagged.value),
    }
}

/// The value at a route.
pub fn at<'a>(root: &'a mut Value, route: &[Down]) -> Option<&'a mut Value> {
    route.iter().try_fold(root, |value, down| match (value, down) {
        (Value::Object(map), Down::Key(key)) => map.get_mut(key),
        (Value::Array(items), Down::Index(index)) => items.get_mut(*index),
        _ => None,
    })
}

/// The same change of what was read.
pub fn changed(
    documents: &[Value],
    document: usize,
    route: &[Down],
    edit: &Edit,
) -> Option<Vec<Value>> {
    let mut documents = documents.to_vec();
    let root = documents.get_mut(document)?;
    match edit {
        Edit::Set(value) => *at(root, route)? = value.clone(),
        Edit::Add(down, value) => match (at(root, route)?, down) {
            (Value::Object(map), Down::Key(key)) => drop(map.insert(key.clone(), value.clone())),
            (Value::Array(items), Down::Index(index)) => items.insert(*index, value.clone()),
            _ => return None,
        },
        Edit::Remove => {
            let (last, above) = route.split_last()?;
            match (at(root, above)?, last) {
                (Value::Object(map), Down::Key(key)) => drop(map.shift_remove(key)?),
                (Value::Array(items), Down::Index(index)) => drop(items.remove(*index)),
                _ => return None,
            }
        }
    }
    Some(documents)
}
