//! Hooks: objects that run at a phase of a sync, and are no part of what a cluster is to be.
//!
//! The annotations are those of Argo CD, and of Helm as Argo CD maps them: an install and an upgrade are the same thing
//! here, a sync. A hook that is there or missing is no difference, so the objects of hooks are kept apart from members.

use crate::domain::health::assess_written;
use crate::domain::order::SYNC_WAVE;
use crate::domain::{Health, Manifest, ObjectKey, ObjectRef, Origin};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Argo CD's annotation that makes an object a hook; one or more phases.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// Argo CD's annotation that says when a hook's object goes.
pub const DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// Helm's annotation that makes an object a hook; one or more events.
pub const HELM_HOOK: &str = "helm.sh/hook";
/// Helm's annotation that orders hooks; a whole number, the same as a wave.
pub const HELM_WEIGHT: &str = "helm.sh/hook-weight";
/// Helm's annotation that says when a hook's object goes.
pub const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
/// Label of a hook's object: the ApplySet id of its mapping. It is another label than that of members, because a hook is
/// none.
pub const HOOK_OF: &str = "gitdeck.dev/hook-of";
/// Annotation of a hook's object: the sync that runs it, and the phase.
pub const HOOK_RUN: &str = "gitdeck.dev/hook-run";

/// The longest name that is generated: labels of a Job's pods hold it.
const LONGEST_NAME: usize = 63;

/// When in a sync a hook runs, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Before anything else is written.
    PreSync,
    /// With the objects of its wave.
    Sync,
    /// When everything was applied and is healthy.
    PostSync,
    /// When the sync failed, in whatever phase.
    SyncFail,
}

impl Phase {
    /// In the order of a sync.
    pub const ALL: [Self; 4] = [Self::PreSync, Self::Sync, Self::PostSync, Self::SyncFail];

    /// As it is written in the annotation.
    pub fn word(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
        }
    }
}

/// When the object of a hook goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeletePolicy {
    /// At the end of the sync, where the hook succeeded.
    HookSucceeded,
    /// At the end of the sync, where the hook failed.
    HookFailed,
    /// Right before the hook runs the next time; what holds where nothing is said.
    BeforeHookCreation,
}

/// What the annotations of an object say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// When it runs, in order; none where it never does.
    pub phases: Vec<Phase>,
    /// Why parts of what is asked for are not done, one sentence each.
    pub left_out: Vec<String>,
    /// When its object goes.
    pub policies: Vec<DeletePolicy>,
    /// Its wave inside a phase.
    pub wave: i64,
}

/// A hook that a sync will run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedHook {
    /// When.
    pub phase: Phase,
    /// Its wave inside the phase.
    pub wave: i64,
    /// The object; the name is the prefix where the server's place for a generated name is used.
    pub object: ObjectRef,
    /// When its object goes.
    pub delete: Vec<DeletePolicy>,
    /// Where it is written.
    #[serde(skip)]
    pub origin: Option<Origin>,
    /// Digest of what runs.
    #[serde(skip)]
    pub digest: String,
}

/// A hook, or a part of one, that gitdeck does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleHook {
    /// The object.
    pub object: ObjectRef,
    /// Why (may hold foreign text).
    pub why: String,
}

/// An annotation of a hook that cannot be read: what would silently never run is an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read \"{text}\" in {annotation}; known are {known}")]
pub struct HookError {
    /// Which annotation.
    pub annotation: &'static str,
    /// What it says (foreign text).
    pub text: String,
    /// What it could say.
    pub known: &'static str,
}

/// How far a hook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It runs, or has not begun; in words (may hold foreign text).
    Running(String),
    /// It did its work.
    Succeeded,
    /// It failed; in words (may hold foreign text).
    Failed(String),
}

