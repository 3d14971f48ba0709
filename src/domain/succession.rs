//! Whose fields become ours: those of client-side `kubectl apply` always, and, where an object is taken over, those of
//! the tool that had it.
//!
//! Without it what a tool applied stays for ever: its entry goes on owning the field that left Git, and its own mark.

use crate::domain::FieldPath;
use crate::domain::culprit::{is_controller, is_engine};
use crate::domain::ignored::remove;
use crate::domain::managed::{Entry, Ownership, entry_of, is_leaf, ownership};
use crate::domain::migrate::{is_client_side, is_ours, last_applied, merged};
use crate::domain::owner::{marks, orphaned_marks};
use crate::domain::path::Step;
use serde_json::{Map, Value, json};

/// Which entries of an object's `managedFields` an apply merges into ours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Succession {
    /// The marks of whoever had the object, where it is taken over.
    marks: Option<Vec<FieldPath>>,
    /// Those of them that no manager owns any more, so that no apply takes them away.
    orphans: Vec<FieldPath>,
}

impl Succession {
    /// For an object that is ours, or whose owner keeps it.
    pub fn ours() -> Self {
        Self::default()
    }

    /// For a live object that becomes one of the `ApplySet`'s, to be as desired.
    pub fn taken_over(live: &Value, desired: &Value, applyset_id: &str) -> Self {
        let orphans = orphaned_marks(live, desired, applyset_id);
        Self { marks: Some(marks(live, applyset_id)), orphans }
    }

    /// Whether a tool's entry becomes ours, or its mark goes: more than the history that each apply moves.
    pub fn is_of_a_tool(&self, live: &Value) -> bool {
        !self.orphans.is_empty() || list(live).iter().any(|entry| self.is_tools(entry))
    }

    /// What has to be patched (RFC 6902) before an apply: the entries that become ours, and marks that nobody owns.
    pub fn patch(&self, live: &Value) -> Vec<Value> {
        let managed = self.managed_fields(live).map(
            |managed| json!({"op": "replace", "path": "/metadata/managedFields", "value": managed}),
        );
        let orphans =
            self.orphans.iter().map(|path| json!({"op": "remove", "path": path.to_string()}));
        managed.into_iter().chain(orphans).collect()
    }

    /// `metadata.managedFields` as they have to be before an apply, where that is otherwise than they are.
    pub fn managed_fields(&self, live: &Value) -> Option<Value> {
        let annotation = last_applied();
        let takes = |entry: &Value| is_client_side(entry, &annotation) || self.is_tools(entry);
        let list = list(live);
        if !list.iter().any(takes) {
            return None;
        }
        let list: Vec<Value> = list
            .iter()
            .map(|entry| if self.is_tools(entry) { bequeathed(entry) } else { entry.clone() })
            .collect();
        Some(merged(&list, takes))
    }

    /// The live object as it is before an apply, where that is otherwise than it is.
    pub fn view(&self, live: &Value) -> Option<Value> {
        let managed = self.managed_fields(live)?;
        let mut live = live.clone();
        live["metadata"]["managedFields"] = managed;
        Some(live)
    }

    /// What an apply of `sent` makes of `predicted`, which a dry run made of the live object as it is: what only we and
    /// the tool own and is not sent goes. The server's defaults for it are missing then.
    pub fn without_left(&self, mut predicted: Value, live: &Value, sent: &Value) -> Value {
        let annotation = last_applied();
        let (mut past, mut others) = (Vec::new(), Vec::new());
        for value in list(live) {
            if is_client_side(value, &annotation) || self.is_tools(value) {
                past.push(bequeathed(value));
            } else if !is_ours(value) {
                others.extend(entry_of(value));
            }
        }
        let mut gone = Vec::new();
        for fields in past.iter().filter_map(|entry| entry["fieldsV1"].as_object()) {
            left(fields, (live, Some(sent)), &others, &mut FieldPath::default(), &mut gone);
        }
        for path in gone.iter().chain(&self.orphans) {
            remove(&mut predicted, &path.0);
        }
        predicted
    }

    /// Whether an entry is that of the tool that had the object: it applies what lies in Git or in a chart, or set the
    /// mark. What a controller writes stays with it, even where it copied a mark.
    fn is_tools(&self, value: &Value) -> bool {
        let Some((marks, entry)) = self.marks.as_ref().zip(entry_of(value)) else { return false };
        let is_candidate =
            entry.subresource.is_empty() && !is_ours(value) && !is_controller(entry.manager);
        is_candidate
            && (entry.applied && is_engine(entry.manager)
                || marks.iter().any(|mark| ownership(entry.fields, mark) == Ownership::Full))
    }
}

fn list(live: &Value) -> &[Value] {
    live["metadata"]["managedFields"].as_array().map_or(&[], Vec::as_slice)
}

