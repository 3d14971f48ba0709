//! What keeps a tree from being rendered.

use crate::domain::{ObjectKey, Origin};
use thiserror::Error;

/// A render failed. Each says the file, the line where there is one, the fault, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// The file is no readable YAML or JSON.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// Path from the root of the repository.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The fault; it names keys but no values.
        message: String,
    },
    /// A document is not a Kubernetes object.
    #[error("{at}: {missing}; every document needs apiVersion, kind and metadata.name")]
    NotAnObject {
        /// Where.
        at: Origin,
        /// What is missing or wrong.
        missing: String,
    },
    /// Two documents describe one object.
    #[error("{object} is written twice: {first} and {second}; remove one")]
    Duplicate {
        /// The object.
        object: Box<ObjectKey>,
        /// The first place.
        first: Origin,
        /// The second place.
        second: Origin,
    },
    /// `metadata.generateName` makes a new object with every apply.
    #[error("{at}: generateName would create another object with every sync; give it a name")]
    GenerateName {
        /// Where.
        at: Origin,
    },
    /// The tree needs kustomize.
    #[error(
        "{file}: {uses}; plain YAML cannot be rendered from it, and kustomize is not supported yet"
    )]
    NeedsKustomize {
        /// The kustomization, or the document.
        file: String,
        /// What it uses.
        uses: String,
    },
    /// The tree is a Helm chart.
    #[error(
        "{file}: this is a Helm chart, which is not supported yet; map a directory of plain manifests"
    )]
    NeedsHelm {
        /// The chart's file.
        file: String,
    },
    /// Encrypted with SOPS; ciphertext is never applied.
    #[error(
        "{at}: encrypted with SOPS; it is not applied as it is, and decryption is not supported yet"
    )]
    Encrypted {
        /// Where.
        at: Origin,
    },
    /// The blob is a pointer of Git LFS.
    #[error(
        "{file}: a Git LFS pointer, not the file itself; commit the manifest as an ordinary file"
    )]
    LargeFilePointer {
        /// The file.
        file: String,
    },
    /// A named file or the mapping's path is not in the tree.
    #[error("{file} does not exist at this revision ({named_by})")]
    Missing {
        /// What was looked for.
        file: String,
        /// Who names it.
        named_by: String,
    },
    /// The file is larger than a manifest may be.
    #[error("{file} has {bytes} bytes; more than {limit} are not read")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}
