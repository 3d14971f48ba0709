//! References to secrets, resolved: environment, file, vault, keyring, the user's own Git helpers, ssh-agent.

mod error;
mod helper;
mod kept;
mod keyring;
mod read;
mod vault;

pub use error::SecretError;
pub use vault::{ClosedVault, NewKey};

use crate::domain::{Authentication, Credential, VaultKey};
use keyring::Keyring;
use std::path::Path;
use vault::Vault;

/// Where secrets are read from and kept. Nothing is opened before somebody asks for what is in it.
pub struct Secrets {
    vault: Vault,
    keyring: Keyring,
}

impl Secrets {
    /// The stores of a data directory, with what opens its vault.
    pub fn new(data_dir: &Path, key: &VaultKey) -> Self {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self { vault: Vault::new(data_dir, home, key.clone()), keyring: Keyring::default() }
    }

    /// Resolves how a repository is reached to the credential itself.
    ///
    /// Helpers and the agent are not asked here: they answer during the conversation with the server. Where nothing is
    /// configured, `ssh` addresses use the agent, `https` ones the user's helper if Git knows one, and the rest nothing.
    pub fn resolve(&self, method: &Authentication, url: &str) -> Result<Credential, SecretError> {
        Ok(match method {
            Authentication::Unset => default_for(url),
            Authentication::Basic { username, password } => {
                Credential::Basic { username: username.clone(), password: self.read(password)? }
            }
            Authentication::SshAgent { username } => {
                Credential::SshAgent { username: username.clone() }
            }
            Authentication::SshKey { username, private_key, passphrase } => Credential::SshKey {
                username: username.clone(),
                private_key: self.key(private_key)?,
                passphrase: passphrase.as_ref().map(|one| self.read(one)).transpose()?,
            },
            Authentication::GitCredential { username } => {
                Credential::GitCredential { username: username.clone() }
            }
        })
    }
}

fn default_for(url: &str) -> Credential {
    let is_ssh = url.starts_with("ssh://") || (!url.contains("://") && url.contains('@'));
    if is_ssh {
        Credential::SshAgent { username: None }
    } else if url.starts_with("https://") && helper::is_configured() {
        Credential::GitCredential { username: None }
    } else {
        Credential::Anonymous
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SecretRef;

    fn resolve(method: &Authentication, url: &str) -> Result<Credential, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        Secrets::new(folder.path(), &VaultKey::default()).resolve(method, url)
    }

    fn basic(password: SecretRef) -> Authentication {
        Authentication::Basic { username: "bot".into(), password }
    }

    #[test]
    fn values_stay_out_of_debug_and_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        let method = basic(SecretRef::File(path.display().to_string()));
        let credential = resolve(&method, "https://h/a").unwrap();
        assert!(!format!("{credential:?}").contains("hunter2"));
        let Credential::Basic { password, .. } = credential else { panic!("no password") };
        assert_eq!(password.reveal(), "hunter2");
        std::fs::write(&path, b"hunter2\xff").unwrap();
        let error = resolve(&method, "https://h/a").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let error = |secret: SecretRef| resolve(&basic(secret), "https://h/a").unwrap_err();
        let text = error(SecretRef::Env("GITDECK_TEST_UNSET".into())).to_string();
        assert_eq!(
            text,
            "the environment variable GITDECK_TEST_UNSET is not set or is empty; export it, or change the reference env:GITDECK_TEST_UNSET"
        );
        let text = error(SecretRef::Vault("x".into())).to_string();
        assert!(text.contains("`gitdeck secret set vault:x` makes it"), "{text}");
        assert!(error(SecretRef::File("/nowhere/x".into())).to_string().contains("/nowhere/x"));
    }

    #[test]
    fn without_configuration_the_address_decides() {
        let of = |url: &str| resolve(&Authentication::Unset, url).unwrap();
        assert!(matches!(of("git@h:a"), Credential::SshAgent { username: None }));
        assert!(matches!(of("ssh://h/a"), Credential::SshAgent { username: None }));
        assert!(matches!(of("file:///a"), Credential::Anonymous));
    }

    #[test]
    fn a_key_keeps_its_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        std::fs::write(&path, "-----BEGIN\nkey\n-----END\n").unwrap();
        let private_key = SecretRef::File(path.display().to_string());
        let method = Authentication::SshKey { username: None, private_key, passphrase: None };
        let Credential::SshKey { private_key, .. } = resolve(&method, "ssh://h/a").unwrap() else {
            panic!("no key")
        };
        assert!(private_key.reveal().ends_with("-----END\n"));
    }
}
