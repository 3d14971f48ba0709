//! References to secrets, as the configuration holds them: never the value, only where it is.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable.
    Env(String),
    /// `file:PATH`: a file, its trailing line end removed; `~/` is the home directory.
    File(String),
    /// `git-credential`: the user's own helpers.
    GitCredential,
    /// `ssh-agent`: the running agent.
    SshAgent,
    /// `keyring:NAME`: the desktop's keyring.
    Keyring(String),
    /// `vault:NAME`: gitdeck's own encrypted file.
    Vault(String),
}

/// A text that is no reference to a secret. The text itself is not repeated: it may be the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a reference to a secret; write `env:NAME`, `file:PATH`, `git-credential`, `ssh-agent`, `keyring:NAME` or `vault:NAME`, never the secret itself"
)]
pub struct NotAReference;

impl FromStr for SecretRef {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        match text.split_once(':') {
            None if text == "git-credential" => Ok(Self::GitCredential),
            None if text == "ssh-agent" => Ok(Self::SshAgent),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("keyring", name)) if !name.is_empty() => Ok(Self::Keyring(name.to_owned())),
            Some(("vault", name)) if !name.is_empty() => Ok(Self::Vault(name.to_owned())),
            _ => Err(NotAReference),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::GitCredential => f.write_str("git-credential"),
            Self::SshAgent => f.write_str("ssh-agent"),
            Self::Keyring(name) => write!(f, "keyring:{name}"),
            Self::Vault(name) => write!(f, "vault:{name}"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How a repository is reached, before any secret was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authentication {
    /// Nothing is configured: anonymous, or for `ssh` URLs the agent.
    #[default]
    Unset,
    /// User name with a password or token.
    Basic {
        /// User name, plain.
        username: String,
        /// Password or token.
        password: SecretRef,
    },
    /// The running ssh-agent.
    SshAgent {
        /// Overrides the user in the URL.
        username: Option<String>,
    },
    /// A private key.
    SshKey {
        /// Overrides the user in the URL.
        username: Option<String>,
        /// The key.
        private_key: SecretRef,
        /// Its passphrase.
        passphrase: Option<SecretRef>,
    },
    /// The user's own helpers.
    GitCredential {
        /// For whom they are asked; for whomever they know where nothing is given.
        username: Option<String>,
    },
}

impl Authentication {
    /// What it needs to have looked up.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Basic { password, .. } => vec![password],
            Self::SshKey { private_key, passphrase, .. } => {
                std::iter::once(private_key).chain(passphrase).collect()
            }
            Self::Unset | Self::SshAgent { .. } | Self::GitCredential { .. } => Vec::new(),
        }
    }

    /// The method in words, for lists and errors; never a value.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unset => "none",
            Self::Basic { .. } => "password or token",
            Self::SshAgent { .. } => "ssh-agent",
            Self::SshKey { .. } => "ssh key",
            Self::GitCredential { .. } => "git-credential",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretRef;

    #[test]
    fn references_round_trip() {
        for text in
            ["env:TOKEN", "file:~/.ssh/id", "git-credential", "ssh-agent", "keyring:a", "vault:b"]
        {
            assert_eq!(text.parse::<SecretRef>().map(|r| r.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_secret_in_its_place_is_not_repeated() {
        let error = "ghp_s3cret".parse::<SecretRef>().map_err(|e| e.to_string());
        assert!(error.is_err_and(|text| !text.contains("ghp")));
    }
}
