//! Server-side apply and the bookkeeping of all other writes.

use serde_json::{Map, Value};

use super::collect::{check, paths};
use super::compare::Comparison;
use super::decode::decode_error;
use super::element::{Element, canonical, same};
use super::managers::{self, APPLY, Manager, Managers, Owned, UPDATE};
use super::merge::merge;
use super::remove::remove;
use super::schema::Schema;
use super::set::Set;
use super::settle;

/// Who writes, in which version, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// Now, RFC 3339 with whole seconds.
    pub time: &'a str,
    /// The subresource written to.
    pub subresource: Option<&'a str>,
}

impl Writer<'_> {
    fn identity(&self, operation: &'static str) -> Manager {
        let name = if self.manager.is_empty() { "unknown" } else { self.manager };
        Manager {
            name: name.to_owned(),
            operation,
            version: if operation == APPLY { String::new() } else { self.api_version.to_owned() },
            subresource: self.subresource.unwrap_or_default().to_owned(),
        }
    }
}

/// A field that somebody else owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The owner.
    pub manager: String,
    /// The path, such as `.spec.replicas`.
    pub field: String,
    /// What the server says: `conflict with "kubectl" using apps/v1`.
    pub message: String,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields that would change; `force` takes them over.
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit the kind.
    #[error("{0}")]
    Invalid(String),
}

/// The server's message for conflicts: one in a line, several by manager.
pub fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: {}: {}", only.message, only.field);
    }
    let mut lines: Vec<String> = Vec::new();
    let mut last = None;
    for conflict in conflicts {
        if last != Some(&conflict.message) {
            lines.push(format!("{}:", conflict.message.replacen("conflict ", "conflicts ", 1)));
            last = Some(&conflict.message);
        }
        lines.push(format!("- {}", conflict.field));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// The manager whose applies keep the annotation of client-side apply in step.
const KUBECTL: &str = "kubectl";
/// The annotation of `kubectl apply` without `--server-side`.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Where that annotation is.
const LAST_APPLIED_POINTER: &str =
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// Paths that are in nobody's set.
fn unowned() -> Set {
    let metadata: Vec<[&str; 2]> = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ]
    .map(|name| ["metadata", name])
    .to_vec();
    let mut set = Set::of(&[&["apiVersion"], &["kind"], &["metadata"]]);
    for path in metadata {
        set = set.union(&Set::of(&[&path]));
    }
    set
}

/// The paths that a write to this resource does not change: status, or all but status.
fn reset(schema: &Schema, writer: &Writer<'_>) -> Set {
    match writer.subresource {
        None if schema.has_status() => Set::of(&[&["status"]]),
        Some("status") if schema.is_custom() => Set::of(&[&["metadata"], &["spec"]]),
        Some("status") => match schema.name().rsplit('.').next() {
            Some("Deployment") => Set::of(&[&["spec"], &["metadata", "labels"]]),
            Some("Pod") => Set::of(&[
                &["spec"],
                &["metadata", "deletionTimestamp"],
                &["metadata", "ownerReferences"],
            ]),
            Some(
                "APIService" | "VolumeAttachment" | "ValidatingAdmissionPolicy" | "ServiceCIDR",
            ) => Set::of(&[&["spec"], &["metadata"]]),
            _ => Set::of(&[&["spec"]]),
        },
        _ => Set::default(),
    }
}

/// One write: the schema, the writer and the state of ownership that it starts from.
struct Write<'a> {
    schema: &'a Schema,
    writer: &'a Writer<'a>,
    managers: Managers,
    ignored: Set,
}

/// Server-side apply: merges `patch` into `live` and maintains `metadata.managedFields`. The result is in the form in
/// which the server stores it, without defaults. The rules are those of structured-merge-diff; see
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    patch: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let mut write = Write::new(schema, live, writer).map_err(ApplyError::Invalid)?;
    if !patch["metadata"]["managedFields"].is_null() {
        return Err(ApplyError::Invalid("metadata.managedFields must be nil".to_owned()));
    }
    check(schema.root(), patch).map_err(|error| {
        ApplyError::Invalid(format!(
            "failed to create typed patch object ({}): {error}",
            title(patch)
        ))
    })?;
    let kind = patch["kind"].as_str().unwrap_or_default();
    let nothing = settle::empty(schema, (writer.api_version, kind));
    let live = live.cloned().unwrap_or_else(|| nothing.clone());
    if write.managers.is_empty() {
        let first = Writer { manager: "before-first-apply", ..*writer };
        let mut tracker = Write {
            schema,
            writer: &first,
            managers: Managers::new(),
            ignored: write.ignored.clone(),
        };
        tracker.update(&nothing, &live);
        write.managers = tracker.managers;
    }
    let attempt = write.managers.clone();
    let result = match write.apply(&live, patch, force) {
        Err(ApplyError::Conflicts(conflicts)) if writer.manager == KUBECTL && !force => {
            let open = beyond_last_applied(schema, &live, conflicts);
            if !open.is_empty() {
                return Err(ApplyError::Conflicts(open));
            }
            write.managers = attempt;
            write.apply(&live, patch, true)?
        }
        other => other?,
    };
    if let Some(error) = result.as_ref().and_then(|object| decode_error(schema, object)) {
        let (title, what) = (title(patch), kind_title(patch));
        return Err(ApplyError::Invalid(format!(
            "failed to convert new object ({title}) to proper version: unable to convert unstructured object to {what}: {error}"
        )));
    }
    Ok(write.finish(result, &live, patch))
}

