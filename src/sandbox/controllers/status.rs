//! What a pod's status says.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::condition;

/// Whether the pod serves.
pub fn is_ready(pod: &Value) -> bool {
    condition::holds(pod, "Ready")
}

/// Whether the pod has been ready for this many seconds.
pub fn is_available(pod: &Value, seconds: i64) -> bool {
    if !is_ready(pod) || seconds == 0 {
        return is_ready(pod);
    }
    let since = condition::of(pod).into_iter().find(|known| known["type"] == "Ready");
    let since =
        since.and_then(|known| known["lastTransitionTime"].as_str()?.parse::<Timestamp>().ok());
    since.is_some_and(|since| {
        Timestamp::now().duration_since(since) >= SignedDuration::from_secs(seconds)
    })
}

/// The phase of a pod.
pub fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

/// Whether a pod has ended.
pub fn has_ended(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}
