//! Objects whose field managers are recorded in an earlier version of their kind than the one that is applied.
//!
//! The server compares fields in the version in which they are recorded. Where that one is not served any more, or
//! lacks a field of the new one, every server-side apply fails until the records name the new version
//! (kubernetes#111937, flux2#5715).

use crate::domain::FieldPath;
use crate::domain::managed::{Ownership, child, entries, item_key, ownership};
use crate::domain::migrate::unite;
use crate::domain::object::split_api_version;
use crate::domain::path::{Step, matches_key};
use crate::domain::prove::MANAGER;
use serde_json::{Map, Value};

/// `metadata.managedFields` of a live object with gitdeck's own entry in the version in which it applies now, and the
/// entries of everybody in `gone`, a version that the server does not know any more. Nothing where there is nothing to
/// move. Entries that become one are united.
pub fn restamped(live: &Value, version: &str, gone: Option<&str>) -> Option<Value> {
    let group = split_api_version(version).0;
    let is_stale = |entry: &Value| {
        let named = entry["apiVersion"].as_str().unwrap_or_default();
        let ours = entry["manager"] == MANAGER && entry["operation"] == "Apply";
        named != version
            && split_api_version(named).0 == group
            && (ours || gone.is_some_and(|gone| gone == named))
    };
    let list = live["metadata"]["managedFields"].as_array()?;
    list.iter().any(is_stale).then(|| {
        let mut moved: Vec<Value> = Vec::new();
        for entry in list {
            let mut entry = entry.clone();
            if is_stale(&entry) {
                entry["apiVersion"] = version.into();
            }
            let same = |one: &&mut Value| {
                ["manager", "operation", "apiVersion", "subresource"]
                    .iter()
                    .all(|field| one[*field] == entry[*field])
            };
            match moved.iter_mut().find(same).map(|one| one["fieldsV1"].as_object_mut()) {
                Some(Some(into)) => {
                    unite(into, entry["fieldsV1"].as_object().unwrap_or(&Map::new()));
                }
                _ => moved.push(entry),
            }
        }
        Value::Array(moved)
    })
}

/// The live object with `sent` applied to it, as near as can be told without the server: fields of maps and items of
/// keyed lists are merged, other lists replaced, and what only gitdeck owns and no longer sends goes.
pub fn laid_over(live: &Value, sent: &Value) -> Value {
    let is_ours = |entry: &crate::domain::managed::Entry<'_>| {
        entry.manager == MANAGER && entry.applied && entry.subresource.is_empty()
    };
    let nothing = Map::new();
    let ours = entries(live).find(is_ours).map_or(&nothing, |entry| entry.fields);
    let others: Vec<_> = entries(live).filter(|entry| !is_ours(entry)).collect();
    let is_shared = |path: &FieldPath| {
        others.iter().any(|entry| ownership(entry.fields, path) != Ownership::None)
    };
    let mut result = live.clone();
    lay(&mut result, sent, ours, &mut FieldPath::default(), &is_shared);
    result
}

