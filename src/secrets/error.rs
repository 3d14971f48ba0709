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
    /// Neither the vault nor the keyring has the name.
    #[error("there is no {reference}; `gitdeck secret set {reference}` puts it there")]
    Missing {
        /// The reference.
        reference: String,
    },
    /// No keyring answers.
    #[error(
        "{reference} is out of reach: {reason}; a keyring needs the session of a desktop, elsewhere use vault:NAME"
    )]
    NoKeyring {
        /// The reference.
        reference: String,
        /// Why not, in the words of the keyring.
        reason: String,
    },
    /// Nobody made a vault yet.
    #[error("there is no vault {} yet; `gitdeck secret set {reference}` makes it", path.display())]
    NoVault {
        /// The reference.
        reference: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// Somebody has to type something first.
    #[error(
        "the vault {} is locked, and {what} is wanted: `U` in the console and any command on a terminal ask for it; where nobody can answer, `passphrase` of [vault] in the configuration names it",
        path.display()
    )]
    Locked {
        /// The vault.
        path: PathBuf,
        /// What has to be typed.
        what: String,
    },
    /// The passphrase that was typed or configured.
    #[error("the passphrase does not open the vault {}", path.display())]
    WrongPassphrase {
        /// The vault.
        path: PathBuf,
    },
    /// The vault is sealed for a key that is not here.
    #[error(
        "the vault {} is sealed for another key than {}; `identity` of [vault] in the configuration names the right one",
        path.display(), listed(tried)
    )]
    NoIdentity {
        /// The vault.
        path: PathBuf,
        /// The keys that were tried.
        tried: Vec<PathBuf>,
    },
    /// The vault is sealed for more keys than the one that opens it here.
    #[error(
        "the vault {} is sealed for other keys as well, which would not open it any more; change it with age itself",
        path.display()
    )]
    OtherKeys {
        /// The vault.
        path: PathBuf,
    },
    /// The key of the vault is no key.
    #[error("the key {} of the vault cannot be used: {reason}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The vault is no whole file.
    #[error("the vault {} is damaged: {reason}; put a copy of it back, or remove it and set its secrets anew", path.display())]
    Damaged {
        /// The vault.
        path: PathBuf,
        /// How it is damaged.
        reason: String,
    },
    /// The vault cannot be read or written.
    #[error("the vault {} cannot be read or written: {source}", path.display())]
    Storage {
        /// The vault.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A place that only its owner writes.
    #[error("{reference} is not kept by gitdeck: only vault:NAME and keyring:NAME are")]
    NotKept {
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

impl SecretError {
    /// Whether somebody who types the passphrase mends it.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// What somebody has to type, where that mends it.
    pub fn wanted(&self) -> Option<String> {
        match self {
            Self::Locked { path, what } => Some(format!("{what} ({})", path.display())),
            _ => None,
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { "those that are here".to_owned() } else { paths.join(", ") }
}
