//! What the server refuses: missing, malformed, contradictory and unchangeable fields.

mod config;
mod custom;
mod immutable;
mod metadata;
mod names;
mod network;
mod pod;
mod storage;
mod workload;

use serde_json::Value;

use super::schema::Schema;

/// What is wrong with a field, as `metav1.CauseType` tells kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// It is missing.
    Required,
    /// Its value is malformed or contradicts others.
    Invalid,
    /// It may not be set or changed.
    Forbidden,
    /// Its value is none of the known ones.
    NotSupported,
    /// Its value is in the list already.
    Duplicate,
    /// Its value has the wrong type.
    TypeInvalid,
    /// It names something that is not there.
    NotFound,
    /// Its value is too long.
    TooLong,
}

impl FieldErrorKind {
    /// The reason in `details.causes`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
        }
    }
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// The path, such as `spec.ports[0].port`.
    pub field: String,
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// Why; may be empty.
    pub detail: String,
    /// The value that is wrong; null where there is none.
    pub value: Value,
}

impl FieldError {
    /// What follows the path in the server's message.
    pub fn message(&self) -> String {
        let detail =
            if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        match self.kind {
            FieldErrorKind::Required => format!("Required value{detail}"),
            FieldErrorKind::Forbidden => format!("Forbidden{detail}"),
            FieldErrorKind::TooLong => format!("Too long{detail}"),
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => {
                format!("Invalid value: {}{detail}", self.value)
            }
            FieldErrorKind::NotSupported => format!("Unsupported value: {}{detail}", self.value),
            FieldErrorKind::Duplicate => format!("Duplicate value: {}{detail}", self.value),
            FieldErrorKind::NotFound => format!("Not found: {}{detail}", self.value),
        }
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
struct Report(Vec<FieldError>);

impl Report {
    fn add(&mut self, kind: FieldErrorKind, field: &str, value: &Value, detail: &str) {
        let (field, detail) = (field.to_owned(), detail.to_owned());
        self.0.push(FieldError { field, kind, detail, value: value.clone() });
    }

    fn required(&mut self, field: &str, detail: &str) {
        self.add(FieldErrorKind::Required, field, &Value::Null, detail);
    }

    fn invalid(&mut self, field: &str, value: &Value, detail: &str) {
        self.add(FieldErrorKind::Invalid, field, value, detail);
    }

    fn forbidden(&mut self, field: &str, detail: &str) {
        self.add(FieldErrorKind::Forbidden, field, &Value::Null, detail);
    }

    fn duplicate(&mut self, field: &str, value: &Value) {
        self.add(FieldErrorKind::Duplicate, field, value, "");
    }

    /// The value must be one of these; absent ones pass.
    fn one_of(&mut self, field: &str, value: &Value, choices: &[&str]) {
        if present(value) && !choices.iter().any(|choice| value == choice) {
            self.unsupported(field, value, choices);
        }
    }

    fn unsupported(&mut self, field: &str, value: &Value, choices: &[&str]) {
        let listed: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
        self.add(
            FieldErrorKind::NotSupported,
            field,
            value,
            &format!("supported values: {}", listed.join(", ")),
        );
    }

    /// A number that is present may not be negative.
    fn not_negative(&mut self, field: &str, value: &Value) {
        if value.as_i64().is_some_and(|number| number < 0) {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }

    fn port(&mut self, field: &str, value: &Value) {
        if !value.as_i64().is_some_and(|number| (1..=65_535).contains(&number)) {
            self.invalid(field, value, "must be between 1 and 65535, inclusive");
        }
    }

    fn names(&mut self, field: &str, value: &Value, faults: Vec<&'static str>) {
        for fault in faults {
            self.invalid(field, value, fault);
        }
    }
}

/// Whether a value is neither null nor empty text.
fn present(value: &Value) -> bool {
    !value.is_null() && value != ""
}

/// A member as text; empty where it is none.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The items of a list; none where it is none.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Reasons why an object may not be stored, or may not replace `old`; none if it may. The object must have its
/// defaults.
pub fn validate(schema: &Schema, old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let mut report = Report::default();
    metadata::check(&mut report, new);
    if schema.is_custom() {
        custom::check(&mut report, schema, new);
        return report.0;
    }
    let name = schema.name().to_owned();
    let kind = name.rsplit('.').next().unwrap_or_default();
    let known = workload::check(&mut report, kind, new)
        || network::check(&mut report, kind, new)
        || storage::check(&mut report, kind, new)
        || config::check(&mut report, kind, new);
    tracing::trace!(kind, known, "validated");
    if let Some(old) = old {
        immutable::check(&mut report, kind, old, new);
    }
    report.0
}

#[cfg(test)]
mod tests;