impl Hook {
    /// Reads the annotations of an object; nothing where it is no hook.
    pub fn of(object: &Value) -> Result<Option<Self>, HookError> {
        if !is_hook(object) {
            return Ok(None);
        }
        let (mut phases, mut left_out) = (Vec::new(), Vec::new());
        // Where both tools are addressed, Argo CD's words count alone.
        if annotation(object, HOOK).is_some() {
            for text in listed(object, HOOK) {
                match text {
                    "PreSync" => phases.push(Phase::PreSync),
                    "Sync" => phases.push(Phase::Sync),
                    "PostSync" => phases.push(Phase::PostSync),
                    "SyncFail" => phases.push(Phase::SyncFail),
                    "Skip" => left_out.push("Skip: it is neither applied nor deleted".to_owned()),
                    "PreDelete" | "PostDelete" => left_out.push(deletion(text)),
                    other => {
                        let known =
                            "PreSync, Sync, PostSync, SyncFail, Skip, PreDelete, PostDelete";
                        return Err(HookError { annotation: HOOK, text: other.to_owned(), known });
                    }
                }
            }
        } else {
            for text in listed(object, HELM_HOOK) {
                match text {
                    "pre-install" | "pre-upgrade" => phases.push(Phase::PreSync),
                    "post-install" | "post-upgrade" => phases.push(Phase::PostSync),
                    "pre-delete" | "post-delete" => left_out.push(deletion(text)),
                    // Without effect since Helm 3, beside another event.
                    "crd-install" => {}
                    "test" | "test-success" | "test-failure" => {
                        left_out.push(format!("{text}: `helm test` runs it, a sync does not"));
                    }
                    other => left_out.push(format!("{other}: a sync has no such event")),
                }
            }
        }
        // Skipped means skipped, whatever else is said.
        if left_out.iter().any(|why| why.starts_with("Skip:")) {
            phases.clear();
        }
        phases.sort_unstable();
        phases.dedup();
        left_out.dedup();
        Ok(Some(Self { phases, left_out, policies: policies(object)?, wave: wave(object)? }))
    }

    /// Whether its object goes at the end of a sync in which it ended so.
    pub fn goes(&self, succeeded: bool) -> bool {
        let policy = if succeeded { DeletePolicy::HookSucceeded } else { DeletePolicy::HookFailed };
        self.policies.contains(&policy)
    }

    /// Whether its object of before goes right before it runs.
    pub fn makes_way(&self) -> bool {
        self.policies.contains(&DeletePolicy::BeforeHookCreation)
    }
}

