//! The kinds that the controllers know, and where the API serves them.

use kube::core::{ApiResource, GroupVersionKind};

/// A kind that the controllers read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Namespaces, which get an account.
    Namespace,
    /// Claims, which get a volume.
    Claim,
    /// Services, which may get an address.
    Service,
    /// Deployments.
    Deployment,
    /// Replica sets.
    ReplicaSet,
    /// Stateful sets.
    StatefulSet,
    /// Daemon sets.
    DaemonSet,
    /// Jobs.
    Job,
    /// Pods.
    Pod,
    /// Disruption budgets.
    Budget,
    /// Classes of storage, which say when a claim is bound.
    Class,
    /// Volumes; only written.
    Volume,
    /// Accounts; only written.
    Account,
    /// Events; only written.
    Event,
}

impl Kind {
    /// The kinds that are watched.
    pub const WATCHED: [Self; 11] = [
        Self::Namespace,
        Self::Class,
        Self::Claim,
        Self::Service,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::Pod,
        Self::Budget,
    ];

    /// Group, version, kind and plural.
    fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Namespace => ("", "v1", "Namespace", "namespaces"),
            Self::Claim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::Budget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::Class => ("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
            Self::Volume => ("", "v1", "PersistentVolume", "persistentvolumes"),
            Self::Account => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Event => ("", "v1", "Event", "events"),
        }
    }

    /// The kind's name.
    pub fn name(self) -> &'static str {
        self.names().2
    }

    /// Group and version as objects carry them.
    pub fn api_version(self) -> String {
        let (group, version, ..) = self.names();
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
    }

    /// The kind that an owner reference names, if the controllers know it.
    pub fn named(api_version: &str, kind: &str) -> Option<Self> {
        Self::WATCHED
            .into_iter()
            .find(|known| known.name() == kind && known.api_version() == api_version)
    }

    /// What kube's own interface wants to know.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// The path of a collection.
    pub fn collection(self, namespace: &str) -> String {
        let (group, version, _, plural) = self.names();
        let root = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        match self {
            Self::Namespace | Self::Class | Self::Volume => format!("{root}/{plural}"),
            _ => format!("{root}/namespaces/{namespace}/{plural}"),
        }
    }
}
