//! Waiting for what later objects need: definitions that are established and served, namespaces that are active.

use super::desired::{Desired, is_definition, is_namespace};
use super::discovery::Lookup;
use super::resource::Resource;
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::ObjectRef;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// First pause between two looks; it doubles up to [`SLOWEST`].
const FIRST: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(1);

impl Cluster {
    /// Waits until a definition is established or a namespace active; other objects are ready at once.
    pub(super) async fn wait_established(&self, desired: &Desired) -> Result<(), String> {
        let reference = &desired.reference;
        let Some(resource) = desired
            .resource
            .as_ref()
            .filter(|_| is_definition(reference) || is_namespace(reference))
        else {
            return Ok(());
        };
        let begun = Instant::now();
        let mut pause = FIRST;
        loop {
            let address = resource.item(reference.namespace.as_deref(), &reference.name);
            match self.wire().json(&Call::get(address)).await {
                Ok(live) if is_definition(reference) => {
                    if let Some(answer) = established(&live) {
                        return answer;
                    }
                }
                Ok(live) if live["status"]["phase"] == "Active" => return Ok(()),
                Ok(_) => {}
                Err(failure) => {
                    return Err(self
                        .explain(&failure, "get", &reference.to_string(), false)
                        .to_string());
                }
            }
            if begun.elapsed() > self.wire().limits().established {
                let seconds = self.wire().limits().established.as_secs();
                return Err(format!("{reference} was not ready after {seconds} s"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SLOWEST);
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

/// Whether a definition is established; nothing while that is open.
fn established(definition: &Value) -> Option<Result<(), String>> {
    let conditions = definition["status"]["conditions"].as_array()?;
    for condition in conditions {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Established"), Some("True")) => return Some(Ok(())),
            (Some("NamesAccepted"), Some("False")) => {
                let message = condition["message"].as_str().unwrap_or("its names are taken");
                return Some(Err(format!("its names are not accepted: {message}")));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::established;
    use serde_json::json;

    #[test]
    fn conditions_decide() {
        let with = |conditions| established(&json!({"status": {"conditions": conditions}}));
        assert_eq!(with(json!([])), None);
        assert_eq!(with(json!([{"type": "Established", "status": "False"}])), None);
        assert_eq!(with(json!([{"type": "Established", "status": "True"}])), Some(Ok(())));
        let refused =
            with(json!([{"type": "NamesAccepted", "status": "False", "message": "taken by a"}]));
        assert!(refused.unwrap().unwrap_err().contains("taken by a"));
        assert_eq!(established(&json!({})), None);
    }
}
