//! Health of what runs pods.

use super::conditions::{Condition, condition, number};
use super::{Health, HealthReport};
use serde_json::Value;

/// Reasons for which a container waits in vain until somebody changes something.
const HOPELESS: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

fn progressing(message: String) -> HealthReport {
    HealthReport::new(Health::Progressing, message)
}

fn wanted(object: &Value) -> u64 {
    object["spec"]["replicas"].as_u64().unwrap_or(1)
}

fn status(object: &Value, name: &str) -> u64 {
    number(object, "status", name)
}

/// `generation` without `observedGeneration`: the controller has not looked at it at all.
fn is_unseen(object: &Value) -> bool {
    object["metadata"]["generation"].is_u64() && object["status"]["observedGeneration"].is_null()
}

pub(super) fn deployment(object: &Value) -> HealthReport {
    let wanted = wanted(object);
    let ready = status(object, "readyReplicas");
    let (replicas, updated) = (status(object, "replicas"), status(object, "updatedReplicas"));
    let available = status(object, "availableReplicas");
    let stuck =
        condition(object, "Progressing").filter(|found| found.reason == "ProgressDeadlineExceeded");
    let failing = condition(object, "ReplicaFailure").filter(Condition::is_true);
    let report = if let Some(why) = stuck.or(failing) {
        HealthReport::new(Health::Degraded, why.why())
    } else if object["spec"]["paused"] == true {
        HealthReport::new(Health::Suspended, "paused")
    } else if is_unseen(object) {
        progressing("the controller has not seen it yet".to_owned())
    } else if updated < wanted {
        progressing(format!("{updated} of {wanted} updated"))
    } else if replicas > updated {
        progressing(match replicas - updated {
            1 => "1 old pod is left".to_owned(),
            many => format!("{many} old pods are left"),
        })
    } else if available < updated || ready < wanted {
        progressing(format!("{} of {wanted} available", available.min(ready)))
    } else {
        rolled_out(object)
    };
    report.with_replicas(ready, wanted)
}

/// All pods are there; the controller has to say that the rollout is over and the Deployment available (kstatus'
/// `deploymentConditions`). Where it has no deadline it never says the first.
fn rolled_out(object: &Value) -> HealthReport {
    let has_deadline = object["spec"]["progressDeadlineSeconds"] != i32::MAX;
    let is_over = condition(object, "Progressing")
        .is_some_and(|found| found.is_true() && found.reason == "NewReplicaSetAvailable");
    match condition(object, "Available") {
        Some(why) if !why.is_true() => progressing(why.why()),
        _ if has_deadline && !is_over => {
            progressing("the rollout is not reported as complete yet".to_owned())
        }
        None => progressing("it is not reported as available yet".to_owned()),
        Some(_) => HealthReport::new(Health::Healthy, ""),
    }
}

pub(super) fn stateful_set(object: &Value) -> HealthReport {
    let wanted = wanted(object);
    let ready = status(object, "readyReplicas");
    let (replicas, updated) = (status(object, "replicas"), status(object, "updatedReplicas"));
    let strategy = &object["spec"]["updateStrategy"];
    let partition = strategy["rollingUpdate"]["partition"].as_u64();
    let revisions = (&object["status"]["currentRevision"], &object["status"]["updateRevision"]);
    let report = if strategy["type"] == "OnDelete" {
        HealthReport::new(Health::Healthy, "updated when its pods are deleted")
    } else if is_unseen(object) {
        progressing("the controller has not seen it yet".to_owned())
    } else if replicas < wanted {
        progressing(format!("{replicas} of {wanted} created"))
    } else if ready < wanted {
        progressing(format!("{ready} of {wanted} ready"))
    } else if replicas > wanted {
        progressing(format!("{} pods are still to go", replicas - wanted))
    } else if let Some(partition) = partition {
        let due = wanted.saturating_sub(partition);
        if updated < due {
            progressing(format!("{updated} of {due} updated"))
        } else {
            HealthReport::new(
                Health::Healthy,
                if partition > 0 { "updated up to its partition" } else { "" },
            )
        }
    } else if status(object, "currentReplicas") < wanted || revisions.0 != revisions.1 {
        progressing(format!("{updated} of {wanted} updated"))
    } else {
        HealthReport::new(Health::Healthy, "")
    };
    report.with_replicas(ready, wanted)
}

pub(super) fn daemon_set(object: &Value) -> HealthReport {
    let wanted = status(object, "desiredNumberScheduled");
    let ready = status(object, "numberReady");
    let current = status(object, "currentNumberScheduled");
    let updated = status(object, "updatedNumberScheduled");
    let available = status(object, "numberAvailable");
    let on_delete = object["spec"]["updateStrategy"]["type"] == "OnDelete";
    let report = if is_unseen(object) {
        progressing("the controller has not seen it yet".to_owned())
    } else if current < wanted {
        progressing(format!("{current} of {wanted} scheduled"))
    } else if updated < wanted && !on_delete {
        progressing(format!("{updated} of {wanted} updated"))
    } else if available < wanted || ready < wanted {
        progressing(format!("{} of {wanted} available", available.min(ready)))
    } else {
        HealthReport::new(Health::Healthy, "")
    };
    report.with_replicas(ready, wanted)
}

