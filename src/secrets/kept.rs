//! The secrets that gitdeck keeps itself: put there, listed, taken out.

use super::{ClosedVault, NewKey, SecretError, Secrets};
use crate::domain::{Secret, SecretRef};
use std::path::Path;

impl Secrets {
    /// Keeps a value where a reference will find it; a vault is made where there is none. Says whether there was
    /// another value.
    pub fn set(&self, reference: &SecretRef, value: Secret) -> Result<bool, SecretError> {
        match reference {
            SecretRef::Vault(name) => self.vault.set(name, value, &|other| self.outside(other)),
            SecretRef::Keyring(name) => self.keyring.set(name, &value),
            _ => Err(SecretError::NotKept { reference: reference.to_string() }),
        }
    }

    /// Takes a value out. Says whether it was there.
    pub fn remove(&self, reference: &SecretRef) -> Result<bool, SecretError> {
        match reference {
            SecretRef::Vault(name) => self.vault.remove(name, &|other| self.outside(other)),
            SecretRef::Keyring(name) => self.keyring.remove(name),
            _ => Err(SecretError::NotKept { reference: reference.to_string() }),
        }
    }

    /// What the vault holds; nothing where there is none.
    pub fn names(&self) -> Result<Vec<SecretRef>, SecretError> {
        let names = self.vault.names(&|other| self.outside(other))?;
        Ok(names.into_iter().map(SecretRef::Vault).collect())
    }

    /// Whether a reference leads to something.
    pub fn has(&self, reference: &SecretRef) -> Result<bool, SecretError> {
        match self.read(reference) {
            // Helpers and agents answer when a server asks.
            Ok(_) | Err(SecretError::NoValue { .. }) => Ok(true),
            Err(
                SecretError::Missing { .. }
                | SecretError::NoVault { .. }
                | SecretError::NoVariable { .. },
            ) => Ok(false),
            Err(SecretError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The file of the vault.
    pub fn vault(&self) -> &Path {
        self.vault.path()
    }

    /// Whether there is a vault.
    pub fn has_vault(&self) -> bool {
        self.vault.exists()
    }

    /// What a person has to type before the vault opens, where it does not open by itself.
    pub fn wanted(&self) -> Option<String> {
        self.vault.lock(&|other| self.outside(other)).and_then(|locked| locked.wanted())
    }

    /// Whether a person has to choose a passphrase before the first secret can be kept in a vault.
    pub fn wants_first_passphrase(&self) -> bool {
        !self.vault.exists() && !self.vault.has_key()
    }

    /// Seals the vault that will be made for this passphrase.
    pub fn choose_passphrase(&self, passphrase: Secret) {
        self.vault.choose(passphrase);
    }

    /// Seals the vault for another passphrase or key.
    pub fn rekey(&self, to: NewKey) -> Result<(), SecretError> {
        self.vault.rekey(to, &|other| self.outside(other))
    }

    /// What can be told of the vault without opening it; nothing where there is none.
    pub fn closed_vault(&self) -> Result<Option<ClosedVault>, SecretError> {
        self.vault.closed()
    }

    /// Opens the vault with what a person typed, which is kept for as long as the process lives.
    pub fn unlock(&self, typed: Secret) -> Result<(), SecretError> {
        self.vault.unlock(typed, &|other| self.outside(other))
    }
}
