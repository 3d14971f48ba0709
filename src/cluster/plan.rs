//! The plan of one mapping: every desired object judged, what left Git found, all of it in order.

use super::arrange::Arrangement;
use super::desired::{Desired, place_known};
use super::facts::risk;
use super::ground::Ground;
use super::judge::{Judged, Verdict};
use super::left::{left_out, rule_uses};
use super::{Ahead, Cluster, ClusterError};
use crate::domain::attribute::{Facts, reason, recorded_reason};
use crate::domain::diff::difference;
use crate::domain::digest::{Part, digest, part_digest};
use crate::domain::guard::{Deletions, guard};
use crate::domain::order::Ordered;
use crate::domain::plan::{Op, Operation, Plan, PlannedObject, Reason, Refusal, Summary};
use crate::domain::renamed::pairs;
use crate::domain::{Holder, Manifest, Mapping, ObjectKey, ObjectRef, Origin, Revision};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a plan may contain without being refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanOptions {
    /// Delete what left Git.
    pub prune: bool,
    /// Objects with another tool's mark may be taken over.
    pub take_over: bool,
    /// Immutable fields may be changed by deleting and creating.
    pub recreate: bool,
    /// The number of deletions that somebody typed.
    pub allow_delete: Option<usize>,
    /// Tell what is left out of objects that need nothing as well.
    pub everything: bool,
}

/// Another mapping of the same configuration and cluster, so that objects can move between the two.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour<'a> {
    /// Its name.
    pub mapping: &'a str,
    /// What it desires, and where that is written; see [`Cluster::origins`].
    pub desired: &'a BTreeMap<ObjectKey, Origin>,
}

/// What to plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// Mapping.
    pub mapping: &'a Mapping,
    /// Revision that was rendered.
    pub revision: &'a Revision,
    /// What it renders to.
    pub desired: &'a [Manifest],
    /// What the synced revision rendered to, so that commits can be told from drift.
    pub previous: Option<&'a [Manifest]>,
    /// Other mappings of the same cluster.
    pub neighbours: &'a [Neighbour<'a>],
    /// Whose the mapping's record is to be; nothing where that does not matter.
    pub holder: Option<&'a Holder>,
    /// What is allowed.
    pub options: PlanOptions,
    /// What was read of the cluster a moment ago, so that a plan need not read it again.
    pub ahead: Option<&'a Ahead>,
}

impl Cluster {
    /// Plans: judges every desired object against the live one, without writing anything.
    pub async fn plan(&self, request: &PlanRequest<'_>) -> Result<Plan, ClusterError> {
        let ground = Box::pin(self.survey(request)).await?;
        // Nothing is even tried where there is no order.
        let order = Arrangement::of(&ground.placed)?.order;
        let judged = self.judge_all(&ground).await?;
        self.precedents().save(Timestamp::now().as_second());
        let contents = self.contents(&ground, &judged, request.options.prune).await;
        let mut plan = assemble(request, &ground, (&order, &judged), &contents);
        Box::pin(self.plan_hooks(request, &ground, &mut plan)).await?;
        self.review_plan(&mut plan, &ground).await;
        self.name_owners(&mut plan).await;
        Ok(plan)
    }

    /// The mappings behind the ids of `ApplySets`, where they are gitdeck's.
    async fn name_owners(&self, plan: &mut Plan) {
        for refusal in &mut plan.refusals {
            let Refusal::Foreign { owner, .. } = refusal else { continue };
            let Some(id) = owner.strip_prefix("ApplySet ") else { continue };
            if let Some(mapping) = self.mapping_of(id).await {
                *owner = format!("mapping {mapping} of gitdeck");
            }
        }
    }
}

