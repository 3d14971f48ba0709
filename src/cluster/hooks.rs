//! The hooks of a tree in their place, and their order inside a phase.

use super::Cluster;
use super::ClusterError;
use super::desired::{Desired, place, place_known};
use super::discovery::Catalogue;
use super::plan::PlanRequest;
use crate::domain::digest::{chain, manifest_digest};
use crate::domain::hook::{Hook, IdleHook, Phase, is_hook, is_of, prefix, split};
use crate::domain::order::{OrderInput, Ordered, apply_order};
use crate::domain::{Manifest, ObjectKey};
use std::collections::HashMap;

/// A hook in its place.
pub(super) struct PlacedHook {
    pub(super) desired: Desired,
    pub(super) hook: Hook,
    /// Where its name is generated, what it begins with.
    pub(super) prefix: Option<String>,
    /// Digest of what runs.
    pub(super) digest: String,
}

impl PlacedHook {
    /// Whether it runs in a phase.
    pub(super) fn runs(&self, phase: Phase) -> bool {
        self.hook.phases.contains(&phase)
    }
}

impl Cluster {
    /// Places the hooks of a tree. One that never runs is placed as far as its kind is known.
    pub(super) fn place_hooks(
        &self,
        catalogue: &Catalogue,
        request: &PlanRequest<'_>,
        members: &[Desired],
    ) -> Result<Vec<PlacedHook>, ClusterError> {
        let (_, hooks) = split(request.desired);
        if hooks.is_empty() {
            return Ok(Vec::new());
        }
        let namespace = self.namespace_of(&request.mapping.target.namespace);
        let (mut running, mut idle) = (Vec::new(), Vec::new());
        for manifest in hooks.iter() {
            match Hook::of(&manifest.object) {
                Ok(Some(hook)) if hook.phases.is_empty() => idle.push((manifest, hook)),
                Ok(Some(hook)) => running.push((manifest.clone(), hook)),
                Ok(None) => {}
                Err(error) => return Err(unreadable(manifest, &error.to_string())),
            }
        }
        let (manifests, parsed): (Vec<Manifest>, Vec<Hook>) = running.into_iter().unzip();
        let placed = match place(catalogue, &manifests, namespace) {
            // Its definition may be part of the same tree.
            Err(ClusterError::UnknownKind { .. }) => {
                let all = place(catalogue, request.desired, namespace)?;
                let runs = |one: &Desired| {
                    is_hook(&one.object)
                        && matches!(Hook::of(&one.object), Ok(Some(hook)) if !hook.phases.is_empty())
                };
                all.into_iter().filter(runs).collect()
            }
            placed => placed?,
        };
        let idle = idle
            .into_iter()
            .map(|(manifest, hook)| (place_known(catalogue, manifest, namespace), hook));
        let all: Vec<PlacedHook> = placed
            .into_iter()
            .zip(parsed)
            .chain(idle)
            .map(|(one, hook)| settled(one, hook))
            .collect();
        apart(&all, members)?;
        Ok(all)
    }
}

fn settled(desired: Desired, hook: Hook) -> PlacedHook {
    let digest = manifest_digest(&desired.reference.key(), &desired.object);
    let prefix = prefix(&desired.object).map(str::to_owned);
    PlacedHook { desired, hook, prefix, digest }
}

/// One object cannot be a hook and a member at once.
fn apart(hooks: &[PlacedHook], members: &[Desired]) -> Result<(), ClusterError> {
    let members: HashMap<ObjectKey, &Desired> =
        members.iter().map(|one| (one.reference.key(), one)).collect();
    for hook in hooks {
        let key = hook.desired.reference.key();
        if let Some(member) = members.get(&key) {
            return Err(ClusterError::Duplicate {
                object: Box::new(key),
                first: member.origin.clone(),
                second: hook.desired.origin.clone(),
            });
        }
    }
    Ok(())
}

fn unreadable(manifest: &Manifest, reason: &str) -> ClusterError {
    ClusterError::Hook {
        object: Box::new(manifest.reference.key()),
        origin: manifest.origin.clone(),
        reason: reason.to_owned(),
    }
}

/// Whether a live object is that of a hook that Git has.
pub(super) fn belongs(hooks: &[PlacedHook], key: &ObjectKey) -> bool {
    hooks.iter().any(|one| is_of(key, &one.desired.reference.key(), one.prefix.as_deref()))
}

/// The hooks of a phase in order. What they name as needed counts where it is a hook of the phase, too.
pub(super) fn arranged(
    hooks: &[PlacedHook],
    phase: Phase,
) -> Result<Vec<(usize, Ordered)>, ClusterError> {
    let chosen: Vec<usize> = (0..hooks.len()).filter(|index| hooks[*index].runs(phase)).collect();
    let keys: Vec<ObjectKey> =
        chosen.iter().map(|index| hooks[*index].desired.reference.key()).collect();
    let refuse =
        |error: crate::domain::order::OrderError| ClusterError::Order { reason: error.to_string() };
    let mut inputs = Vec::new();
    for (index, key) in chosen.iter().zip(&keys) {
        let one = &hooks[*index];
        let mut input = OrderInput::of(key.clone(), &one.desired.object).map_err(refuse)?;
        input.wave = one.hook.wave;
        input.depends_on.retain(|needed| keys.contains(needed));
        inputs.push(input);
    }
    let ordered = apply_order(&inputs).map_err(refuse)?;
    Ok(ordered.into_iter().map(|one| (chosen[one.index], one)).collect())
}

/// Digest of all hooks that a sync runs where nothing fails; nothing where there are none.
pub(super) fn digest_of(hooks: &[PlacedHook]) -> Option<String> {
    let runs = |one: &&PlacedHook| one.hook.phases.iter().any(|phase| *phase != Phase::SyncFail);
    let mut digests: Vec<&str> = hooks.iter().filter(runs).map(|one| one.digest.as_str()).collect();
    digests.sort_unstable();
    (!digests.is_empty()).then(|| chain(digests))
}

/// What of the hooks is never run, and why.
pub(super) fn idle_hooks(hooks: &[PlacedHook]) -> Vec<IdleHook> {
    let mut all: Vec<IdleHook> = hooks
        .iter()
        .flat_map(|one| {
            let object = &one.desired.reference;
            one.hook
                .left_out
                .iter()
                .map(|why| IdleHook { object: object.clone(), why: why.clone() })
        })
        .collect();
    all.sort_by(|a, b| (a.object.key(), &a.why).cmp(&(b.object.key(), &b.why)));
    all
}
