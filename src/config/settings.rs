//! The settings with every layer resolved: what the engine and the faces read.

use super::Overrides;
use crate::domain::sensitive::Sensitive;
use crate::domain::template::Templates;
use crate::domain::{
    Authentication, Author, Backoff, Decryption, Mapping, Remote, SecretRef, Signing, VaultKey,
};
use indexmap::IndexMap;
use std::path::PathBuf;
use std::time::Duration;

/// Who may use a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// Every project.
    #[default]
    Shared,
    /// One project.
    Project(String),
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Name, address and branch.
    pub remote: Remote,
    /// Name for people; the key of the table where none is given.
    pub display_name: String,
    /// Who may use it.
    pub access: Access,
    /// How it is reached.
    pub authentication: Authentication,
    /// How often it is fetched.
    pub polling_interval: Duration,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectSettings {
    /// Repository of its mappings where they name none.
    pub repository: Option<String>,
    /// Prefix of its mappings' paths.
    pub path_prefix: String,
}

/// What guards production.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Safety {
    /// Patterns (`*` matches any run) of contexts or namespaces where a name must be typed.
    pub production: Vec<String>,
    /// No writes at all, to Git or to a cluster.
    pub read_only: bool,
    /// What is shown nowhere, beside Secrets.
    pub sensitive: Vec<Sensitive>,
}

/// How the console looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Name of a theme.
    pub theme: String,
    /// `unicode` or `ascii`.
    pub glyphs: String,
    /// How somebody who looks elsewhere is told.
    pub notify: Notify,
}

/// How the console tells somebody who looks elsewhere that a mapping fell ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// The terminal's bell.
    #[default]
    Bell,
    /// A notification of the desktop, through the terminal (OSC 9).
    Desktop,
    /// Only on the screen.
    Off,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self { theme: "dark".to_owned(), glyphs: "unicode".to_owned(), notify: Notify::default() }
    }
}

impl Settings {
    /// Every secret that is referred to, with what needs it.
    pub fn secrets(&self) -> Vec<(&SecretRef, String)> {
        let repositories = self.repositories.iter().flat_map(|(name, repository)| {
            let references = repository.authentication.secrets();
            references.into_iter().map(move |one| (one, format!("repository {name}")))
        });
        let mappings = self.mappings.iter().filter_map(|(name, mapping)| {
            match &mapping.rendering.decryption {
                Decryption::Age(key) => Some((key, format!("mapping {name}"))),
                Decryption::Off | Decryption::Environment => None,
            }
        });
        let vault = self.vault.passphrase.iter().map(|one| (one, "the vault".to_owned()));
        repositories.chain(mappings).chain(vault).collect()
    }

    /// The mappings that gitdeck looks after, in file order.
    pub fn connected(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.values().filter(|mapping| mapping.connected)
    }
}

/// Everything that was configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Files that were read, in order; the first is the one that `add` commands write.
    pub files: Vec<PathBuf>,
    /// What it was read with; it names the main file.
    pub read_with: Overrides,
    /// Author of commits, if configured.
    pub author: Option<Author>,
    /// Committer, if configured; else the author.
    pub committer: Option<Author>,
    /// Whether commits are signed, and with what.
    pub signing: Signing,
    /// Templates of commit messages where no mapping has its own.
    pub messages: Templates,
    /// Repositories by name, in file order.
    pub repositories: IndexMap<String, RepositorySettings>,
    /// Projects by name, in file order.
    pub projects: IndexMap<String, ProjectSettings>,
    /// Mappings by name, in file order, with inherited settings filled in.
    pub mappings: IndexMap<String, Mapping>,
    /// What opens the vault.
    pub vault: VaultKey,
    /// Guards.
    pub safety: Safety,
    /// Pauses between attempts at what is done unasked.
    pub pace: Backoff,
    /// The console.
    pub console: ConsoleSettings,
    /// A kubeconfig that replaces `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the records in every cluster, where it is not `gitdeck-system`.
    pub record_namespace: Option<String>,
    /// Cache directory; may be deleted at any time.
    pub cache_dir: PathBuf,
    /// Data directory: journal and unpushed commits.
    pub data_dir: PathBuf,
    /// A `known_hosts` file that replaces `~/.ssh/known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// Who may sign commits with ssh, where it is not the file that Git is set up with.
    pub allowed_signers: Option<PathBuf>,
}
