//! Health of storage, network, API extensions, autoscalers and budgets.

use super::conditions::{Condition, condition, number};
use super::{Health, HealthReport};
use serde_json::Value;

/// Reasons of an autoscaler's conditions for which it cannot work.
const SCALING_FAILURES: &[&str] = &[
    "FailedComputeMetricsReplicas",
    "FailedGetExternalMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetResourceMetric",
    "FailedGetContainerResourceMetric",
    "FailedGetScale",
    "FailedUpdateScale",
    "InvalidSelector",
];

fn healthy() -> HealthReport {
    HealthReport::new(Health::Healthy, "")
}

pub(super) fn volume_claim(object: &Value) -> HealthReport {
    match object["status"]["phase"].as_str().unwrap_or("Pending") {
        "Bound" => healthy(),
        "Lost" => HealthReport::new(Health::Degraded, "its volume is lost"),
        phase => HealthReport::new(
            Health::Progressing,
            format!("{phase}, waiting for a volume or its first consumer"),
        ),
    }
}

pub(super) fn volume(object: &Value) -> HealthReport {
    match object["status"]["phase"].as_str().unwrap_or("Pending") {
        "Failed" => HealthReport::new(
            Health::Degraded,
            object["status"]["message"].as_str().unwrap_or("reclaim failed"),
        ),
        "Pending" => HealthReport::new(Health::Progressing, "pending"),
        _ => healthy(),
    }
}

pub(super) fn service(object: &Value) -> HealthReport {
    if object["spec"]["type"] == "LoadBalancer" { has_address(object) } else { healthy() }
}

pub(super) fn ingress(object: &Value) -> HealthReport {
    has_address(object)
}

fn has_address(object: &Value) -> HealthReport {
    if object["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|list| !list.is_empty()) {
        healthy()
    } else {
        HealthReport::new(Health::Progressing, "waiting for an address")
    }
}

pub(super) fn namespace(object: &Value) -> HealthReport {
    if object["status"]["phase"] == "Terminating" {
        HealthReport::new(Health::Progressing, "being deleted")
    } else {
        healthy()
    }
}

pub(super) fn custom_resource_definition(object: &Value) -> HealthReport {
    if let Some(refused) = condition(object, "NamesAccepted").filter(Condition::is_false) {
        return HealthReport::new(Health::Degraded, refused.why());
    }
    match condition(object, "Established") {
        Some(established) if established.is_true() => healthy(),
        Some(established) => HealthReport::new(Health::Progressing, established.why()),
        None => HealthReport::new(Health::Progressing, "not established yet"),
    }
}

pub(super) fn api_service(object: &Value) -> HealthReport {
    match condition(object, "Available") {
        Some(available) if available.is_true() => healthy(),
        Some(available) => HealthReport::new(Health::Progressing, available.why()),
        None => HealthReport::new(Health::Progressing, "not available yet"),
    }
}

pub(super) fn autoscaler(object: &Value) -> HealthReport {
    let conditions =
        ["AbleToScale", "ScalingActive", "ScalingLimited"].map(|kind| condition(object, kind));
    let mut found = conditions.iter().flatten();
    let failed = found.clone().find(|condition| SCALING_FAILURES.contains(&condition.reason));
    let report = if let Some(failed) = failed {
        HealthReport::new(Health::Degraded, failed.why())
    } else if found.any(Condition::is_true) || has_numbers(object) {
        healthy()
    } else {
        HealthReport::new(Health::Progressing, "not scaling yet")
    };
    let status = |name: &str| number(object, "status", name);
    if has_numbers(object) {
        report.with_replicas(status("currentReplicas"), status("desiredReplicas"))
    } else {
        report
    }
}

/// `autoscaling/v1` has no conditions in its status.
fn has_numbers(object: &Value) -> bool {
    object["status"]["desiredReplicas"].is_u64()
}

pub(super) fn disruption_budget(object: &Value) -> HealthReport {
    match condition(object, "DisruptionAllowed") {
        Some(allowed) if allowed.is_false() && allowed.reason != "InsufficientPods" => {
            HealthReport::new(Health::Degraded, allowed.why())
        }
        Some(allowed) if allowed.is_false() => {
            HealthReport::new(Health::Healthy, "no disruption allowed now")
        }
        _ => healthy(),
    }
}