impl PlannedHook {
    /// `PreSync Job shop/migrate`.
    pub fn words(&self) -> String {
        format!("{} {}", self.phase.word(), self.object)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether an object is a hook, and so no member, whether it ever runs or not. A definition that a chart of Helm 2
/// installs is none.
pub fn is_hook(object: &Value) -> bool {
    annotation(object, HOOK).is_some()
        || annotation(object, HELM_HOOK).is_some_and(|text| text.trim() != "crd-install")
}

/// Members and hooks among manifests; nothing is copied where hooks come last.
pub fn split(manifests: &[Manifest]) -> (Cow<'_, [Manifest]>, Cow<'_, [Manifest]>) {
    let is_hook = |one: &&Manifest| is_hook(&one.object);
    let first = manifests.iter().position(|one| is_hook(&one)).unwrap_or(manifests.len());
    let (members, hooks) = manifests.split_at(first);
    if hooks.iter().all(|one| is_hook(&one)) {
        return (members.into(), hooks.into());
    }
    let (hooks, members): (Vec<&Manifest>, Vec<&Manifest>) = manifests.iter().partition(is_hook);
    (members.into_iter().cloned().collect(), hooks.into_iter().cloned().collect())
}

/// How far the object of a hook is that was written `ago`: a Job has completed, a Pod has succeeded, and everything else
/// is healthy.
pub fn progress(object: &Value, ago: Duration) -> Progress {
    let report = assess_written(object, ago);
    match report.health {
        Health::Healthy => Progress::Succeeded,
        Health::Degraded => Progress::Failed(report.message),
        _ => Progress::Running(report.message),
    }
}

/// What an event of a Job that is gone tells of its end, by its reason.
pub fn told_end(reason: &str, message: &str) -> Option<Progress> {
    match reason {
        "Completed" => Some(Progress::Succeeded),
        "BackoffLimitExceeded"
        | "DeadlineExceeded"
        | "PodFailurePolicy"
        | "FailedIndexes"
        | "MaxFailedIndexesExceeded"
        | "SuccessPolicy" => Some(Progress::Failed(format!("{reason}: {message}"))),
        _ => None,
    }
}

/// A name from `metadata.generateName`: the prefix, and revision, phase and seconds since 1970 as Argo CD puts them
/// together, so that two syncs never share one.
pub fn generated(prefix: &str, revision: &str, phase: Phase, seconds: i64) -> String {
    let short: String = revision.chars().take(7).collect();
    let tail = format!("{short}-{}-{seconds}", phase.word()).to_ascii_lowercase();
    let room = LONGEST_NAME.saturating_sub(tail.len());
    let prefix: String = prefix.chars().take(room).collect();
    format!("{prefix}{tail}")
}

/// The prefix of a name that is generated; nothing where the object has a name.
pub fn prefix(object: &Value) -> Option<&str> {
    let metadata = &object["metadata"];
    if metadata["name"].as_str().is_some_and(|name| !name.is_empty()) {
        return None;
    }
    metadata["generateName"].as_str().filter(|prefix| !prefix.is_empty())
}

/// Whether an object of before is that of a hook: it has its name, or one that was generated for it.
pub fn is_of(key: &ObjectKey, hook: &ObjectKey, prefix: Option<&str>) -> bool {
    let same = key.group == hook.group && key.kind == hook.kind && key.namespace == hook.namespace;
    same && match prefix {
        None => key.name == hook.name,
        Some(prefix) => {
            // A long prefix was cut to make room.
            let kept: String = prefix.chars().take(LONGEST_NAME / 3).collect();
            key.name.starts_with(&kept)
        }
    }
}

fn deletion(text: &str) -> String {
    format!("{text}: it runs when an application is deleted, which gitdeck never does as a whole")
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][name].as_str()
}

fn listed<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let texts = annotation(object, name).unwrap_or_default().split(',');
    texts.map(str::trim).filter(|text| !text.is_empty())
}

fn wave(object: &Value) -> Result<i64, HookError> {
    for name in [SYNC_WAVE, HELM_WEIGHT] {
        if let Some(text) = annotation(object, name) {
            let known = "whole numbers";
            return text.trim().parse().map_err(|_| HookError {
                annotation: name,
                text: text.to_owned(),
                known,
            });
        }
    }
    Ok(0)
}

fn policies(object: &Value) -> Result<Vec<DeletePolicy>, HookError> {
    let mut policies = Vec::new();
    for text in listed(object, DELETE_POLICY) {
        policies.push(match text {
            "HookSucceeded" => DeletePolicy::HookSucceeded,
            "HookFailed" => DeletePolicy::HookFailed,
            "BeforeHookCreation" => DeletePolicy::BeforeHookCreation,
            other => {
                let known = "HookSucceeded, HookFailed, BeforeHookCreation";
                let text = other.to_owned();
                return Err(HookError { annotation: DELETE_POLICY, text, known });
            }
        });
    }
    for text in listed(object, HELM_DELETE_POLICY) {
        policies.push(match text {
            "hook-succeeded" => DeletePolicy::HookSucceeded,
            "hook-failed" => DeletePolicy::HookFailed,
            "before-hook-creation" => DeletePolicy::BeforeHookCreation,
            other => {
                let known = "hook-succeeded, hook-failed, before-hook-creation";
                let text = other.to_owned();
                return Err(HookError { annotation: HELM_DELETE_POLICY, text, known });
            }
        });
    }
    if policies.is_empty() {
        policies.push(DeletePolicy::BeforeHookCreation);
    }
    policies.sort_unstable();
    policies.dedup();
    Ok(policies)
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
