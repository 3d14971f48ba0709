//! A plan that was written down, to be carried out later: digests of what would be done, never manifests.

use crate::domain::{Mapping, ObjectKey, ObjectRef, Op, Operation, Plan, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What the file says it is; a later form gets another number.
const FORMAT: &str = "gitdeck.plans/1";

/// The file: one or more plans, and a digest over them that shows whether it was cut off or edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlans {
    format: String,
    /// When they were made.
    pub made_at: Timestamp,
    /// The plans, one for each mapping.
    pub plans: Vec<SavedPlan>,
    seal: String,
}

/// The plan of one mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Mapping.
    pub mapping: String,
    /// Revision that was rendered, and is rendered again.
    pub revision: Revision,
    /// Digest of the whole plan.
    pub digest: String,
    /// Where it comes from and where it goes.
    pub bound: Bound,
    /// What was released when it was made.
    pub released: Released,
    /// Its operations, in the order of the plan.
    pub operations: Vec<SavedOperation>,
}

/// What a plan is bound to beside its revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Repository.
    pub repository: String,
    /// Path in it.
    pub path: String,
    /// Context.
    pub context: String,
    /// Namespace of objects that name none.
    pub namespace: String,
    /// UID of the cluster: that of its namespace `kube-system`. Null where it may not be read.
    pub cluster_uid: Option<String>,
}

/// What a plan was allowed to contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// Whether it deletes; the mapping's setting where nothing is given.
    pub prune: Option<bool>,
    /// The number of deletions that was typed.
    pub allow_delete: Option<usize>,
    /// Whether immutable fields may be changed by deleting and creating.
    pub recreate: bool,
    /// Whether objects of others may be taken over.
    pub take_over: bool,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedOperation {
    /// What is done.
    pub op: Op,
    /// To which object.
    pub object: ObjectRef,
    /// UID of the live object; null where there was none.
    pub uid: Option<String>,
    /// Its `resourceVersion`; null where there was none.
    pub resource_version: Option<String>,
    /// Digest of what comes of it.
    pub digest: String,
}

impl SavedPlans {
    /// Seals plans.
    pub fn new(plans: Vec<SavedPlan>, made_at: Timestamp) -> Self {
        let seal = seal(made_at, &plans);
        Self { format: FORMAT.to_owned(), made_at, plans, seal }
    }

    /// Reads a file. The error says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let head: Head = serde_json::from_slice(text)
            .map_err(|error| format!("it is no saved plan: {error}"))?;
        if head.format != FORMAT {
            return Err(format!("its format is `{}`, not `{FORMAT}`", head.format));
        }
        let plans: Self =
            serde_json::from_slice(text).map_err(|error| format!("it cannot be read: {error}"))?;
        if plans.seal != seal(plans.made_at, &plans.plans) {
            return Err("its digest does not fit: it was edited or cut off".to_owned());
        }
        Ok(plans)
    }

    /// The plan of a mapping.
    pub fn of(&self, mapping: &str) -> Option<&SavedPlan> {
        self.plans.iter().find(|plan| plan.mapping == mapping)
    }
}

impl SavedPlan {
    /// Takes down what a plan would do.
    pub fn of(plan: &Plan, mapping: &Mapping, released: Released) -> Self {
        let operations = plan.operations.iter().map(|operation| SavedOperation {
            op: operation.op,
            object: operation.object.clone(),
            uid: operation.uid.clone(),
            resource_version: operation.resource_version.clone(),
            digest: operation.digest.clone(),
        });
        Self {
            mapping: plan.mapping.clone(),
            revision: plan.revision.clone(),
            digest: plan.digest.clone(),
            bound: Bound::of(mapping, plan.cluster_uid.clone()),
            released,
            operations: operations.collect(),
        }
    }

    /// What moved since, in words: nothing where the plan of now has the same UIDs and results. A `resourceVersion`
    /// that moved is none of it.
    pub fn moved(&self, mapping: &Mapping, now: &Plan) -> Vec<String> {
        let elsewhere = self.elsewhere(mapping, now);
        if !elsewhere.is_empty() {
            return elsewhere;
        }
        let mut present: BTreeMap<ObjectKey, &Operation> =
            now.operations.iter().map(|one| (one.object.key(), one)).collect();
        let mut moved: Vec<String> = self
            .operations
            .iter()
            .filter_map(|saved| saved.moved(present.remove(&saved.object.key())))
            .collect();
        let extra = present.values().map(|one| format!("{} differs as well by now", one.object));
        moved.extend(extra);
        if moved.is_empty() && (self.digest != now.digest || self.revision != now.revision) {
            moved.push("the result is another one".to_owned());
        }
        moved
    }

    /// In what the place differs that the plan was made for, in words.
    pub fn elsewhere(&self, mapping: &Mapping, now: &Plan) -> Vec<String> {
        self.bound.moved(&Bound::of(mapping, now.cluster_uid.clone()))
    }