fn lay(
    live: &mut Value,
    sent: &Value,
    owned: &Map<String, Value>,
    at: &mut FieldPath,
    is_shared: &dyn Fn(&FieldPath) -> bool,
) {
    let nothing = Map::new();
    match (live, sent) {
        (Value::Object(live), Value::Object(sent)) => {
            let left = owned.keys().filter_map(|key| key.strip_prefix("f:"));
            for name in left.filter(|name| !sent.contains_key(*name)) {
                at.0.push(Step::Field(name.to_owned()));
                if !is_shared(at) {
                    live.shift_remove(name);
                }
                at.0.pop();
            }
            for (name, wanted) in sent {
                let Some(current) = live.get_mut(name) else {
                    live.insert(name.clone(), wanted.clone());
                    continue;
                };
                let step = Step::Field(name.clone());
                let below = child(owned, &step).unwrap_or(&nothing);
                at.0.push(step);
                lay(current, wanted, below, at, is_shared);
                at.0.pop();
            }
        }
        (Value::Array(live), Value::Array(sent))
            if owned.keys().any(|key| item_key(key).is_some()) =>
        {
            let steps = owned.keys().filter_map(|key| item_key(key));
            for keys in steps.map(|keys| keys.into_iter().collect::<Vec<_>>()) {
                let wanted = sent.iter().find(|item| matches_key(item, &keys));
                let place = live.iter().position(|item| matches_key(item, &keys));
                let step = Step::Key(keys);
                let below = child(owned, &step).unwrap_or(&nothing);
                at.0.push(step);
                match (place, wanted) {
                    (Some(place), Some(wanted)) => {
                        lay(&mut live[place], wanted, below, at, is_shared);
                    }
                    (Some(place), None) if !is_shared(at) => drop(live.remove(place)),
                    (None, Some(wanted)) => live.push(wanted.clone()),
                    _ => {}
                }
                at.0.pop();
            }
            let is_known = |item: &Value| {
                let mut steps = owned.keys().filter_map(|key| item_key(key));
                steps.any(|keys| matches_key(item, &keys.into_iter().collect::<Vec<_>>()))
            };
            live.extend(sent.iter().filter(|item| !is_known(item)).cloned());
        }
        (live, sent) => live.clone_from(sent),
    }
}

#[cfg(test)]
mod tests {
    use super::{laid_over, restamped};
    use serde_json::{Value, json};

    fn entry(manager: &str, operation: &str, version: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn entries_of_a_version_that_is_gone_are_moved_and_united() {
        let live = json!({"metadata": {"managedFields": [
            entry("gitdeck", "Apply", "x/v1beta1", json!({"f:spec": {"f:a": {}}})),
            entry("edit", "Update", "x/v1beta1", json!({"f:spec": {"f:b": {}}})),
            entry("edit", "Update", "x/v1", json!({"f:spec": {"f:c": {}}})),
            entry("other", "Update", "x/v1alpha1", json!({"f:spec": {"f:d": {}}})),
            entry("core", "Update", "v1", json!({"f:metadata": {}}))]}});
        assert_eq!(
            restamped(&live, "x/v1", Some("x/v1beta1")),
            Some(json!([
                entry("gitdeck", "Apply", "x/v1", json!({"f:spec": {"f:a": {}}})),
                entry("edit", "Update", "x/v1", json!({"f:spec": {"f:b": {}, "f:c": {}}})),
                entry("other", "Update", "x/v1alpha1", json!({"f:spec": {"f:d": {}}})),
                entry("core", "Update", "v1", json!({"f:metadata": {}}))
            ]))
        );
        // A version that is still served is for others to leave.
        let own = restamped(&live, "x/v1", None).expect("our own entry");
        assert_eq!(
            (&own[0]["apiVersion"], &own[1]["apiVersion"]),
            (&json!("x/v1"), &json!("x/v1beta1"))
        );
        assert_eq!(restamped(&json!({"metadata": {"managedFields": own}}), "x/v1", None), None);
    }

    #[test]
    fn what_only_we_own_and_no_longer_send_goes() {
        let mut live = json!({"spec": {"a": 1, "b": 2, "c": 3, "items": [{"name": "x", "v": 1}, {"name": "y", "v": 1}, {"name": "z"}], "free": [1]}});
        let item = |name: &str| format!("k:{{\"name\":\"{name}\"}}");
        live["metadata"]["managedFields"] = json!([
            entry(
                "gitdeck",
                "Apply",
                "x/v1beta1",
                json!({"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}, "f:free": {},
                "f:items": {item("x"): {".": {}, "f:v": {}}, item("y"): {".": {}}}}})
            ),
            entry("edit", "Update", "x/v1", json!({"f:spec": {"f:b": {}}}))
        ]);
        let sent = json!({"spec": {"a": 5, "items": [{"name": "x", "v": 2}, {"name": "new"}], "free": [2, 3]}});
        assert_eq!(
            laid_over(&live, &sent)["spec"],
            json!({"a": 5, "b": 2, "items": [{"name": "x", "v": 2}, {"name": "z"}, {"name": "new"}], "free": [2, 3]})
        );
    }
}
