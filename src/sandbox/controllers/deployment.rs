//! Deployments: one replica set per template, exchanged step by step.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::condition::{self, Condition};
use super::context::{Context, Note, now};
use super::kind::Kind;
use super::rollout::{Bounds, Generation, step};
use super::template::{self, HASH};
use super::world::{Key, is_leaving};

const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes one step towards the wanted state and reports.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(deployment) = context.world.get(key).filter(|it| !is_leaving(it)).cloned() else {
        return Ok(());
    };
    let mut sets = context.world.controlled(Kind::ReplicaSet, &deployment);
    let position = sets
        .iter()
        .position(|set| same_template(&deployment["spec"]["template"], &set["spec"]["template"]));
    let paused = deployment["spec"]["paused"] == true;
    let new = match position {
        Some(position) => Some(sets.remove(position)),
        None if paused => None,
        None => Some(make_set(context, &deployment, &sets).await?),
    };
    if let Some(new) = &new {
        scale_all(context, &deployment, new, &sets).await?;
        if !paused {
            count_revision(context, key, new, &sets).await?;
            forget_old(context, &deployment, &sets).await?;
        }
    }
    report(context, key).await
}

fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn same_template(wanted: &Value, made: &Value) -> bool {
    let mut made = made.clone();
    if let Some(labels) = made.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH);
    }
    *wanted == made
}

fn revision(object: &Value) -> i64 {
    let text = object["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn bounds(deployment: &Value) -> Bounds {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return Bounds { replicas, surge: 0, unavailable: replicas };
    }
    Bounds::of(replicas, strategy)
}

async fn make_set(
    context: &mut Context,
    deployment: &Value,
    old: &[Value],
) -> Result<Value, Error> {
    let hash = template::hash(&deployment["spec"]["template"]);
    let bounds = bounds(deployment);
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let mut pods = deployment["spec"]["template"].clone();
    template::label(&mut pods, HASH, &hash);
    let mut selector = deployment["spec"]["selector"].clone();
    if !selector["matchLabels"].is_object() {
        selector["matchLabels"] = json!({});
    }
    selector["matchLabels"][HASH] = json!(hash);
    let mut annotations =
        deployment["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.shift_remove(LAST_APPLIED);
    let newest = old.iter().map(revision).max().unwrap_or(0) + 1;
    annotations.insert(REVISION.to_owned(), json!(newest.to_string()));
    annotations.insert(DESIRED.to_owned(), json!(bounds.replicas.to_string()));
    annotations.insert(MOST.to_owned(), json!((bounds.replicas + bounds.surge).to_string()));
    let labels = pods["metadata"]["labels"].clone();
    let waits = deployment["spec"]["strategy"]["type"] == "Recreate"
        && old.iter().any(|set| count(set, "/status/replicas") > 0);
    let older: Vec<Generation> = old.iter().map(generation).collect();
    let first = if waits { 0 } else { step(bounds, Generation::default(), &older).0 };
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{name}-{hash}"), "namespace": deployment["metadata"]["namespace"], "labels": labels,
            "annotations": annotations, "ownerReferences": template::owner(Kind::Deployment, deployment),
        },
        "spec": {
            "replicas": first, "selector": selector, "template": pods,
            "minReadySeconds": deployment["spec"]["minReadySeconds"].as_i64().unwrap_or(0),
        },
    });
    let made = context.create(Kind::ReplicaSet, &set).await?;
    if first > 0 {
        tell(context, deployment, &made, (0, first)).await;
    }
    Ok(made)
}

fn generation(set: &Value) -> Generation {
    Generation {
        wanted: count(set, "/spec/replicas"),
        available: count(set, "/status/availableReplicas"),
    }
}

