//! Patches without the values of the Secrets that they touch.

use crate::domain::redact::scrub;
use crate::yaml::documents;
use serde_json::{Map, Value, json};

/// Removes the values of every Secret in `contents` (the file before and after) from a patch.
///
/// A file that cannot be read as YAML but names the kind keeps no line of its own: what is secret there cannot be told.
pub(super) fn mask<'a>(patch: &str, contents: impl Iterator<Item = &'a [u8]>) -> String {
    let mut masked = patch.to_owned();
    for content in contents {
        match documents(content) {
            Ok(documents) => {
                for document in documents {
                    for object in objects(&document.value) {
                        masked = scrub(&masked, &by_line(object));
                    }
                }
            }
            Err(_) if String::from_utf8_lossy(content).contains("kind: Secret") => {
                masked = without_lines(&masked);
            }
            Err(_) => {}
        }
    }
    masked
}

fn objects(value: &Value) -> Vec<&Value> {
    match value["items"].as_array() {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![value],
    }
}

// Block text stands in a patch line by line, so each line is a value of its own.
fn by_line(object: &Value) -> Value {
    let mut lines = Map::new();
    for field in ["data", "stringData"] {
        for value in object[field].as_object().into_iter().flat_map(Map::values) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            for line in text.lines().map(str::trim).chain([text.as_str()]) {
                lines.insert(lines.len().to_string(), line.into());
            }
        }
    }
    json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "stringData": lines})
}

fn without_lines(patch: &str) -> String {
    let shown = patch.lines().map(|line| match line.chars().next() {
        Some(sign @ ('+' | '-' | ' ')) if !line.starts_with("+++") && !line.starts_with("---") => {
            format!("{sign}***")
        }
        _ => line.to_owned(),
    });
    shown.collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn values_of_secrets_leave_the_patch_and_others_stay() {
        let old = b"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  token: canary-old\n";
        let new = b"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  token: |\n    canary-one\n    canary-two\n";
        let patch =
            "-  token: canary-old\n+  token: |\n+    canary-one\n+    canary-two\n name: visible\n";
        let masked = mask(patch, [old.as_slice(), new.as_slice()].into_iter());
        assert!(!masked.contains("canary"), "{masked}");
        assert!(masked.contains("name: visible"), "{masked}");
    }

    #[test]
    fn what_cannot_be_read_shows_no_line() {
        let broken = b"kind: Secret\n  stringData: [canary\n";
        let masked = mask("@@ -1 +1 @@\n+  stringData: [canary\n", [broken.as_slice()].into_iter());
        assert_eq!(masked, "@@ -1 +1 @@\n+***\n");
    }
}
