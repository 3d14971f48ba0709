//! One watch: a list, then every change after it, again and again.

use super::live::{Live, Types, text, types_of};
use super::pulse::{Pulse, lost};
use super::resource::{Resource, segment};
use super::watch::{Keys, Sight, WatchState, lock};
use super::wire::{Failure, JSON, Wire};
use crate::domain::ObjectKey;
use futures::AsyncBufReadExt;
use jiff::Timestamp;
use kube::core::Status;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the server keeps one watch open, in seconds; below the five minutes after which proxies cut.
const OPEN: u64 = 280;
/// Silence after which a watch is opened again: bookmarks come about every minute, and where they do not, another
/// watch costs little. A whole connection that is lost shows earlier, see `pulse`.
const SILENCE: Duration = Duration::from_secs(75);

/// Objects without their content, where the server can.
pub(super) const SLIM_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const SLIM: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// How a watch that ended for good ended.
pub(super) enum Followed {
    /// Not allowed at this width.
    Forbidden,
}

/// Why one stream ended.
enum End {
    /// As agreed, or cut; it goes on after the last version.
    Closed,
    /// The last version is too old; everything has to be listed again.
    Expired,
    /// Broken.
    Failed(Failure),
    /// The connection is lost, after this silence.
    Lost(Duration),
}

/// One resource, in all namespaces or in one, with the objects that are wanted of it.
pub(super) struct Unit {
    resource: Resource,
    namespace: Option<String>,
    types: Arc<Types>,
    /// Whether only the generations of all objects are kept.
    slim: bool,
    seen: Mutex<Seen>,
    pulse: Arc<Pulse>,
}

