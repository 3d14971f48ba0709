//! Live against what the server's dry run predicts: the verdict of "differs", path by path.

use crate::domain::culprit::{culprit, is_controller};
use crate::domain::ignored::Held;
use crate::domain::list::{Identity, Node};
use crate::domain::managed::{Ownership, entries, ownership};
use crate::domain::migrate::LAST_APPLIED;
use crate::domain::normalize::is_secret;
use crate::domain::path::{FieldPath, Step};
use crate::domain::prove::MANAGER;
use crate::domain::redact::is_sensitive;
use crate::domain::sensitive::Places;
use crate::domain::{Change, Why};
use serde_json::{Map, Value};

/// What a sync would change in one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// Differing paths, in path order.
    pub changes: Vec<Change>,
    /// Differing paths that were left out, with why.
    pub left: Vec<(String, Why)>,
    /// Live fields that nobody wants in Git and another manager owns; see [`extras`]. Filled by the caller, who knows
    /// the desired object.
    pub extra: Vec<String>,
}

/// Fields of `metadata` that the server keeps by itself.
const BOOKKEEPING: &[&str] = &[
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "selfLink",
    "name",
    "namespace",
];

/// Compares the live object, if there is one, with the result of the dry run. A subtree that appears or goes as a whole
/// is one change at its top. Values of Secrets are left out, their paths are not. Commits are filled in by the caller.
pub fn difference(live: Option<&Value>, predicted: &Value, held: &[Held]) -> Difference {
    let nothing = Value::Object(Map::new());
    let mut walk = Walk {
        live: live.unwrap_or(&nothing),
        is_secret: is_secret(predicted),
        sensitive: Places::of(predicted),
        held,
        path: FieldPath::default(),
        found: Difference::default(),
    };
    let nodes: Vec<Node<'_>> =
        live.into_iter().chain([predicted]).flat_map(entries).map(|entry| entry.fields).collect();
    walk.map(
        walk.live.as_object().unwrap_or(&Map::new()),
        predicted.as_object().unwrap_or(&Map::new()),
        &nodes,
    );
    walk.found.changes.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

struct Walk<'a> {
    live: &'a Value,
    is_secret: bool,
    sensitive: Places,
    held: &'a [Held],
    path: FieldPath,
    found: Difference,
}

