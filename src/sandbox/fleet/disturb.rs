//! What other people do to the fleet: changes by hand before the console opens, and movement while one looks.

use super::FleetError;
use super::repositories::record;
use git2::Repository;
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the fleet stands still between two movements.
const PAUSE: Duration = Duration::from_secs(20);

/// Changes by hand: somebody scaled checkout, somebody else edited the webhooks in place.
pub async fn disturb(client: &Client) -> Result<(), FleetError> {
    let scale = json!({"spec": {"replicas": 5}});
    deployments(client, "shop")
        .patch_scale(
            "checkout",
            &PatchParams { field_manager: Some("kubectl".into()), ..PatchParams::default() },
            &Patch::Merge(scale),
        )
        .await
        .map_err(refused)?;
    let edit = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "app", "env": [{"name": "LOG_LEVEL", "value": "debug"}]}]}}}});
    patch_by_hand(client, ("payments", "webhooks"), "kubectl-edit", edit).await
}

async fn patch_by_hand(
    client: &Client,
    (namespace, name): (&str, &str),
    manager: &str,
    patch: Value,
) -> Result<(), FleetError> {
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patch = Patch::Strategic(patch);
    deployments(client, namespace).patch(name, &params, &patch).await.map_err(refused)?;
    Ok(())
}

fn refused(error: kube::Error) -> FleetError {
    FleetError::Cluster(error.to_string())
}

fn deployments(client: &Client, namespace: &str) -> Api<DynamicObject> {
    namespaced(client, namespace, &GroupVersionKind::gvk("apps", "v1", "Deployment"))
}

fn namespaced(client: &Client, namespace: &str, kind: &GroupVersionKind) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(kind))
}

/// The movement of a fleet while one looks at it: pods are replaced, colleagues commit.
pub struct Motion {
    client: Client,
    platform: PathBuf,
    turn: usize,
}

impl Motion {
    /// Movement of the fleet below `root`.
    pub fn new(client: Client, root: &Path) -> Self {
        Self { client, platform: root.join("repositories").join("platform.git"), turn: 0 }
    }

    /// Moves until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
            // A demo goes on when one of its movements fails; the log has it.
            if let Err(error) = self.step().await {
                tracing::warn!(%error, "the demo could not move");
            }
        }
    }

    /// One movement.
    pub async fn step(&mut self) -> Result<(), FleetError> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) { self.commit() } else { self.replace_pod().await }
    }

    async fn replace_pod(&self) -> Result<(), FleetError> {
        let pods = namespaced(&self.client, "shop", &GroupVersionKind::gvk("", "v1", "Pod"));
        let selector = ListParams::default().labels("app.kubernetes.io/name=frontend");
        let list = pods.list(&selector).await.map_err(refused)?;
        if let Some(pod) = list.items.first() {
            pods.delete(&pod.name_any(), &DeleteParams::default()).await.map_err(refused)?;
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), FleetError> {
        let repository = Repository::open(&self.platform)?;
        let text = format!("# Quotas\n\nReviewed {} times this shift.\n", self.turn / 3);
        let now = Timestamp::now().as_second();
        record(
            &repository,
            "Mira Okafor",
            "quotas: note the review",
            &[("notes/quotas.md", &text)],
            now,
        )?;
        Ok(())
    }
}
