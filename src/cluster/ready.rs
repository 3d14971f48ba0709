//! Waiting for what later objects need: definitions that are established and served, namespaces that are active,
//! workloads that others name as needed.

use super::desired::{Desired, is_definition, is_namespace};
use super::discovery::Lookup;
use super::live::Live;
use super::{Cluster, ClusterError};
use crate::cluster::resource::Resource;
use crate::domain::health::assess_written;
use crate::domain::{Health, ObjectRef};
use std::time::Duration;
use tokio::time::Instant;

/// First pause between two looks; it doubles up to [`SLOWEST`].
const FIRST: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(1);

impl Cluster {
    /// Waits until an object that was just applied does its work. The error says why it does not.
    pub(super) async fn wait_ready(&self, desired: &Desired, applied: &Live) -> Result<(), String> {
        let reference = &desired.reference;
        let Some(resource) = &desired.resource else { return Ok(()) };
        let limits = self.wire().limits();
        let foundation = is_definition(reference) || is_namespace(reference);
        let limit = if foundation { limits.established } else { limits.ready };
        let begun = Instant::now();
        let mut pause = FIRST;
        let mut live = Some(applied.clone());
        loop {
            let Some(now) = live else { return Err(format!("{reference} was deleted")) };
            let report = assess_written(&now.value(), begun.elapsed());
            match report.health {
                Health::Healthy | Health::Suspended => return Ok(()),
                Health::Degraded => {
                    return Err(format!("it is applied, but fails: {}", report.message));
                }
                _ if begun.elapsed() > limit => {
                    let seconds = limit.as_secs();
                    return Err(format!(
                        "it is applied, but not ready after {seconds} s: {}",
                        report.message
                    ));
                }
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST);
            live = self.read_one(resource, reference).await.map_err(|error| error.to_string())?;
        }
    }

    /// Asks for the resources again until all of these kinds are served, and returns how they are addressed.
    pub(super) async fn wait_served(
        &self,
        references: &[&ObjectRef],
    ) -> Result<Vec<Resource>, ClusterError> {
        let begun = Instant::now();
        let mut pause = FIRST;
        loop {
            self.forget_discovery();
            let catalogue = self.catalogue().await?;
            let served: Vec<Option<Resource>> = references
                .iter()
                .map(|one| match catalogue.lookup(&one.group, &one.version, &one.kind) {
                    Lookup::Served(resource) => Some(resource.clone()),
                    _ => None,
                })
                .collect();
            if served.iter().all(Option::is_some) {
                return Ok(served.into_iter().flatten().collect());
            }
            if begun.elapsed() > self.wire().limits().established {
                let missing =
                    references.iter().zip(&served).filter(|(_, resource)| resource.is_none());
                return Err(ClusterError::UnknownKind {
                    objects: missing
                        .map(|(one, _)| format!("{} {one}", one.api_version()))
                        .collect(),
                    hint: "its definition is established, but it is not served yet; sync again"
                        .to_owned(),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST);
        }
    }
}
