//! Finds the line of the sources that says a value of a rendered object, or what computes the value.
//!
//! A wrong line is worse than none: where two could have said it, or something that is not understood may have, the
//! value is computed.

mod patch;
mod transform;

use super::gather::{Gathered, Kind};
use super::kustomization::{Kustomization, is_kustomization};
use super::tree::{folder_of, resolve};
use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Origin};
use crate::yaml::{Document, Lines, documents};
use serde_json::Value;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Trace {
    /// These lines say it; where there are several, all of them have a part in it.
    Said(Vec<Spot>),
    /// No line says it for certain.
    Computed {
        /// What computes it, in words (may hold foreign text).
        by: String,
        /// The file that this is in, where it is known.
        file: Option<String>,
    },
}

/// Lines of a file, from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Path from the root of the repository.
    pub file: String,
    /// The lines.
    pub lines: RangeInclusive<usize>,
}

/// Reads the sources of a render, each once, to answer for many values.
pub struct Tracer<'a> {
    gathered: &'a Gathered,
    read: HashMap<String, Option<Arc<Read>>>,
}

/// A file that was read.
struct Read {
    documents: Vec<Document>,
    lines: Option<Lines>,
}

/// A value of an object that is looked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    manifest: &'a Manifest,
    path: &'a FieldPath,
    value: &'a Value,
    /// The name that the object has in its source.
    written: &'a str,
    /// Whether it is a key of an item of a list that its source has: patches name it only to find the item.
    is_found_by: bool,
}

impl Wanted<'_> {
    /// Whether a kustomization means the object by a name: that of its source, the last one, or one on the way, which
    /// has some of the prefixes and suffixes.
    fn is_called(&self, name: &str) -> bool {
        self.manifest.reference.name.contains(name) && name.contains(self.written)
    }
}

impl<'a> Tracer<'a> {
    /// For the sources of one render.
    pub fn new(gathered: &'a Gathered) -> Self {
        Self { gathered, read: HashMap::new() }
    }

    /// Where the value at a path of a manifest comes from. What a chart makes is computed: its templates are programs.
    pub fn trace(&mut self, manifest: &Manifest, path: &FieldPath, value: &Value) -> Trace {
        match self.gathered.kind {
            Kind::Plain => self.source(manifest, path, value),
            Kind::Kustomize => self.built(manifest, path, value),
            Kind::Helm => computed("a template", &manifest.origin.file),
        }
    }

    /// A value of a kustomization: whatever was applied last and has it, from the outermost kustomization on inwards.
    fn built(&mut self, manifest: &Manifest, path: &FieldPath, value: &Value) -> Trace {
        let file = &manifest.origin.file;
        let mut chains = Vec::new();
        self.chains(&self.gathered.root.clone(), file, &mut Vec::new(), &mut chains);
        let [chain] = chains.as_slice() else {
            let many = "kustomizations that use the file more than once";
            return computed(if chains.is_empty() { "kustomize" } else { many }, file);
        };
        let source =
            self.read(file).and_then(|read| written(&read.documents, &manifest.origin).cloned());
        let source = source.unwrap_or_default();
        let written = source["metadata"]["name"].as_str().unwrap_or(&manifest.reference.name);
        let is_key = path
            .0
            .split_last()
            .is_some_and(|(last, above)| FieldPath(above.to_vec()).is_key_field(last));
        let is_found_by = is_key && path.find_written(&source).is_some();
        let wanted = Wanted { manifest, path, value, written, is_found_by };
        // An item is said to be there by whoever named it first.
        let mut levels: Vec<&String> = chain.iter().collect();
        if is_key {
            levels.reverse();
        }
        if let Some(found) = levels.into_iter().find_map(|folder| self.level(folder, wanted)) {
            return found;
        }
        let is_generated = file.rsplit('/').next().is_some_and(is_kustomization);
        if is_generated {
            computed("a generator", file)
        } else {
            self.source(manifest, path, value)
        }
    }

