//! The order of the rules, and which kind has which.

use super::conditions::{Condition, condition, is_behind};
use super::{Health, HealthReport, others, workloads};
use crate::domain::managed::entries;
use crate::domain::object::split_api_version;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// How long a custom resource that was just written may be without a status before it counts as one that has none.
pub const GRACE: Duration = Duration::from_secs(10);

/// Health of a live object.
pub fn assess(object: &Value) -> HealthReport {
    let metadata = &object["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return HealthReport::new(Health::Progressing, "being deleted");
    }
    if metadata["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true" {
        return HealthReport::new(Health::Healthy, "not assessed, as its annotation asks");
    }
    if is_behind(object) {
        return replicas_too(
            object,
            HealthReport::new(Health::Progressing, "the controller has not seen the change yet"),
        );
    }
    if let Some(reconciling) = condition(object, "Reconciling").filter(Condition::is_true) {
        return HealthReport::new(Health::Progressing, reconciling.why());
    }
    if let Some(stalled) = condition(object, "Stalled").filter(Condition::is_true) {
        return HealthReport::new(Health::Degraded, stalled.why());
    }
    by_kind(object).unwrap_or_else(|| by_ready(object))
}

/// What is said of a custom resource within [`GRACE`].
pub const NOT_YET: &str = "no status reported yet";

/// Health of a live object at a moment. When it was written is read from its bookkeeping; a moment that lies ahead by
/// more than [`GRACE`] is another clock's, and tells nothing.
pub fn assess_at(object: &Value, now: Timestamp) -> HealthReport {
    let times = entries(object)
        .filter(|entry| entry.subresource != "status")
        .filter_map(|entry| entry.time)
        .chain(object["metadata"]["creationTimestamp"].as_str());
    let written = times.filter_map(|time| time.parse::<Timestamp>().ok()).max();
    let ago = written.map_or(Duration::MAX, |written| {
        let ahead = written.duration_since(now);
        match Duration::try_from(ahead) {
            Ok(ahead) if ahead > GRACE => Duration::MAX,
            Ok(_) => Duration::ZERO,
            Err(_) => ahead.unsigned_abs(),
        }
    });
    let report = assess_written(object, ago);
    match report.health {
        Health::Progressing => unplaced(object, now).unwrap_or(report),
        _ => report,
    }
}

/// How long a pod may be without a node before it is taken to find none: nodes that scale up say so earlier.
const UNPLACED: SignedDuration = SignedDuration::from_secs(15);

/// A pod that no node takes, where that lasts.
fn unplaced(object: &Value, now: Timestamp) -> Option<HealthReport> {
    let pod = object["kind"] == "Pod" && object["apiVersion"] == "v1";
    let gone = !object["metadata"]["deletionTimestamp"].is_null();
    let found = condition(object, "PodScheduled").filter(|_| pod && !gone)?;
    let since: Timestamp = found.since.parse().ok()?;
    let lasts = now.duration_since(since) > UNPLACED;
    (found.is_false() && found.reason == "Unschedulable" && lasts)
        .then(|| HealthReport::new(Health::Degraded, found.why()))
}

/// Health of a live object that was written `ago`: a custom resource whose status does not speak yet is on its way
/// until [`GRACE`] is over, because controllers need a moment to begin.
pub fn assess_written(object: &Value, ago: Duration) -> HealthReport {
    let report = assess(object);
    let is_silent = report.health == Health::Healthy && is_custom(object) && !has_spoken(object);
    if is_silent && ago < GRACE { HealthReport::new(Health::Progressing, NOT_YET) } else { report }
}

fn by_kind(object: &Value) -> Option<HealthReport> {
    let group = split_api_version(object["apiVersion"].as_str().unwrap_or_default()).0;
    let rule = match (group, object["kind"].as_str().unwrap_or_default()) {
        ("apps" | "extensions", "Deployment") => workloads::deployment,
        ("apps", "StatefulSet") => workloads::stateful_set,
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set,
        ("apps" | "extensions", "ReplicaSet") => workloads::replica_set,
        ("", "Pod") => workloads::pod,
        ("batch", "Job") => workloads::job,
        ("batch", "CronJob") => workloads::cron_job,
        ("", "PersistentVolumeClaim") => others::volume_claim,
        ("", "PersistentVolume") => others::volume,
        ("", "Service") => others::service,
        ("", "Namespace") => others::namespace,
        ("networking.k8s.io" | "extensions", "Ingress") => others::ingress,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => others::custom_resource_definition,
        ("apiregistration.k8s.io", "APIService") => others::api_service,
        ("autoscaling", "HorizontalPodAutoscaler") => others::autoscaler,
        ("policy", "PodDisruptionBudget") => others::disruption_budget,
        _ => return None,
    };
    Some(rule(object))
}

/// Replicas are worth seeing whatever the verdict is.
fn replicas_too(object: &Value, report: HealthReport) -> HealthReport {
    HealthReport { replicas: by_kind(object).and_then(|found| found.replicas), ..report }
}

/// For all other kinds: `Ready`, else `Available` and `Degraded`; without conditions an object just is.
fn by_ready(object: &Value) -> HealthReport {
    if let Some(ready) = condition(object, "Ready") {
        let generation = object["metadata"]["generation"].as_u64();
        let is_old = matches!((ready.observed, generation), (Some(seen), Some(now)) if seen < now);
        let health = if ready.is_true() && !is_old { Health::Healthy } else { Health::Progressing };
        return HealthReport::new(health, ready.why());
    }
    if let Some(degraded) = condition(object, "Degraded").filter(Condition::is_true) {
        return HealthReport::new(Health::Degraded, degraded.why());
    }
    match condition(object, "Available") {
        Some(available) if !available.is_true() => {
            HealthReport::new(Health::Progressing, available.why())
        }
        Some(available) => HealthReport::new(Health::Healthy, available.why()),
        None if is_custom(object) && !has_spoken(object) => {
            HealthReport::new(Health::Healthy, "no status reported")
        }
        None => HealthReport::new(Health::Healthy, ""),
    }
}

fn has_spoken(object: &Value) -> bool {
    object["status"].as_object().is_some_and(|status| !status.is_empty())
}

/// Groups of Kubernetes itself have no dot, or end in `k8s.io`.
fn is_custom(object: &Value) -> bool {
    let group = split_api_version(object["apiVersion"].as_str().unwrap_or_default()).0;
    group.contains('.') && !group.ends_with(".k8s.io")
}

#[cfg(test)]
mod tests {
    use super::{Health, NOT_YET, assess_at};
    use jiff::Timestamp;
    use serde_json::json;

    #[test]
    fn a_pod_that_finds_no_node_is_given_up_after_a_while() {
        let pod = |reason: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": reason,
                    "message": "0/1 nodes", "lastTransitionTime": "2026-01-01T12:00:00Z"}]}})
        };
        for (reason, at, expected) in [
            ("Unschedulable", "2026-01-01T12:00:15Z", Health::Progressing),
            ("Unschedulable", "2026-01-01T12:00:16Z", Health::Degraded),
            ("SchedulingGated", "2026-01-01T13:00:00Z", Health::Progressing),
        ] {
            let report = assess_at(&pod(reason), at.parse().unwrap());
            assert_eq!(
                (report.health, report.message),
                (expected, format!("{reason}: 0/1 nodes")),
                "{at}"
            );
        }
    }

    #[test]
    fn the_grace_of_a_custom_resource_ends_and_other_clocks_give_none() {
        let gadget = |time: &str| {
            json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g",
                "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [
                    {"manager": "gitdeck", "operation": "Apply", "time": time, "fieldsV1": {}},
                    {"manager": "c", "operation": "Update", "subresource": "status",
                        "time": "2026-01-02T00:00:00Z", "fieldsV1": {}}]}})
        };
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        for (time, expected) in [
            ("2026-01-01T11:59:55Z", Health::Progressing),
            ("2026-01-01T12:00:03Z", Health::Progressing),
            ("2026-01-01T11:59:50Z", Health::Healthy),
            ("2026-01-01T13:00:00Z", Health::Healthy),
        ] {
            let report = assess_at(&gadget(time), now);
            assert_eq!(report.health, expected, "{time}");
            assert_eq!(report.message == NOT_YET, expected == Health::Progressing);
        }
        let mut config = gadget("2026-01-01T12:00:00Z");
        config["apiVersion"] = "v1".into();
        assert_eq!(assess_at(&config, now).health, Health::Healthy);
    }
}