fn assemble(
    request: &PlanRequest<'_>,
    ground: &Ground<'_>,
    (order, judged): (&[Ordered], &[Judged]),
    contents: &BTreeMap<ObjectKey, u64>,
) -> Plan {
    let previous = previous(request, ground, judged);
    let (mut operations, mut results) = (Vec::new(), Vec::new());
    let other = other_holder(request, ground);
    let held = other.filter(|_| !request.options.take_over);
    let mut refusals: Vec<Refusal> =
        held.map(|holder| Refusal::Held { holder: holder.to_string() }).into_iter().collect();
    for ordered in order {
        let (desired, judged) = (&ground.placed[ordered.index], &judged[ordered.index]);
        let Verdict::Differs(differing) = &judged.verdict else { continue };
        refusals.extend(differing.refusal.clone());
        let live = judged.live.as_ref();
        operations.push(Operation {
            op: differing.op,
            object: desired.reference.clone(),
            reason: why(ground, desired, previous.get(&desired.reference.key()), judged),
            changes: differing.changes.clone(),
            stage: ordered.stage,
            uid: live.map(|live| live.uid.to_string()),
            resource_version: live.map(|live| live.resource_version.to_string()),
            origin: Some(desired.origin.clone()),
            blind: differing.blind.clone(),
            replaces: None,
            digest: String::new(),
        });
        // The dry run of a creation makes up what the next one makes up anew: addresses and ports of Services.
        let created = matches!(differing.op, Op::Create | Op::Recreate);
        results.push(if created { Some(&desired.object) } else { differing.result.as_ref() });
    }
    let unchanged = judged.iter().filter(|judged| judged.verdict == Verdict::Unchanged).count();
    let deletions = deletions(request, ground);
    refusals.extend(guarded(request, ground, &operations, &deletions));
    operations.extend(deletions);
    let digest = sealed(request.revision, &mut operations, &results);
    pair_renamed(ground, &mut operations);
    Plan {
        mapping: request.mapping.name.clone(),
        revision: request.revision.clone(),
        digest,
        summary: Summary::count(&operations, unchanged),
        risk: risk(ground, &operations, &results, contents),
        cluster_uid: None,
        operations,
        refusals,
        rights_unknown: None,
        prune_blocked: blocked(ground),
        unread: Vec::new(),
        objects: objects(ground, judged),
        left_out: left_out(ground, judged, request.options.everything),
        rules: rule_uses(ground, judged),
        dry_runs: judged.iter().map(|judged| judged.dry_runs).sum(),
        hooks: Vec::new(),
        idle_hooks: Vec::new(),
    }
}

/// Shows what changes between an object and the one that stands in for it under another hash.
fn pair_renamed(ground: &Ground<'_>, operations: &mut [Operation]) {
    for (new, old) in pairs(operations) {
        let (created, deleted) = (&operations[new].object, operations[old].object.clone());
        let desired = ground.placed.iter().find(|one| one.reference == *created);
        let leaving = ground.departed.ours.iter().find(|one| one.reference == deleted);
        let (Some(desired), Some(leaving)) = (desired, leaving) else { continue };
        let live = leaving.live.value();
        let sent = ground.frame.sent(desired, None);
        operations[new].changes = difference(Some(&live), &sent, &[]).changes;
        operations[new].replaces = Some(deleted.name);
    }
}

/// Gives every operation its digest, and returns that of all of them. The results are those of the first operations;
/// deletions have none.
fn sealed(revision: &Revision, operations: &mut [Operation], results: &[Option<&Value>]) -> String {
    let results = results.iter().copied().chain(std::iter::repeat(None));
    let parts: Vec<Part<'_>> = operations
        .iter()
        .zip(results)
        .map(|(operation, result)| Part { operation, result })
        .collect();
    let digests: Vec<String> = parts.iter().map(part_digest).collect();
    let whole = digest(revision, &parts);
    for (operation, digest) in operations.iter_mut().zip(digests) {
        operation.digest = digest;
    }
    whole
}

/// Why an object differs: Git changed since the synced revision, or the cluster did, or the server rewrites it.
fn why(
    ground: &Ground<'_>,
    desired: &Desired,
    previous: Option<&Desired>,
    judged: &Judged,
) -> Reason {
    let Verdict::Differs(differing) = &judged.verdict else { return Reason::Commit };
    let live = judged.live.as_ref().map(super::live::Live::value);
    let sent = ground.frame.sent(desired, live.as_ref());
    let before = previous.map(|previous| ground.frame.sent(previous, live.as_ref()));
    let facts = Facts { previous: before.as_ref(), desired: &sent, live: live.as_ref() };
    if ground.frame.live_wins && live.is_some() {
        return recorded_reason(&facts, &differing.changes);
    }
    match reason(&facts, &differing.changes) {
        // Ours by mark or by record: somebody took the fields over, which is drift.
        Reason::TakeOver if differing.op != Op::TakeOver => Reason::Drift,
        reason => reason,
    }
}

