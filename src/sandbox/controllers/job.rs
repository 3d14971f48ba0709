//! Jobs: pods that end, until enough have succeeded or too many have failed.

use std::time::Duration;

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
        return expire(context, key, &job).await;
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
    let late = !suspended && !done && is_late(context, key, &job);
    if suspended || beyond || late {
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
            tell(context, &job, ("Normal", "SuccessfulCreate", message)).await;
        }
    }
    let end = match (beyond, late) {
        (true, _) => Some(End::Exceeded),
        (_, true) => Some(End::Late),
        _ => done.then_some(End::Complete),
    };
    report(context, key, (succeeded, failed), end).await
}

/// How a Job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Exceeded,
    Late,
}

impl End {
    /// The conditions that hold then, and why.
    fn words(self) -> (&'static [&'static str], &'static str, &'static str) {
        let failed: &[&str] = &["FailureTarget", "Failed"];
        match self {
            Self::Complete => (
                &["SuccessCriteriaMet", "Complete"],
                "CompletionsReached",
                "Reached expected number of succeeded pods",
            ),
            Self::Exceeded => {
                (failed, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
            }
            Self::Late => {
                (failed, "DeadlineExceeded", "Job was active longer than specified deadline")
            }
        }
    }
}

/// Whether a Job has been active for longer than it may.
fn is_late(context: &mut Context, key: &Key, job: &Value) -> bool {
    let Some(seconds) = job["spec"]["activeDeadlineSeconds"].as_u64() else { return false };
    context.wait(key, (uid(job), "deadline"), Duration::from_secs(seconds))
}

/// A Job that has ended goes when its time is over, if it has one.
async fn expire(context: &mut Context, key: &Key, job: &Value) -> Result<(), Error> {
    let Some(seconds) = job["spec"]["ttlSecondsAfterFinished"].as_u64() else { return Ok(()) };
    if context.wait(key, (uid(job), "expiry"), Duration::from_secs(seconds)) {
        context.delete(Kind::Job, job).await?;
    }
    Ok(())
}

async fn tell(context: &mut Context, job: &Value, what: (&str, &str, String)) {
    let (kind, reason, message) = what;
    let note = Note { kind, source: "job-controller", reason, message };
    context.note(Kind::Job, job, note).await;
}

/// The status: `end` tells whether the job is over, and how.
async fn report(
    context: &mut Context,
    key: &Key,
    tally: (i64, i64),
    end: Option<End>,
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
    if end == Some(End::Complete) {
        status["completionTime"] = json!(now());
    }
    job["status"] = status;
    context.status(Kind::Job, &job, CONTROLLER).await?;
    match end.map(|end| (end, end.words())) {
        Some((End::Complete, _)) => {
            tell(context, &job, ("Normal", "Completed", "Job completed".to_owned())).await;
        }
        Some((_, (_, reason, message))) => {
            tell(context, &job, ("Warning", reason, message.to_owned())).await;
        }
        None => {}
    }
    Ok(())
}

fn conditions(job: &Value, end: Option<End>) -> Vec<Value> {
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
    let (kinds, reason, message) = end.map_or((&[][..], "", ""), End::words);
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
