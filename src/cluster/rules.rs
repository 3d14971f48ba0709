//! Stand-ins until the rules of `domain` land.
#![allow(missing_docs, dead_code, clippy::pedantic)]
use crate::domain::{plan::Refusal, *};
use serde_json::Value;

pub struct Difference {
    pub changes: Vec<Change>,
    pub ignored: usize,
    pub extra: Vec<String>,
}
pub fn difference(live: Option<&Value>, predicted: &Value, _rules: &[IgnoreRule]) -> Difference {
    let mut changes = Vec::new();
    walk("", live.unwrap_or(&Value::Null), predicted, &mut changes);
    changes.retain(|change: &Change| {
        ![
            "/status",
            "/metadata/managedFields",
            "/metadata/resourceVersion",
            "/metadata/generation",
            "/metadata/uid",
            "/metadata/creationTimestamp",
        ]
        .iter()
        .any(|noise| change.path.starts_with(noise))
    });
    Difference { changes, ignored: 0, extra: Vec::new() }
}
fn walk(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    if let (Value::Object(a), Value::Object(b)) = (before, after) {
        for (key, value) in a {
            walk(&format!("{path}/{key}"), value, b.get(key).unwrap_or(&Value::Null), changes);
        }
        for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
            walk(&format!("{path}/{key}"), &Value::Null, value, changes);
        }
        return;
    }
    changes.push(Change {
        path: path.into(),
        before: Some(before.clone()),
        after: Some(after.clone()),
        live_manager: None,
        live_time: None,
        commit: None,
        redacted: false,
    });
}
pub fn foreign_owner(live: &Value, id: &str) -> Option<String> {
    let owner = live["metadata"]["labels"]["applyset.kubernetes.io/part-of"].as_str()?;
    (owner != id).then(|| owner.to_owned())
}
pub struct OrderInput<'a> {
    pub reference: &'a ObjectRef,
    pub object: &'a Value,
}
pub struct Ordered {
    pub stage: u32,
    pub index: usize,
}
pub fn apply_order(inputs: &[OrderInput<'_>]) -> Result<Vec<Ordered>, String> {
    let stage = |kind: &str| match kind {
        "CustomResourceDefinition" | "Namespace" => 0,
        "ClusterRole" | "ServiceAccount" | "Role" | "ConfigMap" | "Secret" => 1,
        "ValidatingWebhookConfiguration" => 3,
        _ => 2,
    };
    let mut order: Vec<Ordered> = inputs
        .iter()
        .enumerate()
        .map(|(index, one)| Ordered { stage: stage(&one.reference.kind), index })
        .collect();
    order.sort_by_key(|one| (one.stage, inputs[one.index].reference.clone()));
    Ok(order)
}
pub fn guard(
    deletions: &[ObjectRef],
    desired: usize,
    limit: usize,
    allowed: Option<usize>,
) -> Vec<Refusal> {
    let big = deletions.len() > limit || (desired == 0 && !deletions.is_empty());
    if big && allowed != Some(deletions.len()) {
        return vec![Refusal::Deletions { count: deletions.len(), because: "limit".into() }];
    }
    Vec::new()
}
pub fn assess(_live: &Value) -> HealthReport {
    HealthReport { health: Health::Unknown, message: String::new(), replicas: None }
}
