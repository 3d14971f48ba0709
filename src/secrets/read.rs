//! Reads one secret from where its reference points.

use super::{SecretError, Secrets};
use crate::domain::{Secret, SecretRef};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest file that is taken for a secret, in bytes.
const LARGEST: u64 = 1024 * 1024;

impl Secrets {
    /// The secret behind a reference; of a file, without its last line end. It may wait: for a disk, for half a second of
    /// work, or for a person whom the keyring asks.
    pub fn read(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let secret = match reference {
            SecretRef::Vault(name) => self.vault.get(name, &|other| self.outside(other))?,
            other => return self.outside(other),
        };
        trimmed(secret, reference)
    }

    /// A key, whose format wants its last line end.
    pub(super) fn key(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let secret = self.read(reference)?;
        Ok(Secret::new(format!("{}\n", secret.reveal())).found_at(reference))
    }

    /// The secret behind a reference to anything but the vault.
    pub(super) fn outside(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let secret = match reference {
            SecretRef::Env(name) => from_environment(reference, name)?,
            SecretRef::File(path) => from_file(reference, &expand(path))?,
            SecretRef::Keyring(name) => self.keyring.get(name)?,
            SecretRef::GitCredential | SecretRef::SshAgent | SecretRef::Vault(_) => {
                return Err(SecretError::NoValue { reference: reference.to_string() });
            }
        };
        trimmed(secret, reference)
    }
}

fn trimmed(secret: Secret, reference: &SecretRef) -> Result<Secret, SecretError> {
    let trimmed = secret.reveal().trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(SecretError::NotText { reference: reference.to_string() });
    }
    let same = trimmed.len() == secret.reveal().len();
    let trimmed = if same { secret } else { Secret::new(trimmed) };
    Ok(trimmed.found_at(reference))
}

fn from_environment(reference: &SecretRef, name: &str) -> Result<Secret, SecretError> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(SecretError::NotText { reference: reference.to_string() })
        }
        _ => Err(SecretError::NoVariable { name: name.to_owned() }),
    }
}

fn from_file(reference: &SecretRef, path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    warn_if_open(path, &file);
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes)
        .map(Secret::new)
        .map_err(|_| SecretError::NotText { reference: reference.to_string() })
}

/// Says in the log when others can read a secret, as ssh does for keys.
fn warn_if_open(path: &Path, file: &std::fs::File) {
    #[cfg(unix)]
    if let Ok(metadata) = file.metadata() {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others can read this secret; run chmod 600");
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
}

fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), directories::BaseDirs::new()) {
        (Some(rest), Some(dirs)) => dirs.home_dir().join(rest),
        _ => PathBuf::from(path),
    }
}
