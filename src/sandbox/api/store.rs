//! The objects in memory: one revision counter, and a bounded history of changes per resource.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::{Value, json};
use tokio::sync::watch;

/// A stored object; never changed, only replaced.
pub type Object = Arc<Value>;

/// Place of an object in its resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key {
    /// Empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Place of an object in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Where the resource is stored.
    pub storage: Arc<str>,
    /// The object in it.
    pub key: Key,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// Revision that the change made.
    pub revision: u64,
    /// The object.
    pub key: Key,
    /// State before; `None` for a creation.
    pub before: Option<Object>,
    /// State after; `None` for a removal.
    pub after: Option<Object>,
}

/// The asked revision is older than the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Oldest revision that the history still reaches.
    pub oldest: u64,
}

/// The object is not in the state that the writer saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

/// What of a resource a list wants.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only after this key.
    pub after: Option<Key>,
    /// At most so many.
    pub limit: Option<usize>,
    /// As of this revision rather than now.
    pub at: Option<u64>,
}

/// Part of a resource at one revision.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The revision.
    pub revision: u64,
    /// The objects in the order of their keys.
    pub items: Vec<Object>,
    /// Whether the limit cut the list.
    pub more: bool,
}

#[derive(Debug)]
struct Collection {
    objects: BTreeMap<Key, Object>,
    changes: VecDeque<Arc<Change>>,
    compacted: u64,
    signal: watch::Sender<u64>,
}

impl Collection {
    fn new(compacted: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            compacted,
            signal: watch::Sender::new(compacted),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    collections: HashMap<Arc<str>, Collection>,
    /// Dependents by the uid of their owner.
    dependents: HashMap<String, BTreeSet<Reference>>,
    /// Living objects by uid.
    uids: HashMap<String, Reference>,
    /// How many objects each namespace holds.
    population: HashMap<String, usize>,
}

/// The store. All methods take and release the lock; nothing waits inside.
#[derive(Debug)]
pub struct Store {
    state: RwLock<State>,
    window: usize,
}

impl Store {
    /// An empty store that remembers `window` changes per resource.
    pub fn new(window: usize) -> Self {
        Self { state: RwLock::new(State { revision: 1, ..State::default() }), window }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.read().revision
    }

    /// An object as it is now.
    pub fn get(&self, storage: &str, key: &Key) -> Option<Object> {
        self.read().collections.get(storage)?.objects.get(key).cloned()
    }

    /// The living object of a uid, with its place.
    pub fn of_uid(&self, uid: &str) -> Option<(Reference, Object)> {
        let state = self.read();
        let place = state.uids.get(uid)?;
        let object = state.collections.get(&place.storage)?.objects.get(&place.key)?;
        Some((place.clone(), object.clone()))
    }

