//! A plan: the exact list of operations that a sync would do, with the reason of each.

use crate::domain::owner::PART_OF;
use crate::domain::{
    Health, IdleHook, LeftOut, MissingRights, ObjectRef, Origin, Phase, PlannedHook, Revision,
    Risk, RuleUse, Suspension, Wait,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is done to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// It does not exist yet.
    Create,
    /// Some of its fields change.
    Update,
    /// It left Git.
    Delete,
    /// An immutable field changes: delete and create, only when asked.
    Recreate,
    /// It exists unowned; gitdeck becomes the manager of its fields.
    TakeOver,
}

/// Why an operation is needed; the first that explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Git changed since the synced revision.
    Commit,
    /// Somebody changed the cluster.
    Drift,
    /// The object existed before the mapping did.
    TakeOver,
    /// Fields move from a client-side apply to server-side apply.
    Migration,
    /// An admission webhook or the server itself rewrites what was sent.
    Admission,
    /// It is in the inventory but no longer in Git.
    Prune,
}

/// One differing path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer; items of lists with merge keys as `/containers/[name=app]/image`, without keys as the index.
    pub path: String,
    /// Live value; null where there is none or where it is redacted.
    pub before: Option<Value>,
    /// Value after the sync; null where it goes away or where it is redacted.
    pub after: Option<Value>,
    /// Field manager that set the live value last.
    pub live_manager: Option<String>,
    /// When that manager wrote last.
    pub live_time: Option<Timestamp>,
    /// Other field managers that own the live value, which is overwritten by force; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<String>,
    /// Commit that last set the desired value; null where it cannot be known.
    pub commit: Option<Revision>,
    /// Present and true where the values are those of a Secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What is done.
    pub op: Op,
    /// To which object.
    pub object: ObjectRef,
    /// Why.
    pub reason: Reason,
    /// Differing paths, in path order; empty for deletions.
    pub changes: Vec<Change>,
    /// Position in the order of apply: objects of one stage wait for the stages before it.
    #[serde(skip)]
    pub stage: u32,
    /// UID of the live object that this operation was planned against.
    #[serde(skip)]
    pub uid: Option<String>,
    /// `resourceVersion` of the live object that this operation was planned against.
    #[serde(skip)]
    pub resource_version: Option<String>,
    /// Where the desired object is written.
    #[serde(skip)]
    pub origin: Option<Origin>,
    /// Why no dry run was possible, `kind Widget is not there yet`; left out where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<String>,
    /// Of a creation, the name of the object that it stands in for and that another operation deletes: both carry a
    /// hash of their content in the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Digest of what is done, to which UID and with which result.
    #[serde(skip)]
    pub digest: String,
}

impl Operation {
    /// Whether it puts gitdeck's label on an object, and changes nothing else.
    pub fn only_marks(&self) -> bool {
        const MARK: &str = "/metadata/labels/applyset.kubernetes.io~1part-of";
        let is_mark = |change: &Change| match change.path.as_str() {
            // The first label of an object comes with the map.
            "/metadata/labels" => {
                let labels = change.after.as_ref().and_then(Value::as_object);
                labels.is_some_and(|labels| labels.keys().all(|key| key == PART_OF))
            }
            path => path == MARK,
        };
        let marks = |change: &Change| change.before.is_none() && is_mark(change);
        self.op == Op::TakeOver && !self.changes.is_empty() && self.changes.iter().all(marks)
    }

    /// The managers whose values are overwritten by force, in order of their names.
    pub fn forced(&self) -> Vec<&str> {
        let all = self.changes.iter().flat_map(|change| &change.forced);
        let mut managers: Vec<&str> = all.map(String::as_str).collect();
        managers.sort_unstable();
        managers.dedup();
        managers
    }

    /// The commits that set what is desired, each once, in the order of the changes.
    pub fn commits(&self) -> Vec<&Revision> {
        let mut commits: Vec<&Revision> = Vec::new();
        for commit in self.changes.iter().filter_map(|change| change.commit.as_ref()) {
            if !commits.contains(&commit) {
                commits.push(commit);
            }
        }
        commits
    }

