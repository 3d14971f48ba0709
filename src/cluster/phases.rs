//! Running the hooks of an apply, phase by phase: made, and followed to their end.

use super::apply::Run;
use super::follow::{Ended, Followed};
use super::ground::ours;
use super::hook_run::{Made, Making};
use super::live::Live;
use super::resource::Resource;
use super::stall::Ailing;
use super::steps::{Step, StepOutcome, Verb};
use super::turns::{State, Turn};
use crate::domain::ObjectRef;
use crate::domain::hook::{Phase, Progress, is_of};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long one hook is waited for where nobody says, and how long health before `PostSync` is.
pub(super) const LIMIT: Duration = Duration::from_secs(30 * 60);
/// Said of what did not go on.
pub(super) const STOPPED: &str = "the sync was stopped";
/// How often it is asked whether to wait on.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// A hook that is followed.
type Following = (usize, Step, Ended);

impl Run<'_> {
    /// Runs the hooks of a phase that did not run yet, or those of them whose wave comes before one.
    pub(super) async fn phase(&mut self, phase: Phase, before: Option<i64>) {
        let open = |turn: &Turn| {
            turn.phase == phase
                && matches!(turn.state, State::Open)
                && before.is_none_or(|wave| turn.wave < wave)
        };
        let turns = self.hooks.turns.iter().enumerate();
        let chosen: Vec<(u32, usize)> =
            turns.filter(|(_, turn)| open(turn)).map(|(at, turn)| (turn.stage, at)).collect();
        let said = Mutex::new(String::new());
        let mut running = FuturesUnordered::new();
        for group in chosen.chunk_by(|a, b| a.0 == b.0) {
            let group: Vec<usize> = group.iter().map(|(_, at)| *at).collect();
            let waves = group.iter().map(|at| self.hooks.turns[*at].wave);
            if let Some(wave) = waves.max().filter(|_| phase == Phase::Sync) {
                self.await_followed(wave).await;
            }
            if let Some(because) = self.halted(phase) {
                for at in group {
                    self.pass_over(at, &because);
                }
                continue;
            }
            let awaited = group.iter().any(|at| self.hooks.turns[*at].awaited);
            for (at, step, made, resource) in self.make(&group).await {
                let followed = Followed {
                    reference: self.hooks.turns[at].reference.clone(),
                    resource,
                    limit: self.hooks.run.limit.unwrap_or(LIMIT),
                    since: self.hooks.run.begun(),
                    said: &said,
                };
                let cluster = self.cluster;
                running.push(async move { (at, step, cluster.follow_hook(&followed, made).await) });
            }
            if awaited {
                self.drain(&mut running, &said).await;
            }
        }
        self.drain(&mut running, &said).await;
    }

    /// Why a phase does not go on: something failed before it, or somebody asked to stop.
    pub(super) fn halted(&self, phase: Phase) -> Option<String> {
        if self.stopped.is_some() {
            return Some(STOPPED.to_owned());
        }
        // That is what hooks of a failure are for; they do not wait for each other's success.
        self.hooks.failed.clone().filter(|_| phase != Phase::SyncFail)
    }

    fn pass_over(&mut self, at: usize, because: &str) {
        let (verb, planned) = {
            let turn = &self.hooks.turns[at];
            (Verb::Hook(turn.phase), turn.planned.clone())
        };
        let step = self.step(verb, planned);
        let outcome = StepOutcome::Skipped { because: because.to_owned() };
        self.steps.after(&step, &outcome);
        self.hooks.turns[at].state = State::Ended { live: None, outcome };
    }

    /// Announces and makes hooks of one stage, all at once; returns those that run now.
    async fn make(&mut self, group: &[usize]) -> Vec<(usize, Step, Live, Resource)> {
        if let Err(reason) = self.serve_hooks(group).await {
            for at in group {
                self.pass_over(*at, &reason);
            }
            self.hooks.broke.get_or_insert_with(|| reason.clone());
            self.hooks.failed.get_or_insert(reason);
            return Vec::new();
        }
        let mut announced: Vec<(usize, Step)> = Vec::new();
        for at in group {
            let (verb, planned) =
                (Verb::Hook(self.hooks.turns[*at].phase), self.hooks.turns[*at].planned.clone());
            announced.push((*at, self.step(verb, planned)));
        }
        let steps: Vec<Step> = announced.iter().map(|(_, step)| step.clone()).collect();
        for at in group {
            self.hooks.turns[*at].begun = true;
        }
        if let Err((allowed, reason)) = self.steps.before_all(&steps) {
            self.stopped = Some(reason);
            for (at, step) in announced.drain(allowed..) {
                let because = STOPPED.to_owned();
                self.hook_ended(at, &step, None, StepOutcome::Skipped { because });
            }
        }
        for (at, _) in &announced {
            self.clear_generated(*at).await;
        }
        let cluster = self.cluster;
        let makings: Vec<Making> = announced.iter().map(|(at, _)| self.making(*at)).collect();
        let made = makings.iter().map(|making| cluster.make_hook(making));
        let made = futures::future::join_all(made).await;
        let mut running = Vec::new();
        for (((at, step), making), made) in announced.into_iter().zip(makings).zip(made) {
            match made {
                Ok(Made::There(live)) => {
                    if let Some(resource) = making.desired.resource {
                        running.push((at, step, live, resource));
                    }
                }
                Ok(Made::Over(Progress::Failed(error))) | Err(error) => {
                    self.hook_failed(at, &step, None, error);
                }
                Ok(Made::Over(_)) => {
                    self.hook_ended(at, &step, None, StepOutcome::Done { uid: None });
                }
            }
        }
        running
    }

    fn making(&self, at: usize) -> Making {
        let turn = &self.hooks.turns[at];
        let one = &self.ground.hooks[turn.index];
        let mut desired = one.desired.clone();
        desired.reference = turn.reference.clone();
        desired.object["metadata"]["name"] = turn.reference.name.clone().into();
        Making {
            desired,
            makes_way: one.hook.makes_way(),
            take_over: self.ground.frame.take_over,
            set_id: self.ground.frame.set_id.clone(),
            mark: format!("{}/{}", self.hooks.run.id, turn.phase.word()),
            resumed: self.hooks.run.resumed.then(|| self.hooks.run.begun()),
        }
    }

    /// Waits for the end of everything that runs; between two looks somebody may stop it.
    async fn drain<F: Future<Output = Following>>(
        &mut self,
        running: &mut FuturesUnordered<F>,
        said: &Mutex<String>,
    ) {
        while !running.is_empty() {
            match tokio::time::timeout(TICK, running.next()).await {
                Ok(Some((at, step, ended))) => self.settle(at, &step, ended).await,
                Ok(None) => return,
                Err(_) => {
                    let what = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if !self.steps.waiting(&format!("waiting for {what}")) {
                        self.stopped.get_or_insert_with(|| "stopped".to_owned());
                        running.clear();
                        self.leave_running();
                    }
                }
            }
        }
    }

    /// What runs on in the cluster although nobody waits for it any more.
    fn leave_running(&mut self) {
        for turn in &mut self.hooks.turns {
            if let State::Open = turn.state
                && turn.begun
            {
                let because = format!("{STOPPED}; it runs on in the cluster");
                turn.state = State::Ended { live: None, outcome: StepOutcome::Skipped { because } };
            }
        }
    }

    async fn settle(&mut self, at: usize, step: &Step, ended: Ended) {
        let Ended { live, failure, hopeless, failing } = ended;
        let Some(message) = failure else {
            let uid = live.as_ref().map(|live| live.uid.to_string());
            self.hook_ended(at, step, live, StepOutcome::Done { uid });
            return;
        };
        let object = self.hooks.turns[at].reference.clone();
        let ailing =
            Ailing { object, reason: "failed".to_owned(), message: message.clone(), hopeless };
        let secrets = self.ground.placed.iter().map(|one| &one.object);
        let secrets = secrets.chain(self.ground.hooks.iter().map(|one| &one.desired.object));
        let stall = self.cluster.stall(ailing, failing, secrets).await;
        // The pod's own words say more than that its Job failed.
        let error = match &stall.pod {
            Some(pod) => format!("{message}; pod {pod}: {}: {}", stall.reason, stall.message),
            None => message,
        };
        self.hooks.stall.get_or_insert(stall);
        self.hook_failed(at, step, live, error);
    }

    fn hook_failed(&mut self, at: usize, step: &Step, live: Option<Live>, error: String) {
        let turn = &self.hooks.turns[at];
        let because = format!("{} {} failed", turn.phase.word(), turn.planned);
        self.hooks.broke.get_or_insert_with(|| because.clone());
        self.hooks.failed.get_or_insert(because);
        self.hook_ended(at, step, live, StepOutcome::Failed { error });
    }

    fn hook_ended(&mut self, at: usize, step: &Step, live: Option<Live>, outcome: StepOutcome) {
        self.steps.after(step, &outcome);
        self.hooks.turns[at].state = State::Ended { live, outcome };
    }

    /// Kinds that were defined a moment ago: waits until they are served.
    async fn serve_hooks(&mut self, group: &[usize]) -> Result<(), String> {
        let places = group.iter().map(|at| self.hooks.turns[*at].index);
        let unserved: Vec<usize> =
            places.filter(|index| self.ground.hooks[*index].desired.resource.is_none()).collect();
        if unserved.is_empty() {
            return Ok(());
        }
        let kinds: Vec<ObjectRef> = unserved
            .iter()
            .map(|index| self.ground.hooks[*index].desired.reference.clone())
            .collect();
        let resources = self.cluster.wait_served(&kinds.iter().collect::<Vec<_>>()).await;
        let resources = resources.map_err(|error| error.to_string())?;
        for (index, resource) in unserved.into_iter().zip(resources) {
            self.ground.hooks[index].desired.resource = Some(resource);
        }
        Ok(())
    }

    /// Objects of before whose name was generated: they make way where the policy says so, and are forgotten where they
    /// are gone.
    async fn clear_generated(&mut self, at: usize) {
        let turn = &self.hooks.turns[at];
        let one = &self.ground.hooks[turn.index];
        let (Some(prefix), Some(resource)) = (&one.prefix, &one.desired.resource) else { return };
        let (planned, now) = (turn.planned.key(), turn.reference.key());
        let left = self.ground.inventory.hooks.left.iter();
        let before = left.filter(|(key, _)| **key != now && is_of(key, &planned, Some(prefix)));
        for (key, member) in before {
            let reference = key.at(&member.version);
            // Nobody waits for it: another name is taken.
            let Ok(live) = self.cluster.read_one(resource, &reference).await else { continue };
            let other_turn = self.hooks.turns.iter().any(|turn| turn.reference.key() == *key);
            let Some(live) = live.filter(|_| !other_turn) else {
                self.hooks.cleared.extend((!other_turn).then(|| key.clone()));
                continue;
            };
            let mine = ours(&live, &self.ground.inventory, key, &self.ground.frame.set_id);
            if mine && one.hook.makes_way() {
                let removed = self.cluster.remove_hook(resource, &reference, &live.uid).await;
                self.hooks.cleared.extend(removed.ok().map(|()| key.clone()));
            }
        }
    }
}
