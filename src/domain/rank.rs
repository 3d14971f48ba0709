//! The default order of kinds: what others stand on comes first.

use crate::domain::ObjectKey;

/// The coarse order of kinds; a tier begins when the one before is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// CRDs and Namespaces; waited for until they are ready.
    Foundation,
    /// What workloads refer to: classes, access rights, accounts, configuration, storage.
    Ground,
    /// Everything else.
    Rest,
    /// Admission webhooks: earlier they could refuse what comes with them.
    Admission,
}

/// Core and built-in kinds in their order of apply, with their groups.
const GROUND: &[(&str, &str)] = &[
    ("scheduling.k8s.io", "PriorityClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
    ("networking.k8s.io", "IngressClass"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("", "ResourceQuota"),
    ("", "LimitRange"),
    ("", "ServiceAccount"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("", "Secret"),
    ("", "ConfigMap"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
];

const REST: &[(&str, &str)] = &[
    ("", "Service"),
    ("policy", "PodDisruptionBudget"),
    ("apps", "DaemonSet"),
    ("", "Pod"),
    ("", "ReplicationController"),
    ("apps", "ReplicaSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("networking.k8s.io", "Ingress"),
    ("apiregistration.k8s.io", "APIService"),
];

const ADMISSION: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicyBinding",
];

/// The tier of an object.
pub fn tier(key: &ObjectKey) -> Tier {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Tier::Foundation
        }
        ("admissionregistration.k8s.io", kind) if ADMISSION.contains(&kind) => Tier::Admission,
        kind if GROUND.contains(&kind) => Tier::Ground,
        _ => Tier::Rest,
    }
}

/// Position of a kind inside its stage; unlisted kinds come after the listed ones.
pub fn kind_rank(key: &ObjectKey) -> usize {
    let kind = (key.group.as_str(), key.kind.as_str());
    match tier(key) {
        Tier::Foundation => usize::from(key.kind == "Namespace"),
        Tier::Ground => 2 + GROUND.iter().position(|known| *known == kind).unwrap_or(GROUND.len()),
        Tier::Rest => {
            2 + GROUND.len() + REST.iter().position(|known| *known == kind).unwrap_or(REST.len())
        }
        Tier::Admission => 3 + GROUND.len() + REST.len(),
    }
}
