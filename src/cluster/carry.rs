//! One operation of a plan carried out, on exactly the state that it was planned for.

use super::desired::Desired;
use super::ground::{Ground, ours};
use super::judge::{Frame, Verdict};
use super::live::Live;
use super::patience::{to_its_end, unless_stopped};
use super::ready::Unready;
use super::resource::Resource;
use super::said::Said;
use super::wire::Failure;
use super::write::{Written, is_ending};
use super::{Cluster, ClusterError};
use crate::domain::managed::entries;
use crate::domain::owner::PART_OF;
use crate::domain::plan::{Change, Op, Operation, Plan};
use crate::domain::prove::MANAGER;
use crate::domain::{Inventory, ObjectKey, ObjectRef};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// How often an object may move under a write that still has the same result.
const TRIES: usize = 6;

/// Where objects are in a list, by identity.
pub(super) type Positions = HashMap<ObjectKey, usize>;

/// What one operation needs; owned, so that many can be in flight.
pub(super) struct Task<'a> {
    pub(super) frame: Arc<Frame<'a>>,
    pub(super) desired: Option<Desired>,
    pub(super) live: Option<Live>,
    /// Whether others wait until it does its work, or is gone.
    pub(super) awaited: bool,
    /// How an object that leaves is addressed.
    pub(super) leaving: Option<Resource>,
    /// Where it is said what is waited for.
    pub(super) said: &'a Said,
}

/// What became of an operation.
pub(super) enum Carried {
    /// The object is there, as desired.
    Present(Live),
    /// The object is gone, or is not ours any more.
    Absent,
    /// The object was deleted and something holds it; nobody waited for its end.
    Lingering,
    /// Refused or failed.
    Failed(String),
    /// Applied, but what it stands for does not come up.
    Unready(Box<Unready>),
}

impl Cluster {
    /// Refuses a plan whose objects moved since in a way that changes what would be done; nothing is written. Given is
    /// where each desired object and each that leaves is on the ground.
    pub(super) async fn recheck(
        &self,
        plan: &Plan,
        ground: &Ground<'_>,
        (placed, leaving): (&Positions, &Positions),
    ) -> Result<(), ClusterError> {
        let checks = plan.operations.iter().map(async |operation| {
            let key = operation.object.key();
            if operation.op == Op::Delete {
                let leaving = leaving.get(&key).map(|index| &ground.departed.ours[*index]);
                let same =
                    leaving.is_none_or(|one| Some(&*one.live.uid) == operation.uid.as_deref());
                return Ok((!same).then(|| format!("{} was made anew", operation.object)));
            }
            let Some(desired) = placed.get(&key).map(|index| &ground.placed[*index]) else {
                return Ok(Some(format!("{} is not in this revision", operation.object)));
            };
            let live = ground.live.get(&key);
            if live.map(|live| &*live.resource_version) == operation.resource_version.as_deref() {
                return Ok(None);
            }
            self.moved(&ground.frame, operation, desired, live).await
        });
        let moved = futures::future::try_join_all(checks).await?;
        let objects: Vec<String> = moved.into_iter().flatten().collect();
        if objects.is_empty() { Ok(()) } else { Err(ClusterError::Moved { objects }) }
    }

    /// What changed about an operation now that its object moved; nothing where the result is the same.
    async fn moved(
        &self,
        frame: &Frame<'_>,
        operation: &Operation,
        desired: &Desired,
        live: Option<&Live>,
    ) -> Result<Option<String>, ClusterError> {
        let object = &operation.object;
        let uid = live.map(|live| &*live.uid);
        if uid != operation.uid.as_deref() {
            return Ok(Some(match (operation.uid.is_some(), uid.is_some()) {
                (true, true) => format!("{object} was deleted and made anew"),
                (true, false) => format!("{object} was deleted"),
                _ => format!("{object} was created"),
            }));
        }
        let judged = self.judge(frame, desired, live).await?;
        Ok(match &judged.verdict {
            Verdict::Unchanged => Some(format!("{object} is as desired by now")),
            Verdict::Differs(now) => {
                let same = now.op == operation.op
                    && now.refusal.is_none()
                    && alike(&now.changes, &operation.changes);
                (!same).then(|| format!("{object} was changed"))
            }
        })
    }