async fn scale_all(
    context: &mut Context,
    deployment: &Value,
    new: &Value,
    old: &[Value],
) -> Result<(), Error> {
    let bounds = bounds(deployment);
    let older: Vec<Generation> = old.iter().map(generation).collect();
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let (grown, shrunk) = if deployment["spec"]["paused"] == true {
        // Only one of a paused deployment's sets follows its scale.
        let held: i64 = older.iter().map(|generation| generation.wanted).sum();
        (
            (bounds.replicas - held).max(0),
            older.iter().map(|generation| generation.wanted).collect(),
        )
    } else if recreate {
        let left: i64 = old.iter().map(|set| count(set, "/status/replicas")).sum();
        (if left == 0 { bounds.replicas } else { count(new, "/spec/replicas") }, vec![0; old.len()])
    } else {
        step(bounds, generation(new), &older)
    };
    for (set, wanted) in old.iter().zip(shrunk) {
        scale(context, deployment, set, wanted).await?;
    }
    scale(context, deployment, new, grown).await
}

async fn scale(
    context: &mut Context,
    deployment: &Value,
    set: &Value,
    wanted: i64,
) -> Result<(), Error> {
    let before = count(set, "/spec/replicas");
    let bounds = bounds(deployment);
    let marks = [(DESIRED, bounds.replicas), (MOST, bounds.replicas + bounds.surge)];
    let marked = marks.iter().all(|(name, value)| {
        set["metadata"]["annotations"][*name].as_str() == Some(&value.to_string())
    });
    if before == wanted && (marked || wanted == 0) {
        return Ok(());
    }
    let mut set = set.clone();
    set["spec"]["replicas"] = json!(wanted);
    for (name, value) in marks {
        set["metadata"]["annotations"][name] = json!(value.to_string());
    }
    let made = context.update(Kind::ReplicaSet, &set).await?;
    if before != wanted {
        tell(context, deployment, &made, (before, wanted)).await;
    }
    Ok(())
}

async fn tell(context: &mut Context, deployment: &Value, set: &Value, change: (i64, i64)) {
    let (before, after) = change;
    let direction = if after > before { "up" } else { "down" };
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("Scaled {direction} replica set {name} from {before} to {after}");
    let note = Note {
        kind: "Normal",
        source: "deployment-controller",
        reason: "ScalingReplicaSet",
        message,
    };
    context.note(Kind::Deployment, deployment, note).await;
}

/// The newest set has the highest revision, and the deployment shows it.
async fn count_revision(
    context: &mut Context,
    key: &Key,
    new: &Value,
    old: &[Value],
) -> Result<(), Error> {
    let newest = old.iter().map(revision).max().unwrap_or(0);
    let mut number = revision(new);
    if number <= newest {
        number = newest + 1;
        let current = context.world.get(&Key::of(Kind::ReplicaSet, new)).cloned();
        let mut set = current.unwrap_or_else(|| new.clone());
        set["metadata"]["annotations"][REVISION] = json!(number.to_string());
        context.update(Kind::ReplicaSet, &set).await?;
    }
    let Some(mut deployment) = context.world.get(key).cloned() else { return Ok(()) };
    if revision(&deployment) == number {
        return Ok(());
    }
    if !deployment["metadata"]["annotations"].is_object() {
        deployment["metadata"]["annotations"] = json!({});
    }
    deployment["metadata"]["annotations"][REVISION] = json!(number.to_string());
    context.status(Kind::Deployment, &deployment, CONTROLLER).await
}

