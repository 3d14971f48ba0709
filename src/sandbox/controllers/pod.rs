//! The scheduler and the node: pods get a place, pull, start, serve, crash or end.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Error, NODE_AGENT};
use super::condition::{self, Condition};
use super::container::{Fate, Stage, containers, digest, fate_of, image, status};
use super::context::{Context, Note, now};
use super::kind::Kind;
use super::status::{has_ended, phase};
use super::world::{Key, is_leaving, uid};
use crate::sandbox::api::NODE;

/// After this many restarts a crashing container is left alone for long.
const RESTARTS: i64 = 4;
/// The longest back-off of a node.
const LONG: Duration = Duration::from_secs(300);

/// Moves the pod on by one stage, when its time has come.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(pod) =
        context.world.get(key).filter(|pod| !is_leaving(pod) && !has_ended(pod)).cloned()
    else {
        return Ok(());
    };
    let pace = context.pace;
    let id = uid(&pod).to_owned();
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        if context.wait(key, (&id, "schedule"), pace.schedule) {
            place(context, &pod).await?;
        }
        return Ok(());
    }
    if pod["spec"]["nodeName"] != NODE {
        return Ok(());
    }
    if pod["status"]["containerStatuses"].as_array().is_none_or(Vec::is_empty) {
        return begin(context, key, &pod).await;
    }
    let waits = |reason: &str| {
        let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        statuses.into_iter().any(|known| {
            known.pointer("/state/waiting/reason").is_some_and(|found| found == reason)
        })
    };
    if waits("ErrImagePull") {
        return if context.wait(key, (&id, "back off"), pace.retry) {
            back_off(context, &pod).await
        } else {
            Ok(())
        };
    }
    if waits("ImagePullBackOff") {
        return Ok(());
    }
    if waits("ContainerCreating") {
        return if context.wait(key, (&id, "start"), pace.start) {
            start(context, &pod).await
        } else {
            Ok(())
        };
    }
    run_on(context, key, &pod).await
}

/// What happens to a pod that has run.
async fn run_on(context: &mut Context, key: &Key, pod: &Value) -> Result<(), Error> {
    let (id, pace) = (uid(pod).to_owned(), context.pace);
    let restarts = pod
        .pointer("/status/containerStatuses/0/restartCount")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let running = phase(pod) == "Running" && condition::holds(pod, "Ready");
    let policy = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
    let always = policy == "Always";
    match (fate_of(pod), running) {
        (Fate::Crashes, true) => {
            let stage = format!("crash {restarts}");
            if context.wait(key, (&id, &stage), pace.finish) {
                return if always || policy == "OnFailure" {
                    crash(context, pod).await
                } else {
                    end(context, pod, 1).await
                };
            }
        }
        (Fate::Crashes, false) => {
            let stage = format!("restart {restarts}");
            let delay = if restarts >= RESTARTS {
                LONG
            } else {
                pace.retry * 2_u32.pow(u32::try_from(restarts).unwrap_or(0))
            };
            if context.wait(key, (&id, &stage), delay) {
                return start(context, pod).await;
            }
        }
        (_, true) if !always && context.wait(key, (&id, "finish"), pace.finish) => {
            return end(context, pod, 0).await;
        }
        _ => {}
    }
    Ok(())
}

async fn tell(context: &mut Context, pod: &Value, what: (&str, &str), message: String) {
    let (kind, reason) = what;
    let source = if reason == "Scheduled" { "default-scheduler" } else { NODE_AGENT };
    context.note(Kind::Pod, pod, Note { kind, source, reason, message }).await;
}

async fn place(context: &mut Context, pod: &Value) -> Result<(), Error> {
    context.cluster.bind(pod, NODE).await?;
    let key = Key::of(Kind::Pod, pod);
    let message = format!("Successfully assigned {}/{} to {NODE}", key.namespace, key.name);
    tell(context, pod, ("Normal", "Scheduled"), message).await;
    Ok(())
}

