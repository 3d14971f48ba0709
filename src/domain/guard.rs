//! What keeps a plan with deletions from being carried out without a typed number.

use crate::domain::{ObjectRef, Refusal};
use std::collections::BTreeMap;

/// Kinds whose deletion takes data or other objects with it.
const PRECIOUS: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];

/// What the guard looks at.
#[derive(Debug, Clone, Copy)]
pub struct Deletions<'a> {
    /// Objects that the plan would delete.
    pub objects: &'a [ObjectRef],
    /// Objects that the plan would delete and create again.
    pub recreated: &'a [ObjectRef],
    /// How many deletions need no number.
    pub prune_limit: usize,
    /// The number that was typed (`--allow-delete`).
    pub allowed: Option<usize>,
    /// Whether another configuration applied what would go.
    pub foreign: bool,
    /// Number of desired objects; zero means that the path was emptied.
    pub desired: usize,
}

/// Whether an object of this kind is never deleted unasked.
pub fn is_precious(object: &ObjectRef) -> bool {
    PRECIOUS.contains(&(object.group.as_str(), object.kind.as_str()))
}

/// What has to be confirmed with a number, if anything: more deletions than the limit, an emptied path, or a Namespace,
/// CRD, `PersistentVolume` or `PersistentVolumeClaim`. The number must be exact: it shows that this plan was read. It
/// releases only complete plans, because an incomplete one holds no deletions.
pub fn guard(deletions: &Deletions<'_>) -> Vec<Refusal> {
    let count = deletions.objects.len()
        + deletions.recreated.iter().filter(|object| is_precious(object)).count();
    if count == 0 || deletions.allowed == Some(count) {
        return Vec::new();
    }
    let mut because = Vec::new();
    if deletions.desired == 0 {
        because.push("nothing is left in Git".to_owned());
    }
    if deletions.foreign && !deletions.objects.is_empty() {
        because.push("another configuration applied what would go".to_owned());
    }
    if deletions.objects.len() > deletions.prune_limit {
        because.push(format!("the limit is {}", deletions.prune_limit));
    }
    because.extend(precious(deletions));
    if because.is_empty() {
        return Vec::new();
    }
    if let Some(allowed) = deletions.allowed {
        because.push(format!("{allowed} was allowed"));
    }
    vec![Refusal::Deletions { count, because: because.join(", ") }]
}

fn precious(deletions: &Deletions<'_>) -> Option<String> {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for object in
        deletions.objects.iter().chain(deletions.recreated).filter(|object| is_precious(object))
    {
        *kinds.entry(&object.kind).or_default() += 1;
    }
    let counted: Vec<_> =
        kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (!counted.is_empty()).then(|| format!("{} would go", counted.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::{Deletions, guard};
    use crate::domain::{ObjectRef, Refusal};

    fn objects(kinds: &[&str]) -> Vec<ObjectRef> {
        let object = |(index, kind): (usize, &&str)| ObjectRef {
            group: if *kind == "CustomResourceDefinition" {
                "apiextensions.k8s.io".into()
            } else {
                String::new()
            },
            version: "v1".into(),
            kind: (*kind).into(),
            namespace: None,
            name: format!("o{index}"),
        };
        kinds.iter().enumerate().map(object).collect()
    }

    fn verdict(
        gone: &[&str],
        recreated: &[&str],
        allowed: Option<usize>,
        desired: usize,
    ) -> Option<String> {
        let (gone, again) = (objects(gone), objects(recreated));
        let found = guard(&Deletions {
            objects: &gone,
            recreated: &again,
            prune_limit: 2,
            allowed,
            foreign: false,
            desired,
        });
        found.into_iter().next().map(|refusal| match refusal {
            Refusal::Deletions { count, because } => format!("{count}: {because}"),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn deletions_are_counted() {
        let three = ["Pod", "Service", "Secret"];
        for (gone, recreated, allowed, desired, expected) in [
            (&[][..], &[][..], None, 0, None),
            (&three[..2], &[], None, 1, None),
            (&three[..], &[], None, 1, Some("3: the limit is 2")),
            (&three[..], &[], Some(3), 1, None),
            (&three[..], &[], Some(4), 1, Some("3: the limit is 2, 4 was allowed")),
            (&three[..1], &[], None, 0, Some("1: nothing is left in Git")),
            (&three[..1], &[], Some(1), 0, None),
            (&["Namespace"], &[], None, 9, Some("1: 1 Namespace would go")),
            (
                &["PersistentVolumeClaim", "CustomResourceDefinition", "CustomResourceDefinition"],
                &[],
                None,
                9,
                Some(
                    "3: the limit is 2, 2 CustomResourceDefinition and 1 PersistentVolumeClaim would go",
                ),
            ),
            (&[], &["Deployment"], None, 9, None),
            (&[], &["PersistentVolumeClaim"], None, 9, Some("1: 1 PersistentVolumeClaim would go")),
        ] {
            assert_eq!(
                verdict(gone, recreated, allowed, desired).as_deref(),
                expected,
                "{gone:?} {recreated:?}"
            );
        }
    }
}
