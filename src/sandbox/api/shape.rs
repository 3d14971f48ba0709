//! In which form a client wants objects: as they are, as tables, or their metadata only.

use serde_json::{Value, json};

use super::{call::Call, failure::Failure, store::Object};

/// The negotiated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The objects.
    Plain,
    /// `meta.k8s.io/v1` tables for people.
    Table,
    /// `meta.k8s.io/v1` `PartialObjectMetadata`.
    Metadata,
}

impl Shape {
    /// Takes the first form in the `Accept` header that the server knows.
    pub fn negotiate(accept: &str) -> Result<Self, Failure> {
        for choice in accept.split(',').map(str::trim).filter(|choice| !choice.is_empty()) {
            let mut parts = choice.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(media, "application/json" | "application/*" | "*/*") {
                continue;
            }
            let parameter = |name: &str| {
                choice
                    .split(';')
                    .map(str::trim)
                    .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
            };
            match (parameter("as"), parameter("v")) {
                (None, _) => return Ok(Self::Plain),
                (Some("Table"), Some("v1")) => return Ok(Self::Table),
                (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("v1")) => {
                    return Ok(Self::Metadata);
                }
                _ => {}
            }
        }
        if accept.trim().is_empty() {
            return Ok(Self::Plain);
        }
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch";
        Err(Failure { details: Some(json!({})), ..Failure::new(406, "NotAcceptable", message) })
    }

    /// The form that this request asks for.
    pub fn of(call: &Call) -> Result<Self, Failure> {
        Self::negotiate(&call.accept)
    }
}

/// Only the metadata of an object.
pub fn metadata_only(object: &Object) -> Object {
    let partial: Value = json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
    });
    partial.into()
}
