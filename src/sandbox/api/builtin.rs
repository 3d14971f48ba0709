//! The built-in resources of the API server, as a table.

use super::resource::Resource;

/// Group, version, kind, plural, short names, categories, flags.
///
/// Flags: `n` namespaced, `s` status subresource, `c` scale subresource, `g` counts generations, `t` transient.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const CORE: &[Row] = &[
    ("", "v1", "ConfigMap", "configmaps", "cm", "", "n"),
    ("", "v1", "Endpoints", "endpoints", "ep", "", "n"),
    ("", "v1", "Event", "events", "ev", "", "n"),
    ("", "v1", "LimitRange", "limitranges", "limits", "", "n"),
    ("", "v1", "Namespace", "namespaces", "ns", "", "s"),
    ("", "v1", "Node", "nodes", "no", "", "s"),
    ("", "v1", "PersistentVolume", "persistentvolumes", "pv", "", "s"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", "", "ns"),
    ("", "v1", "Pod", "pods", "po", "all", "nsg"),
    ("", "v1", "PodTemplate", "podtemplates", "", "", "n"),
    ("", "v1", "ReplicationController", "replicationcontrollers", "rc", "all", "nscg"),
    ("", "v1", "ResourceQuota", "resourcequotas", "quota", "", "ns"),
    ("", "v1", "Secret", "secrets", "", "", "n"),
    ("", "v1", "Service", "services", "svc", "all", "ns"),
    ("", "v1", "ServiceAccount", "serviceaccounts", "sa", "", "n"),
];

const WORKLOADS: &[Row] = &[
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices", "", "api-extensions", "s"),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", "", "", "n"),
    ("apps", "v1", "DaemonSet", "daemonsets", "ds", "all", "nsg"),
    ("apps", "v1", "Deployment", "deployments", "deploy", "all", "nscg"),
    ("apps", "v1", "ReplicaSet", "replicasets", "rs", "all", "nscg"),
    ("apps", "v1", "StatefulSet", "statefulsets", "sts", "all", "nscg"),
    ("events.k8s.io", "v1", "Event", "events", "ev", "", "n"),
    ("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", "", "", "t"),
    ("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", "", "", "t"),
    (
        "authorization.k8s.io",
        "v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        "",
        "",
        "nt",
    ),
    (
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        "",
        "",
        "t",
    ),
    (
        "authorization.k8s.io",
        "v1",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        "",
        "",
        "t",
    ),
    ("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", "", "", "t"),
    (
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        "all",
        "ns",
    ),
    ("batch", "v1", "CronJob", "cronjobs", "cj", "all", "nsg"),
    ("batch", "v1", "Job", "jobs", "", "all", "nsg"),
    (
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "csr",
        "",
        "s",
    ),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", "", "nsg"),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", "", "", "g"),
    ("networking.k8s.io", "v1", "IPAddress", "ipaddresses", "ip", "", ""),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", "", "ng"),
    ("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", "", "", "s"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "", "nsg"),
];

const ADMINISTRATION: &[Row] = &[
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", "", ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", "", ""),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", "", "", "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", "", "n"),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "", "", ""),
    ("storage.k8s.io", "v1", "CSINode", "csinodes", "", "", ""),
    ("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", "", "", "n"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", "", ""),
    ("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "", "", "s"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "",
        "api-extensions",
        "g",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        "",
        "api-extensions",
        "sg",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "",
        "api-extensions",
        "g",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "",
        "api-extensions",
        "g",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd,crds",
        "api-extensions",
        "sg",
    ),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", "", "g"),
    ("coordination.k8s.io", "v1", "Lease", "leases", "", "", "n"),
    ("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "", "", ""),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", "", "ng"),
];

/// All built-in resources, in the order in which discovery lists their groups.
pub fn resources() -> Vec<Resource> {
    CORE.iter().chain(WORKLOADS).chain(ADMINISTRATION).map(resource).collect()
}

fn resource(row: &Row) -> Resource {
    let (group, version, kind, plural, short, categories, flags) = *row;
    let has = |flag: char| flags.contains(flag);
    let words = |text: &str| {
        text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    // Events are one store with two faces; everything else is stored by its qualified name.
    let storage = match (group, plural) {
        ("" | "events.k8s.io", "events") => "events".to_owned(),
        ("", plural) => plural.to_owned(),
        (group, plural) => format!("{plural}.{group}"),
    };
    Resource {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        list_kind: format!("{kind}List"),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short: words(short),
        categories: words(categories),
        namespaced: has('n'),
        status: has('s'),
        scale: has('c'),
        generation: has('g'),
        transient: has('t'),
        storage: storage.into(),
        custom: None,
    }
}
