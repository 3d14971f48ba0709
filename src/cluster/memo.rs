//! Verdicts that need not be asked for again: same desired object, same live object.

use super::desired::Desired;
use super::judge::{Frame, Judged};
use super::live::Live;
use crate::domain::ObjectKey;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Hash = [u8; 32];

/// What a verdict depends on.
pub(super) struct Seen {
    set_id: String,
    key: ObjectKey,
    desired: Hash,
    version: Option<(Arc<str>, Arc<str>)>,
}

impl Seen {
    pub(super) fn of(frame: &Frame<'_>, desired: &Desired, live: Option<&Live>) -> Self {
        Self {
            set_id: frame.set_id.clone(),
            key: desired.reference.key(),
            desired: desired_hash(frame, desired),
            version: live.map(|live| (live.uid.clone(), live.resource_version.clone())),
        }
    }
}

/// A remembered verdict.
struct Remembered {
    desired: Hash,
    live: Live,
    judged: Judged,
}

/// Verdicts by ApplySet and object. Absent objects are not remembered: their verdict depends on what is around them.
#[derive(Default)]
pub(super) struct Memo {
    verdicts: Mutex<HashMap<(String, ObjectKey), Remembered>>,
}

impl Memo {
    /// The verdict on exactly this state. It counts as no dry run.
    pub(super) fn recall(&self, seen: &Seen) -> Option<Judged> {
        let (uid, resource_version) = seen.version.as_ref()?;
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verdicts.get(&(seen.set_id.clone(), seen.key.clone()))?;
        let same = known.desired == seen.desired
            && known.live.uid == *uid
            && known.live.resource_version == *resource_version;
        same.then(|| Judged { dry_runs: 0, ..known.judged.clone() })
    }

    /// The verdict on a state that differs only in what no verdict depends on: status, times, counters.
    pub(super) fn recall_alike(&self, seen: &Seen, live: &Value) -> Option<Judged> {
        let (uid, _) = seen.version.as_ref()?;
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verdicts.get(&(seen.set_id.clone(), seen.key.clone()))?;
        let same = known.desired == seen.desired
            && known.live.uid == *uid
            && state_hash(known.live.value()) == state_hash(live.clone());
        same.then(|| Judged { dry_runs: 0, ..known.judged.clone() })
    }

    pub(super) fn keep(&self, seen: Seen, judged: &Judged) {
        let Some(live) = judged.live.clone() else { return };
        // Whose an object is depends on other mappings as well.
        if judged.verdict.is_about_ownership() {
            return;
        }
        let remembered = Remembered { desired: seen.desired, live, judged: judged.clone() };
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert((seen.set_id, seen.key), remembered);
    }

    /// Drops the verdicts on a group's objects, or all: definitions or admission rules changed.
    pub(super) fn forget(&self, group: Option<&str>) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.retain(|(_, key), _| group.is_some_and(|group| key.group != group));
    }
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
    for rule in frame.ignore {
        hasher.update(format!("{rule:?}"));
    }
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
