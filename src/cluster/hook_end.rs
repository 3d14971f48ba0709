//! The end of an apply with hooks: health, `PostSync` or what runs after a failure, and what their policies delete.

use super::apply::Run;
use super::live::Live;
use super::phases::{LIMIT, TICK};
use super::resource::Resource;
use super::steps::{StepOutcome, Verb};
use super::turns::{State, Turn};
use super::vigil::Vigil;
use crate::domain::hook::{HOOK_RUN, Phase};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

impl Run<'_> {
    /// After everything was applied: the hooks of `PostSync`, or those of a failure, and what goes at the end.
    pub(super) async fn end_hooks(&mut self) {
        if self.hooks.is_empty() {
            return;
        }
        self.await_health().await;
        self.phase(Phase::PostSync, None).await;
        if self.hooks.failed.is_some() {
            self.phase(Phase::SyncFail, None).await;
        }
        self.tidy_hooks().await;
    }

    /// Before the hooks of `PostSync`: everything has to do its work.
    async fn await_health(&mut self) {
        let open = |turn: &Turn| turn.phase == Phase::PostSync && matches!(turn.state, State::Open);
        if !self.hooks.turns.iter().any(open) || self.halted(Phase::PostSync).is_some() {
            return;
        }
        let limit = self.hooks.run.limit.unwrap_or(LIMIT);
        let mut vigil = Vigil::new(self.cluster, self.mapping, self.desired, limit);
        let said = Mutex::new(String::new());
        let tell = |what: &str| {
            what.clone_into(&mut said.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let waited = {
            let mut waiting = pin!(vigil.wait(tell));
            loop {
                if let Ok(waited) = tokio::time::timeout(TICK, &mut waiting).await {
                    break waited;
                }
                let what = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if !self.steps.waiting(&what) {
                    self.stopped.get_or_insert_with(|| "stopped".to_owned());
                    return;
                }
            }
        };
        let why = match waited {
            Ok(None) => return,
            Ok(Some(stall)) => {
                let words = stall.words();
                self.hooks.stall.get_or_insert(stall);
                words
            }
            Err(error) => error.to_string(),
        };
        self.hooks.unready = Some(format!("it was applied, but does not come up: {why}"));
        self.hooks.failed.get_or_insert(format!("what was applied does not come up: {why}"));
    }

    /// Deletes the objects of hooks as their policy says, each by its own end.
    async fn tidy_hooks(&mut self) {
        for at in 0..self.hooks.turns.len() {
            if self.stopped.is_some() {
                return;
            }
            let turn = &self.hooks.turns[at];
            let one = &self.ground.hooks[turn.index];
            let Some(resource) = one.desired.resource.clone() else { continue };
            let (live, outcome) = match &turn.state {
                State::Open | State::Removed(_) => continue,
                State::Ended { live, outcome } => (live.clone(), outcome.clone()),
                State::Finished => {
                    let live =
                        self.cluster.read_one(&resource, &turn.reference).await.ok().flatten();
                    let mark = format!("{}/{}", self.hooks.run.id, turn.phase.word());
                    let mine = |live: &Live| {
                        live.value()["metadata"]["annotations"][HOOK_RUN] == mark.as_str()
                    };
                    (live.filter(mine), StepOutcome::Done { uid: None })
                }
            };
            let goes = match &outcome {
                StepOutcome::Done { .. } => one.hook.goes(true),
                StepOutcome::Failed { .. } => one.hook.goes(false),
                StepOutcome::Skipped { .. } => false,
            };
            if let Some(live) = live.filter(|_| goes) {
                self.remove_ended(at, &resource, &live, outcome).await;
            }
        }
    }

    async fn remove_ended(
        &mut self,
        at: usize,
        resource: &Resource,
        live: &Live,
        outcome: StepOutcome,
    ) {
        let reference = self.hooks.turns[at].reference.clone();
        self.total += 1;
        let step = self.step(Verb::Delete, reference.clone());
        if let Err(reason) = self.steps.before(&step) {
            self.stopped = Some(reason);
            return;
        }
        // What stays is in the record, and fails nothing: the hook did its work.
        let removed = self.cluster.remove_hook(resource, &reference, &live.uid).await;
        let ended = match removed {
            Ok(()) => StepOutcome::Done { uid: None },
            Err(error) => StepOutcome::Failed { error },
        };
        self.steps.after(&step, &ended);
        if ended.is_done() {
            self.hooks.turns[at].state = State::Removed(outcome);
        }
    }
}
