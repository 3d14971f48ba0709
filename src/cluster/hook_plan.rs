//! Which hooks a sync will run, whether the server would take them, and what they need first.
//!
//! Hooks run with what Git brings: a commit's change, a first sync, a deletion, a take-over, and hooks that changed or did
//! not end well the last time. Putting back what somebody changed in the cluster runs none, as in Argo CD, whose self-heal
//! is a partial sync; and a sync that has nothing to do runs none, so that a commit elsewhere in the repository does not
//! start every migration again.

use super::desired::is_namespace;
use super::ground::{Ground, ours};
use super::hooks::{PlacedHook, arranged, digest_of, idle_hooks};
use super::judge::Verdict;
use super::live::{Live, LiveObjects, Wanted};
use super::plan::PlanRequest;
use super::{Cluster, ClusterError};
use crate::domain::digest::chain;
use crate::domain::hook::{HOOK_RUN, Phase, PlannedHook};
use crate::domain::owner::foreign_owner;
use crate::domain::plan::{Op, Operation, Plan, Reason, Refusal};
use crate::domain::{Inventory, ObjectRef};

impl Cluster {
    /// Adds the hooks to a plan that has its operations.
    pub(super) async fn plan_hooks(
        &self,
        request: &PlanRequest<'_>,
        ground: &Ground<'_>,
        plan: &mut Plan,
    ) -> Result<(), ClusterError> {
        plan.idle_hooks = idle_hooks(&ground.hooks);
        if !due(plan, ground) {
            return Ok(());
        }
        for phase in Phase::ALL {
            let ordered = arranged(&ground.hooks, phase)?;
            plan.hooks
                .extend(ordered.iter().map(|(index, _)| planned(&ground.hooks[*index], phase)));
        }
        let refusals = ground.hooks.iter().filter(|one| !one.hook.phases.is_empty());
        let refusals = refusals.map(|one| self.hook_refusal(request, ground, one));
        let refusals = futures::future::try_join_all(refusals).await?;
        plan.refusals.extend(refusals.into_iter().flatten());
        bring_forward(plan, ground);
        let words: Vec<String> =
            plan.hooks.iter().map(|one| format!("{} {}", one.words(), one.digest)).collect();
        let parts = std::iter::once(plan.digest.as_str()).chain(words.iter().map(String::as_str));
        plan.digest = chain(parts);
        Ok(())
    }

