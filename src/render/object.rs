//! Documents to manifests: lists are taken apart, and what is no applicable object is refused.

use super::RenderError;
use crate::domain::object::split_api_version;
use crate::domain::{Manifest, ObjectRef, Origin, hook};
use serde_json::Value;

/// Adds the objects of one document; items of a list are objects of their own, with their own apiVersion and kind
/// or, for a typed list (`ConfigMapList`), those of the list.
///
/// `item_lines` are the lines of a list's items, as far as they are known.
pub(super) fn manifests_of(
    value: Value,
    item_lines: &[usize],
    at: Origin,
    found: &mut Vec<Manifest>,
) -> Result<(), RenderError> {
    let Value::Object(mut fields) = value else {
        return Err(wrong(at, "the document is not a map"));
    };
    let api_version = text(&fields, "apiVersion", &at)?;
    let kind = text(&fields, "kind", &at)?;
    if let Some(item_kind) = kind.strip_suffix("List")
        && fields.get("items").is_some_and(|items| items.is_array() || items.is_null())
    {
        // Its items would lose the mark.
        if fields.get("sops").is_some_and(|sops| sops.get("mac").is_some()) {
            return Err(RenderError::Encrypted { at });
        }
        let Some(Value::Array(items)) = fields.remove("items") else { return Ok(()) };
        return items.into_iter().enumerate().try_for_each(|(index, mut item)| {
            if !item_kind.is_empty()
                && let Value::Object(map) = &mut item
            {
                map.entry("apiVersion").or_insert_with(|| api_version.clone().into());
                map.entry("kind").or_insert_with(|| item_kind.into());
            }
            let line = item_lines.get(index).copied().unwrap_or(at.line);
            manifests_of(item, &[], Origin { line, ..at.clone() }, found)
        });
    }
    if split_api_version(&api_version).0 == "kustomize.config.k8s.io" {
        return Err(RenderError::NeedsKustomize {
            file: at.to_string(),
            uses: format!("it is a {kind} of kustomize"),
        });
    }
    let object = Value::Object(fields);
    let metadata = &object["metadata"];
    let prefix = prefix(&object);
    if prefix.is_none() && metadata["name"].as_str().is_none_or(str::is_empty) {
        if metadata["generateName"].is_string() {
            return Err(RenderError::GenerateName { at });
        }
        return Err(wrong(
            at,
            if metadata["name"].is_null() {
                "metadata.name is missing"
            } else {
                "metadata.name is no text"
            },
        ));
    }
    if !matches!(metadata["namespace"], Value::Null | Value::String(_)) {
        return Err(wrong(at, "metadata.namespace is no text"));
    }
    let reference = reference(&object, prefix);
    match reference {
        Some(reference) => {
            found.push(Manifest { object, reference, origin: at });
            Ok(())
        }
        None => Err(wrong(at, "the object has no full name")),
    }
}

/// The prefix of a hook whose name is generated: it is made anew each time, and until then its prefix stands for it.
fn prefix(object: &Value) -> Option<String> {
    hook::prefix(object).filter(|_| hook::is_hook(object)).map(str::to_owned)
}

fn reference(object: &Value, prefix: Option<String>) -> Option<ObjectRef> {
    let Some(prefix) = prefix else { return ObjectRef::of(object) };
    let mut named = object.clone();
    named["metadata"]["name"] = prefix.into();
    ObjectRef::of(&named)
}

fn text(
    fields: &serde_json::Map<String, Value>,
    key: &str,
    at: &Origin,
) -> Result<String, RenderError> {
    match fields.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null) => Err(wrong(at.clone(), &format!("{key} is missing"))),
        Some(_) => Err(wrong(at.clone(), &format!("{key} is no text"))),
    }
}

fn wrong(at: Origin, missing: &str) -> RenderError {
    RenderError::NotAnObject { at, missing: missing.to_owned() }
}
