//! The status that a kubelet would report for a pod.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::named_to_fail;

/// The status to report next, or `None` if what the pod says of itself is right.
pub fn next(pod: &DynamicObject, now: String) -> Option<Value> {
    let phase = pod.data.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    if matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    let fate = Fate::of(pod);
    let containers = list(pod, "/spec/containers");
    if phase == fate.phase() && images(list(pod, "/status/containerStatuses")) == images(containers)
    {
        return None;
    }
    let report = Report { pod, fate, now };
    Some(json!({
        "phase": fate.phase(),
        "hostIP": "10.0.0.1",
        "podIP": report.address(),
        "podIPs": [{"ip": report.address()}],
        "startTime": report.now,
        "conditions": report.conditions(),
        "initContainerStatuses": list(pod, "/spec/initContainers").iter().map(|it| report.initial(it)).collect::<Vec<_>>(),
        "containerStatuses": containers.iter().map(|it| report.container(it)).collect::<Vec<_>>(),
    }))
}

/// The status of a pod that no node can take.
pub fn unschedulable(now: String) -> Value {
    json!({"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": now,
        "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    }]})
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It serves.
    Runs,
    /// An image cannot be pulled.
    Waits,
    /// A container starts again and again.
    Loops,
    Succeeds,
    Fails,
}

impl Fate {
    fn of(pod: &DynamicObject) -> Self {
        let images = images(list(pod, "/spec/containers"));
        let missing = images.iter().any(|image| named_to_fail(image));
        let crashes = images.iter().any(|image| image.contains("crash"));
        let of_job = pod.owner_references().iter().any(|owner| owner.kind == "Job");
        match (missing, crashes, of_job) {
            (true, ..) => Self::Waits,
            (_, true, true) => Self::Fails,
            (_, true, false) => Self::Loops,
            (_, _, true) => Self::Succeeds,
            (_, _, false) => Self::Runs,
        }
    }

    fn phase(self) -> &'static str {
        match self {
            Self::Runs | Self::Loops => "Running",
            Self::Waits => "Pending",
            Self::Succeeds => "Succeeded",
            Self::Fails => "Failed",
        }
    }
}

struct Report<'a> {
    pod: &'a DynamicObject,
    fate: Fate,
    now: String,
}

impl Report<'_> {
    /// An address of the pods' network, the same for the same pod.
    fn address(&self) -> String {
        let sum = self
            .pod
            .uid()
            .unwrap_or_default()
            .bytes()
            .fold(7u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
        format!("10.244.{}.{}", sum / 253 % 250, sum % 253 + 1)
    }

    fn conditions(&self) -> Value {
        let ready = if self.fate == Fate::Runs { "True" } else { "False" };
        let reason = match self.fate {
            Fate::Runs => None,
            Fate::Succeeds => Some("PodCompleted"),
            Fate::Fails => Some("PodFailed"),
            Fate::Waits | Fate::Loops => Some("ContainersNotReady"),
        };
        let condition = |name: &str, status: &str, reason: Option<&str>| {
            let mut condition =
                json!({"type": name, "status": status, "lastTransitionTime": self.now});
            if let Some(reason) = reason {
                condition["reason"] = reason.into();
            }
            condition
        };
        json!([
            condition("PodScheduled", "True", None),
            condition("Initialized", "True", None),
            condition("ContainersReady", ready, reason),
            condition("Ready", ready, reason),
        ])
    }

    fn container(&self, spec: &Value) -> Value {
        let image = spec["image"].as_str().unwrap_or_default();
        let running = self.fate == Fate::Runs;
        let state = match self.fate {
            Fate::Succeeds => self.terminated(0, "Completed"),
            Fate::Fails => self.terminated(1, "Error"),
            Fate::Waits if named_to_fail(image) => json!({"waiting": {
                "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\""),
            }}),
            Fate::Loops if image.contains("crash") => json!({"waiting": {
                "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container",
            }}),
            Fate::Waits | Fate::Runs | Fate::Loops => json!({"running": {"startedAt": self.now}}),
        };
        let mut status = json!({
            "name": spec["name"], "image": image, "imageID": "", "restartCount": 0,
            "ready": running, "started": running, "state": state,
        });
        if self.fate == Fate::Loops && image.contains("crash") {
            status["restartCount"] = 1.into();
            status["lastState"] = self.terminated(1, "Error");
        }
        if state_has_begun(&status["state"]) {
            status["imageID"] = format!("{image}@fake").into();
            status["containerID"] = format!(
                "fake://{}/{}",
                self.pod.name_any(),
                spec["name"].as_str().unwrap_or_default()
            )
            .into();
        }
        status
    }

    fn initial(&self, spec: &Value) -> Value {
        // A sidecar is an init container that stays.
        if spec["restartPolicy"] == "Always" {
            return self.container(spec);
        }
        json!({
            "name": spec["name"], "image": spec["image"], "imageID": "", "restartCount": 0, "ready": true,
            "state": self.terminated(0, "Completed"),
        })
    }

    fn terminated(&self, code: i32, reason: &str) -> Value {
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": self.now, "finishedAt": self.now}})
    }
}

fn state_has_begun(state: &Value) -> bool {
    state.get("waiting").is_none()
}

fn list<'a>(pod: &'a DynamicObject, pointer: &str) -> &'a [Value] {
    pod.data.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn images(containers: &[Value]) -> Vec<&str> {
    containers.iter().filter_map(|container| container["image"].as_str()).collect()
}
