//! How the files of a mapping become objects: what a person may set about it.

use crate::domain::SecretRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What turns files into objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RenderKind {
    /// What lies in the tree decides: a chart, a kustomization that does more than list files, or plain manifests.
    #[default]
    Auto,
    /// The manifests as they are written.
    Plain,
    /// `kustomize build`.
    Kustomize,
    /// `helm template`.
    Helm,
}

impl RenderKind {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
        }
    }
}

/// Everything that decides how a mapping is rendered, beside its files and its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rendering {
    /// What renders.
    pub kind: RenderKind,
    /// Parameters of a chart.
    pub helm: HelmChart,
    /// Variables that are replaced in what was rendered.
    pub substitution: Substitution,
    /// How files that SOPS encrypted are read.
    pub decryption: Decryption,
    /// Whether a render may load from the network: remote bases and the like.
    pub allow_remote: bool,
}

/// Parameters of `helm template`. Paths are relative to the chart; with a leading `/`, to the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelmChart {
    /// Name of the release; the mapping's where nothing is given.
    pub release: Option<String>,
    /// Namespace of the release; the target's where nothing is given.
    pub namespace: Option<String>,
    /// Files with values, the later ones win.
    pub values: Vec<String>,
    /// Values that win over the files.
    pub set: Map<String, Value>,
    /// Whether the chart's `crds/` belong to the mapping.
    pub include_crds: bool,
    /// Kubernetes version that templates see; the live cluster's where nothing is given.
    pub kube_version: Option<String>,
    /// API versions that templates see beside the live cluster's; with `kube_version`, instead of them.
    pub api_versions: Vec<String>,
}

impl Default for HelmChart {
    fn default() -> Self {
        Self {
            release: None,
            namespace: None,
            values: Vec::new(),
            set: Map::new(),
            include_crds: true,
            kube_version: None,
            api_versions: Vec::new(),
        }
    }
}

/// Variables `${NAME}`, replaced after the render as Flux does in `postBuild`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substitution {
    /// Values by name; they win over those of files.
    pub values: BTreeMap<String, String>,
    /// Files with values, the later ones win.
    pub from: Vec<ValuesFile>,
    /// Whether a variable without value and default is an error; else it is replaced by nothing.
    pub strict: bool,
}

impl Default for Substitution {
    fn default() -> Self {
        Self { values: BTreeMap::new(), from: Vec::new(), strict: true }
    }
}

impl Substitution {
    /// Whether anything is replaced at all.
    pub fn is_on(&self) -> bool {
        !self.values.is_empty() || !self.from.is_empty()
    }
}

/// A file of the repository that holds values: `NAME=value` lines, a map, or the data of a `ConfigMap` or `Secret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuesFile {
    /// Path, relative to the mapping's; with a leading `/`, to the repository.
    pub file: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// How files that SOPS encrypted are read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decryption {
    /// They are not: an encrypted file fails the render.
    #[default]
    Off,
    /// With this age key.
    Age(SecretRef),
    /// With the keys that `sops` finds by the user's own environment: GPG, clouds, key services.
    Environment,
}

impl Decryption {
    /// In words, without a secret.
    pub fn words(&self) -> String {
        match self {
            Self::Off => "none".to_owned(),
            Self::Age(key) => format!("age key {key}"),
            Self::Environment => "the user's environment".to_owned(),
        }
    }
}