struct Seen {
    wanted: Arc<Keys>,
    objects: HashMap<Arc<ObjectKey>, Live>,
    state: WatchState,
    /// Whether a first list is complete.
    listed: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Unit {
    pub(super) fn new(
        resource: Resource,
        namespace: Option<String>,
        wanted: Arc<Keys>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let types = types_of(&resource);
        let seen =
            Seen { wanted, objects: HashMap::new(), state: WatchState::Syncing, listed: false };
        Self { resource, namespace, types, slim: false, seen: Mutex::new(seen), pulse }
    }

    /// A unit that sees all objects of a resource, without their content, and tells only what changes after the first
    /// list.
    pub(super) fn sentinel(resource: Resource, pulse: Arc<Pulse>) -> Self {
        Self { slim: true, ..Self::new(resource, None, Arc::default(), pulse) }
    }

    pub(super) fn is_sentinel(&self) -> bool {
        self.slim
    }

    /// The identity under which an object is kept; nothing where it is not wanted.
    fn place(&self, wanted: &Keys, key: &ObjectKey) -> Option<Arc<ObjectKey>> {
        let anew = || self.slim.then(|| Arc::new(key.clone()));
        wanted.get(key).cloned().or_else(anew)
    }

    fn read(&self, text: &str) -> Result<(ObjectKey, Live), Failure> {
        let (key, live) = Live::read(text, &self.resource, &self.types)?;
        Ok((key, if self.slim { live.slim() } else { live }))
    }

    pub(super) fn name(&self) -> String {
        self.resource.collection(None)
    }

    /// How the unit stands. That a sentinel is lost does not make what others see stale.
    pub(super) fn counted_state(&self) -> WatchState {
        match lock(&self.seen).state.clone() {
            WatchState::Stale { .. } if self.slim => WatchState::Live,
            state => state,
        }
    }

    /// There is nothing to wait for: it may not be watched.
    pub(super) fn rest(&self) {
        lock(&self.seen).state = WatchState::Live;
    }

    /// The live object, where the watch is live and the object wanted.
    pub(super) fn find(&self, key: &ObjectKey) -> Sight {
        let seen = lock(&self.seen);
        if seen.state != WatchState::Live || !seen.wanted.contains(key) {
            return Sight::Unwatched;
        }
        seen.objects.get(key).map_or(Sight::Absent, |live| Sight::Present(live.clone()))
    }

    /// Takes a newer state of a wanted object from elsewhere; whether it was news.
    pub(super) fn learn(&self, key: &ObjectKey, live: &Live) -> bool {
        let mut seen = lock(&self.seen);
        let Some(place) = self.place(&seen.wanted, key) else { return false };
        let known = seen.objects.get(key);
        if known.is_some_and(|known| !live.is_newer_than(known)) {
            return false;
        }
        let news = !self.slim || known.is_none_or(|known| !known.is_alike(live));
        seen.objects.insert(place, live.clone().packed(&self.types));
        news
    }

    /// Whether the watch can go on for these objects: it can when none is new.
    pub(super) fn narrowed_to(&self, wanted: &Arc<Keys>) -> bool {
        let mut seen = lock(&self.seen);
        if !wanted.is_subset(&seen.wanted) {
            return false;
        }
        seen.wanted = wanted.clone();
        seen.objects.retain(|key, _| wanted.contains(key));
        true
    }

    /// Lists and watches until dropped, or until it turns out that this is not allowed.
    pub(super) async fn follow(
        &self,
        wire: &Wire,
        tell: &(impl Fn(&ObjectKey) + Sync),
        tell_state: &(impl Fn() + Sync),
    ) -> Followed {
        let mut version: Option<String> = None;
        let mut pause = wire.limits().reconnect.0;
        loop {
            let mut silence = Duration::ZERO;
            let failure = match &mut version {
                None => match self.list(wire, tell).await {
                    Ok(listed) => {
                        version = Some(listed);
                        self.enter(WatchState::Live, tell_state);
                        continue;
                    }
                    Err(failure) if failure.code() == 403 && self.gives_up() => {
                        return Followed::Forbidden;
                    }
                    Err(failure) => failure,
                },
                Some(last) => {
                    let begun = tokio::time::Instant::now();
                    let end = self.stream(wire, last, tell, tell_state).await;
                    let lasted = begun.elapsed();
                    match end {
                        End::Expired => {
                            version = None;
                            continue;
                        }
                        End::Closed if lasted > wire.limits().reconnect.0 => {
                            pause = wire.limits().reconnect.0;
                            continue;
                        }
                        End::Closed => {
                            Failure::Silent("the server closes watches at once".to_owned())
                        }
                        End::Failed(failure) => failure,
                        End::Lost(since) => {
                            silence = since;
                            Failure::Silent(lost(since))
                        }
                    }
                }
            };
            self.enter(
                WatchState::Stale { since: Timestamp::now() - silence, reason: reason(&failure) },
                tell_state,
            );
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(wire.limits().reconnect.1);
        }
    }

    /// Whether there is another way, or no need, when this much may not be watched.
    fn gives_up(&self) -> bool {
        self.slim || (self.resource.namespaced && self.namespace.is_none())
    }

    fn enter(&self, state: WatchState, tell_state: &impl Fn()) {
        let mut seen = lock(&self.seen);
        // What is stale stays stale since it became so.
        let same = matches!(
            (&seen.state, &state),
            (WatchState::Stale { .. }, WatchState::Stale { .. })
                | (WatchState::Live, WatchState::Live)
        );
        if !same {
            seen.state = state;
            drop(seen);
            tell_state();
        }
    }

    /// Lists everything and then, at once, replaces what was seen: half a list never counts as deletions.
    async fn list(&self, wire: &Wire, tell: &impl Fn(&ObjectKey)) -> Result<String, Failure> {
        let wanted = lock(&self.seen).wanted.clone();
        let mut listed: HashMap<Arc<ObjectKey>, Live> = HashMap::new();
        let accept = if self.slim { SLIM_LIST } else { JSON };
        let version = wire
            .each_page(&self.resource, self.namespace.as_deref(), accept, |page, begins| {
                if begins {
                    listed.clear();
                }
                for item in page.items.iter().flatten() {
                    let (key, live) = self.read(item.get())?;
                    if let Some(place) = self.place(&wanted, &key) {
                        listed.insert(place, live.packed(&self.types));
                    }
                }
                Ok(())
            })
            .await?;
        self.replace(listed).iter().for_each(|key| tell(key));
        Ok(version)
    }

    /// Takes a complete list and returns what it changes.
    fn replace(&self, mut listed: HashMap<Arc<ObjectKey>, Live>) -> Vec<Arc<ObjectKey>> {
        let mut seen = lock(&self.seen);
        let same = |key: &ObjectKey, live: &Live| {
            let old = seen.objects.get(key);
            old.is_some_and(|old| {
                old.is_alike(live) && (self.slim || old.resource_version == live.resource_version)
            })
        };
        let changed =
            listed.iter().filter(|(key, live)| !same(key, live)).map(|(key, _)| key.clone());
        let gone = seen.objects.keys().filter(|key| !listed.contains_key(*key)).cloned();
        let changed: Vec<Arc<ObjectKey>> = changed.chain(gone).collect();
        let first = !std::mem::replace(&mut seen.listed, true);
        listed.shrink_to_fit();
        seen.objects = listed;
        if self.slim && first { Vec::new() } else { changed }
    }

    async fn stream(
        &self,
        wire: &Wire,
        version: &mut String,
        tell: &impl Fn(&ObjectKey),
        tell_state: &impl Fn(),
    ) -> End {
        let address = format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={OPEN}&resourceVersion={}",
            self.resource.collection(self.namespace.as_deref()),
            segment(version)
        );
        let stream = match wire.lines(&address, if self.slim { SLIM } else { JSON }).await {
            Ok(stream) => stream,
            Err(failure) if failure.code() == 410 => return End::Expired,
            Err(failure) => return End::Failed(failure),
        };
        self.pulse.beat();
        let mut losses = self.pulse.losses();
        self.enter(WatchState::Live, tell_state);
        let mut stream = pin!(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            tokio::select! {
                read = stream.read_until(b'\n', &mut line) => match read {
                    Ok(0) => return End::Closed,
                    Ok(_) => self.pulse.beat(),
                    Err(error) => return End::Failed(Failure::Silent(error.to_string())),
                },
                () = tokio::time::sleep(SILENCE) => return End::Closed,
                _ = losses.changed() => return End::Lost(self.pulse.silence()),
            }
            match self.take(&line, version, tell) {
                Ok(()) => {}
                Err(failure) if failure.code() == 410 => return End::Expired,
                // A line that was cut in the middle comes again.
                Err(Failure::Malformed(_)) if line.last() != Some(&b'\n') => return End::Closed,
                Err(failure) => return End::Failed(failure),
            }
        }
    }

