//! Carrying out a plan: the record first, then stage by stage, then what left Git, then the record again; hooks in between.

use super::arrange::{Arrangement, Obstacles};
use super::carry::{Carried, Positions, Task};
use super::desired::Desired;
use super::ground::Ground;
use super::hook_plan::comes_first;
use super::phases::STOPPED;
use super::plan::{PlanRequest, refused};
use super::said::Said;
use super::stall::{Ailing, Failing};
use super::standing::Standing;
use super::steps::{Applied, Step, StepOutcome, Steps, Verb};
use super::turns::Hooks;
use super::{Cluster, ClusterError, parent_name, patience};
use crate::domain::plan::{Op, Operation, Plan};
use crate::domain::{Holder, Inventory, Manifest, Mapping, Member, ObjectKey, ObjectRef, Phase};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// The state of one apply.
pub(super) struct Run<'a> {
    pub(super) cluster: &'a Cluster,
    plan: &'a Plan,
    pub(super) mapping: &'a Mapping,
    pub(super) desired: &'a [Manifest],
    pub(super) ground: Ground<'a>,
    pub(super) steps: &'a mut dyn Steps,
    pub(super) hooks: Hooks,
    /// Index of each desired object by identity.
    pub(super) index: Positions,
    /// Index of each object that leaves by identity.
    leaving: Positions,
    pub(super) arrangement: Arrangement,
    departure: Arrangement,
    outcomes: Vec<Option<StepOutcome>>,
    /// What was not applied, and what was not deleted, told of at its position in the plan.
    unapplied: Obstacles,
    undeleted: Obstacles,
    pub(super) standing: Standing,
    /// The first that was applied, now or before, and does not come up.
    pub(super) ailing: Option<(Ailing, Option<Failing>)>,
    uids: HashMap<ObjectKey, String>,
    holder: Option<Holder>,
    pub(super) stopped: Option<String>,
    next: usize,
    pub(super) total: usize,
}

impl Cluster {
    /// Carries out exactly this plan. Nothing is written when it is refused, or when an object that it touches moved
    /// in a way that changes the result. Failures of single objects are in the result, not an error.
    pub async fn apply(
        &self,
        request: &PlanRequest<'_>,
        plan: &Plan,
        steps: &mut dyn Steps,
    ) -> Result<Applied, ClusterError> {
        if let Some(refusals) = refused(plan) {
            return Err(ClusterError::Refused { mapping: plan.mapping.clone(), refusals });
        }
        let ground = Box::pin(self.survey(request)).await?;
        let index = positions(ground.placed.iter().map(|one| &one.reference));
        let leaving = positions(ground.departed.ours.iter().map(|one| &one.reference));
        self.recheck(plan, &ground, (&index, &leaving)).await?;
        let arrangement = Arrangement::of(&ground.placed)?;
        let departure = Arrangement::of_leaving(&ground.departed.ours);
        let hooks = Hooks::of(plan, &ground, steps.run())?;
        let written = plan.operations.iter().filter_map(|one| index.get(&one.object.key()));
        let written = written.copied().collect();
        let standing = Standing::of(&arrangement, &written, hooks.last_wave());
        let mut run = Run {
            cluster: self,
            plan,
            mapping: request.mapping,
            desired: request.desired,
            total: plan.operations.len() + hooks.steps() + 1,
            ground,
            steps,
            hooks,
            index,
            leaving,
            arrangement,
            departure,
            outcomes: vec![None; plan.operations.len()],
            unapplied: Obstacles::default(),
            undeleted: Obstacles::default(),
            standing,
            ailing: None,
            uids: HashMap::new(),
            holder: request.holder.cloned(),
            stopped: None,
            next: 0,
        };
        let stop = run.steps.stop();
        patience::until(stop, Box::pin(run.carry_out())).await
    }
}