async fn forget_old(context: &mut Context, deployment: &Value, old: &[Value]) -> Result<(), Error> {
    let limit = usize::try_from(deployment["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10))
        .unwrap_or_default();
    let mut idle: Vec<&Value> = old
        .iter()
        .filter(|set| count(set, "/spec/replicas") == 0 && count(set, "/status/replicas") == 0)
        .filter(|set| context.world.controlled(Kind::Pod, set).is_empty())
        .collect();
    idle.sort_by_key(|set| revision(set));
    for set in idle.iter().take(idle.len().saturating_sub(limit)) {
        context.delete(Kind::ReplicaSet, set).await?;
    }
    Ok(())
}

async fn report(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(mut deployment) = context.world.get(key).cloned() else { return Ok(()) };
    let sets = context.world.controlled(Kind::ReplicaSet, &deployment);
    let template = &deployment["spec"]["template"];
    let new = sets.iter().find(|set| same_template(template, &set["spec"]["template"]));
    let total = |pointer: &str| sets.iter().map(|set| count(set, pointer)).sum::<i64>();
    let available = total("/status/availableReplicas");
    let replicas = total("/status/replicas");
    let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
    let counts = [
        ("replicas", replicas),
        ("updatedReplicas", new.map_or(0, |set| count(set, "/status/replicas"))),
        ("readyReplicas", total("/status/readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (total("/spec/replicas") - available).max(0)),
    ];
    for (name, value) in counts {
        if value > 0 {
            status[name] = json!(value);
        }
    }
    let conditions = conditions(&deployment, &status, new);
    let deadline = deadline(&deployment, &conditions);
    status["conditions"] = json!(conditions);
    deployment["status"] = status;
    context.status(Kind::Deployment, &deployment, CONTROLLER).await?;
    if let Some(left) = deadline {
        context.later(key.clone(), left);
    }
    Ok(())
}

fn conditions(deployment: &Value, status: &Value, new: Option<&Value>) -> Vec<Value> {
    let mut conditions = condition::of(deployment);
    let bounds = bounds(deployment);
    let enough = count(status, "/availableReplicas") >= bounds.replicas - bounds.unavailable;
    let (reason, message) = if enough {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let available = Condition { kind: "Available", holds: enough, reason, message };
    if condition::set(&mut conditions, &available) {
        touch(&mut conditions, "Available");
    }
    let Some(new) = new else { return conditions };
    let old = &deployment["status"];
    let more = |name: &str| count(status, name) > count(old, name);
    let outdated = |status: &Value| count(status, "/replicas") - count(status, "/updatedReplicas");
    let moved = more("/updatedReplicas")
        || more("/readyReplicas")
        || more("/availableReplicas")
        || outdated(status) < outdated(old);
    let done = ["/replicas", "/updatedReplicas", "/availableReplicas"]
        .iter()
        .all(|name| count(status, name) == bounds.replicas);
    let known = conditions.iter().find(|known| known["type"] == "Progressing").cloned();
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    let reason =
        known.as_ref().and_then(|known| known["reason"].as_str()).unwrap_or_default().to_owned();
    let late = known.as_ref().is_some_and(|known| elapsed(known) >= patience(deployment));
    let (holds, reason, message) = if done {
        (
            true,
            "NewReplicaSetAvailable",
            format!("ReplicaSet \"{name}\" has successfully progressed."),
        )
    } else if known.is_none() {
        (true, "NewReplicaSetCreated", format!("Created new replica set \"{name}\""))
    } else if moved || reason == "NewReplicaSetAvailable" {
        (true, "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
    } else if late || reason == "ProgressDeadlineExceeded" {
        (
            false,
            "ProgressDeadlineExceeded",
            format!("ReplicaSet \"{name}\" has timed out progressing."),
        )
    } else {
        return conditions;
    };
    let progress = Condition { kind: "Progressing", holds, reason, message: &message };
    if condition::set(&mut conditions, &progress) || (moved && !done) {
        touch(&mut conditions, "Progressing");
    }
    conditions
}

fn touch(conditions: &mut [Value], kind: &str) {
    for known in conditions.iter_mut().filter(|known| known["type"] == kind) {
        known["lastUpdateTime"] = json!(now());
    }
}

fn patience(deployment: &Value) -> SignedDuration {
    SignedDuration::from_secs(deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600))
}

fn elapsed(known: &Value) -> SignedDuration {
    let since = known["lastUpdateTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    since.map_or(SignedDuration::ZERO, |since| Timestamp::now().duration_since(since))
}

/// How long until an unfinished rollout is late.
fn deadline(deployment: &Value, conditions: &[Value]) -> Option<Duration> {
    let known = conditions.iter().find(|known| known["type"] == "Progressing")?;
    if known["status"] != "True" || known["reason"] == "NewReplicaSetAvailable" {
        return None;
    }
    let left = patience(deployment) - elapsed(known);
    Some(Duration::try_from(left).unwrap_or_default().max(Duration::from_secs(1)))
}
