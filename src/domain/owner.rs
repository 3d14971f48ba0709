//! Marks by which other tools say that an object is theirs.

use crate::domain::ObjectRef;
use crate::domain::path::{FieldPath, Step};
use serde_json::Value;

/// The label that the ApplySet standard (KEP-3659) puts on members.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";

/// Who owns a live object, if it is somebody else than the ApplySet `applyset_id`: Flux, Argo CD, Helm, kapp, Config
/// Sync, a cli-utils inventory, Rancher Fleet, or another ApplySet. The name may hold foreign text.
///
/// A mark that was copied from another object (operators copy labels to what they make) does not count where the mark
/// itself says which object it is for.
pub fn foreign_owner(live: &Value, applyset_id: &str) -> Option<String> {
    let label = |name: &str| live["metadata"]["labels"][name].as_str();
    let annotation = |name: &str| live["metadata"]["annotations"][name].as_str();
    let named = |tool: &str, namespace: Option<&str>, name: &str| match namespace {
        Some(namespace) => format!("{tool} {namespace}/{name}"),
        None => format!("{tool} {name}"),
    };
    if let Some(name) = label("kustomize.toolkit.fluxcd.io/name") {
        return Some(named(
            "Flux Kustomization",
            label("kustomize.toolkit.fluxcd.io/namespace"),
            name,
        ));
    }
    if let Some(name) = label("helm.toolkit.fluxcd.io/name") {
        return Some(named("Flux HelmRelease", label("helm.toolkit.fluxcd.io/namespace"), name));
    }
    if let Some(application) = annotation(TRACKING).and_then(|id| tracked_by(id, live)) {
        return Some(format!("Argo CD application {application}"));
    }
    if let Some(name) = annotation("meta.helm.sh/release-name") {
        return Some(named("Helm release", annotation("meta.helm.sh/release-namespace"), name));
    }
    if let Some(id) = label("kapp.k14s.io/app") {
        return Some(format!("kapp application {id}"));
    }
    if let Some(id) = annotation("config.k8s.io/owning-inventory") {
        return Some(format!("inventory {id}"));
    }
    if annotation("configmanagement.gke.io/managed") == Some("enabled") {
        return Some("Config Sync".to_owned());
    }
    if let Some(id) = annotation("objectset.rio.cattle.io/id") {
        return Some(format!("Rancher object set {id}"));
    }
    label(PART_OF).filter(|id| *id != applyset_id).map(|id| format!("ApplySet {id}"))
}

/// The marks that [`foreign_owner`] reads.
const MARKS: [(&str, &str); 9] = [
    ("labels", "kustomize.toolkit.fluxcd.io/name"),
    ("labels", "helm.toolkit.fluxcd.io/name"),
    ("annotations", TRACKING),
    ("annotations", "meta.helm.sh/release-name"),
    ("labels", "kapp.k14s.io/app"),
    ("annotations", "config.k8s.io/owning-inventory"),
    ("annotations", "configmanagement.gke.io/managed"),
    ("annotations", "objectset.rio.cattle.io/id"),
    ("labels", PART_OF),
];

/// The application and the object of Argo CD.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// Where a live object carries marks of somebody else than the `ApplySet`.
pub fn marks(live: &Value, applyset_id: &str) -> Vec<FieldPath> {
    let counts = |(place, name): &(&str, &str)| {
        let mark = live["metadata"][*place][*name].as_str();
        mark.is_some_and(|mark| match *name {
            PART_OF => mark != applyset_id,
            TRACKING => tracked_by(mark, live).is_some(),
            _ => true,
        })
    };
    let path = |(place, name): (&str, &str)| {
        FieldPath(["metadata", place, name].map(|name| Step::Field(name.to_owned())).to_vec())
    };
    MARKS.into_iter().filter(counts).map(path).collect()
}

/// The application of `app:group/Kind:namespace/name`, if the rest names this very object.
fn tracked_by<'a>(id: &'a str, live: &Value) -> Option<&'a str> {
    let mut parts = id.rsplitn(3, ':');
    let (place, kind, application) = (parts.next()?, parts.next()?, parts.next()?);
    let reference = ObjectRef::of(live)?;
    let same_kind = kind == format!("{}/{}", reference.group, reference.kind);
    let (namespace, name) = place.split_once('/')?;
    // The namespace of cluster-scoped objects is written as that of the application or left empty.
    let same_place =
        name == reference.name && reference.namespace.as_deref().is_none_or(|own| own == namespace);
    (same_kind && same_place).then_some(application)
}

#[cfg(test)]
mod tests {
    use super::foreign_owner;
    use serde_json::{Value, json};

    fn owner(metadata: Value) -> Option<String> {
        let mut live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata});
        live["metadata"]["name"] = "web".into();
        live["metadata"]["namespace"] = "shop".into();
        foreign_owner(&live, "applyset-mine-v1")
    }

    #[test]
    fn marks_of_other_tools_are_read() {
        for (metadata, expected) in [
            (json!({}), None),
            (
                json!({"labels": {"applyset.kubernetes.io/part-of": "applyset-mine-v1", "app": "x"}}),
                None,
            ),
            (
                json!({"labels": {"applyset.kubernetes.io/part-of": "applyset-other-v1"}}),
                Some("ApplySet applyset-other-v1"),
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
                Some("Flux Kustomization flux-system/apps"),
            ),
            (
                json!({"labels": {"helm.toolkit.fluxcd.io/name": "web"}}),
                Some("Flux HelmRelease web"),
            ),
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}),
                Some("Argo CD application shop"),
            ),
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/other"}}),
                None,
            ),
            (
                json!({"annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}}),
                Some("Helm release shop/web"),
            ),
            (json!({"labels": {"kapp.k14s.io/app": "1"}}), Some("kapp application 1")),
        ] {
            assert_eq!(owner(metadata.clone()).as_deref(), expected, "{metadata}");
        }
    }
}
