//! Which live changes of a mapping are to be recorded, and which are not, with the reason.

use crate::domain::culprit::is_controller;
use crate::domain::path::FieldPath;
use crate::domain::prove::MANAGER;
use crate::domain::{Change, Manifest, Mapping, ObjectRef, Op, Operation, Reason, Revision};
use crate::engine::jobs::Context;
use crate::engine::jobs::adopt::is_order;
use crate::engine::jobs::attribute::manifest_is;
use crate::engine::jobs::commit::is_recording;
use crate::engine::jobs::look::Look;
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
    /// Whether a commit of somebody else asks for something that the cluster does not have.
    pub clashes: bool,
}

impl LiveChanges {
    /// Sorts what differs at a look.
    pub async fn of(ctx: &Context, mapping: &Mapping, seen: &Look) -> Self {
        let mut found = Self::default();
        for operation in &seen.plan.operations {
            if let Err(reason) = recordable(operation, &mut found.clashes) {
                found.left.push(reason);
                continue;
            }
            for change in &operation.changes {
                found.take(ctx, (mapping, seen), operation, change).await;
            }
        }
        found
    }

    async fn take(
        &mut self,
        ctx: &Context,
        (mapping, seen): (&Mapping, &Look),
        operation: &Operation,
        change: &Change,
    ) {
        let (object, path) = (&operation.object, &change.path);
        let Some(parsed) = FieldPath::parse(path) else { return };
        let manager = change.live_manager.clone().filter(|manager| manager != MANAGER);
        if change.redacted {
            self.left.push(secret(object));
        } else if is_order(change) {
            self.left.push(format!("{object}{path}: only the order of the items differs"));
        } else if let Some(manager) = manager.as_deref().filter(|manager| is_controller(manager)) {
            self.left.push(format!("{object}{path} is kept by {manager}"));
        } else if moved_in_git(mapping, seen, object, &parsed)
            && !is_own(ctx, mapping, change.commit.as_ref()).await
        {
            self.clashes = true;
            self.left.push(format!(
                "{object}{path}: a commit changed it in Git and the cluster says something else; `gitdeck adopt {} {}` takes the live value",
                mapping.name,
                pick_of(object, path)
            ));
        } else {
            let (object, value) = (object.clone(), change.before.clone());
            self.picks.push(Pick { object, path: parsed, value, manager });
        }
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

/// Whether live changes of an object are recorded at all.
fn recordable(operation: &Operation, clashes: &mut bool) -> Result<(), String> {
    let object = &operation.object;
    if object.is_secret() {
        return Err(secret(object));
    }
    match operation.op {
        Op::Update | Op::TakeOver | Op::Recreate => Ok(()),
        Op::Create if operation.reason == Reason::Drift => Err(format!(
            "{object} is gone from the cluster; take it out of Git with `gitdeck commit --delete`, or by hand"
        )),
        Op::Create => {
            *clashes = true;
            Err(format!(
                "{object} is in Git only, and nothing is brought to the cluster from there; create it in the cluster"
            ))
        }
        Op::Delete => Err(format!("{object} is not in Git any more and stays in the cluster")),
    }
}

fn secret(object: &ObjectRef) -> String {
    format!("{object} is a Secret, whose values are never written into Git in the clear")
}

/// Whether Git asks for something else at a path than when the mapping was recorded last.
fn moved_in_git(mapping: &Mapping, seen: &Look, object: &ObjectRef, path: &FieldPath) -> bool {
    let of = |manifests: &[Manifest]| {
        let key = object.key();
        let manifest = manifests.iter().find(|one| manifest_is(one, &key, mapping))?;
        Some(path.find_written(&manifest.object).cloned())
    };
    let Some(before) = seen.basis.previous().and_then(of) else { return false };
    of(seen.basis.desired()).is_some_and(|now| now != before)
}

/// Whether a commit is a recording.
async fn is_own(ctx: &Context, mapping: &Mapping, commit: Option<&Revision>) -> bool {
    let Some(revision) = commit.cloned() else { return false };
    let details = ctx.world.git(&mapping.repository, move |git| git.details(&revision)).await;
    details.is_ok_and(|details| is_recording(&details.commit.message))
}
