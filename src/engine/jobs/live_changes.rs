//! Which live changes of a mapping are to be recorded, and which are not, with the reason.

use crate::domain::attribute::agrees;
use crate::domain::culprit::is_controller;
use crate::domain::mapping::SecretsInGit;
use crate::domain::normalize::as_sent;
use crate::domain::path::FieldPath;
use crate::domain::prove::MANAGER;
use crate::domain::redact::is_sensitive;
use crate::domain::{
    Change, Manifest, Mapping, ObjectRef, Op, Operation, Reason, Refusal, Revision,
};
use crate::engine::jobs::adopt::is_order;
use crate::engine::jobs::attribute::manifest_is;
use crate::engine::jobs::credentials::suspicion;
use crate::engine::jobs::live_secrets::LiveSecrets;
use crate::engine::jobs::look::Look;
use crate::engine::jobs::others::{Others, is_own_commit};
use crate::engine::jobs::whole_lists::folded;
use crate::engine::jobs::{Context, credentials, others};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A live value that Git is to have.
pub(super) struct Pick {
    pub object: ObjectRef,
    pub path: FieldPath,
    /// Nothing where the field went away.
    pub value: Option<Value>,
    /// Who set it.
    pub manager: Option<String>,
}

/// What a look says is to be recorded.
#[derive(Default)]
pub(super) struct LiveChanges {
    pub picks: Vec<Pick>,
    /// What is not recorded, a sentence each.
    pub left: Vec<String>,
    /// Whether something differs of which the cluster's side may be the older one.
    clashes: bool,
    /// How many values wait for somebody to say which side is right.
    withheld: usize,
}

/// What the tip of a recorded mapping and the cluster have in common.
#[derive(Default)]
pub(super) struct Common {
    /// Nothing differs of which one side has yet to take over the other's value.
    pub settled: bool,
    /// What was noted before cannot be read any more.
    pub lost: bool,
}

/// What the changes of a look are held to.
struct Measure<'a> {
    ctx: &'a Context,
    mapping: &'a Mapping,
    seen: &'a Look,
    cluster: String,
    others: Others,
    live: LiveSecrets,
    secrets: Vec<String>,
}

impl Common {
    /// What a look says. Who only glances puts nothing on record and need not know.
    pub async fn of(ctx: &Context, mapping: &Mapping, seen: &Look) -> Self {
        let settled = LiveChanges::of(ctx, mapping, seen).await.is_settled();
        let lost = seen.inventory.synced_revision.is_some() && seen.basis.previous().is_none();
        Self { settled, lost }
    }
}

impl LiveChanges {
    /// Sorts what differs at a look.
    pub async fn of(ctx: &Context, mapping: &Mapping, seen: &Look) -> Self {
        let mut found = Self::default();
        if seen.plan.operations.is_empty() {
            return found;
        }
        let Ok(Some(cluster)) = seen.cluster.uid().await else {
            found.clashes = true;
            found.left.push(
                "this cluster cannot be told from others; recording needs `get` of namespace kube-system".to_owned(),
            );
            return found;
        };
        let others = others::since(ctx, mapping, seen, &cluster).await;
        let live = LiveSecrets::of(seen).await;
        let desired = seen.basis.desired().iter().filter(|one| one.reference.is_secret());
        let secrets = desired.map(|one| &one.object).chain(live.values());
        let secrets = credentials::values_of(secrets);
        let measure = Measure { ctx, mapping, seen, cluster, others, live, secrets };
        for operation in &seen.plan.operations {
            found.sort(&measure, operation).await;
        }
        if found.withheld > 0 {
            let name = &mapping.name;
            let words = match &measure.others {
                Others::Recorder(words) => words.clone(),
                _ => format!(
                    "nothing was recorded before, so that nobody can tell which side is right where they differ ({}): `gitdeck diff {name}` shows it, `gitdeck adopt {name}` takes what is live",
                    found.withheld
                ),
            };
            found.left.insert(0, words);
        }
        found
    }

    /// Whether the tip and the cluster have in common whatever can be told.
    pub fn is_settled(&self) -> bool {
        self.picks.is_empty() && !self.clashes
    }