    /// Who changed the live object last, and when.
    pub fn culprit(&self) -> Option<(&str, Option<Timestamp>)> {
        let named = self
            .changes
            .iter()
            .filter_map(|change| Some((change.live_manager.as_deref()?, change.live_time)));
        named
            .filter(|(manager, _)| *manager != crate::domain::prove::MANAGER)
            .max_by_key(|one| one.1)
    }
}

/// Number of operations by kind, and of objects that need none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Objects to create.
    pub create: usize,
    /// Objects to update.
    pub update: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Objects to delete and create.
    pub recreate: usize,
    /// Objects to take over.
    pub take_over: usize,
    /// Objects that are as desired.
    pub unchanged: usize,
}

impl Summary {
    /// Counts operations.
    pub fn count(operations: &[Operation], unchanged: usize) -> Self {
        let mut summary = Self { unchanged, ..Self::default() };
        for operation in operations {
            match operation.op {
                Op::Create => summary.create += 1,
                Op::Update => summary.update += 1,
                Op::Delete => summary.delete += 1,
                Op::Recreate => summary.recreate += 1,
                Op::TakeOver => summary.take_over += 1,
            }
        }
        summary
    }
}

/// Something that keeps a plan from being carried out as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "refusal")]
pub enum Refusal {
    /// More deletions than the limit, or data-bearing kinds: the number has to be typed (`--allow-delete N`).
    Deletions {
        /// Objects that would go.
        count: usize,
        /// Why a number is asked for: the limit, or the kinds.
        because: String,
    },
    /// Another tool, mapping or ApplySet owns the object.
    Foreign {
        /// The object.
        object: ObjectRef,
        /// Who owns it.
        owner: String,
    },
    /// An immutable field would change (`--recreate`).
    Immutable {
        /// The object.
        object: ObjectRef,
        /// Fields, as the server names them.
        fields: Vec<String>,
    },
    /// The object exists, unowned (`--take-over`).
    Exists {
        /// The object.
        object: ObjectRef,
    },
    /// The mapping's record is that of another configuration with a mapping of the same name.
    Held {
        /// Repository, path and namespace of the other one.
        holder: String,
    },
    /// The plan that was confirmed is not the plan of now.
    Moved {
        /// What became different since.
        what: String,
    },
    /// The mapping is suspended.
    Suspended(Suspension),
    /// A mapping that it depends on is not ready (`--ignore-dependencies`).
    Waits(Wait),
    /// Its source of truth is the cluster: live changes become commits, and no commit is applied.
    LiveWins,
    /// gitdeck leaves the mapping alone (`gitdeck mapping connect`).
    Disconnected {
        /// The mapping.
        mapping: String,
    },
    /// No allowed signer stands by the commit (`require_signed`).
    Unsigned {
        /// The commit.
        revision: Revision,
        /// What is wrong (words of git may be in it, foreign text).
        why: String,
    },
    /// Writes are switched off.
    ReadOnly,
    /// We lack rights that the plan needs.
    Rights(MissingRights),
    /// The server would not accept the object.
    Invalid {
        /// The object.
        object: ObjectRef,
        /// Where it is written.
        origin: Option<Origin>,
        /// The server's words (foreign text; values of Secrets removed).
        message: String,
    },
}

/// An object of a mapping that a plan looked at, for the list of resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedObject {
    /// The object.
    pub object: ObjectRef,
    /// Health of the live object.
    pub health: Health,
    /// Why.
    pub message: String,
    /// Ready and wanted replicas, where the kind has them.
    pub replicas: Option<(u32, u32)>,
    /// Live fields that nobody wants in Git and another manager owns, as JSON pointers.
    pub extra: Vec<String>,
}

