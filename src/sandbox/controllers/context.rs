//! What a controller works with: the known world, writes that are known at once, and time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Pace;
use super::cluster::{CONTROLLER, Cluster, Error};
use super::kind::Kind;
use super::world::{Key, World, is_leaving, uid};

/// The state of all controllers. One task owns it, so that nobody acts on what another is about to change.
pub struct Context {
    /// The API.
    pub cluster: Cluster,
    /// What is known.
    pub world: World,
    /// How long things take.
    pub pace: Pace,
    due: HashMap<(String, String), Instant>,
    timers: BinaryHeap<Reverse<(Instant, Key)>>,
    serial: u64,
}

/// Something worth telling people about an object.
pub struct Note<'a> {
    /// `Normal` or `Warning`.
    pub kind: &'a str,
    /// Who tells it.
    pub source: &'a str,
    /// Why, in one word.
    pub reason: &'a str,
    /// The sentence.
    pub message: String,
}

/// Now, as the API writes it.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Context {
    /// Knows nothing yet.
    pub fn new(client: kube::Client, pace: Pace) -> Self {
        Self {
            cluster: Cluster::new(client),
            world: World::default(),
            pace,
            due: HashMap::new(),
            timers: BinaryHeap::new(),
            serial: 0,
        }
    }

    /// Creates an object; it is known when this returns.
    pub async fn create(&mut self, kind: Kind, object: &Value) -> Result<Value, Error> {
        let made = self.cluster.create(kind, object, CONTROLLER).await?;
        self.world.put(Key::of(kind, &made), made.clone());
        Ok(made)
    }

    /// Replaces an object.
    pub async fn update(&mut self, kind: Kind, object: &Value) -> Result<Value, Error> {
        let made = self.cluster.replace(kind, object, ("", CONTROLLER)).await?;
        self.world.put(Key::of(kind, &made), made.clone());
        Ok(made)
    }

    /// Replaces the status, if it is another one than is known.
    pub async fn status(&mut self, kind: Kind, object: &Value, manager: &str) -> Result<(), Error> {
        let key = Key::of(kind, object);
        let same = |known: &Value| {
            known["status"] == object["status"]
                && known["metadata"]["annotations"] == object["metadata"]["annotations"]
        };
        if self.world.get(&key).is_some_and(same) {
            return Ok(());
        }
        let made = self.cluster.replace(kind, object, ("status", manager)).await?;
        self.world.put(key, made);
        Ok(())
    }

    /// Deletes an object; one that does not linger is forgotten.
    pub async fn delete(&mut self, kind: Kind, object: &Value) -> Result<(), Error> {
        let left = self.cluster.delete(kind, object).await?;
        let key = Key::of(kind, object);
        if is_leaving(&left) && left["metadata"]["deletionGracePeriodSeconds"] != 0 {
            self.world.put(key, left);
        } else {
            self.world.forget(&key, object);
        }
        Ok(())
    }

    /// Records an event. A refused one is no reason to stop.
    pub async fn note(&mut self, kind: Kind, object: &Value, note: Note<'_>) {
        let key = Key::of(kind, object);
        self.serial += 1;
        let namespace = if key.namespace.is_empty() { "default" } else { &key.namespace };
        let (time, millis) = (now(), Timestamp::now().as_millisecond().unsigned_abs());
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{}.{:x}", key.name, millis * 1000 + self.serial % 1000), "namespace": namespace},
            "involvedObject": {
                "apiVersion": kind.api_version(), "kind": kind.name(), "name": key.name, "namespace": key.namespace,
                "uid": uid(object), "resourceVersion": object["metadata"]["resourceVersion"],
            },
            "type": note.kind, "reason": note.reason, "message": note.message, "count": 1,
            "firstTimestamp": time, "lastTimestamp": time,
            "source": {"component": note.source}, "reportingComponent": note.source, "reportingInstance": "",
        });
        if let Err(error) = self.cluster.create(Kind::Event, &event, note.source).await {
            tracing::debug!(%error, reason = note.reason, "an event was refused");
        }
    }

    /// Whether a stage of an object that began with the first call is over. If not, the object is looked at again then.
    pub fn wait(&mut self, key: &Key, stage: (&str, &str), delay: Duration) -> bool {
        let (uid, name) = stage;
        let begun = Instant::now();
        let due = *self.due.entry((uid.to_owned(), name.to_owned())).or_insert(begun + delay);
        if begun >= due {
            return true;
        }
        self.timers.push(Reverse((due, key.clone())));
        false
    }

    /// Whether this is the first time that a stage is asked for.
    pub fn once(&mut self, stage: (&str, &str)) -> bool {
        let (uid, name) = stage;
        self.due.insert((uid.to_owned(), name.to_owned()), Instant::now()).is_none()
    }

    /// Looks at an object again after a while.
    pub fn later(&mut self, key: Key, delay: Duration) {
        self.timers.push(Reverse((Instant::now() + delay, key)));
    }

    /// Forgets the stages of an object that is gone.
    pub fn forget_stages(&mut self, gone: &str) {
        self.due.retain(|(uid, _), _| uid != gone);
    }

    /// When the next object has to be looked at.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    /// The objects whose time has come.
    pub fn ripe(&mut self) -> Vec<Key> {
        let moment = Instant::now();
        let mut keys = Vec::new();
        while self.timers.peek().is_some_and(|Reverse((due, _))| *due <= moment) {
            keys.extend(self.timers.pop().map(|Reverse((_, key))| key));
        }
        keys
    }
}
