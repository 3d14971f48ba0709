//! Finds the lines on which the objects of a build are written in the sources.

use super::SourceFile;
use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Origin};
use crate::yaml::{Document, Lines, documents};
use std::collections::{BTreeMap, HashMap};

/// The sources of a build, each read once.
pub(super) struct Sources<'a> {
    files: &'a BTreeMap<String, SourceFile>,
    read: HashMap<String, Vec<Document>>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(files: &'a BTreeMap<String, SourceFile>) -> Self {
        Self { files, read: HashMap::new() }
    }

    /// The document of a file that an object was made from: the same kind, and a name that prefixes, suffixes and
    /// hashes were added to. The file's first line where none fits.
    pub(super) fn object(&mut self, file: &str, manifest: &Manifest) -> Option<Origin> {
        let name = &manifest.reference.name;
        let fits = |document: &&Document| {
            document.value["kind"] == manifest.reference.kind.as_str()
                && written_name(document).is_some_and(|written| name.contains(written))
        };
        // Of several the longest: `app-db` is not written as `app`.
        let best = self
            .documents(file)?
            .iter()
            .filter(fits)
            .max_by_key(|document| written_name(document).map_or(0, str::len));
        let (document, line) = best.map_or((0, 1), |found| (found.index, found.line));
        Some(Origin { file: file.to_owned(), document, line })
    }

    /// The one file that an object can come from, where nothing else tells: a patch may take the answer away.
    pub(super) fn only(&mut self, manifest: &Manifest) -> Option<Origin> {
        let files: Vec<String> = self.files.keys().cloned().collect();
        let found = files.iter().filter(|file| super::collect::is_manifest(file));
        let mut found: Vec<(usize, Origin)> = found
            .filter_map(|file| {
                let origin = self.object(file, manifest)?;
                let documents = self.documents(file)?;
                let document = documents.iter().find(|one| one.index == origin.document)?;
                let written = written_name(document)?;
                let fits = manifest.reference.name.contains(written)
                    && document.value["kind"] == manifest.reference.kind.as_str();
                fits.then_some((written.len(), origin))
            })
            .collect();
        let best = found.iter().map(|(length, _)| *length).max()?;
        found.retain(|(length, _)| *length == best);
        if found.len() == 1 { found.pop().map(|(_, origin)| origin) } else { None }
    }

    /// The entry of a kustomization's generator that made an object.
    pub(super) fn generator(&mut self, file: &str, field: &str, name: &str) -> Option<Origin> {
        let document = self.documents(file)?.first()?;
        let (first, entries) = (document.line, document.value[field].as_array()?);
        let written = |entry: &serde_json::Value| entry["name"].as_str().map(str::to_owned);
        let entry = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| Some((index, written(entry)?)))
            .filter(|(_, written)| name.contains(written.as_str()))
            .max_by_key(|(_, written)| written.len());
        let start = Origin { file: file.to_owned(), document: 0, line: first };
        let line = entry.and_then(|(index, _)| {
            let path = FieldPath(vec![Step::Field(field.to_owned()), Step::Index(index)]);
            Some(*Lines::read(&self.files.get(file)?.content)?.of(&start, &path)?.start())
        });
        Some(Origin { line: line.unwrap_or(first), ..start })
    }

    /// The documents of a file; none where it cannot be read, as most templates cannot.
    fn documents(&mut self, file: &str) -> Option<&Vec<Document>> {
        let source = self.files.get(file)?;
        let read = || documents(&source.content).unwrap_or_default();
        Some(self.read.entry(file.to_owned()).or_insert_with(read))
    }
}

fn written_name(document: &Document) -> Option<&str> {
    document.value["metadata"]["name"].as_str()
}
