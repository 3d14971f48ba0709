//! Which object has to be there before which: what a failure takes with it.

use super::desired::{Desired, is_definition, is_namespace};
use crate::domain::ObjectKey;

const DEPENDS_ON: &str = "config.kubernetes.io/depends-on";
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Whether `desired` cannot be applied when `other` failed: it lives in that namespace, is of that kind, names it in
/// `depends-on`, or is in a later wave.
pub(super) fn needs(desired: &Desired, other: &Desired) -> bool {
    let (reference, needed) = (&desired.reference, &other.reference);
    if is_namespace(needed) && reference.namespace.as_deref() == Some(needed.name.as_str()) {
        return true;
    }
    if is_definition(needed) {
        let spec = &other.object["spec"];
        let defines = spec["group"] == reference.group.as_str()
            && spec["names"]["kind"] == reference.kind.as_str();
        if defines {
            return true;
        }
    }
    wave(other) < wave(desired) || dependencies(desired).any(|key| key == needed.key())
}

fn wave(desired: &Desired) -> i64 {
    annotation(desired, WAVE).and_then(|wave| wave.trim().parse().ok()).unwrap_or(0)
}

fn annotation<'a>(desired: &'a Desired, name: &str) -> Option<&'a str> {
    desired.object["metadata"]["annotations"][name].as_str()
}

/// The objects of a `depends-on` annotation: `group/namespaces/NAMESPACE/Kind/name` or `group/Kind/name`, with commas.
fn dependencies(desired: &Desired) -> impl Iterator<Item = ObjectKey> {
    let list = annotation(desired, DEPENDS_ON).unwrap_or_default();
    list.split(',').filter_map(|one| {
        let parts: Vec<&str> = one.trim().split('/').collect();
        let (group, namespace, kind, name) = match parts[..] {
            [group, "namespaces", namespace, kind, name] => {
                (group, Some(namespace.to_owned()), kind, name)
            }
            [group, kind, name] => (group, None, kind, name),
            _ => return None,
        };
        Some(ObjectKey {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::needs;
    use crate::cluster::desired::Desired;
    use crate::domain::{ObjectRef, Origin};
    use serde_json::{Value, json};

    fn desired(object: Value) -> Desired {
        let reference = ObjectRef::of(&object).unwrap();
        let origin = Origin { file: "a.yaml".to_owned(), document: 0, line: 1 };
        Desired { reference, object, origin, resource: None }
    }

    #[test]
    fn namespaces_kinds_annotations_and_waves() {
        let namespace =
            desired(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        let definition = desired(
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.a.io"}, "spec": {"group": "a.io", "names": {"kind": "Thing"}}}),
        );
        let thing = desired(json!({"apiVersion": "a.io/v1", "kind": "Thing",
            "metadata": {"name": "x", "namespace": "shop"}}));
        let after = desired(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y",
            "namespace": "other", "annotations": {"config.kubernetes.io/depends-on": "a.io/namespaces/shop/Thing/x"}}}),
        );
        let late =
            desired(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "z",
            "namespace": "other", "annotations": {"argocd.argoproj.io/sync-wave": "1"}}}));
        assert!(needs(&thing, &namespace) && needs(&thing, &definition) && needs(&after, &thing));
        assert!(needs(&late, &after) && !needs(&after, &late));
        assert!(!needs(&after, &namespace) && !needs(&namespace, &thing));
    }
}
