//! Values of Secrets, kept out of everything that is shown, stored or logged.

use crate::domain::migrate::LAST_APPLIED;
use crate::domain::normalize::is_secret;
use crate::domain::path::{FieldPath, Step};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::borrow::Cow;

/// What stands in place of a value.
pub const MASK: &str = "***";

/// Texts shorter than this are no secrets worth removing from messages; removing them would garble every sentence.
const SHORTEST: usize = 4;

/// Whether the value at this path of a Secret is secret: `data`, `stringData`, and annotations that hold copies of
/// whole objects (`kubectl`'s last-applied, kapp's original).
pub fn is_sensitive(path: &FieldPath, value: Option<&Value>) -> bool {
    let field = |at: usize| match path.0.get(at) {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    match (field(0), field(1)) {
        ("data" | "stringData", _) => true,
        ("metadata", "annotations") => {
            let name = field(2);
            name == LAST_APPLIED
                || name.starts_with("kapp.k14s.io/original")
                || value
                    .and_then(Value::as_str)
                    .is_some_and(|text| text.trim_start().starts_with(['{', '[']))
        }
        _ => false,
    }
}

/// The object as it may be shown: the values of a Secret are masked, its keys stay. Other objects are not copied.
pub fn redacted(object: &Value) -> Cow<'_, Value> {
    if !is_secret(object) {
        return Cow::Borrowed(object);
    }
    let mut copy = object.clone();
    for name in ["data", "stringData"] {
        if let Some(values) = copy.get_mut(name) {
            match values {
                Value::Object(values) => values.values_mut().for_each(|value| *value = MASK.into()),
                Value::Null => {}
                other => *other = MASK.into(),
            }
        }
    }
    if let Some(Value::Object(annotations)) = copy.pointer_mut("/metadata/annotations") {
        for (name, value) in annotations.iter_mut() {
            let path = FieldPath(
                ["metadata", "annotations", name].map(|step| Step::Field(step.to_owned())).to_vec(),
            );
            if is_sensitive(&path, Some(value)) {
                *value = MASK.into();
            }
        }
    }
    Cow::Owned(copy)
}

/// A message of the server about an object, without the object's secret values, encoded or not.
pub fn scrub(message: &str, object: &Value) -> String {
    let mut text = message.to_owned();
    if !is_secret(object) {
        return text;
    }
    let mut secrets = Vec::new();
    for name in ["data", "stringData"] {
        for value in object[name].as_object().into_iter().flat_map(serde_json::Map::values) {
            let Some(value) = value.as_str() else { continue };
            secrets.push(value.to_owned());
            secrets.push(STANDARD.encode(value));
            secrets.extend(
                STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
            );
        }
    }
    // Longer ones first: a short one may be part of them. Messages quote values, so escaped forms count too.
    let quoted = |secret: &String| {
        let text = serde_json::to_string(secret).ok()?;
        text.get(1..text.len() - 1).map(str::to_owned)
    };
    secrets.extend(secrets.iter().filter_map(quoted).collect::<Vec<_>>());
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        text = text.replace(secret, MASK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{redacted, scrub};
    use serde_json::json;

    #[test]
    fn no_value_of_a_secret_is_left() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary", "copy": "{\"data\": \"canary\"}", "note": "seen"}},
            "data": {"password": "Y2FuYXJ5"}, "stringData": {"token": "canary"}});
        let shown = redacted(&secret).to_string();
        assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
        assert!(shown.contains("password") && shown.contains("token") && shown.contains("seen"));
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}});
        assert_eq!(*redacted(&other), other);
    }

    #[test]
    fn messages_are_scrubbed() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"p": "Y2FuYXJ5"}, "stringData": {"q": "line\n\"two\""}});
        let said = scrub("Invalid value: \"canary\" (Y2FuYXJ5), \"line\\n\\\"two\\\"\"", &secret);
        assert_eq!(said, "Invalid value: \"***\" (***), \"***\"");
    }
}
