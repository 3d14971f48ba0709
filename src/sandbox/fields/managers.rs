//! Who owns which fields of an object: `metadata.managedFields`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::atom::{Atom, List, Members};
use super::element::Element;
use super::schema::Type;
use super::set::Set;

/// The operation of server-side apply.
pub const APPLY: &str = "Apply";
/// The operation of every other write.
pub const UPDATE: &str = "Update";

/// Who an entry belongs to. An applier is the same whatever version it applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// The name.
    pub name: String,
    /// [`APPLY`] or [`UPDATE`].
    pub operation: &'static str,
    /// The version of an updater; empty for appliers.
    pub version: String,
    /// The subresource; empty for the main resource.
    pub subresource: String,
}

impl Manager {
    /// As messages name it: `"kubectl" using apps/v1`.
    pub fn described(&self) -> String {
        let mut out = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            let _ = write!(out, " with subresource {:?}", self.subresource);
        }
        if self.operation == UPDATE {
            let _ = write!(out, " using {}", self.version);
        }
        out
    }
}

/// What a manager owns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// The fields.
    pub set: Set,
    /// The version in which they are named.
    pub version: String,
    /// When the set changed last.
    pub time: Option<String>,
}

/// All managers of an object.
pub type Managers = BTreeMap<Manager, Owned>;

/// Reads `managedFields`; the error says what is wrong with an entry.
pub fn decode(entries: Option<&Value>) -> Result<Managers, String> {
    let mut managers = Managers::new();
    for (position, entry) in entries.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let operation = match entry["operation"].as_str() {
            Some(APPLY) => APPLY,
            Some(UPDATE) => UPDATE,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        let version = text("apiVersion");
        if version.is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match entry["fieldsType"].as_str() {
            Some("FieldsV1") => {}
            None | Some("") => {
                return Err(format!("missing fieldsType in managed fields entry {position}"));
            }
            Some(other) => {
                return Err(format!(
                    "invalid fieldsType {other:?} in managed fields entry {position}"
                ));
            }
        }
        let manager = Manager {
            name: text("manager"),
            operation,
            version: if operation == APPLY { String::new() } else { version.clone() },
            subresource: text("subresource"),
        };
        let time = entry["time"].as_str().map(str::to_owned);
        managers.insert(manager, Owned { set: Set::decode(&entry["fieldsV1"]), version, time });
    }
    Ok(managers)
}

/// Writes `managedFields`: appliers first, then by time, name, version and subresource.
pub fn encode(managers: &Managers) -> Vec<Value> {
    let mut sorted: Vec<(&Manager, &Owned)> = managers.iter().collect();
    sorted.sort_by(|(left, a), (right, b)| {
        (left.operation, &a.time, &left.name, &a.version, &left.subresource).cmp(&(
            right.operation,
            &b.time,
            &right.name,
            &b.version,
            &right.subresource,
        ))
    });
    sorted.into_iter().map(|(manager, owned)| entry(manager, owned)).collect()
}

fn entry(manager: &Manager, owned: &Owned) -> Value {
    let mut entry = json!({"manager": manager.name, "operation": manager.operation, "apiVersion": owned.version});
    if let Some(time) = &owned.time {
        entry["time"] = json!(time);
    }
    entry["fieldsType"] = json!("FieldsV1");
    entry["fieldsV1"] = owned.set.encode();
    if !manager.subresource.is_empty() {
        entry["subresource"] = json!(manager.subresource);
    }
    entry
}

/// Puts the managers into the object; without managers the member is absent.
pub fn store(object: &mut Value, managers: &Managers) {
    let entries = encode(managers);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.shift_remove("managedFields");
        if !entries.is_empty() {
            metadata.insert("managedFields".to_owned(), Value::Array(entries));
        }
    }
}

/// At most this many updaters keep entries of their own.
const UPDATERS: usize = 10;

/// Folds the oldest updaters of each version into one, where there are too many.
pub fn cap(managers: &mut Managers) {
    let mut updaters: Vec<Manager> =
        managers.keys().filter(|key| key.operation == UPDATE).cloned().collect();
    let mut excess = updaters.len().saturating_sub(UPDATERS);
    if excess == 0 {
        return;
    }
    updaters.sort_by_key(|manager| {
        (managers.get(manager).and_then(|owned| owned.time.clone()), manager.clone())
    });
    let mut first: BTreeMap<String, Manager> = BTreeMap::new();
    for manager in updaters {
        if excess == 0 {
            break;
        }
        let version = manager.version.clone();
        let Some(oldest) = first.get(&version) else {
            first.insert(version, manager);
            continue;
        };
        let bucket = Manager {
            name: "ancient-changes".to_owned(),
            operation: UPDATE,
            version: version.clone(),
            subresource: String::new(),
        };
        if !managers.contains_key(&bucket)
            && let Some(owned) = managers.remove(oldest)
        {
            managers.insert(bucket.clone(), owned);
        }
        if let Some(owned) = managers.remove(&manager)
            && let Some(kept) = managers.get_mut(&bucket)
        {
            kept.set = kept.set.union(&owned.set);
            kept.time = owned.time;
            excess -= 1;
        }
    }
}

/// A set whose paths are brought in line with the schema: what became one value is owned as one value.
pub fn reconcile(node: Option<&Type>, set: &Set) -> Set {
    let Some(node) = node else { return set.clone() };
    let atom = Atom::of(node);
    let mut out = set.clone();
    for (step, child) in &set.children {
        let below = match (step, atom.map, atom.list) {
            (Element::Field(name), Some(map), _) => map.member(name),
            (Element::Key(_) | Element::Item(_), _, Some(list)) => list.items,
            _ => None,
        };
        let shape = below.map(Atom::of);
        let atomic = matches!(
            shape,
            Some(
                Atom { map: Some(Members { atomic: true, .. }), .. }
                    | Atom { map: None, list: Some(List { atomic: true, .. }), .. }
            )
        );
        if atomic && !child.is_empty() {
            out.children.remove(step);
            out.members.insert(step.clone());
        } else {
            out.children.insert(step.clone(), reconcile(below, child));
        }
    }
    out
}
