//! The plan of one mapping: every desired object judged, what left Git found, all of it in order.

use super::desired::Desired;
use super::ground::Ground;
use super::judge::{Differing, Judged, Verdict};
use super::rules::{OrderInput, apply_order, guard};
use super::{Cluster, ClusterError};
use crate::domain::plan::{Op, Operation, Plan, PlannedObject, Reason, Refusal, Summary};
use crate::domain::{Manifest, Mapping, ObjectKey, Revision};
use std::collections::{HashMap, HashSet};

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
}

/// Another mapping of the same configuration and cluster, so that objects can move between the two.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour<'a> {
    /// Its name.
    pub mapping: &'a str,
    /// What it desires; see [`Cluster::keys`].
    pub desired: &'a HashSet<ObjectKey>,
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
    /// What is allowed.
    pub options: PlanOptions,
}

impl Cluster {
    /// Plans: judges every desired object against the live one, without writing anything.
    pub async fn plan(&self, request: &PlanRequest<'_>) -> Result<Plan, ClusterError> {
        let ground = self.survey(request).await?;
        let judges = ground
            .placed
            .iter()
            .map(|one| self.judge(&ground.frame, one, ground.live.get(&one.reference.key())));
        let judged = futures::future::try_join_all(judges).await?;
        assemble(request, &ground, &judged)
    }
}

fn assemble(
    request: &PlanRequest<'_>,
    ground: &Ground<'_>,
    judged: &[Judged],
) -> Result<Plan, ClusterError> {
    let previous = previous(request, ground);
    let mut refusals = Vec::new();
    let mut operations = Vec::new();
    for (stage, index) in order(&ground.placed)? {
        let (desired, judged) = (&ground.placed[index], &judged[index]);
        let Verdict::Differs(differing) = &judged.verdict else { continue };
        let Differing { op, changes, blind, refusal } = &**differing;
        refusals.extend(refusal.clone());
        let live = judged.live.as_ref();
        operations.push(Operation {
            op: *op,
            object: desired.reference.clone(),
            reason: reason(*op, previous.get(&desired.reference.key()).copied(), desired),
            changes: changes.clone(),
            stage,
            uid: live.map(|live| live.uid.to_string()),
            resource_version: live.map(|live| live.resource_version.to_string()),
            origin: Some(desired.origin.clone()),
            blind: *blind,
        });
    }
    let unchanged = judged.iter().filter(|judged| judged.verdict == Verdict::Unchanged).count();
    let deletions = deletions(request, ground);
    let leaving: Vec<_> = deletions.iter().map(|operation| operation.object.clone()).collect();
    let options = &request.options;
    refusals.extend(guard(
        &leaving,
        ground.placed.len(),
        request.mapping.sync.prune_limit,
        options.allow_delete,
    ));
    operations.extend(deletions);
    Ok(Plan {
        mapping: request.mapping.name.clone(),
        revision: request.revision.clone(),
        digest: digest(request.revision, &operations),
        summary: Summary::count(&operations, unchanged),
        operations,
        refusals,
        prune_blocked: blocked(ground),
        objects: objects(ground, judged),
        ignored: judged.iter().map(|judged| judged.ignored).sum(),
        dry_runs: judged.iter().map(|judged| judged.dry_runs).sum(),
    })
}

fn order(placed: &[Desired]) -> Result<Vec<(u32, usize)>, ClusterError> {
    let inputs: Vec<OrderInput<'_>> = placed
        .iter()
        .map(|one| OrderInput { reference: &one.reference, object: &one.object })
        .collect();
    let ordered =
        apply_order(&inputs).map_err(|error| ClusterError::Order { reason: error.clone() })?;
    Ok(ordered.into_iter().map(|one| (one.stage, one.index)).collect())
}

/// Deletions in the reverse of the order in which the objects would be applied.
fn deletions(request: &PlanRequest<'_>, ground: &Ground<'_>) -> Vec<Operation> {
    if !request.options.prune {
        return Vec::new();
    }
    let leaving = &ground.departed.ours;
    let values: Vec<_> = leaving.iter().map(|one| one.live.value()).collect();
    let inputs: Vec<OrderInput<'_>> = leaving
        .iter()
        .zip(&values)
        .map(|(one, value)| OrderInput { reference: &one.reference, object: value })
        .collect();
    // Dependencies of what leaves may be gone already: then any order will do.
    let order: Vec<(u32, usize)> = match apply_order(&inputs) {
        Ok(order) => order.into_iter().map(|one| (one.stage, one.index)).collect(),
        Err(_) => (0..leaving.len()).map(|index| (0, index)).collect(),
    };
    order
        .into_iter()
        .rev()
        .map(|(stage, index)| Operation {
            op: Op::Delete,
            object: leaving[index].reference.clone(),
            reason: Reason::Prune,
            changes: Vec::new(),
            stage,
            uid: Some(leaving[index].live.uid.to_string()),
            resource_version: Some(leaving[index].live.resource_version.to_string()),
            origin: None,
            blind: false,
        })
        .collect()
}

fn previous<'a>(
    request: &PlanRequest<'a>,
    ground: &Ground<'_>,
) -> HashMap<ObjectKey, &'a Manifest> {
    let namespace = &request.mapping.target.namespace;
    let manifests = request.previous.unwrap_or_default().iter();
    manifests
        .map(|manifest| (super::desired::key(&ground.catalogue, manifest, namespace), manifest))
        .collect()
}

fn reason(op: Op, previous: Option<&Manifest>, _desired: &Desired) -> Reason {
    match (op, previous) {
        (Op::TakeOver, _) => Reason::TakeOver,
        (_, Some(_)) => Reason::Drift,
        _ => Reason::Commit,
    }
}

fn blocked(ground: &Ground<'_>) -> Option<String> {
    let keys = &ground.departed.blocked;
    let first = keys.first()?;
    let why = ground
        .catalogue
        .failed()
        .get(&first.group)
        .map_or("its group cannot be asked", String::as_str);
    Some(format!("{} objects that left Git are kept: {why}", keys.len()))
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

fn digest(revision: &Revision, operations: &[Operation]) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(revision.as_str());
    for operation in operations {
        hasher.update(format!("{:?}{:?}{:?}", operation.op, operation.object, operation.uid));
        // What is created follows from the revision; its dry run holds addresses and ports that the server draws anew
        // each time.
        if operation.op != Op::Create {
            hasher.update(format!("{:?}", operation.changes));
        }
    }
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, hasher.finalize())
}

/// Whether an apply may go on in spite of a plan's refusals: it may not.
pub(super) fn refused(plan: &Plan) -> Option<Vec<Refusal>> {
    (!plan.refusals.is_empty()).then(|| plan.refusals.clone())
}
