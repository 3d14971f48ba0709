//! A desired object as it is sent: without what is ignored or belongs to a controller.

use super::controllers::controlled;
use super::desired::Desired;
use super::judge::Frame;
use crate::domain::Why;
use crate::domain::diff::extras;
use crate::domain::ignored::{Held, Ignored, keep_ignored};
use crate::domain::normalize::as_sent;
use crate::domain::owner::PART_OF;
use serde_json::Value;

/// A desired object as it is sent.
pub(super) struct Settled {
    pub(super) sent: Value,
    /// What the rules say of it.
    pub(super) ignored: Ignored,
    /// What differs and is left, with why.
    pub(super) left: Vec<(String, Why)>,
}

impl Frame<'_> {
    /// [`Frame::sent`] with what was left out, and why.
    pub(super) fn settle(&self, desired: &Desired, live: Option<&Value>) -> Settled {
        let mark = [(PART_OF, self.set_id.as_str())];
        // What is only recorded gets no mark; one that it has stays.
        let marked = live.is_some_and(|live| live["metadata"]["labels"][PART_OF] == *self.set_id);
        let labels = if self.live_wins && !marked { &mark[1..] } else { &mark[..] };
        let mut sent = as_sent(&desired.object, labels);
        let place = || desired.origin.to_string();
        let mut ignored = Ignored::of(&self.rules, &sent, live, &place);
        let Some(live) = live else { return Settled { sent, ignored, left: Vec::new() } };
        for (path, manager) in controlled(&desired.object, live) {
            ignored.held.push(Held { path, why: Why::Controller { manager } });
        }
        if ignored.held.is_empty() {
            return Settled { sent, ignored, left: Vec::new() };
        }
        // A live value whose owner we succeed is ours by the time that the object is applied: left out it would go.
        let succeeds = || self.succession(desired, live).view(live);
        let before = if self.live_wins { None } else { succeeds() };
        let left = keep_ignored(&mut sent, before.as_ref().unwrap_or(live), &ignored.held);
        Settled { sent, ignored, left }
    }
}

/// What is live and not in Git: what a controller keeps, and what others added; what a rule leaves is told as that.
pub(super) fn extra(live: &Value, sent: &Value, left: &[(String, Why)]) -> Vec<String> {
    let kept = left.iter().filter(|(_, why)| matches!(why, Why::Controller { .. }));
    let kept = kept.map(|(path, _)| path.clone());
    let others = extras(live, sent).into_iter();
    kept.chain(others.filter(|path| left.iter().all(|(known, _)| known != path))).collect()
}