    /// Carries out one operation.
    pub(super) async fn carry(&self, operation: &Operation, task: Task<'_>) -> Carried {
        match (operation.op, &task.desired, &task.leaving) {
            (Op::Delete, _, Some(resource)) => self.carry_delete(operation, resource, &task).await,
            // It was gone, or somebody else's, when we looked again.
            (Op::Delete, _, None) => Carried::Absent,
            (_, Some(desired), _) => {
                let Some(resource) = &desired.resource else {
                    return Carried::Failed("its kind is not served".to_owned());
                };
                let carried = if operation.op == Op::Recreate {
                    self.carry_recreate(operation, desired, resource, &task).await
                } else {
                    self.carry_apply(operation, desired, resource, &task).await
                };
                let Carried::Present(live) = &carried else { return carried };
                self.watches().learn(resource, &desired.reference.key(), live);
                if !task.awaited {
                    return carried;
                }
                let ready = self.wait_ready(desired, live, task.said).await;
                ready.map_or_else(|unready| Carried::Unready(Box::new(unready)), |()| carried)
            }
            _ => Carried::Failed("it is not in this revision".to_owned()),
        }
    }

    async fn carry_apply(
        &self,
        operation: &Operation,
        desired: &Desired,
        resource: &Resource,
        task: &Task<'_>,
    ) -> Carried {
        let mut live = task.live.clone();
        for _ in 0..TRIES {
            let sent = task.frame.sent(desired, live.as_ref().map(Live::value).as_ref());
            let written = match &live {
                None => self.put(resource, &sent, None).await,
                Some(before) => match self.succeed(resource, before, desired, task).await {
                    Ok(before) => self.put(resource, &sent, Some(&before)).await,
                    // The next round finds it migrated, or tries again.
                    Err(failure) if failure.code() == 409 || failure.is_ambiguous() => {
                        self.look_again(resource, &desired.reference).await
                    }
                    Err(failure) => Written::Failed(failure),
                },
            };
            let now = match written {
                Written::Done(live) => return Carried::Present(live),
                Written::Failed(failure) => {
                    return Carried::Failed(self.failed(&failure, "patch", desired));
                }
                Written::Moved(now) => now,
            };
            if let Some(done) =
                self.is_done(task, desired, operation.uid.as_deref(), now.as_ref()).await
            {
                return Carried::Present(done);
            }
            match self.moved(&task.frame, operation, desired, now.as_ref()).await {
                Ok(None) => live = now,
                Ok(Some(what)) => return Carried::Failed(format!("{what} meanwhile; plan again")),
                Err(error) => return Carried::Failed(error.to_string()),
            }
        }
        Carried::Failed(format!(
            "{} changes faster than it can be written; plan again",
            desired.reference
        ))
    }

    async fn succeed(
        &self,
        resource: &Resource,
        live: &Live,
        desired: &Desired,
        task: &Task<'_>,
    ) -> Result<Live, Failure> {
        let succession = task.frame.succession(desired, &live.value());
        self.migrate(resource, live, &succession).await
    }

    async fn look_again(&self, resource: &Resource, reference: &ObjectRef) -> Written {
        // A second refusal will come from the write itself, with better words.
        Written::Moved(self.read_one(resource, reference).await.ok().flatten())
    }

    /// Whether an object that moved under a write is as desired by now, although the server stored what was sent in
    /// another form: the answer to our own write may have been lost. What was not there before has to be of our making.
    async fn is_done(
        &self,
        task: &Task<'_>,
        desired: &Desired,
        before: Option<&str>,
        now: Option<&Live>,
    ) -> Option<Live> {
        let now = now?;
        let same = match before {
            Some(uid) => *uid == *now.uid,
            None => is_applied(&now.value(), &task.frame.set_id),
        };
        if !same {
            return None;
        }
        let judged = self.judge(&task.frame, desired, Some(now)).await.ok()?;
        let unchanged = judged.verdict == Verdict::Unchanged;
        unchanged.then(|| judged.live.unwrap_or_else(|| now.clone()))
    }