fn title(object: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!("{}/{}; {}", part(&metadata["namespace"]), part(&metadata["name"]), kind_title(object))
}

fn kind_title(object: &Value) -> String {
    let part = |name: &str| object[name].as_str().unwrap_or_default();
    format!("{}, Kind={}", part("apiVersion"), part("kind"))
}

impl<'a> Write<'a> {
    fn new(
        schema: &'a Schema,
        live: Option<&Value>,
        writer: &'a Writer<'a>,
    ) -> Result<Self, String> {
        let decoded = managers::decode(live.map(|live| &live["metadata"]["managedFields"]))
            .map_err(|error| format!("failed to decode managed fields: {error}"))?;
        let managers = decoded
            .into_iter()
            .map(|(who, owned)| {
                let set = managers::reconcile(Some(schema.root()), &owned.set);
                (who, Owned { set, ..owned })
            })
            .collect();
        Ok(Self { schema, writer, managers, ignored: reset(schema, writer) })
    }

    /// Merges, prunes, and settles who owns what; `None` where nothing changes.
    fn apply(
        &mut self,
        live: &Value,
        patch: &Value,
        force: bool,
    ) -> Result<Option<Value>, ApplyError> {
        let root = self.schema.root();
        let who = self.writer.identity(APPLY);
        let invalid = |error| ApplyError::Invalid(format!("failed to merge config: {error}"));
        let merged = merge(root, Some(live), Some(patch)).map_err(invalid)?.unwrap_or(Value::Null);
        let last = self.managers.get(&who).cloned();
        let time = last.as_ref().and_then(|owned| owned.time.clone());
        let set = paths(root, patch).without(&self.ignored);
        self.managers
            .insert(who.clone(), Owned { set, version: self.writer.api_version.to_owned(), time });
        let new = match last {
            Some(last) if !last.set.is_empty() => self.prune(&merged, &last.set),
            _ => merged,
        };
        let comparison = Comparison::of(root, live, &new).without(&self.ignored);
        self.take(&comparison, &who, force)?;
        self.strip(&who);
        Ok((!same(live, &new)).then_some(new))
    }

    /// Removes what the writer owned, lists no longer, and nobody else owns.
    fn prune(&self, merged: &Value, last: &Set) -> Value {
        let root = self.schema.root();
        let named = |set: &Set| set.with_named(Some(root));
        let of = |object: &Value| named(&paths(root, object));
        let pruned = remove(root, merged, &named(last));
        let owned = self.managers.values().fold(Set::default(), |all, owned| all.union(&owned.set));
        let all = of(merged);
        let pruned = remove(root, merged, &all.difference(&of(&pruned).union(&named(&owned))));
        remove(root, merged, &all.difference(&of(&pruned)).intersection(&named(last)))
    }

    /// Takes changed and removed fields from all others; refuses where that needs force.
    fn take(
        &mut self,
        comparison: &Comparison,
        who: &Manager,
        force: bool,
    ) -> Result<(), ApplyError> {
        let written = comparison.written();
        let mut conflicts = Vec::new();
        for (other, owned) in self.managers.iter().filter(|(other, _)| *other != who) {
            for path in owned.set.intersection(&written).paths() {
                let field = path.iter().map(Element::to_string).collect();
                let message = format!("conflict with {}", other.described());
                conflicts.push(Conflict { manager: other.name.clone(), field, message });
            }
        }
        if !force && !conflicts.is_empty() {
            return Err(ApplyError::Conflicts(conflicts));
        }
        for (other, owned) in &mut self.managers {
            if other != who {
                owned.set = owned.set.difference(&written).difference(&comparison.removed);
            }
        }
        self.managers.retain(|_, owned| !owned.set.is_empty());
        Ok(())
    }

    fn strip(&mut self, who: &Manager) {
        if let Some(owned) = self.managers.get_mut(who) {
            owned.set = owned.set.difference(&unowned());
        }
        self.managers.retain(|_, owned| !owned.set.is_empty());
    }

    /// The bookkeeping of a write that is no apply.
    fn update(&mut self, old: &Value, new: &Value) {
        let comparison = Comparison::of(self.schema.root(), old, new).without(&self.ignored);
        let who = self.writer.identity(UPDATE);
        // No manager is exempt: what the writer owned before loses what changes, and gains it back below.
        let nobody = Manager {
            name: String::new(),
            operation: UPDATE,
            version: String::new(),
            subresource: String::new(),
        };
        // Forced, so that it cannot be refused.
        let _ = self.take(&comparison, &nobody, true);
        let set = comparison.written().without(&self.ignored).difference(&unowned());
        if !set.is_empty() {
            let owned = self.managers.entry(who).or_default();
            owned.set = owned.set.union(&set);
            self.writer.api_version.clone_into(&mut owned.version);
            owned.time = Some(self.writer.time.to_owned());
        }
        managers::cap(&mut self.managers);
    }

