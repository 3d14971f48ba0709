//! A tree at a revision to manifests.

mod collect;
#[cfg(test)]
mod corpus_tests;
mod error;
mod gather;
mod helm;
mod helmignore;
mod key;
mod kustomization;
mod kustomize;
mod object;
mod origin;
mod plain;
mod program;
mod reseal;
mod run;
mod scratch;
mod seal;
mod sops;
mod substitute;
mod trace;
mod tree;
mod unread;
mod user;
mod values;
mod work;

pub use error::RenderError;
pub use gather::{Gathered, Kind};
pub use helm::Capabilities;
pub use key::{Inputs, Key};
pub use plain::Plain;
pub use program::{Finding, Limits, Tools};
pub use reseal::Opened;
pub use scratch::sweep;
pub use seal::{Sealing, seal};
pub use trace::{Spot, Trace, Tracer};
pub use tree::{Listing, Tree, link_target};
pub use unread::{Skipped, Unread, Why};
pub use work::{Request, render};

use crate::domain::Manifest;
use work::Work;

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
