//! The hooks of one apply, and how each of them stands.

use super::ClusterError;
use super::ground::Ground;
use super::hooks::{arranged, digest_of};
use super::live::Live;
use super::steps::{HookRun, StepOutcome, Verb};
use crate::domain::hook::{Phase, generated};
use crate::domain::{HookRecord, Member, ObjectKey, ObjectRef, Plan, Stall};
use jiff::Timestamp;

/// The hooks of one apply; none where the plan runs none.
pub(super) struct Hooks {
    pub(super) run: HookRun,
    pub(super) turns: Vec<Turn>,
    digest: Option<String>,
    /// Why no other hook begins: something failed.
    pub(super) failed: Option<String>,
    /// Why nothing at all begins any more: a hook failed.
    pub(super) broke: Option<String>,
    pub(super) stall: Option<Stall>,
    /// What did not come up before `PostSync`, in words.
    pub(super) unready: Option<String>,
    /// Objects of before, under generated names, that are gone.
    pub(super) cleared: Vec<ObjectKey>,
}

/// One hook in one phase.
pub(super) struct Turn {
    pub(super) phase: Phase,
    pub(super) wave: i64,
    pub(super) stage: u32,
    /// Whether what follows waits for its end.
    pub(super) awaited: bool,
    /// Index among the hooks of the ground.
    pub(super) index: usize,
    /// The object as the plan names it, and as it is named in this sync.
    pub(super) planned: ObjectRef,
    pub(super) reference: ObjectRef,
    /// Whether its step was announced.
    pub(super) begun: bool,
    pub(super) state: State,
}

pub(super) enum State {
    Open,
    /// An earlier process of this sync ran it to a good end.
    Finished,
    /// It ended here, or was not run.
    Ended {
        live: Option<Live>,
        outcome: StepOutcome,
    },
    /// Its object was deleted.
    Removed(StepOutcome),
}

impl Hooks {
    /// The hooks that a plan runs, on the ground that it stands on.
    pub(super) fn of(
        plan: &Plan,
        ground: &Ground<'_>,
        mut run: HookRun,
    ) -> Result<Self, ClusterError> {
        if run.id == 0 {
            run.id = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        }
        let mut turns = Vec::new();
        for phase in Phase::ALL.into_iter().filter(|_| !plan.hooks.is_empty()) {
            for (index, ordered) in arranged(&ground.hooks, phase)? {
                let one = &ground.hooks[index];
                let planned = one.desired.reference.clone();
                let mut reference = planned.clone();
                if let Some(prefix) = &one.prefix {
                    reference.name = generated(prefix, plan.revision.short(), phase, run.seconds());
                }
                let words = format!("{} {planned}", phase.word());
                let state =
                    if run.finished.contains(&words) { State::Finished } else { State::Open };
                let (stage, awaited, wave) = (ordered.stage, ordered.awaited, one.hook.wave);
                turns.push(Turn {
                    phase,
                    wave,
                    stage,
                    awaited,
                    index,
                    planned,
                    reference,
                    begun: false,
                    state,
                });
            }
        }
        let digest = digest_of(&ground.hooks);
        let (failed, broke, stall, unready) = (None, None, None, None);
        let cleared = Vec::new();
        Ok(Self { run, turns, digest, failed, broke, stall, unready, cleared })
    }

    /// Whether no hook runs.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Steps that are taken where nothing fails.
    pub(super) fn steps(&self) -> usize {
        let taken = |one: &&Turn| one.phase != Phase::SyncFail && matches!(one.state, State::Open);
        self.turns.iter().filter(taken).count()
    }

    /// The last wave of the hooks that run with the objects.
    pub(super) fn last_wave(&self) -> Option<i64> {
        self.turns.iter().filter(|one| one.phase == Phase::Sync).map(|one| one.wave).max()
    }

    /// Before anything is made: whatever happens, the record knows what may be there, and that the hooks did not end.
    pub(super) fn begin(&self, record: &mut HookRecord) {
        if self.is_empty() {
            return;
        }
        record.ran = None;
        record.run = Some(self.run.id.to_string());
        for turn in &self.turns {
            let member = Member { version: turn.reference.version.clone(), uid: None };
            record.left.insert(turn.reference.key(), member);
        }
    }

    /// At the end: exactly what is left.
    pub(super) fn conclude(&self, record: &mut HookRecord, complete: bool) {
        if self.is_empty() {
            return;
        }
        record.run = None;
        record.ran = self.digest.clone().filter(|_| complete);
        record.left.retain(|key, _| !self.cleared.contains(key));
        for turn in &self.turns {
            let key = turn.reference.key();
            match &turn.state {
                State::Ended { live: Some(live), .. } => {
                    let (version, uid) = (turn.reference.version.clone(), live.uid.to_string());
                    record.left.insert(key, Member { version, uid: Some(uid) });
                }
                State::Ended { live: None, outcome: StepOutcome::Done { .. } }
                | State::Removed(_) => {
                    record.left.remove(&key);
                }
                State::Open | State::Finished | State::Ended { .. } => {}
            }
        }
    }

    /// Every hook whose turn came, with its outcome.
    pub(super) fn outcomes(&mut self) -> Vec<(Verb, ObjectRef, StepOutcome)> {
        let turns = std::mem::take(&mut self.turns).into_iter();
        let ended = turns.filter_map(|turn| {
            let outcome = match turn.state {
                State::Open => return None,
                State::Finished => StepOutcome::Done { uid: None },
                State::Ended { outcome, .. } | State::Removed(outcome) => outcome,
            };
            Some((Verb::Hook(turn.phase), turn.planned, outcome))
        });
        ended.collect()
    }
}

impl HookRun {
    fn seconds(&self) -> i64 {
        i64::try_from(self.id / 1_000_000).unwrap_or_default()
    }

    pub(super) fn begun(&self) -> Timestamp {
        Timestamp::from_second(self.seconds()).unwrap_or_default()
    }
}
