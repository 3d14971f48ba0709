//! Why an operation is needed: Git changed, the cluster changed, or the server rewrites what is sent.

use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::migrate::needs_migration;
use crate::domain::path::FieldPath;
use crate::domain::prove::MANAGER;
use crate::domain::{Change, Reason};
use serde_json::Value;

/// What is known about one object that differs.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The desired object at the revision that was synced last, as it would be sent; nothing when it was not in Git
    /// then, or when nothing was ever synced.
    pub previous: Option<&'a Value>,
    /// The desired object, as it would be sent.
    pub desired: &'a Value,
    /// The live object.
    pub live: Option<&'a Value>,
}

/// The reason of the whole operation: a take-over or a migration, else the strongest of its changes' reasons, a commit
/// before drift before admission.
pub fn reason(facts: &Facts<'_>, changes: &[Change]) -> Reason {
    let Some(live) = facts.live else {
        // It was there after the last sync; somebody deleted it.
        return if facts.previous.is_some_and(|previous| previous == facts.desired) {
            Reason::Drift
        } else {
            Reason::Commit
        };
    };
    if needs_migration(live) {
        return Reason::Migration;
    }
    if !entries(live).any(|entry| entry.manager == MANAGER && entry.applied) {
        return Reason::TakeOver;
    }
    let reasons: Vec<Reason> = changes.iter().map(|change| change_reason(facts, change)).collect();
    let strongest = [Reason::Commit, Reason::Drift, Reason::Admission]
        .into_iter()
        .find(|reason| reasons.contains(reason));
    // Nothing visible differs: only labels of ours or ownership move.
    strongest.unwrap_or(if facts.previous == Some(facts.desired) {
        Reason::Drift
    } else {
        Reason::Commit
    })
}

/// [`reason`] where live changes are recorded as commits: whoever owns the fields, a value that Git does not have is
/// drift, unless Git asks for something else than at the last recording, or the server rewrites Git's own value.
pub fn recorded_reason(facts: &Facts<'_>, changes: &[Change]) -> Reason {
    let reasons: Vec<Reason> =
        changes.iter().map(|change| recorded_change_reason(facts, change)).collect();
    let strongest =
        [Reason::Drift, Reason::Commit].into_iter().find(|reason| reasons.contains(reason));
    strongest.unwrap_or(Reason::Admission)
}

fn recorded_change_reason(facts: &Facts<'_>, change: &Change) -> Reason {
    let Some(path) = FieldPath::parse(&change.path) else { return Reason::Drift };
    let wanted = path.find_written(facts.desired);
    let live = facts.live.and_then(|live| path.find(live));
    if let (Some(wanted), Some(live)) = (wanted, live)
        && agrees(wanted, live)
    {
        return Reason::Admission;
    }
    match facts.previous {
        Some(previous) if path.find_written(previous) != wanted => Reason::Commit,
        _ => Reason::Drift,
    }
}

/// The reason of one change: Git's value at the path changed since the last sync, or it did not and somebody changed the
/// live value, or nobody did and the server rewrites what is sent. The last shows in three ways: Git and the live object
/// agree and the dry run changes the value nevertheless; the value is not Git's, but still ours, and whoever writes
/// another value takes the ownership with it; nobody ever asked for the value.
pub fn change_reason(facts: &Facts<'_>, change: &Change) -> Reason {
    let Some(path) = FieldPath::parse(&change.path) else { return Reason::Drift };
    let wanted = path.find_written(facts.desired);
    let Some(previous) = facts.previous else { return Reason::Commit };
    if path.find_written(previous) != wanted {
        return Reason::Commit;
    }
    let live = facts.live.and_then(|live| path.find(live));
    match (wanted, live) {
        (Some(wanted), Some(live)) if agrees(wanted, live) => Reason::Admission,
        (Some(_), _) if is_ours(facts, &path) => Reason::Admission,
        // Nobody asks for this path in Git, now or before, and the live object has it: what is gone from it was
        // somebody else's.
        (None, _) if change.before.is_none() && change.after.is_some() => Reason::Admission,
        (None, _) if change.after.is_some() && nearest_is_ours(facts, &path) => Reason::Admission,
        _ => Reason::Drift,
    }
}

/// Whether our entry owns a path and nobody else's does.
fn is_ours(facts: &Facts<'_>, path: &FieldPath) -> bool {
    let Some(live) = facts.live else { return false };
    let mut owners = entries(live)
        .filter(|entry| ownership(entry.fields, path) == Ownership::Full)
        .map(|entry| entry.manager == MANAGER && entry.applied)
        .peekable();
    owners.peek().is_some() && owners.all(|ours| ours)
}