impl<'a> Run<'a> {
    async fn carry_out(&mut self) -> Result<Applied, ClusterError> {
        self.begin().await?;
        let operations = &self.plan.operations;
        let hooked = !self.hooks.is_empty();
        let early = operations.iter().take_while(|one| hooked && comes_first(one, &self.ground));
        let early = early.count();
        let deletions = operations.iter().position(|one| one.op == Op::Delete);
        let deletions = deletions.unwrap_or(operations.len());
        let mut from = 0;
        for group in operations[..early].chunk_by(|a, b| a.stage == b.stage) {
            self.stage(from, group).await;
            from += group.len();
        }
        self.heed(from);
        self.phase(Phase::PreSync, None).await;
        for group in operations[early..deletions].chunk_by(|a, b| a.stage == b.stage) {
            self.heed(from);
            self.phase(Phase::Sync, self.wave(group)).await;
            if let Some(because) = self.hooks.broke.clone() {
                self.skip(from, group, &because);
            } else {
                self.await_standing(group).await;
                self.stage(from, group).await;
            }
            from += group.len();
        }
        self.heed(from);
        self.phase(Phase::Sync, None).await;
        let applied = self.hooks.failed.is_none()
            && self.outcomes[..from].iter().flatten().all(StepOutcome::is_done);
        for group in operations[deletions..].chunk_by(|a, b| a.stage == b.stage) {
            if applied && self.stopped.is_none() {
                self.stage(from, group).await;
            } else {
                self.skip(from, group, "not everything was applied, so nothing is deleted");
            }
            from += group.len();
        }
        self.heed(from);
        self.end_hooks().await;
        let complete = self.stopped.is_none()
            && self.hooks.failed.is_none()
            && self.outcomes.iter().flatten().all(StepOutcome::is_done);
        if !complete {
            self.cluster.memo().forget_creations();
        }
        if self.stopped.is_none() || !self.uids.is_empty() {
            self.conclude(complete).await?;
        }
        self.tell_ailing().await;
        Ok(self.result(complete && self.stopped.is_none()))
    }

    /// Writes down what will be there before it is.
    async fn begin(&mut self) -> Result<(), ClusterError> {
        let superset = self.superset();
        if self.ground.inventory.members.len() == superset.len() && self.hooks.is_empty() {
            return Ok(());
        }
        self.total += 1;
        let holder = self.holder.clone();
        let mut hooks = self.ground.inventory.hooks.clone();
        self.hooks.begin(&mut hooks);
        self.record(|inventory| {
            inventory.holder = holder.clone().or_else(|| inventory.holder.clone());
            inventory.hooks.clone_from(&hooks);
            for (key, member) in &superset {
                inventory.members.entry(key.clone()).or_insert_with(|| member.clone());
            }
        })
        .await
    }

    /// What failed so far keeps later hooks from running.
    fn heed(&mut self, upto: usize) {
        let operations = self.plan.operations.iter().zip(&self.outcomes[..upto]);
        let failed = operations
            .filter(|(_, outcome)| outcome.as_ref().is_some_and(|outcome| !outcome.is_done()))
            .map(|(operation, _)| format!("{} was not applied", operation.object))
            .next();
        if let Some(because) = failed.filter(|_| !self.hooks.is_empty()) {
            self.hooks.failed.get_or_insert(because);
        }
    }

    /// The wave of a group of operations.
    fn wave(&self, group: &[Operation]) -> Option<i64> {
        let index = group.iter().find_map(|one| self.index.get(&one.object.key()))?;
        Some(self.arrangement.wave(*index))
    }

    /// One group of operations at the same time.
    async fn stage(&mut self, from: usize, group: &[Operation]) {
        if let Err(reason) = self.serve(group).await {
            self.skip(from, group, &reason);
            return;
        }
        let cluster = self.cluster;
        let limit = cluster.wire().limits().in_flight.max(1);
        let said = Said::default();
        let mut waiting = group.iter().enumerate();
        let mut running = FuturesUnordered::new();
        loop {
            let mut next = Vec::new();
            while self.stopped.is_none() && running.len() + next.len() < limit {
                let Some((offset, operation)) = waiting.next() else { break };
                if let Some(because) = self.blocked(operation) {
                    self.end(from + offset, None, StepOutcome::Skipped { because });
                    continue;
                }
                let step = self.step(Verb::of(operation.op), operation.object.clone());
                next.push((from + offset, step, operation));
            }
            for (at, step, operation) in self.announced(next) {
                let task = self.task(operation, &said);
                running.push(async move { (at, step, cluster.carry(operation, task).await) });
            }
            let Some(first) = self.next_of(&mut running, &said).await else { break };
            let mut landed = vec![first];
            while let Some(Some(another)) = running.next().now_or_never() {
                landed.push(another);
            }
            self.landed(landed);
        }
        for (offset, _) in waiting {
            self.end(from + offset, None, stopped());
        }
    }

    /// Announces what begins now, all at once, and returns what may.
    fn announced<'o>(
        &mut self,
        mut next: Vec<(usize, Step, &'o Operation)>,
    ) -> Vec<(usize, Step, &'o Operation)> {
        let steps: Vec<Step> = next.iter().map(|(_, step, _)| step.clone()).collect();
        if steps.is_empty() {
            return next;
        }
        if let Err((allowed, reason)) = self.steps.before_all(&steps) {
            self.stopped = Some(reason);
            for (at, step, _) in next.drain(allowed..) {
                self.end(at, Some(&step), stopped());
            }
        }
        next
    }

