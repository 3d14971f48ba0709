//! Ignored paths: they never count as drift, and an apply leaves them to whoever owns them.

use crate::domain::ignore::{ANNOTATION, Ready, annotated};
use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::noise::Why;
use crate::domain::object::ObjectRef;
use crate::domain::owner::PART_OF;
use crate::domain::path::{FieldPath, Step, fits_written, matches_key, same_scalar};
use crate::domain::pattern::matches;
use crate::domain::prove::MANAGER;
use crate::domain::query::owned_paths;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A place of one object that is left to whoever owns it, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The place.
    pub path: FieldPath,
    /// Why.
    pub why: Why,
}

/// What the rules of a mapping, and those that an object carries, say of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ignored {
    /// The places.
    pub held: Vec<Held>,
    /// The rules of the mapping that are for the object, by position, with the number of their places that exist.
    pub hits: Vec<(usize, usize)>,
    /// What is wrong with the rules that the object carries.
    pub fault: Option<String>,
}

impl Ignored {
    /// Finds out. `place` is where the object is written.
    pub fn of(
        rules: &[Ready],
        desired: &Value,
        live: Option<&Value>,
        place: &dyn Fn() -> String,
    ) -> Self {
        let mut ignored = Self::default();
        let Some(reference) = ObjectRef::of(desired) else { return ignored };
        for (at, ready) in
            rules.iter().enumerate().filter(|(_, one)| one.is_for(desired, &reference))
        {
            let found = ignored.hold(ready, desired, live);
            ignored.hits.push((at, found));
        }
        if !desired["metadata"]["annotations"][ANNOTATION].is_null() {
            match annotated(desired, &place()) {
                Ok(own) => {
                    for ready in &own {
                        ignored.hold(ready, desired, live);
                    }
                }
                Err(fault) => ignored.fault = Some(fault),
            }
        }
        ignored
    }

    /// Adds the places of a rule; how many of them exist.
    fn hold(&mut self, ready: &Ready, desired: &Value, live: Option<&Value>) -> usize {
        let mut paths = ready.query.as_ref().map(|query| query.paths(desired, live));
        if let Some(manager) = &ready.rule.manager {
            let owned = live.map(|live| owned_paths(live, |name| matches(manager, name)));
            let below = |path: &FieldPath| {
                paths.as_ref().is_none_or(|all| all.iter().any(|above| above.contains(path)))
            };
            paths = Some(owned.unwrap_or_default().into_iter().filter(below).collect());
        }
        let paths = paths.unwrap_or_default().into_iter();
        let paths: Vec<FieldPath> =
            paths.flat_map(|path| beside_mark(path, desired, live)).collect();
        let is_there = |path: &&FieldPath| {
            path.find_written(desired).is_some()
                || live.is_some_and(|live| path.find(live).is_some())
        };
        let count = paths.iter().filter(is_there).count();
        let why = Why::Rule { rule: ready.rule.to_string(), place: ready.rule.place.clone() };
        self.held.extend(paths.into_iter().map(|path| Held { path, why: why.clone() }));
        count
    }
}

/// A place without our own mark: an object that does not carry it is none of ours, whatever a rule says. What lies around
/// the mark is named piece by piece.
fn beside_mark(path: FieldPath, desired: &Value, live: Option<&Value>) -> Vec<FieldPath> {
    let field = |name: &str| Step::Field(name.to_owned());
    let mark = FieldPath(vec![field("metadata"), field("labels"), field(PART_OF)]);
    if !path.contains(&mark) {
        return vec![path];
    }
    let found = [path.find(desired), live.and_then(|live| path.find(live))];
    let names: BTreeSet<&String> =
        found.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys).collect();
    let below = names.into_iter().map(|name| path.join(field(name)));
    below.flat_map(|path| beside_mark(path, desired, live)).collect()
}