/// The stages that conditions tell apart: only created, ready, ended.
fn conditions(pod: &Value, stage: (bool, bool, bool)) -> Vec<Value> {
    let (sandboxed, ready, ended) = stage;
    let names: Vec<String> = containers(pod)
        .iter()
        .map(|container| container["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    let (reason, message) = match (ready, ended) {
        (true, _) => ("", ""),
        (false, true) => ("PodCompleted", ""),
        (false, false) => ("ContainersNotReady", message.as_str()),
    };
    let mut known = condition::of(pod);
    let plain = |kind, holds| Condition { kind, holds, reason: "", message: "" };
    condition::set(&mut known, &plain("PodReadyToStartContainers", sandboxed));
    let initialized =
        Condition { reason: if ended { "PodCompleted" } else { "" }, ..plain("Initialized", true) };
    condition::set(&mut known, &initialized);
    condition::set(&mut known, &Condition { kind: "Ready", holds: ready, reason, message });
    condition::set(
        &mut known,
        &Condition { kind: "ContainersReady", holds: ready, reason, message },
    );
    condition::set(&mut known, &plain("PodScheduled", true));
    for each in &mut known {
        each["lastProbeTime"] = Value::Null;
    }
    known
}

/// Writes a pod's status: phase, conditions, containers.
async fn write(
    context: &mut Context,
    pod: &Value,
    phase: &str,
    conditions: Vec<Value>,
    stage: &Stage<'_>,
) -> Result<(), Error> {
    let mut pod = pod.clone();
    let statuses: Vec<Value> =
        containers(&pod).iter().map(|container| status(&pod, container, stage)).collect();
    let state = &mut pod["status"];
    state["phase"] = json!(phase);
    state["conditions"] = json!(conditions);
    state["containerStatuses"] = json!(statuses);
    state["hostIP"] = json!("10.0.0.2");
    state["hostIPs"] = json!([{"ip": "10.0.0.2"}]);
    if !state["startTime"].is_string() {
        state["startTime"] = json!(now());
    }
    context.status(Kind::Pod, &pod, NODE_AGENT).await
}

async fn begin(context: &mut Context, key: &Key, pod: &Value) -> Result<(), Error> {
    let conditions = conditions(pod, (false, false, false));
    write(context, pod, "Pending", conditions, &Stage::Waiting("ContainerCreating", String::new()))
        .await?;
    for container in containers(pod) {
        tell(
            context,
            pod,
            ("Normal", "Pulling"),
            format!("Pulling image \"{}\"", image(&container)),
        )
        .await;
    }
    context.later(key.clone(), Duration::ZERO);
    Ok(())
}

/// An address that follows from the uid, so that it stays.
fn address(pod: &Value) -> String {
    let hash = digest(uid(pod));
    let part = |range: std::ops::Range<usize>| {
        hash.get(range).and_then(|text| u8::from_str_radix(text, 16).ok()).unwrap_or_default()
    };
    format!("10.244.{}.{}", part(0..2), part(2..4).clamp(2, 250))
}

async fn start(context: &mut Context, pod: &Value) -> Result<(), Error> {
    let mut pod = pod.clone();
    if fate_of(&pod) == Fate::Missing {
        let missing = containers(&pod)
            .into_iter()
            .find(|container| super::container::fate(image(container)) == Fate::Missing);
        let name = missing.map(|container| image(&container).to_owned()).unwrap_or_default();
        let why = format!("failed to pull and unpack image \"{name}\": {name}: not found");
        let held = conditions(&pod, (true, false, false));
        write(context, &pod, "Pending", held, &Stage::Waiting("ErrImagePull", why.clone())).await?;
        tell(
            context,
            &pod,
            ("Warning", "Failed"),
            format!("Failed to pull image \"{name}\": {why}"),
        )
        .await;
        tell(context, &pod, ("Warning", "Failed"), "Error: ErrImagePull".to_owned()).await;
        return Ok(());
    }
    let address = address(&pod);
    pod["status"]["podIPs"] = json!([{"ip": address}]);
    pod["status"]["podIP"] = json!(address);
    let began = now();
    let ready = conditions(&pod, (true, true, false));
    write(context, &pod, "Running", ready, &Stage::Running(&began)).await?;
    for container in containers(&pod) {
        let (image, name) = (image(&container), container["name"].as_str().unwrap_or_default());
        tell(context, &pod, ("Normal", "Pulled"), format!("Successfully pulled image \"{image}\""))
            .await;
        tell(context, &pod, ("Normal", "Created"), format!("Container created: {name}")).await;
        tell(context, &pod, ("Normal", "Started"), format!("Container started: {name}")).await;
    }
    Ok(())
}

async fn back_off(context: &mut Context, pod: &Value) -> Result<(), Error> {
    let first = containers(pod)
        .into_iter()
        .find(|container| super::container::fate(image(container)) == Fate::Missing);
    let name = first.map(|container| image(&container).to_owned()).unwrap_or_default();
    let why = format!("Back-off pulling image \"{name}\"");
    let held = conditions(pod, (true, false, false));
    write(context, pod, "Pending", held, &Stage::Waiting("ImagePullBackOff", why.clone())).await?;
    tell(context, pod, ("Normal", "BackOff"), why).await;
    tell(context, pod, ("Warning", "Failed"), "Error: ImagePullBackOff".to_owned()).await;
    Ok(())
}

async fn crash(context: &mut Context, pod: &Value) -> Result<(), Error> {
    let mut pod = pod.clone();
    let mut names = Vec::new();
    for container in containers(&pod) {
        let ended = status(&pod, &container, &Stage::Ended(1));
        names.push(container["name"].as_str().unwrap_or_default().to_owned());
        let known = pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten();
        for known in known.into_iter().filter(|known| known["name"] == container["name"]) {
            known["lastState"] = ended["state"].clone();
            known["restartCount"] = json!(known["restartCount"].as_i64().unwrap_or(0) + 1);
        }
    }
    let key = Key::of(Kind::Pod, &pod);
    let why = format!(
        "back-off restarting failed container={} pod={}_{}",
        names.join(","),
        key.name,
        key.namespace
    );
    let held = conditions(&pod, (true, false, false));
    write(context, &pod, "Running", held, &Stage::Waiting("CrashLoopBackOff", why.clone())).await?;
    tell(context, &pod, ("Warning", "BackOff"), why).await;
    Ok(())
}

async fn end(context: &mut Context, pod: &Value, code: i64) -> Result<(), Error> {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let over = conditions(pod, (false, false, code == 0));
    write(context, pod, phase, over, &Stage::Ended(code)).await
}
