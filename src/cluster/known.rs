//! Verdicts that need no request: remembered ones, and those that the live object itself proves.

use super::desired::Desired;
use super::ground::Ground;
use super::judge::{Frame, Judged, Verdict, invalid};
use super::live::Live;
use super::memo::Seen;
use super::settle::{Settled, extra};
use super::surplus::surplus;
use super::{Cluster, ClusterError};
use crate::domain::Change;
use crate::domain::health::{assess_at, is_provisional};
use crate::domain::ignored::Held;
use crate::domain::path::FieldPath;
use crate::domain::plan::{Op, Refusal};
use crate::domain::prove::{Proof, prove};
use crate::domain::sensitive::Places;
use futures::future::{Either, ready, try_join_all};
use jiff::Timestamp;
use serde_json::Value;
use std::num::NonZero;
use std::thread;

/// From this number of objects on, a second thread costs less than it saves.
const MANY: usize = 128;

/// What can be told of an object without asking the server.
pub(super) struct Inspected {
    /// The object as it would be sent.
    pub(super) sent: Value,
    /// Places that are left to whoever owns them.
    pub(super) held: Vec<Held>,
    pub(super) op: Op,
    /// What keeps it from being written before the server is asked: who else claims it, or rules that cannot be read.
    pub(super) foreign: Option<Refusal>,
    /// What is live and not in Git, where that counts.
    pub(super) surplus: Vec<Change>,
    /// The verdict, should nothing differ.
    pub(super) judged: Judged,
}

impl Frame<'_> {
    pub(super) fn inspect(&self, desired: &Desired, live: &Live, value: &Value) -> Inspected {
        let Settled { sent, ignored, left } = self.settle(desired, Some(value));
        let (op, foreign) = self.ownership(desired, value);
        let foreign = foreign.or(ignored.fault.map(|fault| invalid(desired, &fault)));
        let surplus = if self.live_wins {
            surplus(self, desired, (value, &sent), &ignored.held)
        } else {
            Vec::new()
        };
        let mut extra = extra(value, &sent, &left);
        extra.retain(|path| surplus.iter().all(|change| change.path != *path));
        let sensitive = Places::of(value);
        for path in extra.iter_mut().filter(|_| !sensitive.is_empty()) {
            *path = FieldPath::parse(path)
                .map_or_else(String::new, |path| sensitive.shown(&path).to_string());
        }
        let judged = Judged {
            verdict: Verdict::Unchanged,
            health: assess_at(value, Timestamp::now()),
            live: Some(live.clone()),
            extra,
            left,
            hits: ignored.hits,
            dry_runs: 0,
        };
        Inspected { sent, held: ignored.held, op, foreign, surplus, judged }
    }
}

impl Cluster {
    /// Judges every desired object: first what needs no request, on all processors, then the rest at the server.
    pub(super) async fn judge_all(&self, ground: &Ground<'_>) -> Result<Vec<Judged>, ClusterError> {
        let live = |one: &Desired| ground.live.get(&one.reference.key());
        let known = self.known(ground);
        let judges = ground.placed.iter().zip(known).map(|(one, known)| match known {
            Some(judged) => Either::Left(ready(Ok(judged))),
            None => Either::Right(self.judge(&ground.frame, one, live(one))),
        });
        try_join_all(judges).await
    }

    fn known(&self, ground: &Ground<'_>) -> Vec<Option<Judged>> {
        let judge = |one: &Desired| {
            let live = ground.live.get(&one.reference.key())?;
            self.judge_known(&ground.frame, one, live)
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        if ground.placed.len() < MANY || threads == 1 {
            return ground.placed.iter().map(judge).collect();
        }
        let share = ground.placed.len().div_ceil(threads);
        thread::scope(|scope| {
            let shares = ground.placed.chunks(share);
            let running: Vec<_> = shares
                .map(|share| scope.spawn(move || share.iter().map(judge).collect::<Vec<_>>()))
                .collect();
            let shares = running
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            shares.flatten().collect()
        })
    }

    /// The verdict on a live object, where it is remembered or proved.
    pub(super) fn judge_known(
        &self,
        frame: &Frame<'_>,
        desired: &Desired,
        live: &Live,
    ) -> Option<Judged> {
        let seen = Seen::of(frame, desired, Some(live));
        if let Some(mut judged) = self.memo().recall(&seen, Some(live)) {
            // Patience with a status that does not come ends by itself.
            if is_provisional(&judged.health) {
                judged.health = assess_at(&live.value(), Timestamp::now());
            }
            return Some(judged);
        }
        let value = live.value();
        if let Some(judged) = self.memo().recall_alike(&seen, live, &value) {
            let judged = Judged { health: assess_at(&value, Timestamp::now()), ..judged };
            self.memo().renew(seen, &judged);
            return Some(judged);
        }
        let Inspected { sent, op, foreign, surplus, judged, .. } =
            frame.inspect(desired, live, &value);
        // Where the definition is not served, nothing of the kind can be live.
        let is_proved = desired.resource.is_none()
            || foreign.is_none()
                && op != Op::TakeOver
                && surplus.is_empty()
                && self.trusts(&desired.reference.group)
                && prove(&sent, &value) == Proof::Unchanged;
        // Where nothing is watched, nobody comes back to what can be proved again.
        if is_proved && self.watches().is_any() {
            self.memo().keep(seen, &judged, &value);
        }
        is_proved.then_some(judged)
    }

    /// The verdict that an earlier process heard from the server on exactly this. It is not remembered here: what is on
    /// disk is believed for a day only.
    pub(super) async fn judged_before(
        &self,
        frame: &Frame<'_>,
        desired: &Desired,
        (live, value): (&Live, &Value),
    ) -> Option<Judged> {
        if !self.precedents().are_kept() || !self.trusts(&desired.reference.group) {
            return None;
        }
        let footing = self.footing().await?;
        let case = Seen::of(frame, desired, Some(live)).case(&footing, live, value);
        if !self.precedents().stands(&case, Timestamp::now().as_second()) {
            return None;
        }
        let Inspected { held, op, foreign, surplus, judged, .. } =
            frame.inspect(desired, live, value);
        let stays = op != Op::TakeOver && foreign.is_none();
        (stays && held.is_empty() && surplus.is_empty()).then_some(judged)
    }

    /// Tells later processes what the server said, where there is nothing to add to it.
    pub(super) async fn uphold(
        &self,
        seen: &Seen<'_>,
        (live, value): (&Live, &Value),
        judged: &Judged,
    ) {
        let asked = judged.dry_runs > 0 && judged.verdict == Verdict::Unchanged;
        if asked
            && judged.left.is_empty()
            && self.precedents().are_kept()
            && let Some(footing) = self.footing().await
        {
            let case = seen.case(&footing, live, value);
            self.precedents().add(&case, Timestamp::now().as_second());
        }
    }
}