    /// Every way from a kustomization to a file: the folders on it, the outermost first.
    fn chains(
        &self,
        folder: &str,
        file: &str,
        way: &mut Vec<String>,
        found: &mut Vec<Vec<String>>,
    ) {
        let Some(kustomization) = self.gathered.kustomization(folder) else { return };
        if way.iter().any(|above| above == folder) || found.len() > 1 {
            return;
        }
        let Ok(read) = Kustomization::read(kustomization) else { return };
        way.push(folder.to_owned());
        if kustomization.path == file {
            found.push(way.clone());
        }
        for path in read.inputs.iter().filter_map(|input| resolve(folder, input)) {
            if path == file {
                found.push(way.clone());
            } else {
                self.chains(&path, file, way, found);
            }
        }
        way.pop();
    }

    /// What the document that an object is written in says.
    fn source(&mut self, manifest: &Manifest, path: &FieldPath, value: &Value) -> Trace {
        let origin = &manifest.origin;
        let Some(read) = self.read(&origin.file) else {
            return computed("a file that cannot be read", &origin.file);
        };
        let object = written(&read.documents, origin);
        let said = object.and_then(|object| path.find_written(object));
        // What SOPS encrypted cannot be compared.
        let is_sealed =
            |said: &Value| said.as_str().is_some_and(|text| text.starts_with("ENC[AES256_GCM,"));
        match said {
            Some(said) if said == value || is_sealed(said) => {
                let lines = read.lines.as_ref().and_then(|lines| lines.of(origin, path));
                lines.map_or_else(
                    || computed("an alias, a merge key or JSON on one line", &origin.file),
                    |lines| Trace::Said(vec![Spot { file: origin.file.clone(), lines }]),
                )
            }
            Some(Value::String(text)) if text.contains("${") => {
                computed("a variable", &origin.file)
            }
            _ if self.gathered.kind == Kind::Kustomize => computed("kustomize", &origin.file),
            _ => computed("the render", &origin.file),
        }
    }

    /// The lines of a field of a file's document.
    fn said(&mut self, file: &str, document: usize, path: &FieldPath) -> Trace {
        let lines = self.read(file).and_then(|read| {
            let start = read.documents.iter().find(|one| one.index == document)?.line;
            let origin = Origin { file: file.to_owned(), document, line: start };
            read.lines.as_ref()?.of(&origin, path)
        });
        lines.map_or_else(
            || computed("an alias or a merge key", file),
            |lines| Trace::Said(vec![Spot { file: file.to_owned(), lines }]),
        )
    }

    fn read(&mut self, file: &str) -> Option<Arc<Read>> {
        if let Some(read) = self.read.get(file) {
            return read.clone();
        }
        let content = self.gathered.content(file);
        let read = content.and_then(|content| {
            let documents = documents(content).ok()?;
            Some(Arc::new(Read { documents, lines: Lines::read(content) }))
        });
        self.read.insert(file.to_owned(), read.clone());
        read
    }

    /// The fields of the kustomization of a folder, with its file.
    fn fields(&mut self, folder: &str) -> Option<(String, Value)> {
        let file = self.gathered.kustomization(folder)?.path.clone();
        let fields = self.read(&file)?.documents.first()?.value.clone();
        Some((file, fields))
    }

    /// A file that a kustomization names.
    fn named(&self, kustomization: &str, reference: &str) -> Option<String> {
        resolve(folder_of(kustomization), reference)
            .filter(|file| self.gathered.content(file).is_some())
    }
}

fn computed(by: &str, file: &str) -> Trace {
    Trace::Computed { by: by.to_owned(), file: Some(file.to_owned()) }
}

/// The object of a file as it is written there: a document, or an item of a list.
fn written<'a>(documents: &'a [Document], origin: &Origin) -> Option<&'a Value> {
    let document = documents.iter().find(|one| one.index == origin.document)?;
    if document.line == origin.line {
        return Some(&document.value);
    }
    let item = document.item_lines.iter().position(|line| *line == origin.line)?;
    document.value["items"].get(item)
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}

fn entries<'a>(fields: &'a Value, key: &str) -> &'a [Value] {
    fields[key].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