/// Whether the nearest part above a path that Git asks for is still ours: a list without keys goes as a whole to whoever
/// changes anything in it.
fn nearest_is_ours(facts: &Facts<'_>, path: &FieldPath) -> bool {
    let Some(live) = facts.live else { return false };
    let above = (1..path.0.len()).rev().map(|length| FieldPath(path.0[..length].to_vec()));
    let Some(nearest) = above.into_iter().find(|above| above.find_written(facts.desired).is_some())
    else {
        return true;
    };
    entries(live).any(|entry| {
        entry.manager == MANAGER
            && entry.applied
            && ownership(entry.fields, &nearest) != Ownership::None
    })
}

/// Whether the live value has everything that Git says; the server may have added defaults.
pub fn agrees(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted
            .iter()
            .all(|(name, value)| live.get(name).is_some_and(|found| agrees(value, found))),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len() && wanted.iter().zip(live).all(|(a, b)| agrees(a, b))
        }
        _ => wanted == live,
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, reason};
    use crate::domain::Reason;
    use crate::domain::diff::difference;
    use serde_json::{Value, json};

    fn object(spec: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "D", "metadata": {"name": "d"}, "spec": spec})
    }

    fn why(
        previous: Option<Value>,
        desired: Value,
        live: Option<Value>,
        predicted: Value,
        owned: &Value,
    ) -> Reason {
        let previous = previous.map(|spec| object(&spec));
        let live = live.map(|spec| {
            let mut live = object(&spec);
            live["metadata"]["managedFields"] =
                json!([{"manager": "gitdeck", "operation": "Apply", "apiVersion": "v1", "fieldsV1": owned}]);
            live
        });
        let desired = object(&desired);
        let changes = difference(live.as_ref(), &object(&predicted), &[]).changes;
        reason(
            &Facts { previous: previous.as_ref(), desired: &desired, live: live.as_ref() },
            &changes,
        )
    }

    #[test]
    fn reasons_follow_from_git_and_the_cluster() {
        let (one, two, both) = (json!({"a": 1}), json!({"a": 2}), json!({"a": 1, "b": 1}));
        for (previous, desired, live, predicted, expected) in [
            (Some(&one), &two, Some(&one), &two, Reason::Commit),
            (Some(&two), &two, Some(&one), &two, Reason::Drift),
            (Some(&one), &both, Some(&json!({"a": 9})), &both, Reason::Commit),
            (Some(&both), &one, Some(&both), &one, Reason::Commit),
            (Some(&one), &one, Some(&both), &one, Reason::Drift),
            (Some(&one), &one, Some(&one), &both, Reason::Admission),
            (Some(&one), &one, Some(&one), &two, Reason::Admission),
            (None, &one, Some(&two), &one, Reason::Commit),
            (None, &one, None, &one, Reason::Commit),
            (Some(&one), &one, None, &one, Reason::Drift),
        ] {
            // Whoever changes a value owns it from then on.
            let nothing = json!({"f:spec": {"f:other": {}}});
            let found =
                why(previous.cloned(), desired.clone(), live.cloned(), predicted.clone(), &nothing);
            assert_eq!(found, expected, "{previous:?} {desired} {live:?} {predicted}");
        }
    }

    #[test]
    fn a_value_that_is_ours_and_not_gits_was_rewritten_on_the_way() {
        let (one, two) = (json!({"a": 1}), json!({"a": 2}));
        let ours = json!({"f:spec": {"f:a": {}}});
        let of = |previous: &Value, desired: &Value, live: &Value, predicted: &Value, owned| {
            why(
                Some(previous.clone()),
                desired.clone(),
                Some(live.clone()),
                predicted.clone(),
                owned,
            )
        };
        assert_eq!(of(&one, &one, &two, &one, &ours), Reason::Admission);
        assert_eq!(of(&two, &one, &two, &one, &ours), Reason::Commit);
        assert_eq!(of(&one, &one, &json!({}), &one, &ours), Reason::Admission, "stripped");
        // A value nobody asks for that is another one in each dry run, beside what we own.
        let (first, second) = (json!({"a": 1, "b": 1}), json!({"a": 1, "b": 2}));
        assert_eq!(of(&one, &one, &first, &second, &ours), Reason::Admission);
        // Inside a list without keys that somebody else owns by now.
        let list = json!({"a": [{"x": 1}]});
        let (live, predicted) =
            (json!({"a": [{"x": 1, "y": 1}]}), json!({"a": [{"x": 1, "y": 2}]}));
        let theirs = json!({"f:spec": {"f:other": {}}});
        assert_eq!(of(&list, &list, &live, &predicted, &theirs), Reason::Drift);
    }

    #[test]
    fn unowned_objects_are_taken_over_and_old_history_is_migrated() {
        let mut live = object(&json!({"a": 1}));
        let desired = object(&json!({"a": 2}));
        let why = |live: &Value| {
            reason(&Facts { previous: None, desired: &desired, live: Some(live) }, &[])
        };
        assert_eq!(why(&live), Reason::TakeOver);
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": {"f:spec": {}}}]);
        assert_eq!(why(&live), Reason::Migration);
    }
}
