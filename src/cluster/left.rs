//! What a plan left out, gathered from its verdicts, and how the ignore rules were of use.

use super::desired::Desired;
use super::ground::Ground;
use super::judge::{Judged, Verdict};
use super::live::Live;
use crate::domain::noise::unset;
use crate::domain::{LeftOut, RuleUse, Why};

/// What was left out, object by object. Of objects that need nothing it is known what rules and controllers hold and what
/// is extra; `everything` takes a closer look at each of them.
pub(super) fn left_out(ground: &Ground<'_>, judged: &[Judged], everything: bool) -> Vec<LeftOut> {
    // Not as they are written: the same objects in another order are the same plan.
    let mut pairs: Vec<_> = ground.placed.iter().zip(judged).collect();
    pairs.sort_by(|(a, _), (b, _)| a.reference.cmp(&b.reference));
    let pairs = pairs.into_iter();
    pairs.flat_map(|(desired, judged)| of_object(ground, desired, judged, everything)).collect()
}

fn of_object(
    ground: &Ground<'_>,
    desired: &Desired,
    judged: &Judged,
    everything: bool,
) -> Vec<LeftOut> {
    let is_held = |path: &&String| judged.left.iter().all(|(known, _)| known != *path);
    let extra = judged.extra.iter().filter(is_held).map(|path| (path.clone(), Why::Extra));
    let mut left: Vec<(String, Why)> = judged.left.iter().cloned().chain(extra).collect();
    if everything && judged.verdict == Verdict::Unchanged {
        let live = judged.live.as_ref().map(Live::value);
        left.extend(
            live.iter().flat_map(|live| unset(live, &ground.frame.sent(desired, Some(live)))),
        );
    }
    LeftOut::group(&desired.reference, left)
}

/// How each rule of the mapping was of use.
pub(super) fn rule_uses(ground: &Ground<'_>, judged: &[Judged]) -> Vec<RuleUse> {
    let rules = ground.frame.rules.iter().enumerate();
    rules
        .map(|(at, ready)| {
            let hits = judged.iter().flat_map(|judged| &judged.hits).filter(|hit| hit.0 == at);
            let (objects, paths) =
                hits.fold((0, 0), |(objects, paths), hit| (objects + 1, paths + hit.1));
            let (rule, place) = (ready.rule.to_string(), ready.rule.place.clone());
            RuleUse { rule, place, objects, paths }
        })
        .collect()
}