pub(super) fn replica_set(object: &Value) -> HealthReport {
    let wanted = wanted(object);
    let ready = status(object, "readyReplicas");
    let available = status(object, "availableReplicas");
    let replicas = status(object, "replicas");
    let report = if let Some(why) = condition(object, "ReplicaFailure").filter(Condition::is_true) {
        HealthReport::new(Health::Degraded, why.why())
    } else if is_unseen(object) {
        progressing("the controller has not seen it yet".to_owned())
    } else if status(object, "fullyLabeledReplicas") < wanted {
        progressing(format!("{} of {wanted} created", status(object, "fullyLabeledReplicas")))
    } else if available < wanted || ready < wanted {
        progressing(format!("{} of {wanted} available", available.min(ready)))
    } else if replicas > wanted {
        progressing(format!("{} pods are still to go", replicas - wanted))
    } else {
        HealthReport::new(Health::Healthy, "")
    };
    report.with_replicas(ready, wanted)
}

pub(super) fn job(object: &Value) -> HealthReport {
    if let Some(failed) = condition(object, "Failed").filter(Condition::is_true) {
        return HealthReport::new(Health::Degraded, failed.why());
    }
    if condition(object, "Complete").is_some_and(|found| found.is_true()) {
        return HealthReport::new(Health::Healthy, "complete");
    }
    if object["spec"]["suspend"] == true
        || condition(object, "Suspended").is_some_and(|found| found.is_true())
    {
        return HealthReport::new(Health::Suspended, "suspended");
    }
    let (done, active) = (status(object, "succeeded"), status(object, "active"));
    let wanted = object["spec"]["completions"].as_u64().unwrap_or(1);
    match status(object, "failed") {
        0 => progressing(format!("{done} of {wanted} complete, {active} active")),
        failed => {
            progressing(format!("{done} of {wanted} complete, {active} active, {failed} failed"))
        }
    }
}

pub(super) fn cron_job(object: &Value) -> HealthReport {
    if object["spec"]["suspend"] == true {
        return HealthReport::new(Health::Suspended, "suspended");
    }
    let status = &object["status"];
    let active = status["active"].as_array().map_or(0, Vec::len);
    if active > 0 {
        return HealthReport::new(Health::Healthy, format!("{active} running"));
    }
    // RFC 3339 in UTC with whole seconds sorts as text.
    match (status["lastScheduleTime"].as_str(), status["lastSuccessfulTime"].as_str()) {
        (Some(scheduled), Some(succeeded)) if succeeded < scheduled => {
            HealthReport::new(Health::Degraded, "the last run did not succeed")
        }
        (Some(_), None) => HealthReport::new(Health::Degraded, "no run has succeeded"),
        _ => HealthReport::new(Health::Healthy, ""),
    }
}

pub(super) fn pod(object: &Value) -> HealthReport {
    let status = &object["status"];
    let always = object["spec"]["restartPolicy"].as_str().unwrap_or("Always") == "Always";
    match status["phase"].as_str().unwrap_or_default() {
        "Succeeded" => HealthReport::new(Health::Healthy, "succeeded"),
        "Failed" => HealthReport::new(Health::Degraded, failure(object)),
        "Unknown" => HealthReport::new(Health::Unknown, "its node does not answer"),
        phase => match waiting(status) {
            Some(why) => HealthReport::new(Health::Degraded, why),
            None if phase == "Running" && !always => progressing("running".to_owned()),
            None if phase == "Running" => match condition(object, "Ready") {
                Some(ready) if ready.is_true() => HealthReport::new(Health::Healthy, ""),
                Some(ready) => progressing(ready.why()),
                None => progressing("not ready".to_owned()),
            },
            None => match condition(object, "PodScheduled").filter(Condition::is_false) {
                Some(unscheduled) => progressing(unscheduled.why()),
                None => progressing("pending".to_owned()),
            },
        },
    }
}

/// The first container that waits in vain.
fn waiting(status: &Value) -> Option<String> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| status[*list].as_array())
        .flatten()
        .find_map(|container| {
            let waiting = &container["state"]["waiting"];
            let reason = waiting["reason"].as_str().filter(|reason| HOPELESS.contains(reason))?;
            let name = container["name"].as_str().unwrap_or_default();
            let message = waiting["message"].as_str().unwrap_or_default();
            Some(if message.is_empty() {
                format!("{name}: {reason}")
            } else {
                format!("{name}: {reason}: {message}")
            })
        })
}

fn failure(object: &Value) -> String {
    let status = &object["status"];
    let told = [status["reason"].as_str(), status["message"].as_str()];
    let told: Vec<&str> = told.into_iter().flatten().collect();
    if !told.is_empty() {
        return told.join(": ");
    }
    let code = status["containerStatuses"].as_array().into_iter().flatten().find_map(|container| {
        container["state"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0)
    });
    code.map_or_else(|| "failed".to_owned(), |code| format!("failed with exit code {code}"))
}