impl Walk<'_> {
    fn map(
        &mut self,
        live: &Map<String, Value>,
        predicted: &Map<String, Value>,
        nodes: &[Node<'_>],
    ) {
        let added = predicted.keys().filter(|name| !live.contains_key(*name));
        for name in live.keys().chain(added) {
            let (before, after) = (live.get(name), predicted.get(name));
            if before == after || self.is_noise(name) {
                continue;
            }
            self.at(Step::Field(name.clone()), before, after, nodes);
        }
    }

    fn at(
        &mut self,
        step: Step,
        before: Option<&Value>,
        after: Option<&Value>,
        nodes: &[Node<'_>],
    ) {
        let below: Vec<Node<'_>> =
            nodes.iter().filter_map(|node| crate::domain::managed::child(node, &step)).collect();
        self.path.0.push(step);
        self.value(before, after, &below);
        self.path.0.pop();
    }

    fn value(&mut self, before: Option<&Value>, after: Option<&Value>, nodes: &[Node<'_>]) {
        if let Some(held) = self.held.iter().find(|held| held.path.contains(&self.path)) {
            self.found.left.push((self.path.to_string(), held.why.clone()));
            return;
        }
        let nothing = Map::new();
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.map(before, after, nodes);
            }
            (None, Some(Value::Object(after))) if self.opens() => self.map(&nothing, after, nodes),
            (Some(Value::Object(before)), None) if self.opens() => {
                self.map(before, &nothing, nodes);
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                self.list(before, after, nodes);
            }
            _ => self.change(before, after),
        }
    }

    fn list(&mut self, before: &[Value], after: &[Value], nodes: &[Node<'_>]) {
        let identity = Identity::of(before, after, nodes);
        let Some((old, new)) = identity.steps(before).zip(identity.steps(after)) else {
            return self.positions(before, after, nodes);
        };
        let mut order = Vec::new();
        for (item, step) in before.iter().zip(old.steps()) {
            match new.position(step) {
                Some(at) => {
                    order.push(at);
                    if *item != after[at] {
                        self.at(step.clone(), Some(item), Some(&after[at]), nodes);
                    }
                }
                None => self.at(step.clone(), Some(item), None, nodes),
            }
        }
        for (item, step) in after.iter().zip(new.steps()) {
            if old.position(step).is_none() {
                self.at(step.clone(), None, Some(item), nodes);
            }
        }
        if order.windows(2).any(|pair| pair[0] > pair[1]) {
            self.change(Some(&old.names()), Some(&new.names()));
        }
    }

    fn positions(&mut self, before: &[Value], after: &[Value], nodes: &[Node<'_>]) {
        let is_plain =
            |items: &[Value]| !items.iter().any(|item| item.is_object() || item.is_array());
        if before.len() != after.len() && is_plain(before) && is_plain(after) {
            let (before, after) = (Value::from(before.to_vec()), Value::from(after.to_vec()));
            return self.change(Some(&before), Some(&after));
        }
        for index in 0..before.len().max(after.len()) {
            let (old, new) = (before.get(index), after.get(index));
            if old != new {
                self.at(Step::Index(index), old, new, nodes);
            }
        }
    }

    fn change(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let sensitive = self.sensitive.covers(&self.path);
        let redacted = sensitive || self.is_secret && is_sensitive(&self.path);
        let (live_manager, live_time) = match before.and_then(|_| culprit(self.live, &self.path)) {
            Some((manager, time)) => (Some(manager), time),
            None => (None, None),
        };
        self.found.changes.push(Change {
            path: self.sensitive.shown(&self.path).to_string(),
            before: before.filter(|_| !redacted).cloned(),
            after: after.filter(|_| !redacted).cloned(),
            live_manager,
            live_time,
            forced: self.forced(before.is_some() && after.is_some()),
            commit: None,
            redacted,
        });
    }

    /// The managers that lose a value which is overwritten.
    fn forced(&self, overwritten: bool) -> Vec<String> {
        let owners = entries(self.live).filter(|entry| {
            overwritten
                && entry.manager != MANAGER
                && ownership(entry.fields, &self.path) == Ownership::Full
        });
        let mut managers: Vec<String> = owners.map(|entry| entry.manager.to_owned()).collect();
        managers.sort();
        managers.dedup();
        managers
    }

    /// Maps that are always shown key by key: they hold bookkeeping beside what counts, or secrets.
    fn opens(&self) -> bool {
        match self.path.0.as_slice() {
            [Step::Field(first)] => {
                first == "metadata"
                    || self.is_secret && matches!(first.as_str(), "data" | "stringData")
            }
            [Step::Field(first), Step::Field(second)] => {
                first == "metadata" && second == "annotations"
            }
            _ => false,
        }
    }

    fn is_noise(&mut self, name: &str) -> bool {
        let noise = match self.path.0.as_slice() {
            [] => matches!(name, "apiVersion" | "kind" | "status"),
            [Step::Field(first)] => first == "metadata" && BOOKKEEPING.contains(&name),
            [Step::Field(first), Step::Field(second)] => {
                first == "metadata" && second == "annotations" && name == LAST_APPLIED
            }
            _ => false,
        };
        if noise && matches!(name, "status" | LAST_APPLIED) {
            let why = if name == LAST_APPLIED { Why::Bookkeeping } else { Why::Status };
            let path = self.path.join(Step::Field(name.to_owned()));
            self.found.left.push((path.to_string(), why));
        }
        noise
    }
}

/// Live fields that another manager owns and that are not in Git, as paths in path order: a sidecar, an added variable.
/// They are no drift. What controllers write, defaults, `status` and bookkeeping are left out.
pub fn extras(live: &Value, desired: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for entry in entries(live) {
        let counts = entry.manager != MANAGER
            && entry.subresource != "status"
            && !is_controller(entry.manager);
        if counts {
            extra(entry.fields, Some(live), Some(desired), &mut FieldPath::default(), &mut found);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn extra(
    node: Node<'_>,
    live: Option<&Value>,
    desired: Option<&Value>,
    at: &mut FieldPath,
    found: &mut Vec<String>,
) {
    let Some(live) = live else { return };
    for (key, child) in node {
        let Some((step, current)) = owned_item(key, live) else { continue };
        let wanted = desired.and_then(|desired| step.find_written(desired));
        at.0.push(step);
        if !is_unremarkable(at, current) {
            match (wanted, child.as_object()) {
                (Some(wanted), Some(child)) => extra(child, Some(current), Some(wanted), at, found),
                // Its fields tell whether it is more than defaults.
                (None, Some(child))
                    if current.is_object() && !child.is_empty() && !key.starts_with("k:") =>
                {
                    extra(child, Some(current), None, at, found);
                }
                _ => found.push(at.to_string()),
            }
        }
        at.0.pop();
    }
}

/// The step and the live value of a node of `managedFields`.
fn owned_item<'a>(key: &str, live: &'a Value) -> Option<(Step, &'a Value)> {
    let step = Step::of_node(key)?;
    let item = match &step {
        // A set is matched by its value, whatever it looks like.
        Step::Item(value) => live.as_array()?.iter().find(|item| *item == value)?,
        Step::Index(_) => return None,
        _ => step.find(live)?,
    };
    Some((step, item))
}

/// Bookkeeping, and values that the server sets by itself when nobody does.
fn is_unremarkable(path: &FieldPath, value: &Value) -> bool {
    let names: Vec<&str> = path
        .0
        .iter()
        .filter_map(|step| if let Step::Field(name) = step { Some(name.as_str()) } else { None })
        .collect();
    match names.as_slice() {
        ["status"] => true,
        ["metadata", name] => {
            BOOKKEEPING.contains(name) || matches!(*name, "finalizers" | "ownerReferences")
        }
        ["metadata", "annotations", name] => {
            *name == LAST_APPLIED || name.starts_with("deployment.kubernetes.io/")
        }
        // Anybody's words, whatever they look like.
        ["data" | "binaryData" | "stringData", ..]
        | ["metadata", "labels" | "annotations", ..]
        | [] => false,
        [.., name] => crate::domain::defaults::is_default(name, value),
    }
}
