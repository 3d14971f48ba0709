//! Claims get a volume of their size, at once or with their first consumer, as their class says.

use serde_json::{Value, json};

use super::cluster::{CONTROLLER, Error};
use super::context::{Context, Note};
use super::kind::Kind;
use super::world::{Key, is_leaving, uid};

/// Makes a volume and binds the claim to it.
pub async fn reconcile(context: &mut Context, key: &Key) -> Result<(), Error> {
    let Some(mut claim) = context.world.get(key).filter(|claim| !is_leaving(claim)).cloned() else {
        return Ok(());
    };
    if claim["status"]["phase"] == "Bound" {
        return Ok(());
    }
    if awaits_consumer(context, &claim, key) {
        if context.once((uid(&claim), "wait for a consumer")) {
            let message = "waiting for first consumer to be created before binding".to_owned();
            let (source, reason) = ("persistentvolume-controller", "WaitForFirstConsumer");
            context
                .note(Kind::Claim, &claim, Note { kind: "Normal", source, reason, message })
                .await;
        }
        return Ok(());
    }
    if claim["spec"]["volumeName"].as_str().is_none_or(str::is_empty) {
        let name = format!("pvc-{}", uid(&claim));
        provide(context, &claim, &name).await?;
        claim["spec"]["volumeName"] = json!(name);
        if !claim["metadata"]["annotations"].is_object() {
            claim["metadata"]["annotations"] = json!({});
        }
        claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = json!("yes");
        claim = context.update(Kind::Claim, &claim).await?;
        let message = format!("Successfully provisioned volume {name}");
        let note = Note {
            kind: "Normal",
            source: "persistentvolume-controller",
            reason: "ProvisioningSucceeded",
            message,
        };
        context.note(Kind::Claim, &claim, note).await;
    }
    claim["status"] = json!({
        "phase": "Bound", "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": claim.pointer("/spec/resources/requests/storage").cloned().unwrap_or(json!("1Gi"))},
    });
    context.status(Kind::Claim, &claim, CONTROLLER).await
}

/// The claims that a pod mounts.
pub fn consumed(namespace: &str, pod: &Value) -> Vec<Key> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let names = volumes.filter_map(|one| one["persistentVolumeClaim"]["claimName"].as_str());
    let key = |name: &str| Key {
        kind: Kind::Claim,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    names.map(key).collect()
}

/// Whether the claim's class binds with the first consumer, and there is none yet.
fn awaits_consumer(context: &Context, claim: &Value, key: &Key) -> bool {
    let name = claim["spec"]["storageClassName"].as_str().unwrap_or_default().to_owned();
    let class = Key { kind: Kind::Class, namespace: String::new(), name };
    let class = context.world.get(&class);
    class.is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer")
        && !context
            .world
            .in_namespace(Kind::Pod, &key.namespace)
            .any(|pod| consumed(&key.namespace, pod).contains(key))
}

async fn provide(context: &mut Context, claim: &Value, name: &str) -> Result<(), Error> {
    let storage =
        claim.pointer("/spec/resources/requests/storage").cloned().unwrap_or(json!("1Gi"));
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": storage}, "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete", "hostPath": {"path": format!("/volumes/{name}")},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim["metadata"]["name"],
                "namespace": claim["metadata"]["namespace"], "uid": claim["metadata"]["uid"],
            },
        },
    });
    if let Some(class) = claim["spec"].get("storageClassName") {
        volume["spec"]["storageClassName"] = class.clone();
    }
    match context.cluster.create(Kind::Volume, &volume, CONTROLLER).await {
        Ok(mut made) => {
            made["status"] = json!({"phase": "Bound"});
            context.cluster.replace(Kind::Volume, &made, ("status", CONTROLLER)).await.map(|_| ())
        }
        // Made before a refused update of the claim.
        Err(error) if matches!(&*error, kube::Error::Api(status) if status.is_already_exists()) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
