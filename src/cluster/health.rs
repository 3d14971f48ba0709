//! Health of a mapping's objects, and what the cluster says about one that fails.

use super::ground::wanted;
use super::live::Wanted;
use super::resource::{Resource, segment};
use super::wire::Call;
use super::{Cluster, ClusterError};
use crate::domain::health::assess_at;
use crate::domain::{Health, Manifest, Mapping, ObjectRef, PlannedObject};
use jiff::Timestamp;
use serde_json::Value;

/// How many events are looked at.
const EVENTS: usize = 50;
/// How much of a log is read, in bytes.
const LOG_BYTES: usize = 64 * 1024;

/// One event about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When it was seen last.
    pub time: Option<Timestamp>,
    /// Whether it is a warning.
    pub warning: bool,
    /// `FailedScheduling` and the like (foreign text).
    pub reason: String,
    /// In words (foreign text).
    pub message: String,
    /// How often it was seen.
    pub count: u64,
}

impl Cluster {
    /// The health of every desired object, from the watch cache where that is live.
    pub async fn health(
        &self,
        mapping: &Mapping,
        desired: &[Manifest],
    ) -> Result<Vec<PlannedObject>, ClusterError> {
        let (_, placed) = self.place(desired, &mapping.target.namespace).await?;
        let live = self.live_of(&placed.iter().filter_map(wanted).collect::<Vec<Wanted>>()).await?;
        let objects = placed.into_iter().map(|one| match live.get(&one.reference.key()) {
            Some(live) => {
                let report = assess_at(&live.value(), Timestamp::now());
                PlannedObject {
                    object: one.reference,
                    health: report.health,
                    message: report.message,
                    replicas: report.replicas,
                    extra: Vec::new(),
                }
            }
            None => PlannedObject {
                object: one.reference,
                health: Health::Missing,
                message: "not in the cluster".to_owned(),
                replicas: None,
                extra: Vec::new(),
            },
        });
        Ok(objects.collect())
    }

    /// What happened to an object lately, the newest first.
    pub async fn events(&self, object: &ObjectRef) -> Result<Vec<Happening>, ClusterError> {
        let events = Resource::fixed("v1", "Event", "events", true);
        let selector =
            format!("involvedObject.kind={},involvedObject.name={}", object.kind, object.name);
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let address = format!(
            "{}?limit={EVENTS}&fieldSelector={}",
            events.collection(Some(namespace)),
            segment(&selector)
        );
        let answer = self.wire().json(&Call::get(address)).await;
        let answer = answer.map_err(|failure| self.explain(&failure, "list", "events", false))?;
        let mut found: Vec<Happening> =
            answer["items"].as_array().into_iter().flatten().map(happening).collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.time));
        Ok(found)
    }

    /// The end of a container's log, or of that of its `former` run.
    pub async fn log_tail(
        &self,
        pod: &ObjectRef,
        container: &str,
        lines: usize,
        former: bool,
    ) -> Result<String, ClusterError> {
        let pods = Resource::fixed("v1", "Pod", "pods", true);
        let query = format!(
            "container={}&tailLines={lines}&limitBytes={LOG_BYTES}&previous={former}",
            segment(container)
        );
        let address = format!("{}/log?{query}", pods.item(pod.namespace.as_deref(), &pod.name));
        let answer = self.wire().bytes(&Call::get(address).accepting("*/*")).await;
        let subject = format!("the log of {pod}");
        let body = answer.map_err(|failure| self.explain(&failure, "get", &subject, false))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

fn happening(event: &Value) -> Happening {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let times =
        [&event["lastTimestamp"], &event["eventTime"], &event["metadata"]["creationTimestamp"]];
    let count = event["series"]["count"].as_u64().or_else(|| event["count"].as_u64());
    Happening {
        time: times.into_iter().find_map(|time| time.as_str()?.parse().ok()),
        warning: event["type"] == "Warning",
        reason: text(&event["reason"]),
        message: text(&event["message"]),
        count: count.unwrap_or(1),
    }
}
