//! Replica sets: as many pods as wanted.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::context::{Context, Note};
use super::kind::Kind;
use super::status::{has_ended, is_available, is_ready};
use super::template;
use super::world::{Key, is_leaving};

/// Makes or removes pods and reports how many there are.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(set) = context.world.get(key).filter(|set| !is_leaving(set)).cloned() else {
        return Ok(());
    };
    let pods = alive(context, &set);
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or_default();
    for _ in pods.len()..wanted {
        let pod = template::pod(Kind::ReplicaSet, &set, &set["spec"]["template"], None);
        let made = context.create(Kind::Pod, &pod).await?;
        tell(context, &set, ("SuccessfulCreate", "Created"), &made).await;
    }
    if pods.len() > wanted {
        // The youngest of those that serve least go first.
        let mut leaving = pods.clone();
        leaving.sort_by_key(is_ready);
        let surplus = pods.len() - wanted;
        let idle = leaving.iter().filter(|pod| !is_ready(pod)).count();
        let (idle, ready) = leaving.split_at(idle);
        for pod in idle.iter().rev().chain(ready.iter().rev()).take(surplus) {
            context.delete(Kind::Pod, pod).await?;
            tell(context, &set, ("SuccessfulDelete", "Deleted"), pod).await;
        }
    }
    report(context, key).await
}

/// The pods of a set that neither ended nor leave.
fn alive(context: &Context, set: &Value) -> Vec<Value> {
    let pods = context.world.controlled(Kind::Pod, set);
    pods.into_iter().filter(|pod| !has_ended(pod)).collect()
}

async fn tell(context: &mut Context, set: &Value, what: (&str, &str), pod: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("{} pod: {name}", what.1);
    let note = Note { kind: "Normal", source: "replicaset-controller", reason: what.0, message };
    context.note(Kind::ReplicaSet, set, note).await;
}

async fn report(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(mut set) = context.world.get(key).cloned() else { return Ok(()) };
    let pods = alive(context, &set);
    let patience = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let available = pods.iter().filter(|pod| is_available(pod, patience)).count();
    if available < ready {
        context.later(key.clone(), Duration::from_secs(1));
    }
    let wanted =
        set["spec"]["template"]["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let labelled =
        |pod: &&Value| wanted.iter().all(|(name, value)| pod["metadata"]["labels"][name] == *value);
    let mut status = json!({
        "replicas": pods.len(), "observedGeneration": set["metadata"]["generation"],
    });
    let counts = [
        ("fullyLabeledReplicas", pods.iter().filter(labelled).count()),
        ("readyReplicas", ready),
        ("availableReplicas", available),
    ];
    for (name, count) in counts {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    set["status"] = status;
    context.status(Kind::ReplicaSet, &set, CONTROLLER).await
}
