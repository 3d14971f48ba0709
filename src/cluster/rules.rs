//! Stand-ins until the rules of `domain` land.
#![allow(missing_docs, dead_code, clippy::pedantic)]
use crate::domain::{plan::Refusal, *};
use serde_json::Value;

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
