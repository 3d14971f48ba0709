//! Proves from `managedFields` alone that applying an object would change nothing.
//!
//! The proof is one-sided: [`Proof::Unchanged`] is certain as far as schema and admission are what they were when the
//! live object was written; everything else is left to the server's dry run. Nothing is cloned but list keys, and
//! lists are matched through indices.

use crate::domain::managed::{is_leaf, item_key, item_value};
use crate::domain::migrate::needs_migration;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The field manager of gitdeck. A constant: a name taken from the program's file would change with it.
pub const MANAGER: &str = "gitdeck";

/// Whether an object is known to be as desired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Applying the desired object would change nothing.
    Unchanged,
    /// Not known, for this reason: ask the server.
    NotProved(&'static str),
}

/// Why a step of the proof failed.
type Step = Result<(), &'static str>;

/// Compares a desired object, as it would be sent, with the live one.
pub fn prove(desired: &Value, live: &Value) -> Proof {
    match try_prove(desired, live) {
        Ok(()) => Proof::Unchanged,
        Err(reason) => Proof::NotProved(reason),
    }
}

fn try_prove(desired: &Value, live: &Value) -> Step {
    let (Value::Object(desired), Value::Object(fields)) = (desired, live) else {
        return Err("not an object");
    };
    let metadata = live["metadata"].as_object().ok_or("the live object has no metadata")?;
    if metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Err("the live object is being deleted");
    }
    let version = desired.get("apiVersion").and_then(Value::as_str).ok_or("no apiVersion")?;
    same_identity(desired, fields)?;
    let entry = own_entry(metadata, version)?;
    if needs_migration(live) {
        return Err("client-side history has to be migrated");
    }
    let is_identity = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata");
    map(desired, fields, entry, &is_identity)?;
    let nothing = Map::new();
    let desired_metadata =
        desired.get("metadata").and_then(Value::as_object).ok_or("no metadata")?;
    let node = entry
        .get("f:metadata")
        .map_or(Some(&nothing), Value::as_object)
        .ok_or("the entry is malformed")?;
    map(desired_metadata, metadata, node, &|name| matches!(name, "name" | "namespace"))
}

/// The single entry of our manager.
fn own_entry<'a>(
    metadata: &'a Map<String, Value>,
    version: &str,
) -> Result<&'a Map<String, Value>, &'static str> {
    let list = metadata.get("managedFields").and_then(Value::as_array).ok_or("no managedFields")?;
    let mut ours = list.iter().filter(|entry| entry["manager"] == MANAGER);
    let entry = ours.next().ok_or("not applied by gitdeck yet")?;
    if ours.next().is_some() {
        return Err("more than one entry of gitdeck");
    }
    if entry["operation"] != "Apply"
        || !entry["subresource"].as_str().unwrap_or_default().is_empty()
    {
        return Err("the entry of gitdeck is not from an apply");
    }
    if entry["apiVersion"] != version {
        return Err("applied in another apiVersion");
    }
    entry["fieldsV1"].as_object().ok_or("the entry has no fields")
}

fn same_identity(desired: &Map<String, Value>, live: &Map<String, Value>) -> Step {
    let (wanted, current) = (desired.get("metadata"), live.get("metadata"));
    let namespace = wanted.and_then(|metadata| metadata.get("namespace"));
    let same = desired.get("apiVersion") == live.get("apiVersion")
        && desired.get("kind") == live.get("kind")
        && wanted.and_then(|metadata| metadata.get("name"))
            == current.and_then(|metadata| metadata.get("name"))
        && (namespace.is_none()
            || namespace == current.and_then(|metadata| metadata.get("namespace")));
    if same { Ok(()) } else { Err("another object") }
}

/// Both ways: every field of the node is desired, and every desired field but the exempt ones is in the node.
fn map(
    desired: &Map<String, Value>,
    live: &Map<String, Value>,
    node: &Map<String, Value>,
    is_exempt: &dyn Fn(&str) -> bool,
) -> Step {
    let mut matched = 0;
    for (key, child) in node {
        if key == "." {
            continue;
        }
        let name = key.strip_prefix("f:").ok_or("a map is owned like a list")?;
        if is_exempt(name) {
            continue;
        }
        let wanted = desired.get(name).ok_or("an owned field is no longer desired")?;
        let current = live.get(name).ok_or("an owned field is missing")?;
        value(wanted, current, child.as_object().ok_or("the entry is malformed")?)?;
        matched += 1;
    }
    let exempt = desired.keys().filter(|name| is_exempt(name)).count();
    if matched + exempt == desired.len() { Ok(()) } else { Err("a desired field is not owned") }
}

fn value(desired: &Value, live: &Value, node: &Map<String, Value>) -> Step {
    if is_leaf(node) {
        return if same(desired, live) { Ok(()) } else { Err("a value differs") };
    }
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => map(desired, live, node, &|_| false),
        (Value::Array(desired), Value::Array(live)) => {
            if node.keys().any(|key| key.starts_with("v:")) {
                set(desired, live, node)
            } else {
                list(desired, live, node)
            }
        }
        _ => Err("a value has another type"),
    }
}

/// Strict typed equality; a null proves nothing, because the server may drop it.
fn same(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Null, _) => false,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y))
        }
        _ => desired == live,
    }
}

