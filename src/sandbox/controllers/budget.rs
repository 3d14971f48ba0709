//! Disruption budgets count the pods that they cover.

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::condition::{self, Condition};
use super::context::Context;
use super::kind::Kind;
use super::status::{has_ended, is_ready};
use super::world::{Key, is_leaving};

/// Reports how many disruptions are allowed.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(mut budget) = context.world.get(key).filter(|it| !is_leaving(it)).cloned() else {
        return Ok(());
    };
    let selector = &budget["spec"]["selector"];
    let covered: Vec<&Value> = context
        .world
        .in_namespace(Kind::Pod, &key.namespace)
        .filter(|pod| {
            !has_ended(pod) && !is_leaving(pod) && matches(selector, &pod["metadata"]["labels"])
        })
        .collect();
    let (expected, healthy) =
        (covered.len() as i64, covered.iter().filter(|pod| is_ready(pod)).count() as i64);
    let share = |value: &Value| match value.as_str() {
        Some(text) => {
            (expected * text.trim_end_matches('%').parse::<i64>().unwrap_or(0) + 99) / 100
        }
        None => value.as_i64().unwrap_or(0),
    };
    let spec = &budget["spec"];
    let desired = match spec.get("maxUnavailable").filter(|value| !value.is_null()) {
        Some(most) => (expected - share(most)).max(0),
        None => share(&spec["minAvailable"]),
    };
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let mut conditions = condition::of(&budget);
    let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
    condition::set(
        &mut conditions,
        &Condition { kind: "DisruptionAllowed", holds: allowed > 0, reason, message: "" },
    );
    for known in &mut conditions {
        known["observedGeneration"] = budget["metadata"]["generation"].clone();
        if known.get("message").is_none() {
            known["message"] = json!("");
        }
    }
    budget["status"] = json!({
        "conditions": conditions, "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed,
        "expectedPods": expected, "observedGeneration": budget["metadata"]["generation"],
    });
    context.status(Kind::Budget, &budget, CONTROLLER).await
}

/// Whether labels satisfy a label selector.
fn matches(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(name, value)| labels[name] == *value);
    let listed = |expression: &Value| {
        let value = &labels[expression["key"].as_str().unwrap_or_default()];
        let among = expression["values"].as_array().is_some_and(|values| values.contains(value));
        match expression["operator"].as_str() {
            Some("In") => among,
            Some("NotIn") => !among,
            Some("Exists") => value.is_string(),
            Some("DoesNotExist") => !value.is_string(),
            _ => false,
        }
    };
    equal && selector["matchExpressions"].as_array().into_iter().flatten().all(listed)
}
