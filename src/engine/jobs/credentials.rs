//! Values that look like credentials: they are not written into Git unasked.

use crate::domain::path::{FieldPath, Step};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Parts of the names of environment variables that hold credentials.
const NAMES: [&str; 7] =
    ["PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "SECRET", "CREDENTIAL", "KEY"];
/// Shorter values of Secrets are those of other fields as well, as `true` is.
const SHORTEST: usize = 8;

/// The values of these Secrets, in the clear and encoded.
pub(super) fn values_of<'a>(secrets: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        let texts = |field: &str| {
            let fields = secret[field].as_object().into_iter().flatten();
            let texts = fields.filter_map(|(_, value)| value.as_str().map(str::to_owned));
            texts.collect::<Vec<_>>()
        };
        for text in texts("data") {
            let plain = STANDARD.decode(&text).ok().and_then(|plain| String::from_utf8(plain).ok());
            found.extend(plain);
            found.push(text);
        }
        found.extend(texts("stringData"));
    }
    found.retain(|text| text.len() >= SHORTEST);
    found
}

/// Why a value is not written into Git unasked, if it is not.
pub(super) fn suspicion(path: &FieldPath, value: &Value, secrets: &[String]) -> Option<String> {
    let named = match path.0.as_slice() {
        [.., Step::Key(keys), Step::Field(last)] if last == "value" => {
            let name = keys.iter().find(|(key, _)| key == "name").map(|(_, name)| name);
            name.and_then(Value::as_str).filter(|name| is_named_so(name) && says(value))
        }
        _ => None,
    };
    if let Some(name) = named.or_else(|| literal(value)) {
        return Some(format!("the literal value of {name} may be a credential"));
    }
    holds(value, secrets).then(|| "a value of a Secret is in it".to_owned())
}

fn is_named_so(name: &str) -> bool {
    let name = name.to_uppercase();
    NAMES.iter().any(|part| name.contains(part))
}

fn says(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// The name of a literal environment variable inside a value that is named like a credential.
fn literal(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str).filter(|name| is_named_so(name));
            let own = name.filter(|_| fields.get("value").is_some_and(says));
            own.or_else(|| fields.values().find_map(literal))
        }
        Value::Array(items) => items.iter().find_map(literal),
        _ => None,
    }
}

fn holds(value: &Value, secrets: &[String]) -> bool {
    match value {
        Value::String(text) => secrets.iter().any(|secret| text.contains(secret)),
        Value::Object(fields) => fields.values().any(|value| holds(value, secrets)),
        Value::Array(items) => items.iter().any(|value| holds(value, secrets)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::suspicion;
    use crate::domain::FieldPath;
    use serde_json::json;

    #[test]
    fn credentials_are_known_by_their_names_and_by_the_secrets_of_git() {
        let secrets = ["hunter2-hunter2".to_owned()];
        for (path, value, expected) in [
            ("/env/[name=DB_PASSWORD]/value", json!("x"), true),
            ("/env/[name=DB_PASSWORD]", json!({"name": "DB_PASSWORD", "value": "x"}), true),
            ("/containers", json!([{"env": [{"name": "api_key", "value": "x"}]}]), true),
            ("/env/[name=TOKEN]", json!({"name": "TOKEN", "valueFrom": {"a": "b"}}), false),
            ("/env/[name=MODE]/value", json!("fast"), false),
            ("/data/url", json!("pg://u:hunter2-hunter2@db"), true),
            ("/spec/replicas", json!(3), false),
        ] {
            let path = FieldPath::parse(path).unwrap();
            assert_eq!(suspicion(&path, &value, &secrets).is_some(), expected, "{path}");
        }
    }
}
