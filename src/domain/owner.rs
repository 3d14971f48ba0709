//! Marks by which other tools say that an object is theirs.

use crate::domain::ObjectRef;
use crate::domain::managed::{Entry, Ownership, entries, ownership};
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
    if let Some((_, application)) = labelled_by_argo(live) {
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

/// The labels by which Argo CD tracks objects where it does so by label: its default until version 3, and that of its
/// first releases. `application.instanceLabelKey` may name another one; that of its own group is the usual choice.
const INSTANCE: [&str; 3] = [
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/instance",
    "applications.argoproj.io/app-name",
];

/// The names under which Argo CD writes.
const ARGO: [&str; 3] = ["argocd-controller", "argocd-application-controller", "argocd"];

/// The label by which Argo CD tracks a live object, with its application. Charts set the first of these labels as well,
/// and operators copy it, so that it counts only where Argo CD itself wrote it. Where Argo CD tracks by annotation, the
/// label is what the chart says, and the annotation is the mark.
fn labelled_by_argo(live: &Value) -> Option<(&'static str, &str)> {
    let metadata = &live["metadata"];
    if !metadata["annotations"][TRACKING].is_null() {
        return None;
    }
    let of_argo = |path: &FieldPath| {
        let own = |entry: &Entry<'_>| entry.subresource.is_empty() && ARGO.contains(&entry.manager);
        entries(live).any(|entry| own(&entry) && ownership(entry.fields, path) == Ownership::Full)
    };
    let labels =
        INSTANCE.into_iter().filter_map(|key| Some((key, metadata["labels"][key].as_str()?)));
    labels.into_iter().find(|(key, _)| of_argo(&path_of("labels", key)))
}

fn path_of(place: &str, name: &str) -> FieldPath {
    FieldPath(["metadata", place, name].map(|name| Step::Field(name.to_owned())).to_vec())
}

/// The marks that nobody owns, of those that an `ApplySet` finds on a live object which is to be as desired: no apply
/// would ever take them away, since no manager has them.
pub fn orphaned_marks(live: &Value, desired: &Value, applyset_id: &str) -> Vec<FieldPath> {
    let owned = |path: &FieldPath| {
        entries(live).any(|entry| ownership(entry.fields, path) != Ownership::None)
    };
    // Our own label takes the place of another ApplySet's.
    let replaced = path_of("labels", PART_OF);
    let mut found = marks(live, applyset_id);
    found.retain(|path| *path != replaced && !owned(path) && path.find(desired).is_none());
    found
}

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
    let label = labelled_by_argo(live).map(|(key, _)| ("labels", key));
    let marks = MARKS.into_iter().filter(counts).chain(label);
    marks.map(|(place, name)| path_of(place, name)).collect()
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
    use super::{foreign_owner, marks, orphaned_marks};
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

    /// An object with the label that charts set too, written by a manager.
    fn labelled(key: &str, manager: &str, entry: Value) -> Value {
        let mut entry = entry;
        entry["manager"] = manager.into();
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b",
            "labels": {key: "shop"}, "managedFields": [entry]}})
    }

    #[test]
    fn the_label_of_argo_counts_where_argo_wrote_it() {
        let key = "app.kubernetes.io/instance";
        let of = |key: &str| json!({"operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {format!("f:{key}"): {}}}}});
        let owner = |live: &Value| foreign_owner(live, "applyset-mine-v1");
        for manager in ["argocd-controller", "argocd-application-controller"] {
            for key in [key, "argocd.argoproj.io/instance"] {
                let live = labelled(key, manager, of(key));
                assert_eq!(
                    owner(&live).as_deref(),
                    Some("Argo CD application shop"),
                    "{manager} {key}"
                );
                let path = format!("/metadata/labels/{}", key.replace('/', "~1"));
                let marks: Vec<String> =
                    marks(&live, "x").iter().map(ToString::to_string).collect();
                assert_eq!(marks, [path]);
            }
        }
        // Charts, people and operators set the same label.
        for manager in ["helm", "kubectl", "gitdeck", "argocd-image-updater", "some-operator"] {
            assert_eq!(owner(&labelled(key, manager, of(key))), None, "{manager}");
        }
        // Argo CD wrote something, but not the label.
        let other = json!({"operation": "Apply", "fieldsV1": {"f:data": {}}});
        assert_eq!(owner(&labelled(key, "argocd-controller", other)), None);
        // By annotation it tells for which object the mark is: a copy of another one's says nothing.
        let mut copied = labelled(key, "argocd-controller", of(key));
        copied["metadata"]["annotations"] =
            json!({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:b/other"});
        assert_eq!(owner(&copied), None);
        assert!(marks(&copied, "x").is_empty());
    }

    #[test]
    fn only_marks_that_nobody_owns_and_nobody_wants_are_orphans() {
        let mut live = labelled(
            "kapp.k14s.io/app",
            "kapp",
            json!({"operation": "Update", "fieldsV1": {"f:data": {}}}),
        );
        let desired = json!({"metadata": {"name": "a"}});
        let orphans = |live: &Value, desired: &Value| orphaned_marks(live, desired, "x").len();
        assert_eq!(orphans(&live, &desired), 1);
        assert_eq!(orphans(&live, &json!({"metadata": {"labels": {"kapp.k14s.io/app": "1"}}})), 0);
        live["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:metadata": {"f:labels": {}}});
        assert_eq!(orphans(&live, &desired), 0, "all of the labels have an owner");
        live["metadata"]["managedFields"] = json!([]);
        live["metadata"]["labels"] = json!({"applyset.kubernetes.io/part-of": "other"});
        assert_eq!(orphans(&live, &desired), 0, "ours comes in its place");
    }
}
