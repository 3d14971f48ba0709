//! Names of Kubernetes objects, and the desired object with the place it comes from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A full name of an object, as it appears in JSON output. `namespace` is null for cluster-scoped objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// API group, empty for the core group.
    pub group: String,
    /// API version inside the group, `v1`.
    pub version: String,
    /// Kind in its written form, `Deployment`.
    pub kind: String,
    /// Namespace, or nothing for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Object name.
    pub name: String,
}

/// An object's identity: like [`ObjectRef`], without the version, because versions of one kind are views of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectKey {
    /// API group, empty for the core group.
    pub group: String,
    /// Kind, `Deployment`.
    pub kind: String,
    /// Namespace, or nothing for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Object name.
    pub name: String,
}

impl ObjectRef {
    /// Whether it is a Secret, whatever its version.
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret" && self.group.is_empty()
    }

    /// Reads the name out of an object. Nothing when `apiVersion`, `kind` or `metadata.name` is missing.
    pub fn of(object: &Value) -> Option<Self> {
        let (group, version) = split_api_version(object["apiVersion"].as_str()?);
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: object["kind"].as_str()?.to_owned(),
            namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
            name: object["metadata"]["name"].as_str()?.to_owned(),
        })
    }

    /// The identity without the version.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

impl ObjectKey {
    /// `Kind.group`, the form of the ApplySet standard; `Kind` alone in the core group.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// The full name under a version.
    pub fn at(&self, version: &str) -> ObjectRef {
        ObjectRef {
            group: self.group.clone(),
            version: version.to_owned(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}

/// Splits `apps/v1` into group and version; `v1` belongs to the core group.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Where in the repository a desired object is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Path from the root of the repository.
    pub file: String,
    /// Index of the document in the file, from 0.
    pub document: usize,
    /// Line on which the document begins, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A desired object, rendered from a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The object as written, before anything is added by gitdeck.
    pub object: Value,
    /// Its name; the namespace is the written one until the scope of the kind is known.
    pub reference: ObjectRef,
    /// Where it is written.
    pub origin: Origin,
}