fn set(desired: &[Value], live: &[Value], node: &Map<String, Value>) -> Step {
    let mut owned: HashMap<Value, bool> = HashMap::with_capacity(node.len());
    for key in node.keys().filter(|key| *key != ".") {
        owned.insert(item_value(key).ok_or("a set is owned like a list")?, false);
    }
    let positions = index(live.iter().map(Some))?;
    let mut last = None;
    for item in desired {
        let taken = owned.get_mut(item).ok_or("a desired item is not owned")?;
        if std::mem::replace(taken, true) {
            return Err("a desired item is there twice");
        }
        advance(&mut last, *positions.get(&Some(item)).ok_or("an owned item is missing")?)?;
    }
    if desired.len() == owned.len() { Ok(()) } else { Err("an owned item is no longer desired") }
}

/// One item of a keyed list in our entry.
struct Owned<'a> {
    key: Map<String, Value>,
    node: &'a Map<String, Value>,
    taken: bool,
}

fn list(desired: &[Value], live: &[Value], node: &Map<String, Value>) -> Step {
    let mut owned = Vec::with_capacity(node.len());
    for (name, child) in node.iter().filter(|(name, _)| *name != ".") {
        let key = item_key(name).ok_or("a list is owned in a way that is not known")?;
        owned.push(Owned {
            key,
            node: child.as_object().ok_or("the entry is malformed")?,
            taken: false,
        });
    }
    let names: Vec<String> =
        owned.first().ok_or("a list without keys")?.key.keys().cloned().collect();
    let unlike = |item: &Owned<'_>| {
        item.key.len() != names.len() || names.iter().any(|name| !item.key.contains_key(name))
    };
    if owned.len() != desired.len() || owned.iter().any(unlike) {
        return Err("the items are not those that are owned");
    }
    let positions = index(live.iter().map(|item| fields_of(item, &names)))?;
    let mut finder = Finder { names: &names, by_missing: HashMap::new() };
    let mut last = None;
    for item in desired {
        let wanted = item.as_object().ok_or("an item of a keyed list is no map")?;
        let at = finder.find(wanted, &owned)?;
        let found = &mut owned[at];
        if std::mem::replace(&mut found.taken, true) {
            return Err("a desired item is there twice");
        }
        let key: Option<Vec<&Value>> = names.iter().map(|name| found.key.get(name)).collect();
        let position = *positions.get(&key).ok_or("an owned item is missing")?;
        advance(&mut last, position)?;
        let current = live[position].as_object().ok_or("an item of a keyed list is no map")?;
        if found.node.is_empty() {
            // Items that are atomic maps (`imagePullSecrets`) are owned as a whole.
            if !same(item, &live[position]) {
                return Err("a value differs");
            }
        } else {
            map(wanted, current, found.node, &|_| false)?;
        }
    }
    Ok(())
}

/// Finds the owned item of a desired one by hash, one table for each set of key fields that desired items leave out.
struct Finder<'a> {
    names: &'a [String],
    /// For each set of omitted names: key values of the rest -> the item, or nothing when several have them.
    by_missing: HashMap<u64, HashMap<Vec<Value>, Option<usize>>>,
}

impl Finder<'_> {
    fn find(
        &mut self,
        wanted: &Map<String, Value>,
        owned: &[Owned<'_>],
    ) -> Result<usize, &'static str> {
        let mut missing = 0_u64;
        let mut key = Vec::with_capacity(self.names.len());
        for (at, name) in self.names.iter().enumerate() {
            match wanted.get(name) {
                Some(value) => key.push(value.clone()),
                None => missing |= 1 << (at % 64),
            }
        }
        let names = self.names;
        let omits = |at: usize| missing & (1 << (at % 64)) != 0;
        let table = self.by_missing.entry(missing).or_insert_with(|| {
            let mut table = HashMap::with_capacity(owned.len());
            for (index, item) in owned.iter().enumerate() {
                // An omitted key field was set by the server; our entry owning it means that we sent it then.
                let sent = names
                    .iter()
                    .enumerate()
                    .any(|(at, name)| omits(at) && item.node.contains_key(&format!("f:{name}")));
                if sent {
                    continue;
                }
                let rest = names.iter().enumerate().filter(|(at, _)| !omits(*at));
                let rest: Vec<Value> =
                    rest.filter_map(|(_, name)| item.key.get(name).cloned()).collect();
                table.entry(rest).and_modify(|known| *known = None).or_insert(Some(index));
            }
            table
        });
        table.get(&key).copied().flatten().ok_or("a desired item is not owned, or not surely")
    }
}

fn fields_of<'a>(item: &'a Value, names: &[String]) -> Option<Vec<&'a Value>> {
    names.iter().map(|name| item.get(name)).collect()
}

/// Positions by key; a key that is there twice proves nothing.
fn index<K: std::hash::Hash + Eq>(
    keys: impl Iterator<Item = Option<K>>,
) -> Result<HashMap<Option<K>, usize>, &'static str> {
    let mut positions = HashMap::with_capacity(keys.size_hint().0);
    for (at, key) in keys.enumerate() {
        if key.is_some() && positions.insert(key, at).is_some() {
            return Err("a live item is there twice");
        }
    }
    Ok(positions)
}

/// Items must stand in the desired order.
fn advance(last: &mut Option<usize>, position: usize) -> Step {
    if last.is_some_and(|last| last >= position) {
        return Err("items stand in another order");
    }
    *last = Some(position);
    Ok(())
}
