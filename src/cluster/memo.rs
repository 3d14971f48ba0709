//! Verdicts that need not be asked for again: same desired object, same live object.

use super::desired::Desired;
use super::judge::{Frame, Judged, Verdict};
use super::live::Live;
use super::precedents::Case;
use crate::domain::{Health, HealthReport, ObjectRef};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

type Hash = [u8; 32];
/// ApplySet and object, hashed: a key of strings would take more room than the verdict. Half of a hash will do: that the
/// object itself is the same is told by its UID.
type Place = [u8; 16];

/// How long the server's word on an object that does not exist is good for. A plan and the sync that was confirmed on
/// it ask once; what stands around the object (quotas, webhooks) may change later.
const CREATION: Duration = Duration::from_secs(120);

/// How long it is good for where the server would not take the object: a policy, a webhook or a quota may be lifted
/// without a word to whom it stopped. Long enough that status churn on such an object costs nothing.
const REFUSED: Duration = Duration::from_secs(30);

/// What a verdict depends on.
pub(super) struct Seen<'s> {
    frame: &'s Frame<'s>,
    object: &'s Desired,
    place: Place,
    /// Hash of the desired object, made when somebody wants it: most objects are proved without it.
    desired: OnceLock<Hash>,
    version: Option<(Arc<str>, Arc<str>)>,
}

impl<'s> Seen<'s> {
    pub(super) fn of(frame: &'s Frame<'s>, object: &'s Desired, live: Option<&Live>) -> Self {
        Self {
            frame,
            object,
            place: place(frame, &object.reference),
            desired: OnceLock::new(),
            version: live.map(|live| (live.uid.clone(), live.resource_version.clone())),
        }
    }

    fn desired(&self) -> &Hash {
        self.desired.get_or_init(|| desired_hash(self.frame, self.object))
    }

    /// The case that is to be judged: this desired object under these rules, and that live one, on this footing.
    pub(super) fn case(&self, footing: &Case, live: &Live, value: &Value) -> Case {
        let mut hasher = Sha256::new();
        hasher.update(footing);
        hasher.update(self.place);
        hasher.update(self.desired());
        hasher.update(state_hash(value.clone()));
        hasher.update(&*live.uid);
        hasher.finalize().into()
    }
}

/// A remembered verdict. The live object is not kept with it: whoever asks has it at hand.
struct Remembered {
    group: Arc<str>,
    desired: Hash,
    version: Option<(Arc<str>, Arc<str>)>,
    said: Said,
}

/// What was said of an object.
enum Said {
    /// It is as desired, by proof, and there is nothing to add but its health: nearly all that is ever remembered, so
    /// it takes little room.
    Proved { health: Health, message: Box<str>, replicas: Option<(u32, u32)> },
    /// Anything else.
    Told(Box<Told>),
}

struct Told {
    /// Hash of the live object's meaningful state, where the server was asked.
    state: Option<Hash>,
    /// When the verdict is forgotten.
    until: Option<Instant>,
    judged: Judged,
}

impl Said {
    fn of(judged: &Judged, state: Option<Hash>, until: Option<Instant>) -> Self {
        let silent = judged.extra.is_empty() && judged.left.is_empty() && judged.hits.is_empty();
        let proved = silent && judged.verdict == Verdict::Unchanged;
        if proved && state.is_none() && until.is_none() {
            let HealthReport { health, message, replicas } = judged.health.clone();
            return Self::Proved { health, message: message.into(), replicas };
        }
        Self::Told(Box::new(Told { state, until, judged: Judged { live: None, ..judged.clone() } }))
    }

    fn told(&self) -> Option<&Told> {
        match self {
            Self::Proved { .. } => None,
            Self::Told(told) => Some(told),
        }
    }

    /// Whether it is not said any more.
    fn is_stale(&self) -> bool {
        let until = self.told().and_then(|told| told.until);
        until.is_some_and(|until| until < Instant::now())
    }

    fn is_refused(&self) -> bool {
        self.told().is_some_and(|told| told.judged.verdict.is_refused_by_the_server())
    }

    /// As it is now: the memory was no dry run.
    fn judged(&self, live: Option<&Live>) -> Judged {
        let live = live.cloned();
        match self {
            Self::Proved { health, message, replicas } => Judged {
                verdict: Verdict::Unchanged,
                health: HealthReport {
                    health: *health,
                    message: message.to_string(),
                    replicas: *replicas,
                },
                live,
                extra: Vec::new(),
                left: Vec::new(),
                hits: Vec::new(),
                dry_runs: 0,
            },
            Self::Told(told) => Judged { dry_runs: 0, live, ..told.judged.clone() },
        }
    }
}

/// Verdicts by ApplySet and object.
#[derive(Default)]
pub(super) struct Memo {
    verdicts: Mutex<HashMap<Place, Remembered>>,
    /// Each group's name, once.
    groups: Mutex<BTreeSet<Arc<str>>>,
}

impl Memo {
    /// The verdict on exactly this state. It counts as no dry run.
    pub(super) fn recall(&self, seen: &Seen<'_>, live: Option<&Live>) -> Option<Judged> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verdicts.get(&seen.place)?;
        if known.said.is_stale() {
            verdicts.remove(&seen.place);
            return None;
        }
        let same = known.version == seen.version && known.desired == *seen.desired();
        same.then(|| known.said.judged(live))
    }

