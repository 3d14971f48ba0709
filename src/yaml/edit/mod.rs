//! Changes of single values in a file: every byte that is not the value stays.
//!
//! Values are found by the bytes that the reader tells, and replaced there. What that gives is read again each time: a
//! text that says anything but what was intended is never handed out, the edit is refused.

mod apply;
mod block_text;
mod insert;
mod layout;
mod remove;
mod replace;
mod route;
mod scalar;
mod spot;
#[cfg(test)]
mod tests;
mod write;

use super::compose::compose_all;
use super::document::{YamlError, documents, text};
use crate::domain::Origin;
use crate::domain::path::FieldPath;
use apply::{Text, reach, step};
use route::{Route, find, nested};
use serde_json::Value;
use thiserror::Error;

/// What shall become of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It shall be this; what is missing above it is added. Of maps and lists only what differs is touched.
    Set(Value),
    /// It shall not be written any more. A map or list that this empties stays, as `{}` or `[]`.
    Remove,
}

/// The part of a file that paths count from.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    document: usize,
    above: Route,
}

/// Why a file was not edited. It holds no values of the file, only keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct EditError {
    /// Line, from 1.
    pub line: usize,
    /// What stands in the way, and what to do.
    pub reason: String,
}

impl EditError {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

impl From<YamlError> for EditError {
    fn from(error: YamlError) -> Self {
        Self { line: error.line, reason: error.message }
    }
}

impl Place {
    /// A whole document, by its position in the file from 0 (empty ones count).
    pub fn document(index: usize) -> Self {
        Self { document: index, above: Route::default() }
    }

    /// The object that begins where a manifest says: a document, or an item of its list.
    pub fn of(content: &[u8], origin: &Origin) -> Result<Self, EditError> {
        let documents = compose_all(text(content)?)?;
        let above = documents
            .get(origin.document)
            .and_then(|document| route::object_at(&document.node, origin.line))
            .ok_or_else(|| {
                EditError::new(origin.line, "no object begins here any more; read the file again")
            })?;
        Ok(Self { document: origin.document, above })
    }
}

/// The value that is written at a path; nothing where none is.
pub fn value_at(
    content: &[u8],
    place: &Place,
    path: &FieldPath,
) -> Result<Option<Value>, EditError> {
    let documents = compose_all(text(content)?)?;
    let Some(document) = documents.into_iter().nth(place.document) else { return Ok(None) };
    let found = find(&document.node, &place.above, path);
    let node = found.missing.is_empty().then(|| found.route.node(&document.node)).flatten();
    Ok(node.map(|node| node.clone().into_value()))
}

/// A whole document as YAML in block style, keys in their order; nothing where the value is no map with keys.
pub fn document(value: &Value) -> Option<String> {
    let fields = value.as_object().filter(|fields| !fields.is_empty())?;
    Some(write::Writer { step: 2, dash: 0, json: false }.document(fields))
}

/// A file with a document for each object; nothing where it would not be read back as what was written, or is empty.
pub fn file_of(objects: &[Value]) -> Option<String> {
    let parts: Vec<String> = objects.iter().filter_map(document).collect();
    let text = parts.join("---\n");
    let read = documents(text.as_bytes()).ok()?;
    let same = read.iter().map(|one| &one.value).eq(objects);
    (same && !objects.is_empty()).then_some(text)
}

/// A map as a document of its own, in block style.
pub fn written(value: &Value) -> String {
    let writer = write::Writer { step: 2, dash: 2, json: false };
    format!("{}\n", writer.below_key(value, 0, "\n").trim_start().replace("\n  ", "\n"))
}

/// Changes one value. An error where it cannot be done without touching more than the value, or where what comes out
/// would not say exactly what was intended.
pub fn edit(
    content: &[u8],
    place: &Place,
    path: &FieldPath,
    change: &Change,
) -> Result<Vec<u8>, EditError> {
    let source = Text::read(content)?;
    let composed = compose_all(&source.content)?;
    let Some(document) = composed.get(place.document) else {
        return Err(EditError::new(1, format!("the file has no document {}", place.document + 1)));
    };
    let found = find(&document.node, &place.above, path);
    let edited = match (change, found.missing) {
        (Change::Set(value), []) => reach(&source, place.document, &found.route, value)?,
        (Change::Set(value), [first, rest @ ..]) => {
            let value = nested(first, rest, value.clone());
            let line = found.route.node(&document.node).map_or(1, |node| node.first);
            let value = value.ok_or_else(|| {
                EditError::new(line, format!("{path} leads to an item that is not in its list"))
            })?;
            let at = route::at(&document.node, &found.route, first);
            let at = at.map_err(|reason| EditError::new(line, reason))?;
            step(&source, place.document, &found.route, &apply::Step::Insert(at, value))?
        }
        (Change::Remove, []) => step(&source, place.document, &found.route, &apply::Step::Remove)?,
        (Change::Remove, _) => {
            let line = found.route.node(&document.node).map_or(1, |node| node.first);
            return Err(EditError::new(line, format!("{path} is not written here")));
        }
    };
    let bytes = source.bytes(&edited);
    // What begins like JSON is read as JSON where it can be, and has to stay what it was.
    if source.content.trim_start().starts_with('{')
        && documents(&bytes)?.len() != documents(content)?.len()
    {
        return Err(EditError::new(1, "the file could be read in two ways; edit it by hand"));
    }
    Ok(bytes)
}