    /// One event.
    fn take(
        &self,
        line: &[u8],
        version: &mut String,
        tell: &impl Fn(&ObjectKey),
    ) -> Result<(), Failure> {
        let line: Line<'_> = serde_json::from_str(text(line)?)
            .map_err(|error| Failure::Malformed(format!("an event cannot be read: {error}")))?;
        if line.r#type == "ERROR" {
            let status: Status = serde_json::from_str(line.object.get()).unwrap_or_default();
            return Err(Failure::Status(Box::new(status)));
        }
        let (key, live) = self.read(line.object.get())?;
        version.clear();
        version.push_str(&live.resource_version);
        let changed = match line.r#type {
            "ADDED" | "MODIFIED" => self.learn(&key, &live),
            "DELETED" => {
                let mut seen = lock(&self.seen);
                // Of two objects of one name the news about the older one may come after we made the newer one.
                let known = seen.objects.get(&key).is_some_and(|known| !known.is_newer_than(&live));
                known && seen.objects.remove(&key).is_some()
            }
            _ => false,
        };
        if changed {
            tell(&key);
        }
        Ok(())
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Silent(reason) | Failure::Malformed(reason) => reason.clone(),
        Failure::Throttled { spent, .. } => format!("put off for {spent} s"),
        Failure::Stopped => "stopped".to_owned(),
        Failure::Status(status) if status.code == 401 => {
            "the credential has expired or is refused (401); log in again".to_owned()
        }
        Failure::Status(status) if status.message.is_empty() => format!("HTTP {}", status.code),
        Failure::Status(status) => status.message.clone(),
    }
}

/// Between half and the whole of a pause, so that many watches do not come back in step.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1000;
    pause / 2 + pause.mul_f64(random as f64 / 2000.0)
}
