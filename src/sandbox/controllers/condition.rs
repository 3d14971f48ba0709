//! Conditions in a status.

use serde_json::{Value, json};

use super::context::now;

/// A condition to be set.
pub struct Condition<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in one word; empty for none.
    pub reason: &'a str,
    /// Why, in a sentence; empty for none.
    pub message: &'a str,
}

/// Sets a condition. The time of transition changes only with the status. Says whether anything changed.
pub fn set(conditions: &mut Vec<Value>, condition: &Condition<'_>) -> bool {
    let status = if condition.holds { "True" } else { "False" };
    let known = conditions.iter_mut().find(|known| known["type"] == condition.kind);
    let since = match &known {
        Some(known) if known["status"] == status => known["lastTransitionTime"].clone(),
        _ => json!(now()),
    };
    let mut wanted = json!({"type": condition.kind, "status": status, "lastTransitionTime": since});
    for (name, text) in [("reason", condition.reason), ("message", condition.message)] {
        if !text.is_empty() {
            wanted[name] = json!(text);
        }
    }
    let Some(known) = known else {
        conditions.push(wanted);
        return true;
    };
    for name in ["lastUpdateTime", "lastProbeTime", "observedGeneration"] {
        if let Some(value) = known.get(name) {
            wanted[name] = value.clone();
        }
    }
    let changed = *known != wanted;
    *known = wanted;
    changed
}

/// Whether a condition holds.
pub fn holds(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|known| known["type"] == kind && known["status"] == "True")
}

/// The conditions of an object.
pub fn of(object: &Value) -> Vec<Value> {
    object["status"]["conditions"].as_array().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_transition_stays_while_the_status_stays() {
        let old = json!({"type": "Ready", "status": "True", "lastTransitionTime": "long ago"});
        let mut conditions = vec![old];
        let ready = |holds, reason| Condition { kind: "Ready", holds, reason, message: "" };
        assert!(set(&mut conditions, &ready(true, "Because")));
        assert_eq!(conditions[0]["lastTransitionTime"], "long ago");
        assert!(!set(&mut conditions, &ready(true, "Because")));
        assert!(set(&mut conditions, &ready(false, "Because")));
        assert_ne!(conditions[0]["lastTransitionTime"], "long ago");
        assert_eq!(conditions.len(), 1);
    }
}