/// The plan of one mapping. Its JSON form is stable; what is skipped there is for the engine alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Mapping.
    pub mapping: String,
    /// Revision that was rendered.
    pub revision: Revision,
    /// Digest over revision, operations, UIDs and results: what a confirmation refers to.
    pub digest: String,
    /// Operations in the order of apply; deletions last, in reverse order.
    pub operations: Vec<Operation>,
    /// Counts.
    pub summary: Summary,
    /// What it does to what runs and to what holds data.
    #[serde(default)]
    pub risk: Risk,
    /// Hooks that a sync will run, in order; none where nothing brings them about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<PlannedHook>,
    /// Hooks, and parts of hooks, that gitdeck never runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle_hooks: Vec<IdleHook>,
    /// UID of the cluster, where it was asked for and may be read.
    #[serde(skip)]
    pub cluster_uid: Option<String>,
    /// What stands in the way of a sync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// Why nobody knows whether our rights suffice, if so (foreign text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights_unknown: Option<String>,
    /// Why nothing may be pruned (a discovery group failed, ...), if so.
    #[serde(skip)]
    pub prune_blocked: Option<String>,
    /// Folders below the path that are not read, a sentence each (foreign text).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Every desired object with its health.
    #[serde(skip)]
    pub objects: Vec<PlannedObject>,
    /// What was left out, by object and reason. Of objects that need nothing only what rules and controllers hold and
    /// what is extra, unless everything was asked for.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// How the mapping's ignore rules were of use, in their order.
    #[serde(default)]
    pub rules: Vec<RuleUse>,
    /// Per-object dry runs that this plan needed.
    #[serde(skip)]
    pub dry_runs: usize,
}

impl Plan {
    /// Whether there is nothing to do: the cluster is as desired, and no hook is due.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.hooks.is_empty()
    }

    /// Whether Git and the cluster say something else of any object, or something stands in the way. That an object is to
    /// be marked as gitdeck's, and nothing more, is no difference.
    pub fn differs(&self) -> bool {
        let differs = self.operations.iter().any(|one| !one.only_marks());
        differs || !self.hooks.is_empty() || self.is_refused()
    }

    /// Hooks that run where nothing fails.
    pub fn hooks_run(&self) -> usize {
        self.hooks.iter().filter(|hook| hook.phase != Phase::SyncFail).count()
    }

    /// Whether a guard keeps a sync from carrying it out. Neither a suspension nor the source nor that it is disconnected
    /// keeps anything from a plan without operations.
    pub fn is_refused(&self) -> bool {
        let idle = self.is_empty();
        let waits = |refusal: &Refusal| {
            matches!(
                refusal,
                Refusal::Suspended(_) | Refusal::LiveWins | Refusal::Disconnected { .. }
            )
        };
        self.refusals.iter().any(|refusal| !(idle && waits(refusal)))
    }

    /// The suspension that holds, if one does.
    pub fn suspension(&self) -> Option<&Suspension> {
        self.refusals.iter().find_map(|refusal| match refusal {
            Refusal::Suspended(suspension) => Some(suspension),
            _ => None,
        })
    }

    /// What it waits for.
    pub fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.refusals.iter().filter_map(|refusal| match refusal {
            Refusal::Waits(wait) => Some(wait),
            _ => None,
        })
    }

    /// The creation that stands in for what an operation deletes.
    pub fn stand_in(&self, deletion: &Operation) -> Option<&Operation> {
        let (kind, namespace) = (&deletion.object.kind, &deletion.object.namespace);
        self.operations.iter().find(|one| {
            deletion.op == Op::Delete
                && one.replaces.as_ref() == Some(&deletion.object.name)
                && (&one.object.kind, &one.object.namespace) == (kind, namespace)
        })
    }

    /// Live fields that differ because somebody changed the cluster.
    pub fn drifted_fields(&self) -> usize {
        self.operations
            .iter()
            .filter(|operation| operation.reason == Reason::Drift)
            .map(|operation| operation.changes.len().max(1))
            .sum()
    }
}
