//! A mapping: one unit of configuration, tied to a path in a repository and to a target in a cluster.

use crate::domain::template::Templates;
use crate::domain::{IgnoreRule, Rendering};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who applies a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// gitdeck itself.
    #[default]
    Direct,
    /// Flux; gitdeck shows and asks.
    Flux,
    /// Argo CD; gitdeck shows and asks.
    Argocd,
}

/// Which side wins when Git and the cluster disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Git wins, the cluster is corrected.
    #[default]
    Git,
    /// Live changes are recorded as commits.
    Cluster,
}

impl Source {
    /// The word for it in the configuration and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Cluster => "cluster",
        }
    }
}

/// Where a mapping is applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Kubeconfig context; empty means the current one.
    pub context: String,
    /// Namespace for objects that name none.
    pub namespace: String,
}

/// What a sync may do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPolicy {
    /// Sync when a new commit arrives, without being asked.
    pub auto: bool,
    /// Delete what left Git.
    pub prune: bool,
    /// Correct drift without being asked.
    pub self_heal: bool,
    /// Deletions beyond this number ask for the number to be typed.
    pub prune_limit: usize,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        Self { auto: false, prune: true, self_heal: false, prune_limit: 5 }
    }
}

/// What becomes of Secrets of the cluster that would go into Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretsInGit {
    /// They are left out and named.
    #[default]
    Skip,
    /// SOPS encrypts them, by the creation rules of the repository.
    Sops,
}

impl SecretsInGit {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Sops => "sops",
        }
    }
}

/// How live changes become commits where the cluster is the source of truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// How long nothing is to change before what changed becomes one commit.
    pub quiet: Duration,
    /// Whether it is pushed right after; else it waits in the outbox.
    pub push: bool,
    /// What becomes of Secrets, also of those that are exported.
    #[serde(default)]
    pub secrets: SecretsInGit,
}

impl Default for Recording {
    /// Ten seconds, pushed, without Secrets.
    fn default() -> Self {
        Self { quiet: Duration::from_secs(10), push: true, secrets: SecretsInGit::Skip }
    }
}

/// A mapping with every setting resolved (global, project, mapping).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Unique name.
    pub name: String,
    /// Project, if it belongs to one.
    pub project: Option<String>,
    /// Name of the repository.
    pub repository: String,
    /// File or directory from the root of the repository, prefix included, without leading or trailing slash.
    pub path: String,
    /// Who applies it.
    pub engine: EngineKind,
    /// Which side wins.
    pub source: Source,
    /// Where it goes.
    pub target: Target,
    /// What a sync may do.
    pub sync: SyncPolicy,
    /// How live changes become commits, where the cluster is the source.
    #[serde(default)]
    pub record: Recording,
    /// Templates of its commits' messages.
    #[serde(default)]
    pub messages: Templates,
    /// How its files become objects.
    #[serde(default)]
    pub rendering: Rendering,
    /// Paths that do not count.
    pub ignore: Vec<IgnoreRule>,
    /// Whether writes ask for the mapping's name to be typed.
    pub production: bool,
    /// How often its repository is fetched.
    pub polling_interval: Duration,
    /// Mappings that have to be synced and healthy before this one is.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Whether a commit has to be signed by an allowed signer before it is applied.
    #[serde(default)]
    pub require_signed: bool,
    /// Whether gitdeck looks after it at all.
    #[serde(default = "connected")]
    pub connected: bool,
}

/// A mapping is connected unless it says otherwise.
fn connected() -> bool {
    true
}

impl Mapping {
    /// Whether gitdeck records live changes of it as commits, and so never writes to the cluster.
    pub fn is_recorded(&self) -> bool {
        self.source == Source::Cluster
    }

    /// Whether it ties the same files to the same place as another one.
    pub fn has_the_places_of(&self, other: &Self) -> bool {
        (&self.repository, &self.path, &self.target)
            == (&other.repository, &other.path, &other.target)
    }
}
