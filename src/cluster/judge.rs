//! The verdict on one desired object: unchanged by proof, or what the server's dry run says.

use super::desired::Desired;
use super::earlier::earlier;
use super::explain::{is_undeclared, words};
use super::fixed::{immutable_fields, named};
use super::known::Inspected;
use super::live::Live;
use super::memo::Seen;
use super::plan::Neighbour;
use super::probe::{as_named, probe_of};
use super::record::set_id;
use super::resource::Resource;
use super::settle::Settled;
use super::wire::Failure;
use super::write::Mode;
use super::{Cluster, ClusterError};
use crate::domain::diff::difference;
use crate::domain::ignore::Ready;
use crate::domain::ignored::remove;
use crate::domain::migrate::{left_behind, needs_migration};
use crate::domain::noise::unset;
use crate::domain::owner::{PART_OF, foreign_owner};
use crate::domain::plan::{Change, Op, Refusal};
use crate::domain::{FieldPath, Health, HealthReport, ObjectKey, Why};
use serde_json::Value;
use std::collections::HashSet;

/// What is true for all objects of one plan.
pub(super) struct Frame<'a> {
    pub(super) set_id: String,
    /// Namespace of the records.
    pub(super) records: String,
    /// The ignore rules, and a text that tells them from others.
    pub(super) rules: Vec<Ready>,
    pub(super) rules_mark: String,
    /// The cluster is the source of truth: nothing is ever sent but dry runs, and what is not in Git differs as well.
    pub(super) live_wins: bool,
    /// Kind and name of what autoscalers of the mapping scale.
    pub(super) scaled: Vec<(String, String)>,
    pub(super) take_over: bool,
    pub(super) recreate: bool,
    /// Other mappings of the same configuration with what they desire.
    pub(super) neighbours: &'a [Neighbour<'a>],
    /// Members of the mapping's record.
    pub(super) owned: HashSet<ObjectKey>,
    /// Namespaces that the mapping makes and that do not exist yet.
    pub(super) coming: HashSet<String>,
}

/// The verdict on one object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// It is as desired.
    Unchanged,
    /// It has to be written.
    Differs(Box<Differing>),
}

/// How an object differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Differing {
    pub(super) op: Op,
    pub(super) changes: Vec<Change>,
    /// The object as it will be, as far as that is known.
    pub(super) result: Option<Value>,
    /// Why no dry run was possible.
    pub(super) blind: Option<String>,
    /// What keeps it from being written, if anything.
    pub(super) refusal: Option<Refusal>,
}

impl Verdict {
    /// Whether it says something about whose the object is.
    pub(super) fn is_about_ownership(&self) -> bool {
        let Self::Differs(differing) = self else { return false };
        differing.op == Op::TakeOver || matches!(differing.refusal, Some(Refusal::Foreign { .. }))
    }

    /// Whether the server would not take the object.
    pub(super) fn is_refused_by_the_server(&self) -> bool {
        let Self::Differs(differing) = self else { return false };
        matches!(differing.refusal, Some(Refusal::Invalid { .. }))
    }
}

/// A verdict with what was seen on the way.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) health: HealthReport,
    /// The live object that the verdict is about; it may be newer than the one that was handed in.
    pub(super) live: Option<Live>,
    pub(super) extra: Vec<String>,
    /// What was left out, as far as it is known.
    pub(super) left: Vec<(String, Why)>,
    /// The rules that are for the object, with the number of their places.
    pub(super) hits: Vec<(usize, usize)>,
    pub(super) dry_runs: usize,
}

/// How often an object may move under a dry run before its verdict is taken as it is.
const TRIES: u32 = 3;

/// How far a dry run came.
pub(super) enum Tried {
    Predicted(Value),
    Immutable(Vec<String>),
    Invalid(String),
}

impl Cluster {
    /// Judges one object; remembered verdicts cost nothing, proofs no request.
    pub(super) async fn judge(
        &self,
        frame: &Frame<'_>,
        desired: &Desired,
        live: Option<&Live>,
    ) -> Result<Judged, ClusterError> {
        let mut live = live.cloned();
        let mut patience = TRIES;
        loop {
            let seen = Seen::of(frame, desired, live.as_ref());
            let Some(now) = &live else { return self.judge_absent(frame, desired, seen).await };
            if let Some(judged) = self.judge_known(frame, desired, now) {
                return Ok(judged);
            }
            let value = now.value();
            if let Some(judged) = self.judged_before(frame, desired, (now, &value)).await {
                return Ok(judged);
            }
            let (judged, version) = self.judge_present(frame, desired, now, &value).await?;
            // The dry run saw a newer object than we: what differs may be somebody's write in between.
            let moved = version.is_some_and(|version| *version != *now.resource_version);
            if moved && patience > 0 {
                patience -= 1;
                let Some(resource) = &desired.resource else { return Ok(judged) };
                live = self.read_one(resource, &desired.reference).await?;
                continue;
            }
            if !moved {
                self.uphold(&seen, (now, &value), &judged).await;
            }
            self.memo().keep(seen, &judged, &value);
            return Ok(judged);
        }
    }