    async fn sort(&mut self, measure: &Measure<'_>, operation: &Operation) {
        let (object, seen) = (&operation.object, measure.seen);
        let foreign = seen.plan.refusals.iter().find_map(|refusal| match refusal {
            Refusal::Foreign { object: of, owner } if of == object => Some(owner),
            _ => None,
        });
        if let Some(owner) = foreign {
            self.left.push(format!("{object} belongs to {owner}"));
            return;
        }
        if object.is_secret() && measure.mapping.record.secrets == SecretsInGit::Skip {
            self.left.push(secret(object));
            return;
        }
        let first = matches!(measure.others, Others::Unknown);
        if let Err(reason) = recordable(operation, &mut self.clashes, first) {
            self.left.push(reason);
            return;
        }
        let key = object.key();
        let mut desired = seen.basis.desired().iter();
        let manifest = desired.find(|one| manifest_is(one, &key, measure.mapping));
        let written = manifest.map_or_else(Value::default, written);
        let changes = if object.is_secret() {
            measure.live.revealed(operation)
        } else {
            Ok(operation.changes.clone())
        };
        let changes = match changes {
            Ok(changes) => changes,
            Err(reason) => {
                self.left.push(reason);
                return;
            }
        };
        for change in folded(changes, &written) {
            let Some(path) = FieldPath::parse(&change.path) else { continue };
            if !is_idle(operation.op, &change, path.find_written(&written)) {
                self.take(measure, object, path, change).await;
            }
        }
    }

    async fn take(
        &mut self,
        measure: &Measure<'_>,
        object: &ObjectRef,
        path: FieldPath,
        change: Change,
    ) {
        let manager = change.live_manager.clone().filter(|manager| manager != MANAGER);
        let why_not = if change.redacted && !object.is_secret() {
            Some(format!(
                "{object}{path}: the configuration calls it sensitive, and it is not recorded"
            ))
        } else if change.redacted {
            Some(format!(
                "{object}{path}: an annotation of a Secret may hold a copy of its values, and is not recorded"
            ))
        } else if is_order(&change) {
            Some(format!("{object}{path}: only the order of the items differs"))
        } else {
            let keeper = manager.as_deref().filter(|manager| is_controller(manager));
            keeper.map(|manager| format!("{object}{path} is kept by {manager}"))
        };
        if let Some(reason) = why_not {
            self.left.push(reason);
            return;
        }
        let (name, pick) = (&measure.mapping.name, pick_of(object, &change.path));
        match measure.moved(object, &path, change.commit.as_ref()).await {
            Moved::Withheld => {
                self.clashes = true;
                self.withheld += 1;
                return;
            }
            Moved::Yes(why) => {
                self.clashes = true;
                let how = if object.is_secret() {
                    "say with `sops` which one is right".to_owned()
                } else {
                    format!("`gitdeck adopt {name} {pick}` takes the live value")
                };
                self.left.push(format!(
                    "{object}{path}: {why} and the cluster says something else; {how}"
                ));
                return;
            }
            Moved::No => {}
        }
        // What goes into a sealed file may be as secret as it likes.
        let is_sealed = object.is_secret() && is_sensitive(&path);
        let value = change.before.as_ref().filter(|_| !is_sealed);
        let suspected = value.and_then(|value| suspicion(&path, value, &measure.secrets));
        if let Some(suspected) = suspected {
            self.left.push(format!(
                "{object}{path}: {suspected}; use `valueFrom`, or `gitdeck adopt {name} {pick}` writes it into Git"
            ));
            return;
        }
        self.picks.push(Pick { object: object.clone(), path, value: change.before, manager });
    }

    /// What is to be recorded in one word, the same as long as it is the same.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for pick in &self.picks {
            let value = pick.value.as_ref().map(Value::to_string).unwrap_or_default();
            for part in [pick.object.to_string(), pick.path.to_string(), value] {
                hasher.update(part);
                hasher.update([0]);
            }
        }
        let digest: [u8; 32] = hasher.finalize().into();
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The words by which `adopt` takes one value.
fn pick_of(object: &ObjectRef, path: &str) -> String {
    format!("'{}/{}:{path}'", object.kind, object.name)
}