/// Who holds the mapping's record, if it is another configuration.
fn other_holder<'g>(request: &PlanRequest<'_>, ground: &'g Ground<'_>) -> Option<&'g Holder> {
    ground.inventory.held_by_other(request.holder?)
}

/// What the deletions of a plan ask to be typed.
fn guarded(
    request: &PlanRequest<'_>,
    ground: &Ground<'_>,
    operations: &[Operation],
    deletions: &[Operation],
) -> Vec<Refusal> {
    let objects: Vec<ObjectRef> = deletions.iter().map(|one| one.object.clone()).collect();
    let recreated = operations.iter().filter(|one| one.op == Op::Recreate);
    let recreated: Vec<ObjectRef> = recreated.map(|one| one.object.clone()).collect();
    guard(&Deletions {
        objects: &objects,
        recreated: &recreated,
        prune_limit: request.mapping.sync.prune_limit,
        foreign: other_holder(request, ground).is_some(),
        allowed: request.options.allow_delete,
        desired: ground.placed.len(),
    })
}

/// Deletions in the reverse of the order in which the objects would be applied.
fn deletions(request: &PlanRequest<'_>, ground: &Ground<'_>) -> Vec<Operation> {
    // A plan that does not know all that is there deletes nothing, whatever number is typed.
    if !request.options.prune || !ground.departed.blocked.is_empty() {
        return Vec::new();
    }
    let leaving = &ground.departed.ours;
    let order = Arrangement::of_leaving(leaving).order.into_iter();
    order
        .map(|Ordered { stage, index, .. }| Operation {
            op: Op::Delete,
            object: leaving[index].reference.clone(),
            reason: Reason::Prune,
            changes: Vec::new(),
            stage,
            uid: Some(leaving[index].live.uid.to_string()),
            resource_version: Some(leaving[index].live.resource_version.to_string()),
            origin: None,
            blind: None,
            replaces: None,
            digest: String::new(),
        })
        .collect()
}

/// What differs, as the synced revision has it, in its place, as far as the kinds are still known.
fn previous(
    request: &PlanRequest<'_>,
    ground: &Ground<'_>,
    judged: &[Judged],
) -> HashMap<ObjectKey, Desired> {
    let differing: HashSet<(&str, &str)> = ground
        .placed
        .iter()
        .zip(judged)
        .filter(|(_, judged)| judged.verdict != Verdict::Unchanged)
        .map(|(desired, _)| (desired.reference.kind.as_str(), desired.reference.name.as_str()))
        .collect();
    let manifests = request.previous.unwrap_or_default().iter().filter(|manifest| {
        let reference = &manifest.reference;
        differing.contains(&(reference.kind.as_str(), reference.name.as_str()))
    });
    let placed =
        manifests.map(|manifest| place_known(&ground.catalogue, manifest, &ground.namespace));
    placed.map(|one| (one.reference.key(), one)).collect()
}

fn blocked(ground: &Ground<'_>) -> Option<String> {
    let keys = &ground.departed.blocked;
    let first = keys.first()?;
    let why = ground
        .catalogue
        .failed()
        .get(&first.group)
        .map_or("its group cannot be asked", String::as_str);
    let leaving = keys.len() + ground.departed.ours.len();
    Some(format!("{leaving} objects that left Git are kept: {why}"))
}

fn objects(ground: &Ground<'_>, judged: &[Judged]) -> Vec<PlannedObject> {
    let pairs = ground.placed.iter().zip(judged);
    pairs
        .map(|(desired, judged)| PlannedObject {
            object: desired.reference.clone(),
            health: judged.health.health,
            message: judged.health.message.clone(),
            replicas: judged.health.replicas,
            extra: judged.extra.clone(),
        })
        .collect()
}

/// Whether an apply may go on in spite of a plan's refusals: it may not.
pub(super) fn refused(plan: &Plan) -> Option<Vec<Refusal>> {
    (!plan.refusals.is_empty()).then(|| plan.refusals.clone())
}
