//! Jobs: pods that end, until enough have succeeded or too many have failed.

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::condition::{self, Condition};
use super::context::{Context, Note, now};
use super::kind::Kind;
use super::status::{has_ended, is_ready, phase};
use super::template;
use super::world::{Key, is_leaving, uid};

/// Takes one step and reports.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(job) = context.world.get(key).filter(|job| !is_leaving(job)).cloned() else {
        return Ok(());
    };
    if condition::holds(&job, "Complete") || condition::holds(&job, "Failed") {
        return Ok(());
    }
    let pods = context.world.controlled(Kind::Pod, &job);
    let tally = |wanted: &str| pods.iter().filter(|pod| phase(pod) == wanted).count() as i64;
    let (succeeded, failed) = (tally("Succeeded"), tally("Failed"));
    let active: Vec<&Value> = pods.iter().filter(|pod| !has_ended(pod)).collect();
    let parallelism = job["spec"]["parallelism"].as_i64().unwrap_or(1);
    let completions = job["spec"]["completions"].as_i64();
    let suspended = job["spec"]["suspend"] == true;
    let beyond = failed > job["spec"]["backoffLimit"].as_i64().unwrap_or(6);
    let done = match completions {
        Some(completions) => succeeded >= completions,
        None => succeeded > 0 && active.is_empty(),
    };
    if suspended || beyond {
        for pod in &active {
            context.delete(Kind::Pod, pod).await?;
        }
    } else if !done {
        let open = completions.map_or(parallelism, |completions| completions - succeeded);
        let open = if completions.is_none() && succeeded > 0 { 0 } else { open.min(parallelism) };
        // A failed pod is followed by another after a while.
        let stage = format!("after {failed} failures");
        let ready = failed == 0 || context.wait(key, (uid(&job), &stage), context.pace.retry);
        let missing = if ready { (open - active.len() as i64).max(0) } else { 0 };
        for _ in 0..missing {
            let pod = template::pod(Kind::Job, &job, &job["spec"]["template"], None);
            let made = context.create(Kind::Pod, &pod).await?;
            let message =
                format!("Created pod: {}", made["metadata"]["name"].as_str().unwrap_or_default());
            tell(context, &job, ("SuccessfulCreate", message)).await;
        }
    }
    let end = if beyond { Some(false) } else { done.then_some(true) };
    report(context, key, (succeeded, failed), end).await
}

async fn tell(context: &mut Context, job: &Value, what: (&str, String)) {
    let note = Note { kind: "Normal", source: "job-controller", reason: what.0, message: what.1 };
    context.note(Kind::Job, job, note).await;
}

/// The status: `end` tells whether the job is over, and how.
async fn report(
    context: &mut Context,
    key: &Key,
    tally: (i64, i64),
    end: Option<bool>,
) -> Result<(), Error> {
    let Some(mut job) = context.world.get(key).cloned() else { return Ok(()) };
    let pods = context.world.controlled(Kind::Pod, &job);
    let open: Vec<&Value> = pods.iter().filter(|pod| !has_ended(pod)).collect();
    let ready = open.iter().filter(|pod| is_ready(pod)).count();
    let mut status = json!({"terminating": 0, "uncountedTerminatedPods": {}, "ready": ready});
    if let Some(start) = job["status"].get("startTime") {
        status["startTime"] = start.clone();
    } else if job["spec"]["suspend"] != true {
        status["startTime"] = json!(now());
    }
    for (name, value) in
        [("active", open.len() as i64), ("succeeded", tally.0), ("failed", tally.1)]
    {
        if value > 0 {
            status[name] = json!(value);
        }
    }
    let conditions = conditions(&job, end);
    if !conditions.is_empty() {
        status["conditions"] = json!(conditions);
    }
    if end == Some(true) {
        status["completionTime"] = json!(now());
    }
    job["status"] = status;
    context.status(Kind::Job, &job, CONTROLLER).await?;
    match end {
        Some(true) => tell(context, &job, ("Completed", "Job completed".to_owned())).await,
        Some(false) => tell(context, &job, (EXCEEDED, TOO_MANY.to_owned())).await,
        None => {}
    }
    Ok(())
}

const EXCEEDED: &str = "BackoffLimitExceeded";
const TOO_MANY: &str = "Job has reached the specified backoff limit";

fn conditions(job: &Value, end: Option<bool>) -> Vec<Value> {
    let suspended = job["spec"]["suspend"] == true;
    let mut conditions = condition::of(job);
    let known = conditions.iter().any(|known| known["type"] == "Suspended");
    if suspended || known {
        let (reason, message) = if suspended {
            ("JobSuspended", "Job suspended")
        } else {
            ("JobResumed", "Job resumed")
        };
        condition::set(
            &mut conditions,
            &Condition { kind: "Suspended", holds: suspended, reason, message },
        );
    }
    let (kinds, reason, message): (&[&str], _, _) = match end {
        Some(true) => (
            &["SuccessCriteriaMet", "Complete"],
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        ),
        Some(false) => (&["FailureTarget", "Failed"], EXCEEDED, TOO_MANY),
        None => (&[], "", ""),
    };
    for kind in kinds {
        condition::set(&mut conditions, &Condition { kind, holds: true, reason, message });
    }
    for known in &mut conditions {
        let since = known["lastTransitionTime"].clone();
        if known.get("lastProbeTime").is_none() {
            known["lastProbeTime"] = since;
        }
    }
    conditions
}
