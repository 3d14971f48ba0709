//! Lists whose items have no names: where their lengths differ, all changes in one are one change of the whole list.

use crate::domain::Change;
use crate::domain::path::{FieldPath, Step};
use crate::engine::jobs::propose::put;
use serde_json::Value;

/// The changes, with those inside a list that became longer or shorter as one. Taken one by one, an item that cannot be
/// written would leave a list that is neither Git's nor the cluster's.
pub(super) fn folded(changes: Vec<Change>, written: &Value) -> Vec<Change> {
    let resized: Vec<FieldPath> = changes.iter().filter_map(|one| resizes(one, written)).collect();
    let mut rest: Vec<Change> = Vec::new();
    let mut lists: Vec<(FieldPath, Vec<Change>)> = Vec::new();
    for change in changes {
        let path = FieldPath::parse(&change.path).unwrap_or_default();
        let above = resized.iter().filter(|list| list.contains(&path));
        let Some(list) = above.min_by_key(|list| list.0.len()).filter(|_| !change.redacted) else {
            rest.push(change);
            continue;
        };
        match lists.iter_mut().find(|(known, _)| known == list) {
            Some((_, inside)) => inside.push(change),
            None => lists.push((list.clone(), vec![change])),
        }
    }
    for (list, inside) in lists {
        match whole(&list, &inside, written) {
            Some(change) => rest.push(change),
            None => rest.extend(inside),
        }
    }
    rest
}

/// The list that a change makes longer or shorter.
fn resizes(change: &Change, written: &Value) -> Option<FieldPath> {
    let mut path = FieldPath::parse(&change.path)?;
    path.0.pop()?.position()?;
    let is_one_sided = change.before.is_some() != change.after.is_some();
    (is_one_sided && path.find_written(written)?.is_array()).then_some(path)
}

fn whole(list: &FieldPath, inside: &[Change], written: &Value) -> Option<Change> {
    let before = list.find_written(written)?;
    let mut steps = Vec::new();
    for change in inside {
        let below = FieldPath::parse(&change.path)?.0.split_off(list.0.len());
        steps.push((below.first()?.position()?, below, &change.before));
    }
    // Each item that goes moves those behind it, and each that comes is put at the end.
    let goes = |below: &[Step], value: &Option<Value>| below.len() == 1 && value.is_none();
    steps.sort_by_key(
        |(at, below, value)| {
            if goes(below, value) { (1, usize::MAX - at) } else { (0, *at) }
        },
    );
    let mut live = before.clone();
    for (_, below, value) in steps {
        put(&mut live, &below, value.as_ref());
    }
    let managed = inside.iter().rev().find(|one| one.live_manager.is_some());
    Some(Change {
        path: list.to_string(),
        before: Some(live),
        after: Some(before.clone()),
        live_manager: managed.and_then(|one| one.live_manager.clone()),
        live_time: inside.iter().filter_map(|one| one.live_time).max(),
        forced: Vec::new(),
        commit: None,
        redacted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::folded;
    use crate::domain::Change;
    use serde_json::{Value, json};

    fn change(path: &str, before: &Value, after: &Value) -> Change {
        let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
        Change {
            path: path.to_owned(),
            before: some(before),
            after: some(after),
            live_manager: None,
            live_time: None,
            forced: Vec::new(),
            commit: None,
            redacted: false,
        }
    }

    #[test]
    fn a_list_that_became_shorter_or_longer_is_one_change() {
        let item = |number: usize| json!({"host": format!("h{number}"), "port": 1});
        let items = |count: usize| (0..count).map(item).collect::<Vec<_>>();
        let git = json!({"spec": {"rules": items(3), "data": {"1": "x"}}});
        let (none, other) = (Value::Null, change("/spec/data/1", &json!("x"), &Value::Null));
        let gone = [1, 2].map(|at| change(&format!("/spec/rules/{at}"), &none, &item(at)));
        let found = folded([&gone[..], std::slice::from_ref(&other)].concat(), &git);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], other);
        assert_eq!(
            (found[1].path.as_str(), &found[1].before),
            ("/spec/rules", &Some(json!(items(1))))
        );
        // In the order of their texts ten comes before three.
        let mut added: Vec<Change> =
            (3..12).map(|at| change(&format!("/spec/rules/{at}"), &item(at), &none)).collect();
        added.sort_by(|a, b| a.path.cmp(&b.path));
        added.push(change("/spec/rules/0/port", &json!(7), &json!(1)));
        let mut expected = items(12);
        expected[0]["port"] = json!(7);
        let found = folded(added, &git);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].before, Some(json!(expected)));
        // As long as before: value by value.
        let same = vec![change("/spec/rules/0/port", &json!(7), &json!(1))];
        assert_eq!(folded(same.clone(), &git), same);
    }
}
