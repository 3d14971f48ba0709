//! Subresources of pods: log, binding, eviction.

use std::{io, time::Duration};

use futures::{StreamExt as _, stream};
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    ApiServer,
    call::Call,
    delete::Deletion,
    failure::Failure,
    identity,
    reply::{self, Reply},
    resource::Resource,
    selector::{Selector, label_selector_text},
    store::{Object, Range},
};

/// Lines that a container has written since it started, at most.
const LINES: i64 = 500;

impl ApiServer {
    /// GET on `log`: lines that follow from the pod alone, so that they are the same every time.
    pub(super) fn log(&self, call: &Call) -> Result<Reply, Failure> {
        let pod = self.pod(call)?;
        let container = chosen_container(&pod, call.query.get("container"))?;
        if !has_started(&pod) {
            let why = format!(
                "container \"{container}\" in pod \"{}\" is waiting to start: ContainerCreating",
                call.name()
            );
            return Err(Failure::bad_request(why));
        }
        let started = started(&pod);
        let age = Timestamp::now().duration_since(started).as_secs().clamp(0, LINES - 1);
        let wanted =
            call.query.get("tailLines").and_then(|text| text.parse::<i64>().ok()).unwrap_or(LINES);
        let since = call
            .query
            .get("sinceSeconds")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(LINES);
        let first = (age + 1 - wanted.min(since)).max(0);
        let timestamps = call.query.is_true("timestamps");
        let line = move |second: i64| line(&pod, &container, started, (second, timestamps));
        let text: String = (first..=age).map(&line).collect();
        if !call.query.is_true("follow") {
            let limit = call
                .query
                .get("limitBytes")
                .and_then(|text| text.parse().ok())
                .unwrap_or(usize::MAX);
            return Ok(reply::text(200, text.chars().take(limit).collect::<String>()));
        }
        let stop = self.stopped();
        let later = stream::unfold(age + 1, move |second| {
            let (line, stop) = (line(second), stop.clone());
            async move {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => Some((Ok(Bytes::from(line)), second + 1)),
                    () = stop.cancelled() => None,
                }
            }
        });
        let now = stream::iter([Ok::<_, io::Error>(Bytes::from(text))]);
        Ok(reply::typed(200, "text/plain; charset=utf-8", reply::streamed(now.chain(later))))
    }

    /// POST on `binding`: gives the pod its node.
    pub(super) fn bind(&self, call: &Call) -> Result<Reply, Failure> {
        let binding = call.json()?;
        let node =
            binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let writing =
            super::write::Writing { unchecked: true, subresource: None, ..call.writing() };
        let bound = self.replace(&call.resource, &call.place(), &writing, |live| {
            let taken = live.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
            if !taken.is_empty() {
                let why = format!("pod {} is already assigned to node \"{taken}\"", call.name());
                let bindings =
                    Resource { plural: "pods/binding".into(), ..(*call.resource).clone() };
                return Err(Failure::conflict(&bindings, call.name(), &why));
            }
            let mut pod = (**live).clone();
            pod["spec"]["nodeName"] = json!(node);
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let others = conditions.into_iter().filter(|each| each["type"] != "PodScheduled");
            let scheduled = json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": identity::now(),
            });
            pod["status"]["conditions"] = others.chain([scheduled]).collect();
            Ok(pod)
        });
        bound.map(|_| success(201))
    }

    /// POST on `eviction`: a deletion that disruption budgets may refuse.
    pub(super) fn evict(&self, call: &Call) -> Result<Reply, Failure> {
        let eviction = call.json()?;
        let pod = self.pod(call)?;
        let budgets = Range { namespace: call.target.namespace.clone(), ..Range::default() };
        let listing = self
            .store()
            .list("poddisruptionbudgets.policy", &budgets, |_| true)
            .map_err(|_| Failure::internal("the present state has no history"))?;
        for budget in listing.items {
            let selector = label_selector_text(&budget["spec"]["selector"]);
            let covers = Selector::parse(Some(&selector), None, &call.resource)
                .is_ok_and(|selector| !selector.is_empty() && selector.matches(&pod));
            if covers && budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) < 1 {
                let message = "Cannot evict pod as it would violate the pod's disruption budget.";
                let mut failure = Failure::new(429, "TooManyRequests", message);
                failure.details = Some(json!({"causes": [{
                    "reason": "DisruptionBudget",
                    "message": format!("The disruption budget {} does not allow evicting pods currently", budget["metadata"]["name"].as_str().unwrap_or_default()),
                }]}));
                return Err(failure);
            }
        }
        let options = &eviction["deleteOptions"];
        let deletion = Deletion {
            grace: options["gracePeriodSeconds"].as_i64(),
            uid: options.pointer("/preconditions/uid").and_then(Value::as_str).map(str::to_owned),
            dry_run: call.query.dry_run(),
            ..Deletion::background()
        };
        self.remove(&call.resource, &call.place(), &deletion)?;
        Ok(success(201))
    }

    fn pod(&self, call: &Call) -> Result<Object, Failure> {
        let place = call.place();
        self.store()
            .get(&place.storage, &place.key)
            .ok_or_else(|| Failure::not_found(&call.resource, call.name()))
    }
}

fn success(code: u16) -> Reply {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code});
    reply::json(code, &status)
}

fn chosen_container(pod: &Value, asked: Option<&str>) -> Result<String, Failure> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let names: Vec<&str> = lists
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
        .filter_map(|container| container["name"].as_str())
        .collect();
    let main = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    match asked {
        Some(asked) if names.contains(&asked) => Ok(asked.to_owned()),
        Some(asked) => {
            Err(Failure::bad_request(format!("container {asked} is not valid for pod {name}")))
        }
        None if main > 1 => Err(Failure::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            names[..main].join(" ")
        ))),
        None => Ok(names.first().copied().unwrap_or_default().to_owned()),
    }
}

fn has_started(pod: &Value) -> bool {
    matches!(
        pod.pointer("/status/phase").and_then(Value::as_str),
        Some("Running" | "Succeeded" | "Failed")
    )
}

fn started(pod: &Value) -> Timestamp {
    let text =
        pod.pointer("/status/startTime").or_else(|| pod.pointer("/metadata/creationTimestamp"));
    text.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// What the container wrote in one second of its life.
fn line(
    pod: &Value,
    container: &str,
    started: Timestamp,
    (second, timestamps): (i64, bool),
) -> String {
    let time = identity::seconds(started + SignedDuration::from_secs(second));
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let number = name
        .bytes()
        .fold(second.unsigned_abs(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let failed = pod.pointer("/status/phase").is_some_and(|phase| phase == "Failed");
    let text = match (second, failed) {
        (0, _) => {
            let images = pod["spec"]["containers"].as_array().into_iter().flatten();
            let image = images
                .filter(|each| each["name"] == container)
                .find_map(|each| each["image"].as_str());
            format!(
                "level=info msg=\"starting\" container={container} image={}",
                image.unwrap_or_default()
            )
        }
        (_, true) => format!("level=error msg=\"giving up\" container={container} code=1"),
        _ => format!(
            "level=info msg=\"request\" container={container} path=/v1/items/{} status=200 duration={}ms",
            number % 997,
            number % 41 + 1
        ),
    };
    if timestamps { format!("{time} {text}\n") } else { format!("time={time} {text}\n") }
}
