//! Stateful sets: numbered pods, in order, with their claims.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::context::{Context, Note};
use super::kind::Kind;
use super::status::{has_ended, is_available, is_ready};
use super::template;
use super::world::{Key, is_leaving};

const HASH: &str = "controller-revision-hash";

/// Takes one step and reports.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(set) = context.world.get(key).filter(|set| !is_leaving(set)).cloned() else {
        return Ok(());
    };
    let wanted = set["spec"]["replicas"].as_i64().unwrap_or(1);
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    let hash = revision(&set);
    for number in 0..wanted {
        match pod_of(context, &set, number) {
            None => {
                if !parallel && leaving(context, &set, number) {
                    break;
                }
                make(context, &set, number, &hash).await?;
                if !parallel {
                    break;
                }
            }
            Some(pod) if has_ended(&pod) => context.delete(Kind::Pod, &pod).await?,
            Some(pod) if !parallel && !is_ready(&pod) => break,
            Some(_) => {}
        }
    }
    shrink(context, &set, wanted).await?;
    renew(context, &set, (wanted, &hash)).await?;
    report(context, key, &hash).await
}

fn revision(set: &Value) -> String {
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    format!("{name}-{}", template::hash(&set["spec"]["template"]))
}

fn name_of(set: &Value, number: i64) -> String {
    let first = set["spec"]["ordinals"]["start"].as_i64().unwrap_or(0);
    format!("{}-{}", set["metadata"]["name"].as_str().unwrap_or_default(), first + number)
}

fn key_of(set: &Value, number: i64) -> Key {
    let namespace = set["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    Key { kind: Kind::Pod, namespace, name: name_of(set, number) }
}

fn pod_of(context: &Context, set: &Value, number: i64) -> Option<Value> {
    context.world.get(&key_of(set, number)).filter(|pod| !is_leaving(pod)).cloned()
}

fn leaving(context: &Context, set: &Value, number: i64) -> bool {
    context.world.get(&key_of(set, number)).is_some_and(is_leaving)
}

async fn make(context: &mut Context, set: &Value, number: i64, hash: &str) -> Result<(), Error> {
    if leaving(context, set, number) {
        return Ok(());
    }
    let name = name_of(set, number);
    let mut pod = template::pod(Kind::StatefulSet, set, &set["spec"]["template"], Some(&name));
    template::label(&mut pod, HASH, hash);
    template::label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    template::label(
        &mut pod,
        "apps.kubernetes.io/pod-index",
        name.rsplit('-').next().unwrap_or_default(),
    );
    pod["spec"]["hostname"] = json!(name);
    if set["spec"]["serviceName"].is_string() {
        pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    }
    for claim in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let volume = claim["metadata"]["name"].as_str().unwrap_or_default();
        let claimed = format!("{volume}-{name}");
        let mut object = claim.clone();
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("PersistentVolumeClaim");
        object["metadata"]["name"] = json!(claimed);
        object["metadata"]["namespace"] = set["metadata"]["namespace"].clone();
        let key = Key::of(Kind::Claim, &object);
        if context.world.get(&key).is_none() {
            context.create(Kind::Claim, &object).await?;
        }
        let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        volumes.retain(|known| known["name"] != volume);
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claimed}}));
        pod["spec"]["volumes"] = json!(volumes);
    }
    let made = context.create(Kind::Pod, &pod).await?;
    tell(context, set, ("SuccessfulCreate", "create"), &made).await;
    Ok(())
}

async fn tell(context: &mut Context, set: &Value, what: (&str, &str), pod: &Value) {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let message = format!("{} Pod {} in StatefulSet {} successful", what.1, name(pod), name(set));
    let note = Note { kind: "Normal", source: "statefulset-controller", reason: what.0, message };
    context.note(Kind::StatefulSet, set, note).await;
}

fn number(set: &Value, pod: &Value) -> i64 {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let first = set["spec"]["ordinals"]["start"].as_i64().unwrap_or(0);
    name.rsplit('-')
        .next()
        .and_then(|text| text.parse::<i64>().ok())
        .map_or(-1, |number| number - first)
}

/// Pods beyond the wanted number go, the highest first, one after the other.
async fn shrink(context: &mut Context, set: &Value, wanted: i64) -> Result<(), Error> {
    let mut surplus = context.world.controlled(Kind::Pod, set);
    surplus.retain(|pod| number(set, pod) >= wanted);
    surplus.sort_by_key(|pod| -number(set, pod));
    let many = if set["spec"]["podManagementPolicy"] == "Parallel" { surplus.len() } else { 1 };
    for pod in surplus.iter().take(many) {
        context.delete(Kind::Pod, pod).await?;
        tell(context, set, ("SuccessfulDelete", "delete"), pod).await;
    }
    Ok(())
}

/// Pods of an older template go, from the highest number down to the partition, while all above them serve.
async fn renew(context: &mut Context, set: &Value, to: (i64, &str)) -> Result<(), Error> {
    let (wanted, hash) = to;
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return Ok(());
    }
    let partition =
        set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_i64().unwrap_or(0);
    for number in (partition..wanted).rev() {
        match pod_of(context, set, number) {
            Some(pod) if pod["metadata"]["labels"][HASH] != hash => {
                context.delete(Kind::Pod, &pod).await?;
                tell(context, set, ("SuccessfulDelete", "delete"), &pod).await;
                return Ok(());
            }
            Some(pod) if is_ready(&pod) => {}
            _ => return Ok(()),
        }
    }
    Ok(())
}

async fn report(context: &mut Context, key: &Key, hash: &str) -> Result<(), Error> {
    let Some(mut set) = context.world.get(key).cloned() else { return Ok(()) };
    let pods: Vec<Value> = context
        .world
        .controlled(Kind::Pod, &set)
        .into_iter()
        .filter(|pod| !has_ended(pod))
        .collect();
    let patience = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let tally = |test: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| test(pod)).count();
    let ready = tally(&is_ready);
    let available = tally(&|pod| is_available(pod, patience));
    if available < ready {
        context.later(key.clone(), Duration::from_secs(1));
    }
    let updated = tally(&|pod| pod["metadata"]["labels"][HASH] == hash);
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or_default();
    let done = updated == wanted && pods.len() == wanted && ready == wanted;
    let known = set["status"]["currentRevision"].as_str().unwrap_or_default().to_owned();
    let current = if done || known.is_empty() { hash.to_owned() } else { known };
    let mut status = json!({
        "replicas": pods.len(), "availableReplicas": available, "collisionCount": 0,
        "observedGeneration": set["metadata"]["generation"], "currentRevision": current, "updateRevision": hash,
    });
    let counts = [
        ("readyReplicas", ready),
        ("updatedReplicas", updated),
        ("currentReplicas", tally(&|pod| pod["metadata"]["labels"][HASH] == *current)),
    ];
    for (name, value) in counts {
        if value > 0 {
            status[name] = json!(value);
        }
    }
    set["status"] = status;
    context.status(Kind::StatefulSet, &set, CONTROLLER).await
}
