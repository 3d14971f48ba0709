//! The field rules as this server uses them.

use serde_json::Value;

use super::failure::Cause;
use crate::sandbox::fields;

pub use fields::{
    ApplyError, Schema, Schemas, Writer, apply, decode_error, default, keep_times, prune_unknown,
    strategic_merge, track_update, unknown_fields,
};

/// Reasons why an object may not become `new`.
pub fn validate(schema: &Schema, old: Option<&Value>, new: &Value) -> Vec<Cause> {
    let cause = |error: fields::FieldError| Cause {
        reason: error.kind.reason().to_owned(),
        message: error.message(),
        field: error.field,
    };
    fields::validate(schema, old, new).into_iter().map(cause).collect()
}

/// What keeps an object from fitting a schema, if anything does.
pub fn check(schema: &Schema, object: &Value) -> Result<(), String> {
    fields::check(schema.root(), object)
}
