//! What is exported from a cluster, and what it comes to.

use crate::domain::export::Selection;
use crate::domain::{FileEdit, Mapping, Revision};
use crate::engine::command::quoted;

/// What shall be exported, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportWish {
    /// Which objects.
    pub selection: Selection,
    /// File below the mapping's path.
    pub file: String,
}

impl ExportWish {
    /// The command line that asks for it.
    pub fn line(&self, mapping: &Mapping) -> String {
        let mut words = vec!["gitdeck mapping export".to_owned(), quoted(&mapping.name)];
        words.extend(self.selection.names.iter().map(|name| quoted(name)));
        match &self.selection.selector {
            Some(selector) => words.extend(["-l".to_owned(), quoted(selector)]),
            None if self.selection.names.is_empty() => words.push("--all".to_owned()),
            None => {}
        }
        for (flag, value) in [
            ("--repository", &mapping.repository),
            ("--path", &mapping.path),
            ("--file", &self.file),
            ("--namespace", &mapping.target.namespace),
        ] {
            words.extend([flag.to_owned(), quoted(value)]);
        }
        words.join(" ")
    }
}

/// An export; nothing was committed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The file as it shall be.
    pub edits: Vec<FileEdit>,
    /// The revision that it is made on.
    pub base: Option<Revision>,
    /// What is in it, `Deployment/web` each.
    pub objects: Vec<String>,
    /// What was left out, a sentence each with the reason (may hold foreign text).
    pub left: Vec<String>,
    /// The message that it would be committed under.
    pub message: String,
    /// What would be committed.
    pub diff: String,
}
