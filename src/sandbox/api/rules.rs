//! The field rules as this server uses them.

use serde_json::Value;

use super::{failure::Cause, resource::Resource};
use crate::sandbox::fields;

pub use fields::{
    ApplyError, Schema, Schemas, Writer, apply, keep_times, prune_unknown, settle, track_update,
    unknown_fields,
};

/// Defaults of a kind.
pub fn default(schema: Option<&Schema>, resource: &Resource, object: &mut Value) {
    let _ = (schema, resource, object);
}

/// Reasons why an object may not become `new`.
pub fn validate(old: Option<&Value>, new: &Value) -> Vec<Cause> {
    let _ = (old, new);
    Vec::new()
}

#[expect(clippy::unnecessary_wraps, reason = "lists with keys may not fit the patch")]
/// An object with a strategic merge patch applied.
pub fn strategic_merge(schema: &Schema, live: &Value, patch: &Value) -> Result<Value, String> {
    let _ = schema;
    let mut merged = live.clone();
    json_patch::merge(&mut merged, patch);
    Ok(merged)
}
