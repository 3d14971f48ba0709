//! The steps of an apply, as they are announced before and reported after.

use crate::domain::plan::Op;
use crate::domain::{ObjectRef, Phase, Stall};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Creates the object.
    Create,
    /// Applies the object over the live one.
    Update,
    /// Deletes the object.
    Delete,
    /// Deletes the object and creates it anew.
    Recreate,
    /// Runs a hook: makes its object, and waits for its end.
    Hook(Phase),
    /// Writes the mapping's record.
    Inventory,
}

impl Verb {
    /// What an operation of a plan does.
    pub(super) fn of(op: Op) -> Self {
        match op {
            Op::Create => Self::Create,
            Op::Update | Op::TakeOver => Self::Update,
            Op::Delete => Self::Delete,
            Op::Recreate => Self::Recreate,
        }
    }

    /// The word for people and the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Recreate => "recreate",
            Self::Hook(phase) => phase.word(),
            Self::Inventory => "inventory",
        }
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position, from 0.
    pub index: usize,
    /// Number of steps of the whole apply.
    pub total: usize,
    /// What is done.
    pub verb: Verb,
    /// To which object.
    pub object: ObjectRef,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// Carried out; with the UID of the object that is there now, if one is.
    Done {
        /// UID.
        uid: Option<String>,
    },
    /// Refused or failed; the reason names the next step.
    Failed {
        /// Why (foreign text, values of Secrets removed).
        error: String,
    },
    /// Not tried, or not waited for.
    Skipped {
        /// Why: a dependency failed, or the apply was stopped.
        because: String,
    },
}

impl StepOutcome {
    /// Whether it was carried out.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// The sync that hooks run in. One that a killed process left goes on under the same number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookRun {
    /// Microseconds since 1970 at its begin; zero where the apply is to take a number.
    pub id: u64,
    /// Hooks that ended well before, as their steps are called: they do not run again.
    pub finished: Vec<String>,
    /// Whether an earlier process began it.
    pub resumed: bool,
    /// How long one hook is waited for, and then the health before the hooks of `PostSync`; a time of their own where
    /// nothing is given.
    pub limit: Option<Duration>,
}

/// Who wants to know of every step: the engine's journal and progress. With several steps of one stage in flight, some
/// `before` may precede the `after` of others.
pub trait Steps: Send {
    /// Called before the write, after which it is sent. An error stops the apply: nothing new begins, what is in
    /// flight ends.
    fn before(&mut self, step: &Step) -> Result<(), String>;
    /// Called when the write has ended. Skipped steps have no `before`.
    fn after(&mut self, step: &Step, outcome: &StepOutcome);
    /// What ends the waits for a server that asks for patience. A write that was sent is not given up.
    fn stop(&self) -> CancellationToken {
        CancellationToken::new()
    }
    /// The sync that hooks run in.
    fn run(&self) -> HookRun {
        HookRun::default()
    }
    /// Called now and then while something is waited for; the answer is whether to wait on.
    fn waiting(&mut self, _for_what: &str) -> bool {
        true
    }
    /// [`Steps::before`] of steps that begin at the same time. The error says also how many of them, from the first,
    /// begin all the same.
    fn before_all(&mut self, steps: &[Step]) -> Result<(), (usize, String)> {
        let mut steps = steps.iter().enumerate();
        steps.try_for_each(|(index, step)| self.before(step).map_err(|reason| (index, reason)))
    }
    /// [`Steps::after`] of steps that ended at the same time.
    fn after_all(&mut self, ended: &[(Step, StepOutcome)]) {
        for (step, outcome) in ended {
            self.after(step, outcome);
        }
    }
}

/// What an apply came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Every operation of the plan with its outcome, in the order of the plan, and then its hooks.
    pub outcomes: Vec<(Verb, ObjectRef, StepOutcome)>,
    /// Why it was stopped before its end, if so.
    pub stopped: Option<String>,
    /// Whether everything was carried out and the revision is recorded as synced.
    pub complete: bool,
    /// What is known of a hook that failed, or of what did not come up before the hooks of `PostSync`.
    pub stall: Option<Stall>,
    /// Why it failed where no step did: what was applied, now or before, did not come up.
    pub failed: Option<String>,
}

impl Applied {
    /// The operations that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&ObjectRef, &str)> {
        self.outcomes.iter().filter_map(|(_, object, outcome)| match outcome {
            StepOutcome::Failed { error } => Some((object, error.as_str())),
            _ => None,
        })
    }

    /// The number of operations that were carried out.
    pub fn done(&self) -> usize {
        self.outcomes.iter().filter(|(_, _, outcome)| outcome.is_done()).count()
    }
}