    async fn judge_absent(
        &self,
        frame: &Frame<'_>,
        desired: &Desired,
        seen: Seen<'_>,
    ) -> Result<Judged, ClusterError> {
        let blind = frame.blind(desired);
        if blind.is_none()
            && let Some(judged) = self.memo().recall(&seen, None)
        {
            return Ok(judged);
        }
        let Settled { sent, ignored, .. } = frame.settle(desired, None);
        let tried = match &desired.resource {
            Some(resource) if blind.is_none() => self.try_apply(resource, &sent, None).await?,
            _ => Tried::Predicted(sent.clone()),
        };
        let (result, refusal) = match tried {
            Tried::Predicted(predicted) => (Some(predicted), None),
            Tried::Immutable(fields) => (None, Some(invalid(desired, &fields.join(", ")))),
            Tried::Invalid(message) => (None, Some(invalid(desired, &message))),
        };
        let refusal = refusal.or(ignored.fault.map(|fault| invalid(desired, &fault)));
        // Of a new object everything is new: there is nobody to leave a value to.
        let found = result.as_ref().map(|result| difference(None, result, &[]));
        let changes = found.map(|found| found.changes).unwrap_or_default();
        let health = HealthReport {
            health: Health::Missing,
            message: "not in the cluster".to_owned(),
            replicas: None,
        };
        let dry_runs = usize::from(blind.is_none());
        let verdict = Verdict::Differs(Box::new(Differing {
            op: Op::Create,
            changes,
            result,
            blind,
            refusal,
        }));
        let (extra, left, hits) = (Vec::new(), Vec::new(), ignored.hits);
        let judged = Judged { verdict, health, live: None, extra, left, hits, dry_runs };
        self.memo().keep_creation(seen, &judged);
        Ok(judged)
    }

    /// The verdict of a dry run, and the `resourceVersion` that it saw.
    async fn judge_present(
        &self,
        frame: &Frame<'_>,
        desired: &Desired,
        live: &Live,
        value: &Value,
    ) -> Result<(Judged, Option<String>), ClusterError> {
        let Inspected { sent, held, mut op, foreign, surplus, mut judged } =
            frame.inspect(desired, live, value);
        let Some(resource) = &desired.resource else { return Ok((judged, None)) };
        let tried = self.try_apply(resource, &sent, Some(value)).await?;
        judged.dry_runs = 1;
        let succession = frame.succession(desired, value);
        let has_heir = succession.is_of_a_tool(value);
        let tried = match tried {
            Tried::Predicted(predicted) if has_heir => {
                judged.dry_runs = 2;
                self.try_succession(resource, (predicted, value, &sent), &succession).await?
            }
            other => other,
        };
        let mut version = None;
        let (predicted, refusal) = match tried {
            Tried::Predicted(predicted) => {
                version = predicted["metadata"]["resourceVersion"].as_str().map(str::to_owned);
                // Nothing is ever migrated where nothing is written.
                let is_whole = frame.live_wins || has_heir;
                let predicted =
                    if is_whole { predicted } else { migrated(predicted, &sent, value) };
                (Some(predicted), None)
            }
            Tried::Invalid(message) => (None, Some(invalid(desired, &message))),
            Tried::Immutable(fields) => {
                judged.dry_runs = 2;
                op = Op::Recreate;
                self.try_recreate(frame, (desired, value), resource, fields).await?
            }
        };
        let found = predicted.as_ref().map(|result| difference(Some(value), result, &held));
        let mut changes = surplus;
        if let Some(found) = found {
            let of = |change: &Change| FieldPath::parse(&change.path);
            changes.retain(|one| {
                let above =
                    |other: &Change| of(other).zip(of(one)).is_some_and(|(a, b)| a.contains(&b));
                !found.changes.iter().any(above)
            });
            changes.extend(found.changes);
            changes.sort_by(|a, b| a.path.cmp(&b.path));
            judged.left.extend(found.left);
        }
        // What goes with whoever brought it is no longer extra.
        judged.extra.retain(|path| changes.iter().all(|change| change.path != *path));
        let refusal = refusal.map(|refusal| named(refusal, &changes)).or(foreign);
        if !changes.is_empty() || refusal.is_some() {
            judged.verdict = Verdict::Differs(Box::new(Differing {
                op,
                changes,
                result: predicted,
                blind: None,
                refusal,
            }));
            judged.left.extend(unset(value, &sent));
        }
        Ok((judged, version))
    }