    /// The verdict on a state that differs only in what no verdict depends on: status, times, counters.
    pub(super) fn recall_alike(
        &self,
        seen: &Seen<'_>,
        live: &Live,
        value: &Value,
    ) -> Option<Judged> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verdicts.get(&seen.place).filter(|known| !known.said.is_stale())?;
        let state = known.said.told().and_then(|told| told.state);
        let same = state.is_some()
            && known.version.as_ref().is_some_and(|(uid, _)| *uid == live.uid)
            && known.desired == *seen.desired()
            && state.is_some_and(|state| state == state_hash(value.clone()));
        same.then(|| known.said.judged(Some(live)))
    }

    /// Remembers the verdict on a live object.
    pub(super) fn keep(&self, seen: Seen<'_>, judged: &Judged, value: &Value) {
        // Whose an object is depends on other mappings as well.
        if judged.verdict.is_about_ownership() {
            return;
        }
        // What was proved is proved again as fast as a state is hashed.
        let asked = judged.dry_runs > 0 || judged.verdict != Verdict::Unchanged;
        let state = asked.then(|| state_hash(value.clone()));
        let until = judged.verdict.is_refused_by_the_server().then(|| Instant::now() + REFUSED);
        self.insert(seen, Said::of(judged, state, until));
    }

    /// A verdict that was recalled for a state alike is about this state from now on.
    pub(super) fn renew(&self, seen: Seen<'_>, judged: &Judged) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = verdicts.get_mut(&seen.place) {
            let told = known.said.told();
            let (state, until) = told.map_or((None, None), |told| (told.state, told.until));
            known.version = seen.version;
            known.said = Said::of(judged, state, until);
        }
    }

    /// Remembers for a while that the server would take an object that does not exist.
    pub(super) fn keep_creation(&self, seen: Seen<'_>, judged: &Judged) {
        let mut judged = judged.clone();
        let Verdict::Differs(differing) = &mut judged.verdict else { return };
        if differing.blind.is_some() || differing.refusal.is_some() {
            return;
        }
        // The digest of a creation is that of the desired object.
        differing.result = None;
        self.insert(seen, Said::of(&judged, None, Some(Instant::now() + CREATION)));
    }

    fn insert(&self, seen: Seen<'_>, said: Said) {
        let (group, desired) = (self.group(&seen.object.reference.group), *seen.desired());
        let remembered = Remembered { group, desired, version: seen.version, said };
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert(seen.place, remembered);
    }

    fn group(&self, name: &str) -> Arc<str> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = groups.get(name) {
            return known.clone();
        }
        let group: Arc<str> = name.into();
        groups.insert(group.clone());
        group
    }

    /// Drops the verdicts on a group's objects, or all: definitions or admission rules changed.
    pub(super) fn forget(&self, group: Option<&str>) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.retain(|_, known| group.is_some_and(|group| *known.group != *group));
    }

    /// Drops what the server would not take: somebody wants to know whether it still would not.
    pub(super) fn forget_refusals(&self) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.retain(|_, known| !known.said.is_refused());
    }

    /// Drops what was said about objects that do not exist: one of them was refused after all.
    pub(super) fn forget_creations(&self) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.retain(|_, known| known.version.is_some());
    }
}

fn place(frame: &Frame<'_>, object: &ObjectRef) -> Place {
    let mut hasher = Sha256::new();
    let namespace = object.namespace.as_deref().unwrap_or_default();
    for part in [frame.set_id.as_str(), &object.group, &object.kind, namespace, &object.name] {
        hasher.update(part);
        // No name holds a zero byte.
        hasher.update([0]);
    }
    let mut place = Place::default();
    place.copy_from_slice(&hasher.finalize()[..16]);
    place
}

fn desired_hash(frame: &Frame<'_>, desired: &Desired) -> Hash {
    let key = desired.reference.key();
    let mut hasher = Sha256::new();
    hasher.update(desired.object.to_string());
    hasher.update([
        u8::from(frame.take_over),
        u8::from(frame.recreate),
        u8::from(frame.owned.contains(&key)),
    ]);
    hasher.update(&frame.rules_mark);
    hasher.finalize().into()
}

/// Hash of a live object without its status and its bookkeeping.
fn state_hash(mut state: Value) -> Hash {
    if let Some(object) = state.as_object_mut() {
        object.shift_remove("status");
    }
    if let Some(metadata) = state["metadata"].as_object_mut() {
        metadata.shift_remove("resourceVersion");
        metadata.shift_remove("generation");
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            entries.retain(|entry| entry["subresource"] != "status");
        }
    }
    Sha256::digest(state.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::state_hash;
    use serde_json::json;

    #[test]
    fn status_does_not_count_and_fields_do() {
        let object = |replicas: u32, ready: u32, version: &str| {
            json!({"metadata": {"name": "a", "resourceVersion": version, "managedFields": [
                {"manager": "m", "subresource": "status", "time": version}]},
                "spec": {"replicas": replicas}, "status": {"ready": ready}})
        };
        assert_eq!(state_hash(object(1, 0, "4")), state_hash(object(1, 1, "9")));
        assert_ne!(state_hash(object(1, 0, "4")), state_hash(object(2, 0, "4")));
    }
}
