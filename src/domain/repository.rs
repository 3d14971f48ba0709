//! Git repositories, revisions, commits and the credentials that reach them.

use crate::domain::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A commit id, in full lowercase hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(String);

impl Revision {
    /// Wraps a full commit id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The full id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven characters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A Git remote with the branch that gitdeck follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Name in the configuration.
    pub name: String,
    /// `https://`, `ssh://`, `git@host:path` or `file://`; never with a password, and of `https://` never with a user in it.
    pub url: String,
    /// Branch, `main`.
    pub branch: String,
}

/// The key of a host that ssh does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// Host, with the port where it is not 22: the one of the remote, or one on the way to it (foreign text).
    pub host: String,
    /// Type of the key, `ED25519`.
    pub kind: String,
    /// `SHA256:` and the hash of the key, as ssh shows it.
    pub fingerprint: String,
}

/// A resolved credential for one remote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// Nothing: public, or a local file.
    #[default]
    Anonymous,
    /// HTTP basic authentication; a token is sent as the password.
    Basic {
        /// User name; providers accept any name beside a token.
        username: String,
        /// Password or token.
        password: Secret,
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
        /// The key in PEM or OpenSSH form.
        private_key: Secret,
        /// Passphrase of the key.
        passphrase: Option<Secret>,
    },
    /// The user's own `git credential` helpers.
    GitCredential {
        /// For whom they are asked; for whomever they know where nothing is given.
        username: Option<String>,
    },
}

/// How much of a commit's signature is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// There is none.
    None,
    /// There is one; it was not verified.
    Present,
}

/// One commit of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Id.
    pub revision: Revision,
    /// Ids of the parents, the first parent first.
    pub parents: Vec<Revision>,
    /// Author's name (foreign text).
    pub author: String,
    /// Author's address (foreign text).
    pub email: String,
    /// Who made the commit, where that is somebody else (foreign text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committer: Option<Author>,
    /// When it was committed.
    pub time: Timestamp,
    /// The whole message (foreign text).
    pub message: String,
    /// Whether it is signed.
    pub signature: Signature,
    /// Whether it carries a `Gitdeck-` trailer.
    pub by_gitdeck: bool,
    /// Whether it is in the outbox only, not on the remote.
    pub pending: bool,
}

impl Commit {
    /// The first line of the message.
    pub fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// What one commit did to one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path from the root (foreign text; bytes that are not UTF-8 are shown as `\xNN`).
    pub path: String,
    /// The former path of a rename.
    pub old_path: Option<String>,
    /// What happened.
    pub kind: FileChangeKind,
    /// Added lines.
    pub added: usize,
    /// Removed lines.
    pub removed: usize,
}

/// Kind of a [`FileChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileChangeKind {
    /// New file.
    Added,
    /// Content or mode changed.
    Modified,
    /// File removed.
    Deleted,
    /// Moved, perhaps with changes.
    Renamed,
}

/// A commit with what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitDetails {
    /// The commit.
    pub commit: Commit,
    /// Files, in path order.
    pub files: Vec<FileChange>,
    /// Unified diff against the first parent (foreign text), cut at a limit.
    pub patch: String,
    /// Whether the patch was cut.
    pub truncated: bool,
}

/// A branch whose history was rewritten on the remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The tip that is followed.
    pub before: Revision,
    /// The tip that the remote has, of which `before` is no part.
    pub tip: Revision,
    /// The newest commits of `before` that `tip` does not have.
    pub left: Vec<Commit>,
    /// How many such commits there are, counted up to ten thousand.
    pub count: usize,
}

/// A new content for one file, on the way to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Path from the root of the repository.
    pub path: String,
    /// The content; nothing deletes the file.
    pub content: Option<Vec<u8>>,
}

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Display name.
    pub name: String,
    /// Address.
    pub email: String,
}

/// What a push came to. Success means that the server's own report and the remote ref agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum PushOutcome {
    /// On the remote, as committed or rebuilt on a newer tip.
    Pushed {
        /// The tip that the remote has now.
        revision: Revision,
        /// Old and new ids of commits that were rebuilt because the branch had moved.
        rebuilt: Vec<(Revision, Revision)>,
    },
    /// The branch moved and the same paths were changed; the commits stay in the outbox.
    Conflict {
        /// Paths changed on both sides.
        paths: Vec<String>,
        /// The remote tip that won.
        remote: Revision,
    },
    /// The server refused (protected branch, hook); the commits stay in the outbox.
    Refused {
        /// The server's words (foreign text).
        reason: String,
    },
    /// Nothing was waiting.
    UpToDate {
        /// The remote tip.
        revision: Revision,
    },
}