/// Changes the held places of a desired object so that applying it changes nothing there: a value that another manager
/// owns is not sent, so that ownership stays with it; otherwise the live value is sent in place of the desired. What was
/// different is given back, with why it was left.
pub fn keep_ignored(desired: &mut Value, live: &Value, held: &[Held]) -> Vec<(String, Why)> {
    let mut kept = Vec::new();
    // From the end: an item of a list that goes moves those after it.
    for one in held.iter().rev() {
        keep(desired, live, &one.path, &mut |path| kept.push((path.to_string(), one.why.clone())));
    }
    kept.reverse();
    kept
}

fn keep(desired: &mut Value, live: &Value, path: &FieldPath, kept: &mut dyn FnMut(&FieldPath)) {
    let Some((last, above)) = path.0.split_last() else { return };
    if FieldPath(above.to_vec()).is_key_field(last) {
        // Without its key an item of a list is another one.
        return;
    }
    let Some(current) = path.find(live) else {
        if path.find_written(desired).is_some() {
            kept(path);
            remove(desired, &path.0);
        }
        return;
    };
    let wanted = path.find_written(desired);
    if let Value::Object(fields) = current
        && wanted.is_none_or(Value::is_object)
        && !fields.is_empty()
        && !is_whole(live, path)
    {
        let mut names: Vec<String> = fields.keys().cloned().collect();
        if let Some(Value::Object(wanted)) = wanted {
            names.extend(wanted.keys().filter(|name| !fields.contains_key(*name)).cloned());
        }
        for name in names {
            keep(desired, live, &path.join(Step::Field(name)), kept);
        }
        if path
            .find_written(desired)
            .is_some_and(|left| left.as_object().is_some_and(Map::is_empty))
        {
            remove(desired, &path.0);
        }
        return;
    }
    let (mut ours, mut others) = (false, false);
    for entry in entries(live) {
        if ownership(entry.fields, path) != Ownership::None {
            if entry.manager == MANAGER && entry.applied { ours = true } else { others = true }
        }
    }
    // What is owned as one piece with what is around it goes as a whole: without this part, an apply would drop it.
    let above = FieldPath(above.to_vec());
    let is_whole = is_whole(live, &above);
    let goes_along = is_whole && above.find_written(desired).is_some();
    let is_new = wanted.is_none();
    if wanted != Some(current) && (ours || !is_new || goes_along) {
        kept(path);
    }
    // A list of which both own items is kept as it is: leaving it out would drop ours. An item without a key is a part of
    // a list that goes as a whole.
    let is_part = is_whole || matches!(last, Step::Index(_));
    if others && !(ours && current.is_array()) && !is_part {
        remove(desired, &path.0);
    } else if goes_along && is_new && matches!(last, Step::Key(_) | Step::Item(_)) {
        add_item(desired, live, path);
    } else if ours || !is_new || goes_along {
        set(desired, &path.0, current.clone());
    }
}

/// Adds a live item to a desired list, where it is in the live one.
fn add_item(desired: &mut Value, live: &Value, path: &FieldPath) {
    let Some((last, above)) = path.0.split_last() else { return };
    let Some(Value::Array(all)) = FieldPath(above.to_vec()).find(live) else { return };
    let Some(Value::Array(items)) =
        above.iter().try_fold(desired, |value, step| find_mut(value, step))
    else {
        return;
    };
    if let Some(index) = position(all, last) {
        items.insert(index.min(items.len()), all[index].clone());
    }
}

/// Whether some entry owns the value at this path as one piece (an atomic map).
fn is_whole(live: &Value, path: &FieldPath) -> bool {
    entries(live).any(|entry| {
        let below = path.join(Step::Field(String::new()));
        ownership(entry.fields, &below) == Ownership::Full
    })
}