    /// Objects that were written since without changing the result.
    pub fn touched(&self, now: &Plan) -> usize {
        let versions: BTreeMap<ObjectKey, &Option<String>> =
            now.operations.iter().map(|one| (one.object.key(), &one.resource_version)).collect();
        let touched = |saved: &&SavedOperation| {
            let version = versions.get(&saved.object.key());
            version.is_some_and(|version| **version != saved.resource_version)
        };
        self.operations.iter().filter(touched).count()
    }
}

impl Bound {
    fn of(mapping: &Mapping, cluster_uid: Option<String>) -> Self {
        Self {
            repository: mapping.repository.clone(),
            path: mapping.path.clone(),
            context: mapping.target.context.clone(),
            namespace: mapping.target.namespace.clone(),
            cluster_uid,
        }
    }

    fn moved(&self, now: &Self) -> Vec<String> {
        let pairs = [
            ("repository", &self.repository, &now.repository),
            ("path", &self.path, &now.path),
            ("context", &self.context, &now.context),
            ("namespace", &self.namespace, &now.namespace),
        ];
        let mut moved: Vec<String> = pairs
            .iter()
            .filter(|(_, then, now)| then != now)
            .map(|(what, then, now)| format!("the mapping's {what} is `{now}`, it was `{then}`"))
            .collect();
        if self.cluster_uid != now.cluster_uid {
            moved.push(match (&self.cluster_uid, &now.cluster_uid) {
                (Some(then), Some(now)) => format!(
                    "context `{}` is another cluster by now ({now}, it was {then})",
                    self.context
                ),
                _ => format!(
                    "whether context `{}` is still the same cluster cannot be told: its namespace kube-system has to be readable both times",
                    self.context
                ),
            });
        }
        moved
    }
}

impl SavedOperation {
    fn moved(&self, now: Option<&Operation>) -> Option<String> {
        let object = &self.object;
        let Some(now) = now else {
            return Some(match self.op {
                Op::Delete => format!("{object} is gone or not to be deleted any more"),
                _ => format!("{object} is as desired by now"),
            });
        };
        match (&self.uid, &now.uid) {
            (Some(_), None) => return Some(format!("{object} was deleted")),
            (None, Some(_)) => return Some(format!("{object} was created")),
            (then, now) if then != now => {
                return Some(format!("{object} was deleted and made anew"));
            }
            _ => {}
        }
        if self.op != now.op {
            return Some(format!("{object} takes another operation by now"));
        }
        (self.digest != now.digest).then(|| format!("{object} was changed"))
    }
}

/// SHA-256 in hexadecimal over the plans as they are written.
fn seal(made_at: Timestamp, plans: &[SavedPlan]) -> String {
    let mut hash = Sha256::new();
    hash.update(FORMAT);
    hash.update(made_at.to_string());
    // Names, digests and numbers can always be written.
    hash.update(serde_json::to_vec(plans).unwrap_or_default());
    crate::domain::digest::hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::{Bound, Released, SavedOperation, SavedPlan, SavedPlans};
    use crate::domain::{ObjectRef, Op, Revision};
    use jiff::Timestamp;

    fn saved() -> SavedPlan {
        let object = ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: Some("shop".into()),
            name: "a".into(),
        };
        SavedPlan {
            mapping: "checkout".into(),
            revision: Revision::new("r"),
            digest: "d".into(),
            bound: Bound {
                repository: "fleet".into(),
                path: "apps".into(),
                context: "prod".into(),
                namespace: "shop".into(),
                cluster_uid: Some("u".into()),
            },
            released: Released::default(),
            operations: vec![SavedOperation {
                op: Op::Update,
                object,
                uid: Some("u1".into()),
                resource_version: Some("7".into()),
                digest: "d1".into(),
            }],
        }
    }

    #[test]
    fn what_was_edited_or_cut_off_is_not_read() {
        let plans = SavedPlans::new(vec![saved()], Timestamp::UNIX_EPOCH);
        let text = serde_json::to_string_pretty(&plans).unwrap();
        assert_eq!(SavedPlans::parse(text.as_bytes()).unwrap(), plans);
        for (edited, said) in [
            (text.replace("\"u1\"", "\"u2\""), "edited or cut off"),
            (text.replace("\"recreate\": false", "\"recreate\": true"), "edited or cut off"),
            (text.replace("plans/1", "plans/2"), "format"),
            (text[..text.len() / 2].to_owned(), "no saved plan"),
            (text.replace("\"made_at\"", "\"other\": 1, \"made_at\""), "cannot be read"),
        ] {
            let why = SavedPlans::parse(edited.as_bytes()).unwrap_err();
            assert!(why.contains(said), "{said}: {why}");
        }
    }

    #[test]
    fn another_place_or_cluster_is_named() {
        let bound = saved().bound;
        assert!(bound.moved(&bound).is_empty());
        let elsewhere = Bound { namespace: "test".into(), ..bound.clone() };
        assert_eq!(bound.moved(&elsewhere), ["the mapping's namespace is `test`, it was `shop`"]);
        let other = Bound { cluster_uid: Some("v".into()), ..bound.clone() };
        assert!(bound.moved(&other)[0].contains("another cluster"));
        let unseen = Bound { cluster_uid: None, ..bound.clone() };
        assert!(bound.moved(&unseen)[0].contains("cannot be told"));
    }
}