    fn finish(mut self, result: Option<Value>, live: &Value, patch: &Value) -> Value {
        let mut object = match result {
            Some(mut object) => {
                if let Some(owned) = self.managers.get_mut(&self.writer.identity(APPLY)) {
                    owned.time = Some(self.writer.time.to_owned());
                }
                settle::settle(self.schema, &mut object);
                settle::forget_empty(self.schema, &mut object);
                object
            }
            None => live.clone(),
        };
        managers::cap(&mut self.managers);
        managers::store(&mut object, &self.managers);
        let annotation = object.pointer_mut(LAST_APPLIED_POINTER);
        if self.writer.manager == KUBECTL
            && let Some(annotation) = annotation
            && annotation.as_str().is_some_and(|text| !text.is_empty())
        {
            *annotation = Value::String(last_applied(patch));
        }
        object
    }
}

/// The annotation of client-side apply for this configuration: sorted, without itself, with a final newline.
fn last_applied(patch: &Value) -> String {
    let mut patch = patch.clone();
    if let Some(annotations) =
        patch.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.shift_remove(LAST_APPLIED);
        if annotations.is_empty()
            && let Some(metadata) = patch["metadata"].as_object_mut()
        {
            metadata.shift_remove("annotations");
        }
    }
    patch.sort_all_objects();
    format!("{}\n", canonical(&patch))
}

/// The conflicts that the last client-side apply does not explain: it set other fields, or other values.
fn beyond_last_applied(schema: &Schema, live: &Value, conflicts: Vec<Conflict>) -> Vec<Conflict> {
    let text = live["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or_default();
    let Ok(last) = serde_json::from_str::<Value>(text) else { return conflicts };
    if last["apiVersion"] != live["apiVersion"] {
        return conflicts;
    }
    let root = schema.root();
    let comparison = Comparison::of(root, &last, live);
    let changed = comparison.written().union(&comparison.removed);
    let allowed: Vec<String> = (paths(root, &last).difference(&changed).paths().iter())
        .map(|path| path.iter().map(Element::to_string).collect())
        .collect();
    conflicts.into_iter().filter(|conflict| !allowed.contains(&conflict.field)).collect()
}

/// The bookkeeping of every write but apply. `new` is the object as it will be stored, with the `managedFields` that
/// the client sent, if it sent any: an empty list, or a list of one empty entry, resets them.
pub fn track_update(schema: &Schema, old: Option<&Value>, new: &mut Value, writer: &Writer<'_>) {
    let sent = new["metadata"].get("managedFields").cloned();
    settle::settle(schema, new);
    let reset = writer.subresource.is_none() && sent.as_ref().is_some_and(is_reset);
    let from = |object: Option<&Value>| {
        managers::decode(object).ok().filter(|managers| !managers.is_empty())
    };
    let stored = || from(old.map(|old| &old["metadata"]["managedFields"]));
    let base = match (reset, writer.subresource) {
        (true, _) => None,
        (false, Some(_)) => stored(),
        (false, None) => from(sent.as_ref()).or_else(stored),
    };
    forget(new);
    if base.is_none() && old.is_some_and(|old| old["metadata"]["uid"].is_string()) {
        // Nobody tracks this object until the first apply.
        return;
    }
    let kind = new["kind"].as_str().unwrap_or_default();
    let mut before =
        old.cloned().unwrap_or_else(|| settle::empty(schema, (writer.api_version, kind)));
    forget(&mut before);
    let mut write = Write {
        schema,
        writer,
        managers: base.unwrap_or_default(),
        ignored: self::reset(schema, writer),
    };
    for owned in write.managers.values_mut() {
        owned.set = managers::reconcile(Some(schema.root()), &owned.set);
    }
    write.update(&before, new);
    managers::store(new, &write.managers);
    settle::forget_empty(schema, new);
}

fn is_reset(sent: &Value) -> bool {
    match sent.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn forget(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.shift_remove("managedFields");
    }
}

/// Gives every entry of `managedFields` its old time back, if nothing else changed: such a write is none.
/// The server does this before it stores an object.
pub fn keep_times(old: &Value, new: &mut Value) {
    let timeless = |object: &Value| {
        let mut object = object.clone();
        let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                entry.shift_remove("time");
            }
        }
        object
    };
    let (mut before, mut after) = (timeless(old), timeless(new));
    let entries = |object: &mut Value| {
        object.pointer_mut("/metadata/managedFields").map_or(Value::Null, Value::take)
    };
    let (mut left, mut right) = (entries(&mut before), entries(&mut after));
    for list in [&mut left, &mut right] {
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    }
    if same(&before, &after) && same(&left, &right) {
        match old["metadata"].get("managedFields") {
            Some(entries) => new["metadata"]["managedFields"] = entries.clone(),
            None => forget(new),
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
