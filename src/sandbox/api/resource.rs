//! One served resource: its names, its scope and what it can do.

use std::sync::Arc;

use serde_json::{Value, json};

/// A column that a CRD adds to `kubectl get` (`additionalPrinterColumns`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// A simple JSON path such as `.status.phase`.
    pub path: String,
    /// 0 is always shown, higher only with `-o wide`.
    pub priority: i64,
    /// Shown by `kubectl explain`-like clients.
    pub description: String,
}

/// What only resources of a CustomResourceDefinition have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Custom {
    /// Name of the definition.
    pub definition: String,
    /// Printer columns of this version.
    pub columns: Vec<Column>,
    /// Field selector paths of this version (`selectableFields`).
    pub selectable: Vec<String>,
    /// Where the scale subresource finds its values.
    pub scale: Option<ScalePaths>,
}

/// JSON paths of a custom resource's scale subresource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScalePaths {
    /// Path of the wanted count, below the object.
    pub spec: String,
    /// Path of the observed count.
    pub status: String,
    /// Path of the label selector in text form, if there is one.
    pub selector: Option<String>,
}

/// A resource in one group and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// API group, empty for core.
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// Kind of its objects.
    pub kind: String,
    /// Kind of its lists.
    pub list_kind: String,
    /// Name in paths.
    pub plural: String,
    /// Name of one, in lower case.
    pub singular: String,
    /// Short names for kubectl.
    pub short: Vec<String>,
    /// Categories such as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether status is a subresource.
    pub status: bool,
    /// Whether there is a scale subresource.
    pub scale: bool,
    /// Whether `metadata.generation` counts changes of the specification.
    pub generation: bool,
    /// Only `create`, nothing is stored (reviews).
    pub transient: bool,
    /// Where the objects are stored; versions and aliases of a resource share it.
    pub storage: Arc<str>,
    /// Present for custom resources.
    pub custom: Option<Custom>,
}

/// Verbs of a resource that is stored.
const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

impl Resource {
    /// `apps/v1`, or `v1` for core.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods` for core: the way error messages name a resource.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `Deployment.apps`, or `Pod` for core: the way validation messages name a kind.
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// Verbs that discovery announces.
    pub fn verbs(&self) -> &'static [&'static str] {
        match (self.transient, &*self.storage) {
            (true, _) => &["create"],
            (false, "namespaces") => {
                &["create", "delete", "get", "list", "patch", "update", "watch"]
            }
            (false, _) => &VERBS,
        }
    }

    /// Whether it comes from a CustomResourceDefinition.
    pub fn is_custom(&self) -> bool {
        self.custom.is_some()
    }

    /// Subresources with the group, version, kind and verbs of their bodies.
    pub fn subresources(&self) -> Vec<Subresource> {
        let own = |name, verbs| Subresource {
            name,
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            verbs,
        };
        let other = |name, group: &str, version: &str, kind: &str, verbs| Subresource {
            name,
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            verbs,
        };
        let mut found = Vec::new();
        if self.plural == "pods" && self.group.is_empty() {
            found.push(other("binding", "", "v1", "Binding", &["create"]));
            found.push(other("eviction", "policy", "v1", "Eviction", &["create"]));
            found.push(own("log", &["get"]));
        }
        if &*self.storage == "namespaces" {
            found.push(own("finalize", &["update"]));
        }
        if self.scale {
            found.push(other("scale", "autoscaling", "v1", "Scale", &["get", "patch", "update"]));
        }
        if self.status {
            found.push(own("status", &["get", "patch", "update"]));
        }
        found
    }

    /// The kind as a group, version and kind object.
    pub fn group_version_kind(&self) -> Value {
        json!({"group": self.group, "version": self.version, "kind": self.kind})
    }
}

/// A subresource in discovery.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// Last segment of the path.
    pub name: &'static str,
    /// Group of the body.
    pub group: String,
    /// Version of the body.
    pub version: String,
    /// Kind of the body.
    pub kind: String,
    /// Verbs.
    pub verbs: &'static [&'static str],
}