    fn task<'t>(&self, operation: &Operation, said: &'t Said) -> Task<'t>
    where
        'a: 't,
    {
        let key = operation.object.key();
        let leaving = self.leaving.get(&key);
        let awaited = |index: &usize| {
            let followed = self.hooks.last_wave();
            let wave = self.arrangement.wave(*index);
            self.arrangement.needs[*index].1 || followed.is_some_and(|last| wave < last)
        };
        Task {
            frame: self.ground.frame.clone(),
            desired: self.desired(operation).cloned(),
            live: self.ground.live.get(&key).cloned(),
            awaited: self.index.get(&key).is_some_and(awaited)
                || leaving.is_some_and(|index| self.departure.needs[*index].1),
            leaving: leaving.map(|index| self.ground.departed.ours[*index].resource.clone()),
            said,
        }
    }

    fn landed(&mut self, landed: Vec<(usize, Step, Carried)>) {
        let ended = landed.into_iter().map(|(at, step, carried)| {
            let outcome = match carried {
                Carried::Present(live) => {
                    let uid = live.uid.to_string();
                    self.uids.insert(step.object.key(), uid.clone());
                    StepOutcome::Done { uid: Some(uid) }
                }
                Carried::Absent => StepOutcome::Done { uid: None },
                // It stays in the record, and what it stands on stays.
                Carried::Lingering => {
                    self.stopped.get_or_insert_with(|| "stopped".to_owned());
                    let because = format!("{STOPPED}; it is deleted, but not gone yet");
                    StepOutcome::Skipped { because }
                }
                Carried::Failed(error) => StepOutcome::Failed { error },
                Carried::Unready(unready) => {
                    self.ailing = self.ailing.take().or(unready.known);
                    StepOutcome::Failed { error: unready.why }
                }
            };
            self.note(at, outcome.clone());
            (step, outcome)
        });
        let ended: Vec<(Step, StepOutcome)> = ended.collect();
        self.steps.after_all(&ended);
    }

    /// Objects of kinds that were defined a moment ago: waits until they are served and fills in their addresses.
    async fn serve(&mut self, group: &[Operation]) -> Result<(), String> {
        let unserved: Vec<usize> = group
            .iter()
            .filter_map(|one| self.index.get(&one.object.key()).copied())
            .filter(|index| self.ground.placed[*index].resource.is_none())
            .collect();
        if unserved.is_empty() || group.iter().all(|one| self.blocked(one).is_some()) {
            return Ok(());
        }
        let kinds: Vec<ObjectRef> =
            unserved.iter().map(|index| self.ground.placed[*index].reference.clone()).collect();
        let resources = self.cluster.wait_served(&kinds.iter().collect::<Vec<_>>()).await;
        for (index, resource) in
            unserved.into_iter().zip(resources.map_err(|error| error.to_string())?)
        {
            self.ground.placed[index].resource = Some(resource);
        }
        Ok(())
    }

    /// Why an operation cannot go on: something that it needs failed, or does not do its work.
    pub(super) fn blocked(&self, operation: &Operation) -> Option<String> {
        let key = operation.object.key();
        if operation.op == Op::Delete {
            let other = self.undeleted.blocking(&self.departure, *self.leaving.get(&key)?)?;
            return Some(format!("{} was not deleted", self.plan.operations[other].object));
        }
        let index = *self.index.get(&key)?;
        match self.unapplied.blocking(&self.arrangement, index) {
            Some(other) => Some(format!("{} was not applied", self.plan.operations[other].object)),
            None => self.standing.blocking(&self.arrangement, index),
        }
    }

    /// Keeps what came of an operation.
    fn note(&mut self, at: usize, outcome: StepOutcome) {
        let key = self.plan.operations[at].object.key();
        if outcome.is_done() {
        } else if let Some(index) = self.index.get(&key) {
            self.unapplied.add(&self.arrangement, *index, at);
        } else if let Some(index) = self.leaving.get(&key) {
            self.undeleted.add(&self.departure, *index, at);
        }
        self.outcomes[at] = Some(outcome);
    }

    fn desired(&self, operation: &Operation) -> Option<&Desired> {
        self.index.get(&operation.object.key()).map(|index| &self.ground.placed[*index])
    }

    pub(super) fn step(&mut self, verb: Verb, object: ObjectRef) -> Step {
        let step = Step { index: self.next, total: self.total, verb, object };
        self.next += 1;
        step
    }

    fn end(&mut self, at: usize, step: Option<&Step>, outcome: StepOutcome) {
        let step = step.cloned().unwrap_or_else(|| {
            let operation = &self.plan.operations[at];
            self.step(Verb::of(operation.op), operation.object.clone())
        });
        self.steps.after(&step, &outcome);
        self.note(at, outcome);
    }

    fn skip(&mut self, from: usize, group: &[Operation], because: &str) {
        for at in from..from + group.len() {
            self.end(at, None, StepOutcome::Skipped { because: because.to_owned() });
        }
    }

    /// Everything that is or will be ours.
    fn superset(&self) -> HashMap<ObjectKey, Member> {
        let mut members: HashMap<ObjectKey, Member> = self
            .ground
            .inventory
            .members
            .iter()
            .map(|(key, member)| (key.clone(), member.clone()))
            .collect();
        for one in &self.ground.placed {
            let member = Member { version: one.reference.version.clone(), uid: None };
            members.entry(one.reference.key()).or_insert(member);
        }
        members
    }

    /// The record after the apply: exact when everything succeeded, else still everything that may be there.
    async fn conclude(&mut self, complete: bool) -> Result<(), ClusterError> {
        let mut members: HashMap<ObjectKey, Member> = HashMap::new();
        for one in &self.ground.placed {
            let key = one.reference.key();
            let uid = self.uids.get(&key).cloned().or_else(|| self.known_uid(&key));
            members.insert(key, Member { version: one.reference.version.clone(), uid });
        }
        let gone: HashSet<ObjectKey> = self.gone();
        let revision = self.plan.revision.clone();
        let now = Timestamp::now();
        let holder = self.holder.clone();
        let mut hooks = self.ground.inventory.hooks.clone();
        hooks.left.retain(|key, _| !gone.contains(key) && !members.contains_key(key));
        self.hooks.conclude(&mut hooks, complete);
        self.record(move |inventory| {
            let before = inventory.clone();
            inventory.holder = holder.clone().or_else(|| inventory.holder.clone());
            inventory.hooks.clone_from(&hooks);
            inventory.members.retain(|key, _| !gone.contains(key) && !hooks.left.contains_key(key));
            inventory
                .members
                .extend(members.iter().map(|(key, member)| (key.clone(), member.clone())));
            if complete {
                inventory.synced_revision = Some(revision.clone());
                inventory.drift_since = None;
                if *inventory != before {
                    inventory.synced_at = Some(now);
                }
            }
        })
        .await
    }

    fn known_uid(&self, key: &ObjectKey) -> Option<String> {
        let live = self.ground.live.get(key).map(|live| live.uid.to_string());
        live.or_else(|| self.ground.inventory.members.get(key)?.uid.clone())
    }

    /// Members to forget: deleted now, or found to be nobody's or somebody else's.
    fn gone(&self) -> HashSet<ObjectKey> {
        let deleted =
            self.plan.operations.iter().zip(&self.outcomes).filter_map(|(operation, outcome)| {
                let done = operation.op == Op::Delete
                    && outcome.as_ref().is_some_and(StepOutcome::is_done);
                done.then(|| operation.object.key())
            });
        deleted.chain(self.ground.departed.forgotten.iter().cloned()).collect()
    }

    /// Writes the record as a step of its own, where it changes at all.
    async fn record(&mut self, change: impl Fn(&mut Inventory)) -> Result<(), ClusterError> {
        let mut wanted = self.ground.inventory.clone();
        change(&mut wanted);
        if wanted == self.ground.inventory {
            return Ok(());
        }
        let step = self.step(Verb::Inventory, parent(self.cluster, &self.plan.mapping));
        if let Err(reason) = self.steps.before(&step) {
            self.stopped = Some(reason);
            return Ok(());
        }
        let written = self.cluster.record(&self.plan.mapping, change).await;
        let outcome = match &written {
            Ok(_) => StepOutcome::Done { uid: None },
            Err(error) => StepOutcome::Failed { error: error.to_string() },
        };
        self.steps.after(&step, &outcome);
        self.ground.inventory = written?;
        Ok(())
    }

    fn result(&mut self, complete: bool) -> Applied {
        let outcomes = std::mem::take(&mut self.outcomes);
        let outcomes = self.plan.operations.iter().zip(outcomes).map(|(operation, outcome)| {
            let outcome = outcome.unwrap_or_else(stopped);
            (Verb::of(operation.op), operation.object.clone(), outcome)
        });
        let outcomes = outcomes.chain(self.hooks.outcomes()).collect();
        let failed = self.hooks.unready.take().or_else(|| self.unready());
        let stall = self.hooks.stall.take();
        Applied { outcomes, stopped: self.stopped.take(), complete, stall, failed }
    }
}

/// Where each of these objects is, by identity.
fn positions<'r>(references: impl Iterator<Item = &'r ObjectRef>) -> Positions {
    references.enumerate().map(|(index, reference)| (reference.key(), index)).collect()
}

fn stopped() -> StepOutcome {
    StepOutcome::Skipped { because: STOPPED.to_owned() }
}

fn parent(cluster: &Cluster, mapping: &str) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(cluster.records().to_owned()),
        name: parent_name(mapping),
    }
}
