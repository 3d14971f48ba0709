//! The order of the rules, and which kind has which.

use super::conditions::{Condition, condition, is_behind};
use super::{Health, HealthReport, others, workloads};
use crate::domain::managed::{Entry, entries};
use crate::domain::object::split_api_version;
use crate::domain::prove::MANAGER;
use crate::domain::redact::scrub;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// How long the status of a custom resource that was just written may be missing, or older than what was written, before
/// it is taken as it is: there are controllers that report after half a minute.
pub const GRACE: Duration = Duration::from_secs(40);

/// Health of a live object. What its own status says of it may quote what is shown nowhere.
pub fn assess(object: &Value) -> HealthReport {
    let report = assess_alone(object);
    HealthReport { message: scrub(&report.message, object), ..report }
}

fn assess_alone(object: &Value) -> HealthReport {
    let metadata = &object["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return HealthReport::new(Health::Progressing, "being deleted");
    }
    if is_exempt(object) {
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

/// What is said of a custom resource without a status within [`GRACE`].
const NOT_YET: &str = "no status reported yet";
/// What is said of one whose status is older than what gitdeck wrote, within [`GRACE`].
const BEFORE: &str = "no status reported since the change";

/// Whether a report of [`assess_at`] becomes another one by the mere passing of time.
pub fn is_provisional(report: &HealthReport) -> bool {
    report.health == Health::Progressing && matches!(&*report.message, NOT_YET | BEFORE)
}

/// Health of a live object at a moment. When it was written is read from its bookkeeping; a moment that lies ahead by
/// more than [`GRACE`] is another clock's, and tells nothing.
pub fn assess_at(object: &Value, now: Timestamp) -> HealthReport {
    let ago = |written: Option<Timestamp>| {
        written.map_or(Duration::MAX, |written| {
            let ahead = written.duration_since(now);
            match Duration::try_from(ahead) {
                Ok(ahead) if ahead > GRACE => Duration::MAX,
                Ok(_) => Duration::ZERO,
                Err(_) => ahead.unsigned_abs(),
            }
        })
    };
    // What others write into the object is no reason to wait for its status again.
    let report = assess_since(object, ago(written(object)), ago(written_by_us(object)));
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

/// Health of a live object that was written `ago`: a custom resource whose status does not speak yet, or speaks of what
/// was there before, is on its way until [`GRACE`] is over, because controllers need a moment to begin.
pub fn assess_written(object: &Value, ago: Duration) -> HealthReport {
    assess_since(object, ago, ago)
}

fn assess_since(object: &Value, written: Duration, by_us: Duration) -> HealthReport {
    let report = assess(object);
    let speaks = matches!(report.health, Health::Healthy | Health::Degraded);
    if !speaks || !is_custom(object) || is_exempt(object) {
        return report;
    }
    let (waits, message) = if has_spoken(object) {
        (by_us < GRACE && is_of_before(object), BEFORE)
    } else {
        (written < GRACE && !is_always_silent(object), NOT_YET)
    };
    if waits { HealthReport::new(Health::Progressing, message) } else { report }
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

/// When the object itself was written last, by whom ever.
fn written(object: &Value) -> Option<Timestamp> {
    let times = entries(object).filter(|entry| !is_of_status(entry)).filter_map(|entry| entry.time);
    let all = times.chain(object["metadata"]["creationTimestamp"].as_str());
    all.filter_map(|time| time.parse().ok()).max()
}

/// When gitdeck applied something else than before for the last time.
fn written_by_us(object: &Value) -> Option<Timestamp> {
    let ours = entries(object).filter(|entry| entry.manager == MANAGER && entry.applied);
    ours.filter_map(|entry| entry.time?.parse().ok()).max()
}

/// Whether somebody wrote nothing but a status, be it through the subresource or, where the kind has none, beside it.
fn is_of_status(entry: &Entry<'_>) -> bool {
    entry.subresource == "status" || entry.fields.keys().all(|name| name == "f:status")
}

/// Whether an object had no status for so long that nobody reports one for its kind: an edit changes nothing about that.
fn is_always_silent(object: &Value) -> bool {
    let created =
        object["metadata"]["creationTimestamp"].as_str().and_then(|time| time.parse().ok());
    let lived = created
        .zip(written(object))
        .map(|(created, now): (Timestamp, _)| now.duration_since(created));
    lived.is_some_and(|lived| lived.unsigned_abs() >= GRACE)
}

/// Whether a status is older than what gitdeck wrote last. One that names the generation that it is about is as new as
/// that; else its times tell: when somebody wrote into it, when a condition became what it is. Where there are none, it
/// is taken as it is. Times are of whole seconds: within the same one, a status is taken to be the newer.
fn is_of_before(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].as_u64();
    let conditions = || object["status"]["conditions"].as_array().into_iter().flatten();
    let observed =
        conditions().chain([&object["status"]]).map(|one| one["observedGeneration"].as_u64());
    if generation.is_some() && observed.max().flatten() >= generation {
        return false;
    }
    let reported = entries(object)
        .filter(|entry| is_of_status(entry) || entry.fields.contains_key("f:status"))
        .filter_map(|entry| entry.time);
    let turned = conditions().filter_map(|one| one["lastTransitionTime"].as_str());
    let spoken: Option<Timestamp> =
        reported.chain(turned).filter_map(|time| time.parse().ok()).max();
    spoken.zip(written_by_us(object)).is_some_and(|(spoken, written)| spoken < written)
}

/// Whether an object that was there already holds up what comes after it by this health: where it rolls out or fails by
/// itself. A claim without a volume, an autoscaler, an address or a served API may wait for just what comes after it.
pub fn holds_up(object: &Value, health: Health) -> bool {
    if matches!(health, Health::Healthy | Health::Suspended) {
        return false;
    }
    let group = split_api_version(object["apiVersion"].as_str().unwrap_or_default()).0;
    match (group, object["kind"].as_str().unwrap_or_default()) {
        _ if !object["metadata"]["deletionTimestamp"].is_null() => true,
        _ if may_await_consumer(object, health) => false,
        ("", "Service")
        | ("networking.k8s.io" | "extensions", "Ingress")
        | ("autoscaling" | "policy" | "apiregistration.k8s.io", _) => false,
        _ => true,
    }
}

/// Whether a claim or a volume may do nothing but wait for its first consumer, which comes after it: its class says when
/// it is bound (`WaitForFirstConsumer`), and nothing of that is in the object.
pub fn may_await_consumer(object: &Value, health: Health) -> bool {
    let is_volume =
        matches!(object["kind"].as_str(), Some("PersistentVolumeClaim" | "PersistentVolume"));
    let stays = object["metadata"]["deletionTimestamp"].is_null();
    is_volume && object["apiVersion"] == "v1" && stays && health == Health::Progressing
}

/// Whether the object says that its health is not to be assessed.
fn is_exempt(object: &Value) -> bool {
    object["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true"
}

/// Groups with a dot whose kinds Kubernetes itself serves (1.36, `kubectl api-versions`). Others end in `k8s.io` as well
/// and are defined by custom resources: those of its SIGs, such as `gateway.networking.k8s.io`.
const BUILT_IN: [&str; 19] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

fn is_custom(object: &Value) -> bool {
    let group = split_api_version(object["apiVersion"].as_str().unwrap_or_default()).0;
    group.contains('.') && !BUILT_IN.contains(&group)
}

#[cfg(test)]
mod tests {
    use super::{Health, assess_at, is_provisional};
    use jiff::Timestamp;
    use serde_json::{Value, json};

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

    fn gadget(created: &str, written: &str) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g", "generation": 2,
            "creationTimestamp": created, "managedFields": [
                {"manager": "gitdeck", "operation": "Apply", "time": written, "fieldsV1": {"f:spec": {}}}]}})
    }

    #[test]
    fn the_grace_of_a_custom_resource_ends_and_other_clocks_give_none() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        for (created, written, expected) in [
            ("2026-01-01T11:59:55Z", "2026-01-01T11:59:55Z", Health::Progressing),
            ("2026-01-01T12:00:03Z", "2026-01-01T12:00:03Z", Health::Progressing),
            ("2026-01-01T11:59:25Z", "2026-01-01T11:59:25Z", Health::Progressing),
            ("2026-01-01T11:59:20Z", "2026-01-01T11:59:20Z", Health::Healthy),
            ("2026-01-01T13:00:00Z", "2026-01-01T13:00:00Z", Health::Healthy),
            // It never had a status: nobody reports one.
            ("2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z", Health::Healthy),
            ("2026-01-01T11:59:30Z", "2026-01-01T12:00:00Z", Health::Progressing),
        ] {
            let report = assess_at(&gadget(created, written), now);
            assert_eq!(report.health, expected, "{created} {written}");
            assert_eq!(is_provisional(&report), expected == Health::Progressing);
        }
        let mut config = gadget("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z");
        config["apiVersion"] = "v1".into();
        assert_eq!(assess_at(&config, now).health, Health::Healthy);
    }

    /// A gadget that gitdeck wrote at noon, with a condition.
    fn reported(kind: &str, since: &str, status: &Value) -> Value {
        let mut object = gadget("2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z");
        object["status"] = status.clone();
        object["status"]["conditions"] = json!([{"type": kind, "status": "True", "reason": "Told", "lastTransitionTime": since}]);
        object
    }

    #[test]
    fn a_status_of_before_the_change_waits_for_the_controller() {
        let (before, after) = ("2026-01-01T11:00:00Z", "2026-01-01T12:00:01Z");
        let seen = json!({"observedGeneration": 2});
        for (kind, since, status, at, expected) in [
            ("Ready", before, json!({}), "2026-01-01T12:00:39Z", Health::Progressing),
            ("Degraded", before, json!({}), "2026-01-01T12:00:39Z", Health::Progressing),
            ("Stalled", before, json!({}), "2026-01-01T12:00:39Z", Health::Progressing),
            ("Ready", before, json!({}), "2026-01-01T12:00:40Z", Health::Healthy),
            ("Degraded", before, json!({}), "2026-01-01T12:00:40Z", Health::Degraded),
            ("Ready", after, json!({}), "2026-01-01T12:00:02Z", Health::Healthy),
            ("Ready", "2026-01-01T12:00:00Z", json!({}), "2026-01-01T12:00:02Z", Health::Healthy),
            ("Degraded", after, json!({}), "2026-01-01T12:00:02Z", Health::Degraded),
            // The controller names what it saw.
            ("Ready", before, seen.clone(), "2026-01-01T12:00:02Z", Health::Healthy),
            ("Degraded", before, seen, "2026-01-01T12:00:02Z", Health::Degraded),
            // No times: nothing to compare.
            ("Ready", "", json!({}), "2026-01-01T12:00:02Z", Health::Healthy),
        ] {
            let report = assess_at(&reported(kind, since, &status), at.parse().unwrap());
            assert_eq!(report.health, expected, "{kind} since {since} at {at}");
            assert_eq!(is_provisional(&report), expected == Health::Progressing);
        }
        let mut seen = reported("Ready", before, &json!({}));
        seen["status"]["conditions"][0]["observedGeneration"] = 2.into();
        assert_eq!(
            assess_at(&seen, "2026-01-01T12:00:02Z".parse().unwrap()).health,
            Health::Healthy
        );
    }

    #[test]
    fn a_condition_that_stays_is_new_once_its_controller_wrote_again() {
        let now: Timestamp = "2026-01-01T12:00:05Z".parse().unwrap();
        let by = |entry: Value| {
            let mut object = reported("Ready", "2026-01-01T11:00:00Z", &json!({}));
            object["metadata"]["managedFields"].as_array_mut().unwrap().push(entry);
            assess_at(&object, now).health
        };
        let entry = |subresource: &str, fields: &str, time: &str| {
            json!({"manager": "c", "operation": "Update", "subresource": subresource, "time": time,
                "fieldsV1": {fields: {}}})
        };
        let (before, after) = ("2026-01-01T11:00:00Z", "2026-01-01T12:00:03Z");
        assert_eq!(by(entry("status", "f:status", before)), Health::Progressing);
        assert_eq!(by(entry("status", "f:status", after)), Health::Healthy);
        // A kind without the subresource has its status in the object.
        assert_eq!(by(entry("", "f:status", after)), Health::Healthy);
        // Who labels the object says nothing of it.
        assert_eq!(by(entry("", "f:metadata", after)), Health::Progressing);
    }

    #[test]
    fn what_others_write_does_not_make_a_status_old() {
        let mut object = reported("Ready", "2026-01-01T12:00:01Z", &json!({}));
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(
            json!({"manager": "labels", "operation": "Update", "time": "2026-01-01T12:10:00Z",
                "fieldsV1": {"f:metadata": {}}}),
        );
        let report = assess_at(&object, "2026-01-01T12:10:01Z".parse().unwrap());
        assert_eq!(report.health, Health::Healthy);
    }
}
