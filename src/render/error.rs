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
    /// The directory holds a kustomization that needs kustomize.
    #[error(
        "{file}: {uses}; plain YAML cannot be rendered from it: give its directory a mapping of its own, or set render = \"kustomize\""
    )]
    NeedsKustomize {
        /// The kustomization, or the document.
        file: String,
        /// What it uses.
        uses: String,
    },
    /// The directory holds a Helm chart.
    #[error(
        "{file}: this is a Helm chart among plain manifests; give its directory a mapping of its own"
    )]
    NeedsHelm {
        /// The chart's file.
        file: String,
    },
    /// A program that the tree needs is not installed.
    #[error(
        "{file}: {program} is needed and is not on PATH; {install} (`gitdeck doctor` shows what was found)"
    )]
    MissingProgram {
        /// What needs it.
        file: String,
        /// Which.
        program: &'static str,
        /// What to do.
        install: &'static str,
    },
    /// A program failed, or said what cannot be read.
    #[error("{file}: {message}")]
    Program {
        /// What was rendered.
        file: String,
        /// What went wrong, in the program's own words, harmless and shortened.
        message: String,
    },
    /// The render would load from the network.
    #[error(
        "{file}: \"{reference}\" is not in the repository, and nothing is loaded from elsewhere; commit it, or set allow_remote = true for this mapping"
    )]
    Remote {
        /// Who names it.
        file: String,
        /// What is named.
        reference: String,
    },
    /// The render would run a plugin.
    #[error("{file}: {what}, and plugins are not run; give the chart a mapping of its own")]
    Plugin {
        /// Who asks for it.
        file: String,
        /// What would be run.
        what: String,
    },
    /// The tree cannot be read.
    #[error("{file}: {message}")]
    Unreadable {
        /// What was read.
        file: String,
        /// Why it cannot be.
        message: String,
    },
    /// A variable cannot be replaced.
    #[error("{at}: {message}")]
    Variable {
        /// The object.
        at: Origin,
        /// Which variable, and what to do.
        message: String,
    },
    /// A file with values is none.
    #[error("{file}: {message}")]
    Values {
        /// The file.
        file: String,
        /// What is wrong; names but no values.
        message: String,
    },
    /// Encrypted with SOPS; ciphertext is never applied.
    #[error(
        "{at}: encrypted with SOPS, and this mapping has no key; it is not applied as it is: set sops = {{ age_key = \"file:PATH\" }}"
    )]
    Encrypted {
        /// Where.
        at: Origin,
    },
    /// The private folder of a render cannot be written.
    #[error(
        "the folder of a render cannot be written: {message}; `gitdeck doctor` shows the cache directory"
    )]
    Scratch {
        /// The system's reason.
        message: String,
    },
    /// The blob is a pointer of Git LFS.
    #[error(
        "{file}: a pointer of Git LFS, not the file itself, which is never fetched; commit it as an ordinary file"
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

impl RenderError {
    /// The disk refused.
    pub(super) fn scratch(error: &std::io::Error) -> Self {
        Self::Scratch { message: error.to_string() }
    }
}
