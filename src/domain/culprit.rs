//! Who set a live value, and whether that was a person or a program.

use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::path::FieldPath;
use crate::domain::prove::MANAGER;
use jiff::Timestamp;
use serde_json::Value;

/// Programs by which people write; a sync takes their fields over. The classes are kluctl's.
const HUMAN_PROGRAMS: &[&str] = &[
    "before-first-apply",
    "curl",
    "dashboard",
    "freelens",
    "headlamp",
    "httpie",
    "k9s",
    "kubectl",
    "lens",
    "mozilla",
    "node-fetch",
    "oc",
    "octant",
    "openlens",
    "rancher",
];

/// Beginnings of the names of programs by which people write.
const HUMAN_PREFIXES: &[&str] =
    &["kubectl-", "kluctl", "mozilla/", "curl/", "k9s-", "lens-", "headlamp-"];

/// Programs that apply what lies in Git or in a chart, as gitdeck does. Some run in the cluster and are called
/// controllers, but what they wrote is somebody's earlier wish, not what a controller found out.
const ENGINES: &[&str] = &[
    "argocd",
    "argocd-application-controller",
    "argocd-controller",
    "configsync",
    "fleet-agent",
    "fleetagent",
    "flux",
    "flux-client-side-apply",
    "gitdeck-agent",
    "helm",
    "helm-controller",
    "kapp",
    "kapp-controller",
    "kustomize-controller",
    "nelm",
    "werf",
];

/// Parts of names that programs give themselves which run in the cluster.
const CONTROLLER_SUFFIXES: &[&str] = &[
    "-controller",
    "-controllers",
    "-manager",
    "-operator",
    "-autoscaler",
    "-injector",
    "-webhook",
    "-scheduler",
    "-agent",
];

/// Programs in the cluster whose names follow no pattern.
const CONTROLLERS: &[&str] = &[
    "cainjector",
    "cert-manager",
    "controller",
    "flagger",
    "istiod",
    "k3s",
    "karpenter",
    "keda",
    "kube-apiserver",
    "kubelet",
    "kube-proxy",
    "manager",
    "operator",
    "pilot-discovery",
    "vpa-updater",
];

/// The manager that set the value at `path` last, and when: of the entries that own the path, or all of something
/// above it, the newest; when there is none, the newest that owns something below. Nothing for a value that nobody
/// owns (the server's defaults, or a field that was removed).
pub fn culprit(live: &Value, path: &FieldPath) -> Option<(String, Option<Timestamp>)> {
    entries(live)
        .filter_map(|entry| {
            let owns = ownership(entry.fields, path);
            let time: Option<Timestamp> = entry.time.and_then(|time| time.parse().ok());
            (owns != Ownership::None).then_some((
                owns,
                time,
                entry.manager != MANAGER,
                entry.manager,
            ))
        })
        .max_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)))
        .map(|(_, time, _, manager)| (manager.to_owned(), time))
}

/// Whether a person writes through this manager.
pub fn is_human(manager: &str) -> bool {
    let name = manager.to_ascii_lowercase();
    HUMAN_PROGRAMS.contains(&name.as_str())
        || HUMAN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether this manager is an engine that applies what lies in Git or in a chart, as Flux and Argo CD do.
pub fn is_engine(manager: &str) -> bool {
    ENGINES.contains(&manager.to_ascii_lowercase().as_str())
}

/// Whether this manager is a program that runs in the cluster and knows better than Git; its fields are left to it.
pub fn is_controller(manager: &str) -> bool {
    let name = manager.to_ascii_lowercase();
    !is_human(&name)
        && !is_engine(&name)
        && name != MANAGER
        && (CONTROLLERS.contains(&name.as_str())
            || CONTROLLER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
            || name.starts_with("kube-controller-manager")
            || name.starts_with("cert-manager-")
            || name.starts_with("system:serviceaccount:"))
}

#[cfg(test)]
mod tests {
    use super::{culprit, is_controller, is_engine, is_human};
    use crate::domain::FieldPath;
    use serde_json::{Value, json};

    fn blame(entries: Value, path: &str) -> Option<(String, Option<String>)> {
        let live = json!({"metadata": {"managedFields": entries}});
        culprit(&live, &FieldPath::parse(path).unwrap())
            .map(|(manager, time)| (manager, time.map(|time| time.to_string())))
    }

    #[test]
    fn the_newest_owner_is_named() {
        let entries = json!([
            {"manager": "gitdeck", "operation": "Apply", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-01-02T00:00:00Z",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "old", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "timeless", "operation": "Update", "fieldsV1": {"f:data": {}}},
        ]);
        let kubectl = Some(("kubectl".to_owned(), Some("2026-01-02T00:00:00Z".to_owned())));
        assert_eq!(blame(entries.clone(), "/spec/replicas"), kubectl);
        assert_eq!(blame(entries.clone(), "/data/a"), Some(("timeless".to_owned(), None)));
        assert_eq!(blame(entries.clone(), "/spec/selector"), None);
        assert_eq!(blame(entries, "/spec").unwrap().0, "gitdeck");
        assert_eq!(blame(Value::Null, "/spec"), None);
    }

    #[test]
    fn people_and_programs_are_told_apart() {
        for name in [
            "kubectl",
            "kubectl-edit",
            "kubectl-client-side-apply",
            "k9s",
            "rancher",
            "kluctl-controller",
            "Mozilla",
        ] {
            assert!(is_human(name) && !is_controller(name), "{name}");
        }
        for name in [
            "kube-controller-manager",
            "gotk-kustomize-controller",
            "cluster-autoscaler",
            "kubelet",
            "keda-operator",
            "cert-manager-cainjector",
            "manager",
        ] {
            assert!(!is_human(name) && is_controller(name), "{name}");
        }
        for name in ["gitdeck", "terraform", "ci"] {
            assert!(!is_human(name) && !is_controller(name) && !is_engine(name), "{name}");
        }
        for name in ["kustomize-controller", "helm-controller", "argocd-controller", "Helm", "kapp"]
        {
            assert!(is_engine(name) && !is_human(name) && !is_controller(name), "{name}");
        }
    }
}
