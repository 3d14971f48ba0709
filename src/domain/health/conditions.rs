//! `status.conditions` and the few other fields that all kinds share.

use serde_json::Value;

/// One entry of `status.conditions`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// Why, in one word.
    pub reason: &'a str,
    /// Why, in a sentence (foreign text).
    pub message: &'a str,
    /// The generation that it speaks of, where it says so.
    pub observed: Option<u64>,
    /// Since when, as it is written.
    pub since: &'a str,
}

impl Condition<'_> {
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// The sentence, or the word where there is none.
    pub fn why(&self) -> String {
        match (self.reason, self.message) {
            ("", "") => String::new(),
            (reason, "") => reason.to_owned(),
            ("", message) => message.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        }
    }
}

/// The condition of a type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<Condition<'a>> {
    let list = object["status"]["conditions"].as_array()?;
    let found = list.iter().find(|condition| condition["type"] == kind)?;
    Some(Condition {
        status: found["status"].as_str().unwrap_or_default(),
        reason: found["reason"].as_str().unwrap_or_default(),
        message: found["message"].as_str().unwrap_or_default(),
        observed: found["observedGeneration"].as_u64(),
        since: found["lastTransitionTime"].as_str().unwrap_or_default(),
    })
}

/// Whether the controller has not seen the newest `spec` yet.
pub fn is_behind(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].as_u64();
    let observed = object["status"]["observedGeneration"].as_u64();
    matches!((generation, observed), (Some(generation), Some(observed)) if observed < generation)
}

/// A number of `status`; absent ones are zero, as the server leaves zeros out.
pub(super) fn number(object: &Value, part: &str, name: &str) -> u64 {
    object[part][name].as_u64().unwrap_or(0)
}