    async fn carry_recreate(
        &self,
        operation: &Operation,
        desired: &Desired,
        resource: &Resource,
        task: &Task<'_>,
    ) -> Carried {
        let item = resource.item(desired.reference.namespace.as_deref(), &desired.reference.name);
        if let Some(live) = &task.live {
            let mut expected = live.clone();
            let mut patience = TRIES;
            while let Some(now) = match self.remove(resource, &item, &expected).await {
                Written::Done(_) => None,
                Written::Moved(now) if patience > 0 => now,
                Written::Moved(_) => {
                    return Carried::Failed("it changed meanwhile; plan again".to_owned());
                }
                Written::Failed(failure) => {
                    return Carried::Failed(self.failed(&failure, "delete", desired));
                }
            } {
                patience -= 1;
                // A controller that counts its pods does not change what is to be done.
                match self.moved(&task.frame, operation, desired, Some(&now)).await {
                    Ok(None) => expected = now,
                    Ok(Some(what)) => {
                        return Carried::Failed(format!("{what} meanwhile; plan again"));
                    }
                    Err(error) => return Carried::Failed(error.to_string()),
                }
            }
        }
        // What was deleted for it is made anew, also when somebody stops meanwhile.
        to_its_end(self.make_anew(desired, resource, task)).await
    }

    /// Makes an object whose former one was deleted.
    async fn make_anew(&self, desired: &Desired, resource: &Resource, task: &Task<'_>) -> Carried {
        let item = resource.item(desired.reference.namespace.as_deref(), &desired.reference.name);
        if let Some(live) = &task.live {
            let patience = (self.wire().limits().ready, task.said);
            if let Err(reason) = self.wait_gone(&item, &live.uid, patience).await {
                return Carried::Failed(reason);
            }
        }
        match self.put(resource, &task.frame.sent(desired, None), None).await {
            Written::Done(live) => Carried::Present(live),
            Written::Moved(now) => {
                let done = self.is_done(task, desired, None, now.as_ref()).await;
                done.map_or_else(
                    || Carried::Failed("it was deleted, and somebody else made it anew".to_owned()),
                    Carried::Present,
                )
            }
            Written::Failed(failure) => Carried::Failed(format!(
                "it was deleted, but: {}",
                self.failed(&failure, "create", desired)
            )),
        }
    }

    async fn carry_delete(
        &self,
        operation: &Operation,
        resource: &Resource,
        task: &Task<'_>,
    ) -> Carried {
        let object = &operation.object;
        let item = resource.item(object.namespace.as_deref(), &object.name);
        for _ in 0..TRIES {
            // The mark is read again right before: an object that was handed over is not ours to delete.
            let live = match self.read_one(resource, object).await {
                Ok(Some(live)) => live,
                Ok(None) => return Carried::Absent,
                Err(error) => return Carried::Failed(error.to_string()),
            };
            let same = Some(&*live.uid) == operation.uid.as_deref();
            if !(same && ours(&live, &Inventory::default(), &object.key(), &task.frame.set_id)) {
                return Carried::Absent;
            }
            match self.remove(resource, &item, &live).await {
                Written::Done(last) if task.awaited && is_ending(&last) => {
                    let patience = (self.wire().limits().ready, task.said);
                    let gone = unless_stopped(self.wait_gone(&item, &live.uid, patience)).await;
                    return match gone {
                        Some(Ok(())) => Carried::Absent,
                        Some(Err(reason)) => Carried::Failed(reason),
                        None => Carried::Lingering,
                    };
                }
                Written::Done(_) => return Carried::Absent,
                Written::Moved(_) => {}
                Written::Failed(failure) => {
                    let error =
                        self.explain(&failure, "delete", &object.to_string(), resource.is_secret());
                    return Carried::Failed(error.to_string());
                }
            }
        }
        Carried::Failed(format!("{object} changes faster than it can be deleted; plan again"))
    }
}

/// Whether an object was applied by this mapping: our entry and its mark are there.
fn is_applied(live: &Value, set_id: &str) -> bool {
    live["metadata"]["labels"][PART_OF] == set_id
        && entries(live)
            .any(|one| one.manager == MANAGER && one.applied && one.subresource.is_empty())
}

/// Whether two lists of changes do the same; who wrote the live value, and when, does not matter.
fn alike(a: &[Change], b: &[Change]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.path == b.path && a.before == b.before && a.after == b.after)
}