/// Takes what is at a path out of a value.
pub fn remove(value: &mut Value, steps: &[Step]) {
    let Some((last, above)) = steps.split_last() else { return };
    let Some(parent) = above.iter().try_fold(value, |value, step| find_mut(value, step)) else {
        return;
    };
    match (parent, last) {
        (Value::Object(fields), Step::Field(name)) => drop(fields.shift_remove(name)),
        (Value::Array(items), step) => {
            if let Some(index) = position(items, step) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Sets a value; missing maps on the way are made, missing items of lists are not.
fn set(value: &mut Value, steps: &[Step], new: Value) {
    let Some((first, rest)) = steps.split_first() else {
        *value = new;
        return;
    };
    match (value, first) {
        (Value::Object(fields), Step::Field(name)) => {
            set(fields.entry(name).or_insert_with(|| Value::Object(Map::new())), rest, new);
        }
        (Value::Array(items), step) => {
            if let Some(index) = position(items, step) {
                set(&mut items[index], rest, new);
            }
        }
        _ => {}
    }
}

fn find_mut<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match (value, step) {
        (Value::Object(fields), Step::Field(name)) => fields.get_mut(name),
        (Value::Array(items), step) => {
            let index = position(items, step)?;
            items.get_mut(index)
        }
        _ => None,
    }
}

fn position(items: &[Value], step: &Step) -> Option<usize> {
    match step {
        Step::Index(index) => (*index < items.len()).then_some(*index),
        Step::Field(name) => name.parse().ok().filter(|index| *index < items.len()),
        Step::Key(keys) => items
            .iter()
            .position(|item| matches_key(item, keys))
            .or_else(|| items.iter().position(|item| fits_written(item, keys))),
        Step::Item(value) => items.iter().position(|item| same_scalar(item, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ignored, keep_ignored};
    use crate::domain::IgnoreRule;
    use crate::domain::ignore::Ready;
    use serde_json::{Value, json};

    fn sent(path: &str, desired: &Value, live: &Value, entries: &Value) -> Value {
        let rule =
            IgnoreRule { kind: Some("D".into()), path: Some(path.into()), ..IgnoreRule::default() };
        let object = |spec: &Value| json!({"apiVersion": "v1", "kind": "D", "metadata": {"name": "d"}, "spec": spec});
        let mut live = object(live);
        live["metadata"]["managedFields"] = entries.clone();
        let mut desired = object(desired);
        let rules = [Ready::of(&rule).unwrap()];
        let ignored = Ignored::of(&rules, &desired, Some(&live), &String::new);
        keep_ignored(&mut desired, &live, &ignored.held);
        desired["spec"].clone()
    }

    fn owner(manager: &str, fields: &Value) -> Value {
        let operation = if manager == "gitdeck" { "Apply" } else { "Update" };
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": {"f:spec": fields}})
    }

    #[test]
    fn a_path_of_another_manager_is_not_sent() {
        let entries = json!([
            owner("gitdeck", &json!({"f:a": {}})),
            owner("hpa", &json!({"f:replicas": {}}))
        ]);
        let found = sent(
            "/spec/replicas",
            &json!({"a": 1, "replicas": 2}),
            &json!({"a": 1, "replicas": 9}),
            &entries,
        );
        assert_eq!(found, json!({"a": 1}));
    }

    #[test]
    fn an_own_path_keeps_the_live_value() {
        let entries = json!([owner("gitdeck", &json!({"f:a": {}, "f:replicas": {}}))]);
        let live = json!({"a": 1, "replicas": 9});
        assert_eq!(sent("/spec/replicas", &json!({"a": 1, "replicas": 2}), &live, &entries), live);
        assert_eq!(sent("/spec/replicas", &json!({"a": 1}), &live, &entries), live);
        assert_eq!(
            sent("/spec/replicas", &json!({"a": 1, "replicas": 2}), &json!({"a": 1}), &entries),
            json!({"a": 1})
        );
    }

    #[test]
    fn subtrees_are_settled_leaf_by_leaf() {
        let entries = json!([
            owner("gitdeck", &json!({"f:m": {"f:a": {}}})),
            owner("x", &json!({"f:m": {"f:b": {}}}))
        ]);
        let found = sent(
            "/spec/m",
            &json!({"m": {"a": 1, "b": 1, "c": 1}}),
            &json!({"m": {"a": 5, "b": 6}}),
            &entries,
        );
        assert_eq!(found, json!({"m": {"a": 5}}));
        let found = sent(
            "/spec/l/[name=x]/v",
            &json!({"l": [{"name": "x", "v": 1}]}),
            &json!({"l": [{"name": "x", "v": 2}]}),
            &json!([]),
        );
        assert_eq!(found, json!({"l": [{"name": "x", "v": 2}]}));
    }

    #[test]
    fn a_part_of_what_is_owned_as_a_whole_is_sent_as_it_is_live() {
        // Lists of custom resources go as a whole unless their schema says otherwise, and so do selectors.
        let entries = json!([
            owner("gitdeck", &json!({"f:a": {}})),
            owner("flagger", &json!({"f:routes": {}, "f:selector": {}}))
        ]);
        let desired = json!({"a": 1, "routes": [{"name": "x", "weight": 100}, {"name": "y", "weight": 0}], "selector": {"app": "web"}});
        let live = json!({"a": 1, "routes": [{"name": "x", "weight": 70}, {"name": "z"}, {"name": "y", "weight": 30}], "selector": {"app": "web", "canary": "1"}});
        let weights = json!([{"name": "x", "weight": 70}, {"name": "y", "weight": 30}]);
        for path in [".spec.routes[].weight", "/spec/routes/[name=x]/weight"] {
            let found = sent(path, &desired, &live, &entries);
            assert_eq!(found["routes"][0]["weight"], 70, "{path}");
        }
        assert_eq!(sent(".spec.routes[].weight", &desired, &live, &entries)["routes"], weights);
        let added = sent(".spec.routes[] | select(.name == \"z\")", &desired, &live, &entries);
        assert_eq!(added["routes"][1], json!({"name": "z"}));
        let found = sent("/spec/selector/canary", &desired, &live, &entries);
        assert_eq!(found["selector"], live["selector"]);
        // What Git says nothing of as a whole stays with its owner.
        let none = json!({"a": 1});
        assert_eq!(sent("/spec/selector/canary", &none, &live, &entries), none);
        // By position, where no field tells the items apart.
        let desired = json!({"a": 1, "routes": [{"weight": 100}, {"weight": 0}]});
        let live = json!({"a": 1, "routes": [{"weight": 70}, {"weight": 30}]});
        assert_eq!(sent(".spec.routes[].weight", &desired, &live, &entries), live);
    }

    #[test]
    fn no_rule_takes_our_mark_off() {
        let object = |labels: &Value| json!({"apiVersion": "v1", "kind": "D", "metadata": {"name": "d", "labels": labels}});
        let mut live = object(&json!({"own": "2", "applyset.kubernetes.io/part-of": "other"}));
        live["metadata"]["managedFields"] = json!([{"manager": "m", "operation": "Update", "fieldsV1": {
            "f:metadata": {"f:labels": {"f:own": {}, "f:applyset.kubernetes.io/part-of": {}}}}}]);
        let by = |path: Option<&str>, manager: Option<&str>| IgnoreRule {
            path: path.map(Into::into),
            manager: manager.map(Into::into),
            ..IgnoreRule::default()
        };
        for rule in [
            by(Some("/metadata"), None),
            by(Some(".metadata.labels"), None),
            by(Some("/metadata/labels/applyset.kubernetes.io~1part-of"), None),
            by(None, Some("m")),
        ] {
            for live in [live.clone(), object(&json!({"own": "2"}))] {
                let mut desired =
                    object(&json!({"own": "1", "applyset.kubernetes.io/part-of": "ours"}));
                let rules = [Ready::of(&rule).unwrap()];
                let ignored = Ignored::of(&rules, &desired, Some(&live), &String::new);
                let marked =
                    ignored.held.iter().any(|one| one.path.to_string().contains("part-of"));
                assert!(!marked, "{rule}");
                keep_ignored(&mut desired, &live, &ignored.held);
                let labels = &desired["metadata"]["labels"];
                assert_eq!(labels["applyset.kubernetes.io/part-of"], "ours", "{rule}");
            }
        }
    }
}
