//! What is exported from a cluster, and what it comes to.

use crate::config::edit::NewMapping;
use crate::domain::export::Selection;
use crate::domain::labels::LabelSelector;
use crate::domain::{FileEdit, Revision};
use crate::engine::Failure;
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
    pub fn line(&self, new: &NewMapping) -> String {
        let mut words = vec!["gitdeck mapping export".to_owned(), quoted(&new.name)];
        words.extend(self.selection.names.iter().map(|name| quoted(name)));
        match &self.selection.selector {
            Some(selector) => words.extend(["-l".to_owned(), quoted(selector)]),
            None if self.selection.names.is_empty() => words.push("--all".to_owned()),
            None => {}
        }
        let source = new.source.map(|source| source.word().to_owned());
        for (flag, value) in [
            ("--repository", &new.repository),
            ("--path", &new.path),
            ("--file", &Some(self.file.clone())),
            ("--project", &new.project),
            ("--source", &source),
            ("--context", &new.context),
            ("--namespace", &new.namespace),
        ] {
            words.extend(value.iter().flat_map(|value| [flag.to_owned(), quoted(value)]));
        }
        words.join(" ")
    }

    /// Why it cannot be asked for as it is, with what is missing.
    ///
    /// # Errors
    /// A fault of usage.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(Err(why)) = self.selection.selector.as_deref().map(LabelSelector::parse) {
            return Err(Failure::usage(format!("labels to select by: {why}")));
        }
        if let Some(odd) = self.selection.names.iter().find(|one| !one.contains('/')) {
            let failure = Failure::usage(format!("\"{odd}\" names no object"));
            return Err(failure.hint("name objects as Kind/name, as in Deployment/web"));
        }
        let file = &self.file;
        let is_manifest = [".yaml", ".yml"].iter().any(|end| file.ends_with(end));
        if !is_manifest || file.starts_with('/') || file.split('/').any(|part| part == "..") {
            return Err(Failure::usage(format!(
                "file {file}: a path below the mapping's that ends with .yaml"
            )));
        }
        Ok(())
    }
}

/// An export; nothing was committed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The repository that it goes to.
    pub repository: String,
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
