//! The pods behind an object that does not come up: which of them fails, with its events and the end of its log.

use super::resource::{Resource, segment};
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::ObjectRef;
use crate::domain::stall::{Told, Trouble, trouble};
use serde_json::Value;

/// Pods that are looked at for one object, replica sets included.
const LOOKED_AT: usize = 500;
/// The number that a Deployment and its newest replica set share.
const ROLLOUT: &str = "deployment.kubernetes.io/revision";

/// A pod that fails.
#[derive(Debug, Clone)]
pub struct Failing {
    /// Its name.
    pub pod: ObjectRef,
    /// What is wrong with it.
    pub trouble: Trouble,
}

impl Cluster {
    /// The first pod of a workload's newest generation that fails; nothing for what has no pods. Older pods that crash
    /// while new ones come up say nothing about the new ones.
    pub async fn failing_pod(&self, object: &ObjectRef) -> Result<Option<Failing>, ClusterError> {
        let catalogue = self.catalogue().await?;
        let Some(resource) = catalogue.any(&object.group, &object.version, &object.kind) else {
            return Ok(None);
        };
        let core = matches!(object.group.as_str(), "" | "apps" | "batch");
        let runs = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"];
        if !core || !runs.contains(&object.kind.as_str()) {
            return Ok(None);
        }
        let Some(live) = self.read_one(resource, object).await? else { return Ok(None) };
        let live = live.value();
        let pods =
            if object.kind == "Pod" { vec![live] } else { self.pods_of(object, &live).await? };
        let failing = pods.iter().filter_map(|pod| Some((pod, trouble(pod)?)));
        // Which of several is told must not change from look to look.
        let first = failing
            .min_by_key(|(pod, _)| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned());
        Ok(first.and_then(|(pod, trouble)| {
            let name = pod["metadata"]["name"].as_str()?.to_owned();
            let pod = ObjectRef {
                group: String::new(),
                version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: object.namespace.clone(),
                name,
            };
            Some(Failing { pod, trouble })
        }))
    }

    /// The latest events of an object that say something is wrong, the newest first; all where none does.
    pub async fn told_of(
        &self,
        object: &ObjectRef,
        most: usize,
    ) -> Result<Vec<Told>, ClusterError> {
        let events = self.events(object).await?;
        let warns = events.iter().any(|event| event.warning);
        let events = events.into_iter().filter(|event| event.warning || !warns).take(most);
        let told = events.map(|event| Told {
            warning: event.warning,
            reason: event.reason,
            message: event.message,
            count: event.count,
        });
        Ok(told.collect())
    }

    async fn pods_of(&self, object: &ObjectRef, live: &Value) -> Result<Vec<Value>, ClusterError> {
        let selector = selector(&live["spec"]["selector"]);
        if selector.is_empty() {
            return Ok(Vec::new());
        }
        let mut owner = live["metadata"]["uid"].clone();
        if object.kind == "Deployment" {
            let sets = Resource::fixed("apps/v1", "ReplicaSet", "replicasets", true);
            let sets = self.chosen(&sets, object, &selector).await?;
            let newest = sets.iter().filter(|set| owned(set, &owner)).max_by_key(|set| {
                set["metadata"]["annotations"][ROLLOUT].as_str()?.parse::<u64>().ok()
            });
            let Some(newest) = newest else { return Ok(Vec::new()) };
            owner = newest["metadata"]["uid"].clone();
        }
        let pods = Resource::fixed("v1", "Pod", "pods", true);
        let mut pods = self.chosen(&pods, object, &selector).await?;
        // What is on its way out fails as it should.
        pods.retain(|pod| owned(pod, &owner) && pod["metadata"]["deletionTimestamp"].is_null());
        if let Some(newest) = live["status"]["updateRevision"].as_str() {
            pods.retain(|pod| pod["metadata"]["labels"]["controller-revision-hash"] == newest);
        }
        Ok(pods)
    }

    async fn chosen(
        &self,
        resource: &Resource,
        of: &ObjectRef,
        selector: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        let address = format!(
            "{}?limit={LOOKED_AT}&labelSelector={}",
            resource.collection(of.namespace.as_deref()),
            segment(selector)
        );
        let answer = self.wire().json(&Call::get(address)).await.map_err(|failure| {
            self.explain(&failure, "list", &format!("the {} of {of}", resource.plural), false)
        })?;
        Ok(answer["items"].as_array().cloned().unwrap_or_default())
    }
}

fn owned(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|one| one["uid"] == *owner)
}

/// A label selector as the address wants it.
fn selector(selector: &Value) -> String {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let equal = equal.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let expressions = expressions.filter_map(|one| {
        let key = one["key"].as_str()?;
        let values: Vec<&str> =
            one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Some(match one["operator"].as_str()? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        })
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::selector;
    use serde_json::json;

    #[test]
    fn selectors_are_written_as_the_address_wants_them() {
        let all = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "x", "operator": "DoesNotExist"}]});
        assert_eq!(selector(&all), "app=web,tier in (a,b),!x");
        assert_eq!(selector(&json!({})), "");
    }
}