    /// Places of the objects that name this uid as an owner.
    pub fn dependents(&self, uid: &str) -> Vec<Reference> {
        self.read()
            .dependents
            .get(uid)
            .map(|places| places.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// How many objects a namespace holds.
    pub fn population(&self, namespace: &str) -> usize {
        self.read().population.get(namespace).copied().unwrap_or(0)
    }

    /// Every object in a namespace, whatever its resource.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Reference> {
        let state = self.read();
        let first = Key { namespace: namespace.to_owned(), name: String::new() };
        let mut found = Vec::new();
        for (storage, collection) in &state.collections {
            let keys = collection.objects.range(first.clone()..).map(|(key, _)| key);
            found.extend(
                keys.take_while(|key| key.namespace == namespace)
                    .map(|key| Reference { storage: storage.clone(), key: key.clone() }),
            );
        }
        found
    }

    /// Objects of a resource that pass `wanted`.
    ///
    /// # Errors
    /// [`Gone`] when the revision asked for is older than the history.
    pub fn list(
        &self,
        storage: &str,
        range: &Range,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Listing, Gone> {
        let state = self.read();
        let revision = range.at.unwrap_or(state.revision);
        let Some(collection) = state.collections.get(storage) else {
            return Ok(Listing { revision, items: Vec::new(), more: false });
        };
        if revision < collection.compacted {
            return Err(Gone { oldest: collection.compacted });
        }
        let undone = undone(collection, revision);
        let limit = range.limit.unwrap_or(usize::MAX);
        let mut listing = Listing { revision, items: Vec::new(), more: false };
        for object in merged(collection, &undone, range) {
            if !wanted(object) {
                continue;
            }
            if listing.items.len() == limit {
                listing.more = true;
                break;
            }
            listing.items.push(object.clone());
        }
        Ok(listing)
    }

    /// Changes of a resource after a revision, and the newest revision of the whole store.
    ///
    /// # Errors
    /// [`Gone`] when the history does not reach back so far.
    pub fn changes_since(
        &self,
        storage: &str,
        revision: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), Gone> {
        let state = self.read();
        let Some(collection) = state.collections.get(storage) else {
            return Ok((Vec::new(), state.revision));
        };
        if revision < collection.compacted {
            return Err(Gone { oldest: collection.compacted });
        }
        let first = collection.changes.partition_point(|change| change.revision <= revision);
        Ok((collection.changes.iter().skip(first).cloned().collect(), state.revision))
    }

    /// Wakes whenever the resource changes.
    pub fn signal(&self, storage: &Arc<str>) -> watch::Receiver<u64> {
        let mut state = self.write();
        collection(&mut state, storage).signal.subscribe()
    }

    /// Wakes everyone who waits on a resource, without a change (it is not served any more).
    pub fn wake(&self, storage: &Arc<str>) {
        let mut state = self.write();
        let revision = state.revision;
        collection(&mut state, storage).signal.send_replace(revision);
    }

    /// Replaces the state of one object if it still is `before`; `None` removes it.
    ///
    /// Writes the new `metadata.resourceVersion` into the object. A removal answers with the last state under
    /// the revision of the removal.
    ///
    /// # Errors
    /// [`Stale`] when another writer came first.
    pub fn commit(
        &self,
        place: &Reference,
        before: Option<&Object>,
        after: Option<Value>,
    ) -> Result<Object, Stale> {
        let mut state = self.write();
        let live = collection(&mut state, &place.storage).objects.get(&place.key).cloned();
        match (before, &live) {
            (None, None) => {}
            (Some(before), Some(live)) if Arc::ptr_eq(before, live) => {}
            _ => return Err(Stale),
        }
        state.revision += 1;
        let revision = state.revision;
        let stamped = after.map(|object| Arc::new(stamp(object, revision)));
        if let Some(object) = &live {
            unindex(&mut state, place, object);
        }
        if let Some(object) = &stamped {
            index(&mut state, place, object);
        }
        let window = self.window;
        let collection = collection(&mut state, &place.storage);
        match &stamped {
            Some(object) => collection.objects.insert(place.key.clone(), object.clone()),
            None => collection.objects.remove(&place.key),
        };
        let change = Change {
            revision,
            key: place.key.clone(),
            before: live.clone(),
            after: stamped.clone(),
        };
        collection.changes.push_back(Arc::new(change));
        while collection.changes.len() > window {
            if let Some(oldest) = collection.changes.pop_front() {
                collection.compacted = oldest.revision;
            }
        }
        collection.signal.send_replace(revision);
        Ok(stamped
            .or_else(|| live.map(|last| Arc::new(stamp((*last).clone(), revision))))
            .unwrap_or_default())
    }

    /// Forgets the history of a resource, so that every older revision is gone.
    pub fn compact(&self, storage: &str) {
        let mut state = self.write();
        let revision = state.revision;
        if let Some(collection) = state.collections.get_mut(storage) {
            collection.changes.clear();
            collection.compacted = revision;
        }
    }
}

fn collection<'a>(state: &'a mut State, storage: &Arc<str>) -> &'a mut Collection {
    state.collections.entry(storage.clone()).or_insert_with(|| Collection::new(0))
}

fn undone(collection: &Collection, revision: u64) -> BTreeMap<&Key, Option<&Object>> {
    let mut undone = BTreeMap::new();
    for change in collection.changes.iter().rev().take_while(|change| change.revision > revision) {
        undone.insert(&change.key, change.before.as_ref());
    }
    undone
}

/// The objects of a range in the order of their keys, with later changes undone.
fn merged<'a>(
    collection: &'a Collection,
    undone: &'a BTreeMap<&'a Key, Option<&'a Object>>,
    range: &'a Range,
) -> impl Iterator<Item = &'a Object> {
    let start = match (&range.after, &range.namespace) {
        (Some(after), _) => std::ops::Bound::Excluded(after.clone()),
        (None, Some(namespace)) => {
            std::ops::Bound::Included(Key { namespace: namespace.clone(), name: String::new() })
        }
        (None, None) => std::ops::Bound::Unbounded,
    };
    let after = start.clone();
    let inside = move |key: &Key| {
        range.namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace)
    };
    let reached = move |key: &Key| match &after {
        std::ops::Bound::Excluded(first) => key > first,
        std::ops::Bound::Included(first) => key >= first,
        std::ops::Bound::Unbounded => true,
    };
    let mut now = collection.objects.range((start, std::ops::Bound::Unbounded)).peekable();
    let mut then = undone.iter().filter(move |(key, _)| reached(key)).peekable();
    std::iter::from_fn(move || {
        loop {
            let undo_next = match (now.peek(), then.peek()) {
                (None, None) => return None,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some((present, _)), Some((past, _))) => {
                    if *present == **past {
                        now.next();
                        continue;
                    }
                    **past < *present
                }
            };
            let (key, object) = if undo_next {
                let (key, object) = then.next()?;
                (*key, *object)
            } else {
                let (key, object) = now.next()?;
                (key, Some(object))
            };
            return Some((key, object));
        }
    })
    .skip_while(move |(key, _)| !inside(key))
    .take_while(move |(key, _)| inside(key))
    .filter_map(|(_, object)| object)
}

fn stamp(mut object: Value, revision: u64) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".into(), json!(revision.to_string()));
    }
    object
}

fn owners(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().filter_map(|owner| owner["uid"].as_str())
}

fn index(state: &mut State, place: &Reference, object: &Value) {
    for owner in owners(object) {
        state.dependents.entry(owner.to_owned()).or_default().insert(place.clone());
    }
    if let Some(uid) = object.pointer("/metadata/uid").and_then(Value::as_str) {
        state.uids.insert(uid.to_owned(), place.clone());
    }
    *state.population.entry(place.key.namespace.clone()).or_default() += 1;
}

fn unindex(state: &mut State, place: &Reference, object: &Value) {
    for owner in owners(object) {
        if let Some(places) = state.dependents.get_mut(owner) {
            places.remove(place);
            if places.is_empty() {
                state.dependents.remove(owner);
            }
        }
    }
    if let Some(uid) = object.pointer("/metadata/uid").and_then(Value::as_str) {
        state.uids.remove(uid);
    }
    if let Some(count) = state.population.get_mut(&place.key.namespace) {
        *count = count.saturating_sub(1);
    }
}
