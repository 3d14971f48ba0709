//! A tree at a revision to manifests.

mod collect;
#[cfg(test)]
mod corpus_tests;
mod error;
mod kustomization;
mod object;
mod plain;

pub use error::RenderError;
pub use plain::Plain;

use crate::domain::Manifest;

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The bytes of the blob.
    pub content: Vec<u8>,
}

/// Turns the files of a mapping into its desired objects. All or nothing: one fault fails the whole render.
pub trait Renderer {
    /// Renders the files below `root` (a directory or one file, from the root of the repository; empty is the whole
    /// repository). `files` may hold other files too; they are not looked at.
    ///
    /// An empty result is no error here: what it means for a sync is for the guard to say.
    fn render(&self, root: &str, files: &[SourceFile]) -> Result<Vec<Manifest>, RenderError>;
}
