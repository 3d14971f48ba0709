//! Claims get a volume of their size.

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
