//! Values of Secrets, kept out of everything that is shown, stored or logged.

use crate::domain::normalize::is_secret;
use crate::domain::path::{FieldPath, Step};
use crate::domain::sensitive::Places;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// What stands in place of a value.
pub const MASK: &str = "***";

/// Texts shorter than this are no secrets worth removing from messages; removing them would garble every sentence.
const SHORTEST: usize = 4;

/// Whether the value at this path of a Secret is secret: `data`, `stringData`, and every annotation. Tools keep copies of
/// whole objects, checksums and tokens in annotations, under names that nobody can list.
pub fn is_sensitive(path: &FieldPath) -> bool {
    let field = |at: usize| match path.0.get(at) {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    matches!((field(0), field(1)), ("data" | "stringData", _) | ("metadata", "annotations"))
}

/// Whether the value at this path of an object is shown nowhere: that of a Secret, or what users call sensitive.
pub fn is_hidden(object: &Value, path: &FieldPath) -> bool {
    is_secret(object) && is_sensitive(path) || Places::of(object).covers(path)
}

/// A message of the server about an object, without the object's secret values, encoded or not.
pub fn scrub(message: &str, object: &Value) -> String {
    let mut text = message.to_owned();
    // Most health has no words, and a Secret's values are many.
    if text.is_empty() {
        return text;
    }
    let mut secrets = Places::of(object).texts(object);
    let fields: &[&str] = if is_secret(object) { &["data", "stringData"] } else { &[] };
    if secrets.is_empty() && fields.is_empty() {
        return text;
    }
    for name in fields {
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
    use super::{is_sensitive, scrub};
    use crate::domain::path::FieldPath;
    use serde_json::json;

    #[test]
    fn every_annotation_is_sensitive_and_labels_are_not() {
        for (path, expected) in [
            ("/data/a", true),
            ("/stringData", true),
            ("/metadata/annotations/note", true),
            ("/metadata/annotations", true),
            ("/metadata/labels/note", false),
            ("/type", false),
        ] {
            assert_eq!(is_sensitive(&FieldPath::parse(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn messages_are_scrubbed() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"p": "Y2FuYXJ5"}, "stringData": {"q": "line\n\"two\""}});
        let said = scrub("Invalid value: \"canary\" (Y2FuYXJ5), \"line\\n\\\"two\\\"\"", &secret);
        assert_eq!(said, "Invalid value: \"***\" (***), \"***\"");
    }
}