    /// Tries an apply out: on a live object, or, without force, on none.
    async fn try_apply(
        &self,
        resource: &Resource,
        sent: &Value,
        live: Option<&Value>,
    ) -> Result<Tried, ClusterError> {
        let subject =
            format!("{} {}", resource.kind, sent["metadata"]["name"].as_str().unwrap_or_default());
        let mut answer = self.send_apply(resource, sent, live.is_some(), Mode::DryRun).await;
        if let (Err(Failure::Status(status)), Some(live)) = (&answer, live)
            && let Some(managed) = earlier(status, live, &resource.api_version())
        {
            answer = self.foresee(resource, sent, live, &managed).await;
        }
        self.tried(resource, &subject, answer)
    }

    /// What the answer to something that was tried out means.
    pub(super) fn tried(
        &self,
        resource: &Resource,
        subject: &str,
        answer: Result<Value, Failure>,
    ) -> Result<Tried, ClusterError> {
        match answer {
            Ok(predicted) => Ok(Tried::Predicted(predicted)),
            Err(Failure::Status(status))
                if matches!(status.code, 400 | 403 | 404 | 409 | 413 | 422)
                    || is_undeclared(&status) =>
            {
                let immutable = immutable_fields(&status);
                if immutable.is_empty() {
                    Ok(Tried::Invalid(words(&status, resource.is_secret())))
                } else {
                    Ok(Tried::Immutable(immutable))
                }
            }
            Err(failure) => Err(self.explain(&failure, "patch", subject, resource.is_secret())),
        }
    }

    /// An immutable field changes: may the object be deleted and made anew? Only where that is asked for and the server
    /// would take the new one, tried under another name. Where data or other objects go with the old one, the guard asks
    /// for a number beside.
    async fn try_recreate(
        &self,
        frame: &Frame<'_>,
        (desired, live): (&Desired, &Value),
        resource: &Resource,
        fields: Vec<String>,
    ) -> Result<(Option<Value>, Option<Refusal>), ClusterError> {
        let object = desired.reference.clone();
        let sent = frame.sent(desired, None);
        let probe = probe_of(&sent);
        let predicted = match self.try_apply(resource, &probe, None).await? {
            Tried::Predicted(predicted) => as_named(predicted, &sent, live),
            Tried::Invalid(message) => return Ok((None, Some(invalid(desired, &message)))),
            Tried::Immutable(fields) => {
                return Ok((None, Some(Refusal::Immutable { object, fields })));
            }
        };
        let refusal = (!frame.recreate).then_some(Refusal::Immutable { object, fields });
        Ok((Some(predicted), refusal))
    }
}

impl Frame<'_> {
    /// The object as it is sent, with our label, without what is ignored or belongs to a controller.
    pub(super) fn sent(&self, desired: &Desired, live: Option<&Value>) -> Value {
        self.settle(desired, live).sent
    }

    /// Why the server cannot be asked about an object that does not exist.
    fn blind(&self, desired: &Desired) -> Option<String> {
        if desired.resource.is_none() {
            return Some(format!("kind {} is not there yet", desired.reference.kind));
        }
        let namespace = desired.reference.namespace.as_deref();
        let coming = namespace.filter(|name| self.coming.contains(*name))?;
        Some(format!("namespace {coming} is not there yet"))
    }

    /// Whether the object is ours already, and who else claims it.
    pub(super) fn ownership(&self, desired: &Desired, live: &Value) -> (Op, Option<Refusal>) {
        let key = desired.reference.key();
        let marked = live["metadata"]["labels"][PART_OF].as_str() == Some(self.set_id.as_str());
        let is_ours = self.live_wins || marked || self.owned.contains(&key);
        let op = if is_ours { Op::Update } else { Op::TakeOver };
        let taken = if self.live_wins { Op::Update } else { Op::TakeOver };
        let Some(owner) = foreign_owner(live, &self.set_id) else { return (op, None) };
        // One of ours that a tool marked again is taken over again.
        if self.take_over {
            return (taken, None);
        }
        // Handed over: the other mapping is ours as well and does not want the object any more.
        let mark = live["metadata"]["labels"][PART_OF].as_str().unwrap_or_default();
        let giver = self.neighbours.iter().find(|one| set_id(one.mapping, &self.records) == mark);
        if giver.is_some_and(|one| !one.desired.contains_key(&key)) {
            return (taken, None);
        }
        (taken, Some(Refusal::Foreign { object: desired.reference.clone(), owner }))
    }
}

/// What a dry run before the migration of client-side history cannot show: fields that leave with it.
fn migrated(mut predicted: Value, sent: &Value, live: &Value) -> Value {
    if needs_migration(live) {
        for path in left_behind(live, sent) {
            remove(&mut predicted, &path.0);
        }
    }
    predicted
}

pub(super) fn invalid(desired: &Desired, message: &str) -> Refusal {
    Refusal::Invalid {
        object: desired.reference.clone(),
        origin: Some(desired.origin.clone()),
        message: message.to_owned(),
    }
}
