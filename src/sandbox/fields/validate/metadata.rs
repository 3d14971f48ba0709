//! Labels, annotations, owners and finalizers. Names are checked where objects are made.

use serde_json::{Value, json};

use super::{Report, items, names, text};

/// All annotations together may not be larger, in bytes.
const ANNOTATIONS: usize = 256 * 1024;

pub fn check(report: &mut Report, object: &Value) {
    check_at(report, &object["metadata"], "metadata");
}

/// The metadata of an object or of a template.
pub fn check_at(report: &mut Report, metadata: &Value, at: &str) {
    labels(report, &metadata["labels"], &format!("{at}.labels"));
    annotations(report, &metadata["annotations"], &format!("{at}.annotations"));
    for owner in items(&metadata["ownerReferences"]) {
        for name in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, name).is_empty() {
                let word = if name == "apiVersion" {
                    "version must not be empty"
                } else {
                    "must not be empty"
                };
                report.invalid(&format!("{at}.ownerReferences.{name}"), &owner[name], word);
            }
        }
    }
    for (position, finalizer) in items(&metadata["finalizers"]).iter().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        let field = format!("{at}.finalizers[{position}]");
        report.names(&field, finalizer, names::qualified(name));
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            report.invalid(
                &field,
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            );
        }
    }
}

/// A map of labels.
pub fn labels(report: &mut Report, labels: &Value, at: &str) {
    for (name, value) in labels.as_object().into_iter().flatten() {
        report.names(at, &json!(name), names::qualified(name));
        report.names(at, value, names::label_value(value.as_str().unwrap_or_default()));
    }
}

fn annotations(report: &mut Report, annotations: &Value, at: &str) {
    let mut size = 0;
    for (name, value) in annotations.as_object().into_iter().flatten() {
        // Letters may be large here.
        report.names(at, &json!(name), names::qualified(&name.to_lowercase()));
        size += name.len() + value.as_str().unwrap_or_default().len();
    }
    if size > ANNOTATIONS {
        let detail = format!("may not be more than {ANNOTATIONS} bytes");
        report.add(super::FieldErrorKind::TooLong, at, &Value::Null, &detail);
    }
}
