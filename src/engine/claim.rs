//! What one mapping claims of a cluster: what it desires, and what it still owns.

use crate::domain::{ObjectKey, ObjectRef, Origin};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What a mapping desires, and where that is written.
pub(crate) type Desired = Arc<BTreeMap<ObjectKey, Origin>>;

/// The objects of a mapping, as desired or owned. A console keeps one for each of thousands of mappings, so that the name
/// of an object is not written down again where only its version is to be known.
#[derive(Clone)]
pub(super) struct Claim {
    /// Where the objects are.
    pub context: String,
    /// What is desired, and where that is written.
    pub desired: Desired,
    /// In which version the kinds of what is desired are.
    versions: Vec<ObjectKind>,
    /// What is owned and not desired any more.
    leaving: HashSet<ObjectKey>,
    /// What is leaving, and what is owned in another version than it is desired in.
    others: Vec<ObjectRef>,
}

#[derive(Clone, PartialEq)]
struct ObjectKind {
    group: String,
    kind: String,
    version: String,
}

impl ObjectKind {
    fn is_of(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group == group
    }
}

impl Claim {
    /// A claim on these objects: all that are desired, in the version in which they are, and then those that are owned.
    pub fn new(context: &str, desired: Desired, objects: Vec<ObjectRef>) -> Self {
        let mut versions: Vec<ObjectKind> = Vec::new();
        let (mut leaving, mut others) = (HashSet::new(), Vec::new());
        for object in objects {
            let key = object.key();
            if !desired.contains_key(&key) {
                leaving.insert(key);
                others.push(object);
                continue;
            }
            match versions.iter().find(|known| known.is_of(&object.group, &object.kind)) {
                Some(known) if known.version == object.version => {}
                Some(_) => others.push(object),
                None => {
                    let (group, kind) = (object.group, object.kind);
                    versions.push(ObjectKind { group, kind, version: object.version });
                }
            }
        }
        Self { context: context.to_owned(), desired, versions, leaving, others }
    }

    /// Every claimed object.
    pub fn objects(&self) -> impl Iterator<Item = ObjectRef> {
        let desired = self.desired.keys().filter_map(|key| {
            let known = self.versions.iter().find(|known| known.is_of(&key.group, &key.kind))?;
            Some(key.at(&known.version))
        });
        desired.chain(self.others.iter().cloned())
    }

    pub fn holds(&self, key: &ObjectKey) -> bool {
        self.desired.contains_key(key) || self.leaving.contains(key)
    }

    pub fn is_as_wide_as(&self, other: &Self) -> bool {
        self.leaving == other.leaving
            && self.desired.len() == other.desired.len()
            && self.desired.keys().all(|key| other.desired.contains_key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::Claim;
    use crate::domain::{ObjectRef, Origin};
    use std::sync::Arc;

    fn object(version: &str, name: &str) -> ObjectRef {
        ObjectRef {
            group: "autoscaling".to_owned(),
            version: version.to_owned(),
            kind: "HorizontalPodAutoscaler".to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_claim_tells_each_object_once_in_every_version_that_counts() {
        let origin = Origin { file: "a.yaml".to_owned(), document: 0, line: 1 };
        let names = ["cart", "search"];
        let desired = names.map(|name| (object("v2", name).key(), origin.clone()));
        let objects = vec![
            object("v2", "cart"),
            object("v2", "search"),
            object("v2", "cart"),
            object("v1", "search"),
            object("v1", "gone"),
        ];
        let claim = Claim::new("prod", Arc::new(desired.into()), objects);
        let mut told: Vec<(String, String)> =
            claim.objects().map(|one| (one.version, one.name)).collect();
        told.sort();
        let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(told, [("v1", "gone"), ("v1", "search"), ("v2", "cart"), ("v2", "search")]);
        assert!(claim.holds(&object("v1", "gone").key()));
        assert!(!claim.holds(&object("v1", "other").key()));
    }
}