/// An entry without what no apply may take away: a status, finalizers and owners, which others rely on.
fn bequeathed(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(fields) = entry["fieldsV1"].as_object_mut() {
        fields.shift_remove("f:status");
        if let Some(metadata) = fields.get_mut("f:metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| !matches!(&**name, "f:finalizers" | "f:ownerReferences"));
        }
    }
    entry
}

/// The paths of an entry that are live, not sent, and nobody else's.
fn left(
    node: &Map<String, Value>,
    (live, sent): (&Value, Option<&Value>),
    others: &[Entry<'_>],
    at: &mut FieldPath,
    gone: &mut Vec<FieldPath>,
) {
    for (key, below) in node {
        let (Some(step), Some(below)) = (Step::of_node(key), below.as_object()) else { continue };
        let Some(current) = step.find(live).filter(|_| !at.is_key_field(&step)) else { continue };
        let wanted = sent.and_then(|sent| step.find_written(sent));
        at.0.push(step);
        let shared = || others.iter().any(|entry| ownership(entry.fields, at) != Ownership::None);
        if wanted.is_none() && !shared() {
            gone.push(at.clone());
        } else if !is_leaf(below) {
            left(below, (current, wanted), others, at, gone);
        }
        at.0.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::Succession;
    use serde_json::{Value, json};

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn live(entries: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "b", "finalizers": ["f"],
                "labels": {"kapp.k14s.io/app": "1", "by-operator": "x"}, "managedFields": entries},
            "data": {"a": "1", "b": "1", "c": "1"}})
    }

    fn managers(list: Option<Value>) -> Vec<String> {
        let list = list.unwrap_or_default();
        let names = list.as_array().into_iter().flatten();
        names
            .map(|one| format!("{} {}", one["manager"], one["operation"]).replace('"', ""))
            .collect()
    }

    #[test]
    fn who_applied_or_marked_an_object_is_succeeded_and_nobody_else() {
        let mark =
            json!({"f:metadata": {"f:labels": {"f:kapp.k14s.io/app": {}}}, "f:data": {"f:a": {}}});
        let data = json!({"f:data": {"f:b": {}}});
        let object = live(json!([
            entry("kapp", "Update", mark.clone()),
            entry("some-operator", "Update", mark.clone()),
            entry("kustomize-controller", "Apply", data.clone()),
            entry("kustomize-controller", "Update", data.clone()),
            entry("ci", "Apply", data.clone()),
        ]));
        let taken = Succession::taken_over(&object, &json!({}), "applyset-x-v1");
        assert!(taken.is_of_a_tool(&object));
        assert_eq!(
            managers(taken.managed_fields(&object)),
            ["some-operator Update", "kustomize-controller Update", "ci Apply", "gitdeck Apply"]
        );
        assert_eq!(Succession::ours().managed_fields(&object), None);
        let mut unmarked = object.clone();
        unmarked["metadata"]["labels"] = json!({});
        let taken = Succession::taken_over(&unmarked, &json!({}), "applyset-x-v1");
        assert_eq!(managers(taken.managed_fields(&unmarked)).len(), 5, "the engine's apply only");
    }

    #[test]
    fn what_only_the_tool_owned_goes_but_for_status_and_finalizers() {
        let fields = json!({"f:status": {"f:x": {}}, "f:data": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}},
            "f:metadata": {"f:finalizers": {".": {}, "v:\"f\"": {}}, "f:labels": {"f:kapp.k14s.io/app": {}, "f:by-operator": {}}}});
        let mut object = live(json!([
            entry("kapp", "Update", fields),
            entry(
                "some-operator",
                "Update",
                json!({"f:metadata": {"f:labels": {"f:by-operator": {}}}})
            ),
            entry("ci", "Update", json!({"f:data": {"f:c": {}}})),
        ]));
        object["status"] = json!({"x": 1});
        let sent = json!({"metadata": {"name": "a", "labels": {"own": "1"}}, "data": {"a": "2"}});
        let taken = Succession::taken_over(&object, &json!({}), "applyset-x-v1");
        let left = taken.without_left(object.clone(), &object, &sent);
        assert_eq!(left["data"], json!({"a": "1", "c": "1"}));
        assert_eq!(left["metadata"]["labels"], json!({"by-operator": "x"}));
        assert_eq!(
            (&left["status"], &left["metadata"]["finalizers"]),
            (&json!({"x": 1}), &json!(["f"]))
        );
        let managed = taken.managed_fields(&object).expect("entries");
        let ours = &managed.as_array().expect("a list").last().expect("ours")["fieldsV1"];
        assert_eq!(
            (&ours["f:status"], &ours["f:metadata"]["f:finalizers"]),
            (&Value::Null, &Value::Null)
        );
    }
}
