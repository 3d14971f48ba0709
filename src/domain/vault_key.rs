//! What opens the vault of `vault:NAME`, as it is configured.

use crate::domain::SecretRef;
use std::path::PathBuf;

/// Nothing of it need be given: then the user's SSH keys are tried, and a person is asked for the passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VaultKey {
    /// A private SSH key or a file with age identities. A vault that is made is made for it.
    pub identity: Option<PathBuf>,
    /// The passphrase of the vault, or of the identity; never a `vault:` reference.
    pub passphrase: Option<SecretRef>,
}
