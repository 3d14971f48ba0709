//! Why a reference to a secret did not lead to one.

use std::path::PathBuf;

/// A reference that cannot be resolved. No variant holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is missing.
    #[error(
        "the environment variable {name} is not set or is empty; export it, or change the reference env:{name}"
    )]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the secret file {} cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// What was found is no text, or nothing.
    #[error("{reference} holds no text; put the secret alone into it, in UTF-8")]
    NotText {
        /// The reference.
        reference: String,
    },
    /// A file of this size is no secret.
    #[error("the secret file {} is larger than 1 MiB; is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A store that this version does not read.
    #[error(
        "{reference} cannot be read by this version: keyring and vault come in a later version; use env:NAME, file:PATH or git-credential until then"
    )]
    Later {
        /// The reference.
        reference: String,
    },
    /// A helper or an agent is a whole access method, not a value.
    #[error(
        "{reference} is a whole access method; write it as `password` or `private_key` of its own, without more"
    )]
    NoValue {
        /// The reference.
        reference: String,
    },
}