    /// What stands in the way of a hook: an object that is not its own, or the server's own rules.
    async fn hook_refusal(
        &self,
        request: &PlanRequest<'_>,
        ground: &Ground<'_>,
        one: &PlacedHook,
    ) -> Result<Option<Refusal>, ClusterError> {
        let object = one.desired.reference.clone();
        if let (Some(resource), None) = (&one.desired.resource, &one.prefix) {
            let wanted = Wanted { resource: resource.clone(), reference: object.clone() };
            let live = match self.read_live(&[wanted]).await {
                // The review of rights says which one is missing.
                Err(ClusterError::Forbidden { .. }) => LiveObjects::new(),
                read => read?,
            };
            let found = live.get(&object.key());
            let refusal = found.and_then(|live| in_the_way(request, ground, one, live));
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        // A hook is made anew each time, so that what counts is whether it could be made under another name.
        let mut probe = one.desired.clone();
        let stem: String = object.name.chars().take(49).collect();
        probe.reference.name = format!("{}-gitdeck-probe", stem.trim_end_matches(['-', '.']));
        probe.object["metadata"]["name"] = probe.reference.name.clone().into();
        if object.kind == "CustomResourceDefinition" {
            return Ok(None);
        }
        let judged = self.judge(&ground.frame, &probe, None).await?;
        let Verdict::Differs(differing) = judged.verdict else { return Ok(None) };
        Ok(differing.refusal.map(|refusal| match refusal {
            Refusal::Invalid { origin, message, .. } => {
                Refusal::Invalid { object, origin, message }
            }
            other => other,
        }))
    }
}

/// Whether this plan runs hooks.
fn due(plan: &Plan, ground: &Ground<'_>) -> bool {
    if ground.hooks.iter().all(|one| one.hook.phases.is_empty()) {
        return false;
    }
    let brought = |one: &Operation| !matches!(one.reason, Reason::Drift | Reason::Admission);
    plan.operations.iter().any(brought) || digest_of(&ground.hooks) != ground.inventory.hooks.ran
}

fn planned(one: &PlacedHook, phase: Phase) -> PlannedHook {
    PlannedHook {
        phase,
        wave: one.hook.wave,
        object: one.desired.reference.clone(),
        delete: one.hook.policies.clone(),
        origin: Some(one.desired.origin.clone()),
        digest: one.digest.clone(),
    }
}

/// What an object that is there already means for a hook.
fn in_the_way(
    request: &PlanRequest<'_>,
    ground: &Ground<'_>,
    one: &PlacedHook,
    live: &Live,
) -> Option<Refusal> {
    let object = one.desired.reference.clone();
    let value = live.value();
    let set_id = &ground.frame.set_id;
    if !ours(live, &Inventory::default(), &object.key(), set_id) && !request.options.take_over {
        return Some(match foreign_owner(&value, set_id) {
            Some(owner) => Refusal::Foreign { object, owner },
            None => Refusal::Exists { object },
        });
    }
    // The object of a sync that was killed is followed, not made anew.
    let mark = value["metadata"]["annotations"][HOOK_RUN].as_str().unwrap_or_default();
    let run = ground.inventory.hooks.run.as_deref();
    let resumable = run.is_some_and(|run| mark.split('/').next() == Some(run));
    let stays = !one.hook.makes_way() && runs_once(&object) && !resumable;
    stays.then(|| Refusal::Invalid {
        object,
        origin: Some(one.desired.origin.clone()),
        message: KEPT.to_owned(),
    })
}

/// Why a hook cannot run again.
pub(super) const KEPT: &str = "the hook's object of before is still there, and its delete policy keeps it; delete it, or add BeforeHookCreation";

/// Whether an object of a kind does its work once: it cannot be applied again, only made anew.
pub(super) fn runs_once(object: &ObjectRef) -> bool {
    matches!((object.group.as_str(), object.kind.as_str()), ("batch", "Job") | ("", "Pod"))
}

/// Namespaces and definitions that hooks of `PreSync` need come before them, and so before everything else, whatever
/// their wave is.
fn bring_forward(plan: &mut Plan, ground: &Ground<'_>) {
    let operations = std::mem::take(&mut plan.operations);
    let (mut first, rest): (Vec<_>, Vec<_>) =
        operations.into_iter().partition(|one| comes_first(one, ground));
    let next = first.iter().map(|one| one.stage + 1).max().unwrap_or(0);
    first.extend(rest.into_iter().map(|one| Operation { stage: one.stage + next, ..one }));
    plan.operations = first;
}

/// Whether an operation has to be carried out before the hooks of `PreSync`.
pub(super) fn comes_first(operation: &Operation, ground: &Ground<'_>) -> bool {
    let object = &operation.object;
    let mut before = ground.hooks.iter().filter(|one| one.runs(Phase::PreSync));
    if operation.op == Op::Delete {
        return false;
    }
    if is_namespace(object) {
        return before
            .any(|one| one.desired.reference.namespace.as_deref() == Some(object.name.as_str()));
    }
    if object.kind != "CustomResourceDefinition" {
        return false;
    }
    let definition = ground.placed.iter().find(|one| one.reference.key() == object.key());
    definition.is_some_and(|definition| {
        let spec = &definition.object["spec"];
        before.any(|one| {
            let reference = &one.desired.reference;
            spec["group"] == reference.group.as_str()
                && spec["names"]["kind"] == reference.kind.as_str()
        })
    })
}
