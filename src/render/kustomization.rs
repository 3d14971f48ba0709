//! A kustomization that does nothing but list files is plain YAML with a list of contents.

use super::{RenderError, SourceFile};
use crate::yaml::documents;
use serde_json::Value;

/// Whether kustomize would read a file of this name as the kustomization of its directory.
pub(super) fn is_kustomization(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// The resources that a kustomization lists, in order; an error names what else it uses.
pub(super) fn resources(file: &SourceFile) -> Result<Vec<String>, RenderError> {
    let needs = |uses: String| RenderError::NeedsKustomize { file: file.path.clone(), uses };
    let found = documents(&file.content).map_err(|error| RenderError::Malformed {
        file: file.path.clone(),
        line: error.line,
        message: error.message,
    })?;
    let [document] = found.as_slice() else {
        return Err(needs(format!(
            "a kustomization is one document, and this has {}",
            found.len()
        )));
    };
    let Value::Object(fields) = &document.value else {
        return Err(needs("the kustomization is not a map".to_owned()));
    };
    if fields.get("kind").is_some_and(|kind| kind != "Kustomization") {
        return Err(needs("the kustomization is a component".to_owned()));
    }
    let others: Vec<&str> = fields
        .iter()
        .filter(|(key, value)| {
            !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "resources")
                && !is_empty(value)
        })
        .map(|(key, _)| key.as_str())
        .collect();
    if !others.is_empty() {
        return Err(needs(format!("it uses {}", others.join(", "))));
    }
    let Some(Value::Array(items)) = fields.get("resources").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    items
        .iter()
        .map(|item| {
            item.as_str()
                .map(str::to_owned)
                .ok_or_else(|| needs("a resource is not a path".to_owned()))
        })
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
