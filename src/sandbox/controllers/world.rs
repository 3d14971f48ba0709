//! What the controllers know of the cluster: the last state of every object that they watch.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::Kind;

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty where there is none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of an object.
    pub fn of(kind: Kind, object: &Value) -> Self {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        Self { kind, namespace: text("namespace"), name: text("name") }
    }

    /// The key of the object's controller, if the controllers know its kind.
    pub fn of_owner(object: &Value) -> Option<Self> {
        let owner = controller(object)?;
        let text = |name: &str| owner[name].as_str().unwrap_or_default();
        let kind = Kind::named(text("apiVersion"), text("kind"))?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        Some(Self { kind, namespace, name: text("name").to_owned() })
    }
}

/// The owner reference that is marked as the controller.
pub fn controller(object: &Value) -> Option<&Value> {
    object["metadata"]["ownerReferences"]
        .as_array()?
        .iter()
        .find(|owner| owner["controller"] == true)
}

/// The uid of an object.
pub fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// Whether the object is being deleted.
pub fn is_leaving(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// All objects by key.
#[derive(Debug, Default)]
pub struct World {
    objects: BTreeMap<Key, Value>,
}

impl World {
    /// The last known state.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Takes a state in, unless a newer one is known. Says whether it did.
    pub fn put(&mut self, key: Key, object: Value) -> bool {
        let newer = self
            .objects
            .get(&key)
            .is_none_or(|known| uid(known) != uid(&object) || revision(&object) > revision(known));
        if newer {
            self.objects.insert(key, object);
        }
        newer
    }

    /// Forgets an object, unless another of the same name has taken its place.
    pub fn forget(&mut self, key: &Key, gone: &Value) {
        if self.objects.get(key).is_some_and(|known| uid(known) == uid(gone)) {
            self.objects.remove(key);
        }
    }

    /// All objects of a kind in a namespace.
    pub fn in_namespace(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &Value> {
        let start = Key { kind, namespace: namespace.to_owned(), name: String::new() };
        let namespace = namespace.to_owned();
        self.objects
            .range(start..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// All keys of a kind.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        self.objects.keys().filter(|key| key.kind == kind).cloned().collect()
    }

    /// The objects of a kind that an owner controls and that stay, oldest first.
    pub fn controlled(&self, kind: Kind, owner: &Value) -> Vec<Value> {
        let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
        let mine = |object: &&Value| {
            controller(object).is_some_and(|reference| reference["uid"] == owner["metadata"]["uid"])
                && !is_leaving(object)
        };
        let mut found: Vec<Value> =
            self.in_namespace(kind, namespace).filter(mine).cloned().collect();
        found.sort_by_key(|object| {
            let made =
                object["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
            (made, object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        });
        found
    }
}
