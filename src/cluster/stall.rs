//! The pods behind an object that does not come up: which of them fails, with its events and the end of its log.

use super::resource::{Resource, segment};
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::health::is_behind;
use crate::domain::redact::scrub;
use crate::domain::stall::{Told, Trouble, trouble};
use crate::domain::{ObjectRef, Stall};
use serde_json::Value;

/// Pods that are looked at for one object, replica sets included.
const LOOKED_AT: usize = 500;
/// The number that a Deployment and its newest replica set share.
const ROLLOUT: &str = "deployment.kubernetes.io/revision";

/// Events and lines of a log that are told of one pod.
const EVENTS: usize = 5;
const LINES: usize = 10;
/// The longest line of a log that is told, in characters.
const LINE: usize = 300;

/// A pod that fails.
#[derive(Debug, Clone)]
pub(super) struct Failing {
    /// Its name.
    pub(super) pod: ObjectRef,
    /// What is wrong with it.
    pub(super) trouble: Trouble,
}

impl Failing {
    /// `pod web-7d4, container app: ImagePullBackOff: Back-off pulling image "x"`.
    pub(super) fn words(&self) -> String {
        let Trouble { container, reason, message, .. } = &self.trouble;
        let container = container.as_ref().map(|name| format!(", container {name}"));
        let parts = [reason, message].into_iter().filter(|text| !text.is_empty());
        parts.fold(
            format!("pod {}{}", self.pod.name, container.unwrap_or_default()),
            |words, part| format!("{words}: {part}"),
        )
    }
}

/// What is known already of an object that does not do its work.
#[derive(Debug)]
pub(super) struct Ailing {
    pub(super) object: ObjectRef,
    /// In a word, and in the object's own words.
    pub(super) reason: String,
    pub(super) message: String,
    /// Why waiting on is in vain, if it is.
    pub(super) hopeless: Option<String>,
}

impl Cluster {
    /// The first pod of a workload's newest generation that fails; nothing for what has no pods. Older pods that crash
    /// while new ones come up say nothing about the new ones.
    pub(super) async fn failing_pod(
        &self,
        object: &ObjectRef,
    ) -> Result<Option<Failing>, ClusterError> {
        if !runs_pods(object) {
            return Ok(None);
        }
        let catalogue = self.catalogue().await?;
        let Some(resource) = catalogue.any(&object.group, &object.version, &object.kind) else {
            return Ok(None);
        };
        let Some(live) = self.read_one(resource, object).await? else { return Ok(None) };
        let live = live.value();
        // The newest pods that there are belong to what was there before.
        if is_behind(&live) {
            return Ok(None);
        }
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

    /// Everything that is known of an object that does not do its work, and of its pod that fails. Values of these
    /// objects that are Secrets are removed from the log.
    pub(super) async fn stall<'s>(
        &self,
        ailing: Ailing,
        failing: Option<Failing>,
        secrets: impl Iterator<Item = &'s Value>,
    ) -> Stall {
        let Ailing { object, reason, message, hopeless } = ailing;
        let mut stall = Stall {
            object,
            pod: None,
            container: None,
            reason,
            message,
            hopeless,
            events: Vec::new(),
            log: Vec::new(),
        };
        let subject = failing.as_ref().map_or(&stall.object, |failing| &failing.pod);
        stall.events = self.told_of(subject).await.unwrap_or_default();
        let Some(Failing { pod, trouble }) = failing else { return stall };
        if let Some(container) = &trouble.container {
            // A container that was started again has its words in its former run.
            let tail = self.log_tail(&pod, container, LINES, trouble.restarts > 0).await;
            stall.log = tail.map(|text| lines(&text, secrets)).unwrap_or_default();
        }
        let (reason, message) = (trouble.reason, trouble.message);
        Stall { pod: Some(pod.name), container: trouble.container, reason, message, ..stall }
    }

    /// The latest events of an object that say something is wrong, the newest first; all where none does.
    async fn told_of(&self, object: &ObjectRef) -> Result<Vec<Told>, ClusterError> {
        let events = self.events(object).await?;
        let warns = events.iter().any(|event| event.warning);
        let events = events.into_iter().filter(|event| event.warning || !warns).take(EVENTS);
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
        // A daemon set has no such hash in its status, but numbers its templates.
        let newest = &live["metadata"]["annotations"]["deprecated.daemonset.template.generation"];
        if object.kind == "DaemonSet" && newest.is_string() {
            let of = |pod: &Value| pod["metadata"]["labels"]["pod-template-generation"].clone();
            pods.retain(|pod| of(pod).is_null() || of(pod) == *newest);
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

/// The last lines of a log, cut, without the values of the Secrets that are known.
fn lines<'s>(text: &str, objects: impl Iterator<Item = &'s Value>) -> Vec<String> {
    let text = objects.fold(text.to_owned(), |text, one| scrub(&text, one));
    let all: Vec<&str> = text.lines().collect();
    let last = all.iter().skip(all.len().saturating_sub(LINES));
    last.map(|line| line.chars().take(LINE).collect()).collect()
}

/// Whether an object's work is done by pods.
pub(super) fn runs_pods(object: &ObjectRef) -> bool {
    let core = matches!(object.group.as_str(), "" | "apps" | "batch");
    let runs = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"];
    core && runs.contains(&object.kind.as_str())
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
    use super::{LINE, LINES, lines, selector};
    use serde_json::json;
    use std::ops::Add;

    #[test]
    fn a_log_is_short_and_tells_no_secret() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "stringData": {"token": "canary-one"}});
        let text = "x".repeat(900).add("\n").repeat(50);
        let told = lines(&format!("{text}login with canary-one\n"), [&secret].into_iter());
        assert_eq!(told.len(), LINES);
        assert_eq!(told.last().unwrap(), "login with ***");
        assert!(told.iter().all(|line| line.chars().count() <= LINE));
    }

    #[test]
    fn selectors_are_written_as_the_address_wants_them() {
        let all = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "x", "operator": "DoesNotExist"}]});
        assert_eq!(selector(&all), "app=web,tier in (a,b),!x");
        assert_eq!(selector(&json!({})), "");
    }
}