/// Whether a change is nothing to record: both sides say the same and the server rewrites it at each write, or it is a
/// value that the server makes up for a new object.
fn is_idle(op: Op, change: &Change, written: Option<&Value>) -> bool {
    match (written, &change.before) {
        (Some(written), Some(live)) => agrees(written, live),
        (None, None) => !change.redacted,
        (None, Some(_)) => op == Op::Recreate && change.after.is_some(),
        (Some(_), None) => false,
    }
}

/// Whether live changes of an object are recorded at all. At the `first` look nobody knows since when it is not there.
fn recordable(operation: &Operation, clashes: &mut bool, first: bool) -> Result<(), String> {
    let object = &operation.object;
    match operation.op {
        Op::Update | Op::TakeOver | Op::Recreate => Ok(()),
        Op::Create if operation.reason == Reason::Drift => Err(format!(
            "{object} is gone from the cluster; take it out of Git with `gitdeck commit --delete`, or by hand"
        )),
        Op::Create => {
            *clashes |= !first;
            Err(format!(
                "{object} is in Git only, and nothing is brought to the cluster from there; create it in the cluster"
            ))
        }
        Op::Delete => Err(format!("{object} is not in Git any more and stays in the cluster")),
    }
}

fn secret(object: &ObjectRef) -> String {
    format!(
        "{object} is a Secret, whose values are never written into Git in the clear; `record.secrets = \"sops\"` has them sealed"
    )
}

/// An object of Git with its values where the server has them.
fn written(manifest: &Manifest) -> Value {
    if manifest.reference.is_secret() {
        as_sent(&manifest.object, &[])
    } else {
        manifest.object.clone()
    }
}

/// Whether Git may have the newer value.
enum Moved {
    No,
    /// Why.
    Yes(&'static str),
    /// Nobody can tell, of any value.
    Withheld,
}

impl Measure<'_> {
    /// Whether somebody else made Git ask for something else at a path since it was noted last.
    async fn moved(
        &self,
        object: &ObjectRef,
        path: &FieldPath,
        commit: Option<&Revision>,
    ) -> Moved {
        match &self.others {
            Others::Unknown | Others::Recorder(_) => Moved::Withheld,
            Others::Lost => Moved::Yes("what was noted last cannot be read any more"),
            Others::Somebody
                if self.is_other(object, path)
                    && !is_own_commit(self.ctx, self.mapping, &self.cluster, commit).await =>
            {
                Moved::Yes("a commit changed it in Git")
            }
            Others::Nobody | Others::Somebody => Moved::No,
        }
    }

    fn is_other(&self, object: &ObjectRef, path: &FieldPath) -> bool {
        let of = |manifests: &[Manifest]| {
            let key = object.key();
            let manifest = manifests.iter().find(|one| manifest_is(one, &key, self.mapping))?;
            Some(path.find_written(&written(manifest)).cloned())
        };
        self.seen.basis.previous().and_then(of) != of(self.seen.basis.desired())
    }
}

#[cfg(test)]
mod tests {
    use super::is_idle;
    use crate::domain::{Change, Op};
    use serde_json::{Value, json};

    #[test]
    fn what_the_server_rewrites_or_makes_up_is_nothing_to_record() {
        let none = &Value::Null;
        for (op, written, before, after, expected) in [
            (Op::Update, &json!("a"), &json!("a"), &json!("rewritten"), true),
            (Op::Update, &json!({"x": 1}), &json!({"x": 1, "default": 2}), none, true),
            (Op::Update, &json!("a"), &json!("b"), &json!("a"), false),
            (Op::Update, none, none, &json!("injected"), true),
            (Op::Update, none, &json!("added"), none, false),
            (Op::Update, &json!("a"), none, &json!("a"), false),
            (Op::Recreate, none, &json!("uid-1"), &json!("uid-2"), true),
            (Op::Recreate, none, &json!("added"), none, false),
            (Op::Recreate, &json!("a"), &json!("b"), &json!("a"), false),
        ] {
            let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
            let change: Change =
                serde_json::from_value(json!({"path": "/spec/x", "before": before, "after": after,
                "live_manager": null, "live_time": null, "commit": null}))
                .unwrap();
            let found = is_idle(op, &change, some(written).as_ref());
            assert_eq!(found, expected, "{op:?} {written} {before} {after}");
        }
    }
}
