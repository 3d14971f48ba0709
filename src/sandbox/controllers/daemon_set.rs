//! Daemon sets: one pod on the node.

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::context::{Context, Note};
use super::kind::Kind;
use super::status::{has_ended, is_available, is_ready};
use super::template;
use super::world::{Key, is_leaving};

const HASH: &str = "controller-revision-hash";

/// Makes the pod, or makes it anew after a change of the template, and reports.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(set) = context.world.get(key).filter(|set| !is_leaving(set)).cloned() else {
        return Ok(());
    };
    let hash = template::hash(&set["spec"]["template"]);
    let pods = context.world.controlled(Kind::Pod, &set);
    let rolling = set["spec"]["updateStrategy"]["type"] != "OnDelete";
    let outdated = |pod: &Value| rolling && pod["metadata"]["labels"][HASH] != hash.as_str();
    let mut kept = 0;
    for pod in &pods {
        if has_ended(pod) || outdated(pod) || kept == 1 {
            context.delete(Kind::Pod, pod).await?;
            tell(context, &set, ("SuccessfulDelete", "Deleted"), pod).await;
        } else {
            kept += 1;
        }
    }
    if kept == 0 {
        let mut pod = template::pod(Kind::DaemonSet, &set, &set["spec"]["template"], None);
        template::label(&mut pod, HASH, &hash);
        let generation =
            set["metadata"]["annotations"]["deprecated.daemonset.template.generation"].as_str();
        template::label(&mut pod, "pod-template-generation", generation.unwrap_or("1"));
        let made = context.create(Kind::Pod, &pod).await?;
        tell(context, &set, ("SuccessfulCreate", "Created"), &made).await;
    }
    report(context, key, &hash).await
}

async fn tell(context: &mut Context, set: &Value, what: (&str, &str), pod: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("{} pod: {name}", what.1);
    let note = Note { kind: "Normal", source: "daemonset-controller", reason: what.0, message };
    context.note(Kind::DaemonSet, set, note).await;
}

async fn report(context: &mut Context, key: &Key, hash: &str) -> Result<(), Error> {
    let Some(mut set) = context.world.get(key).cloned() else { return Ok(()) };
    let pods = context.world.controlled(Kind::Pod, &set);
    let patience = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let tally = |test: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| test(pod)).count().min(1);
    let (ready, available) = (tally(&is_ready), tally(&|pod| is_available(pod, patience)));
    if available < ready {
        context.later(key.clone(), std::time::Duration::from_secs(1));
    }
    let mut status = json!({
        "currentNumberScheduled": tally(&|_| true), "desiredNumberScheduled": 1, "numberMisscheduled": 0,
        "numberReady": ready, "observedGeneration": set["metadata"]["generation"],
    });
    let counts = [
        ("updatedNumberScheduled", tally(&|pod| pod["metadata"]["labels"][HASH] == hash)),
        ("numberAvailable", available),
        ("numberUnavailable", 1 - available),
    ];
    for (name, value) in counts {
        if value > 0 {
            status[name] = json!(value);
        }
    }
    set["status"] = status;
    context.status(Kind::DaemonSet, &set, CONTROLLER).await
}
