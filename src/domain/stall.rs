//! Why something that was applied does not come up, and when waiting on is in vain.

use crate::domain::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// A node tries a failed pull again after 10 s: one that still fails has failed twice.
const PULLS: Duration = Duration::from_secs(10);
/// What a container lacks (a Secret, a ConfigMap, a volume) may be made by somebody else meanwhile.
const LACKS: Duration = Duration::from_secs(60);
/// Ends in a row after which a container is taken to crash for a reason that stays.
const CRASHES: u64 = 3;
/// A container whose node puts its restart off this long does not wait for a neighbour to come up any more.
const LOOPS: Duration = Duration::from_secs(30);

/// One event, as the cluster tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether it is a warning.
    pub warning: bool,
    /// `FailedScheduling` and the like (foreign text).
    pub reason: String,
    /// In words (foreign text).
    pub message: String,
    /// How often it was seen.
    pub count: u64,
}

/// What somebody wants to know of an object that does not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// The object of the mapping.
    pub object: ObjectRef,
    /// Its pod that fails, if one does.
    pub pod: Option<String>,
    /// The pod's container.
    pub container: Option<String>,
    /// `ImagePullBackOff` and the like (foreign text).
    pub reason: String,
    /// The cluster's own words (foreign text).
    pub message: String,
    /// Why waiting on is in vain; null where it may still come up.
    pub hopeless: Option<String>,
    /// The latest events of the pod, or of the object where no pod fails, the newest first.
    pub events: Vec<Told>,
    /// The last lines of the container's log (foreign text; values of the mapping's Secrets removed).
    pub log: Vec<String>,
}

impl Stall {
    /// `Deployment shop/web: pod web-7d4, container app: ImagePullBackOff: Back-off pulling image "x"`.
    pub fn words(&self) -> String {
        let mut parts = vec![self.object.to_string()];
        match (&self.pod, &self.container) {
            (Some(pod), Some(container)) => parts.push(format!("pod {pod}, container {container}")),
            (Some(pod), None) => parts.push(format!("pod {pod}")),
            _ => {}
        }
        parts.extend(
            [&self.reason, &self.message].into_iter().filter(|text| !text.is_empty()).cloned(),
        );
        parts.join(": ")
    }

    /// How it was judged, the events and the log, line by line.
    pub fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.hopeless.as_ref().map(|why| format!("not waited for: {why}")));
        for event in &self.events {
            let times =
                if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
            lines.push(format!("event {}{times}: {}", event.reason, event.message));
        }
        lines.extend(self.log.iter().map(|line| format!("log   {line}")));
        lines
    }
}

/// What is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The container, where one is at fault.
    pub container: Option<String>,
    /// `ImagePullBackOff` and the like.
    pub reason: String,
    /// The cluster's words.
    pub message: String,
    /// How often the container ended so far.
    pub restarts: u64,
}

/// What a node or the scheduler says against a pod; nothing while it is on its way or ready.
pub fn trouble(pod: &Value) -> Option<Trouble> {
    let status = &pod["status"];
    let containers = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|list| status[list].as_array())
        .flatten();
    for container in containers {
        let (waiting, ended) = (&container["state"]["waiting"], &container["state"]["terminated"]);
        let failed = ended["exitCode"].as_i64().is_some_and(|code| code != 0);
        let said = if failed { ended } else { waiting };
        let reason = text(&said["reason"]);
        // These two are the ordinary way up.
        if reason.is_empty() || matches!(reason.as_str(), "ContainerCreating" | "PodInitializing") {
            continue;
        }
        if ended.is_object() && !failed {
            continue;
        }
        let last = &container["lastState"]["terminated"];
        let mut message = text(&said["message"]);
        let code = if failed { &ended["exitCode"] } else { &last["exitCode"] };
        if let Some(code) = code.as_i64() {
            let sign = if message.is_empty() { "" } else { ", " };
            message = format!("{message}{sign}ended with exit code {code}");
        }
        return Some(Trouble {
            container: container["name"].as_str().map(str::to_owned),
            reason,
            message,
            restarts: container["restartCount"].as_u64().unwrap_or(0),
        });
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let unplaced = conditions
        .into_iter()
        .find(|one| one["type"] == "PodScheduled" && one["status"] == "False")?;
    let (reason, message) = (text(&unplaced["reason"]), text(&unplaced["message"]));
    Some(Trouble { container: None, reason, message, restarts: 0 })
}

/// Whether two reasons are two views of one trouble: a pull that fails and its back-off take turns.
pub fn family(reason: &str) -> &str {
    match reason {
        "ErrImagePull" => "ImagePullBackOff",
        "Error" | "OOMKilled" | "ContainerCannotRun" | "StartError" => "CrashLoopBackOff",
        other => other,
    }
}

/// Why waiting on is in vain for a trouble that has lasted this long; nothing where it may still pass.
pub fn hopeless(trouble: &Trouble, lasted: Duration) -> Option<String> {
    let seconds = lasted.as_secs();
    match family(&trouble.reason) {
        "InvalidImageName" | "ErrImageNeverPull" => {
            Some("only another manifest changes it".to_owned())
        }
        "ImagePullBackOff" if lasted >= PULLS => {
            Some(format!("the node pulls in vain and backs off for {seconds} s already"))
        }
        "CrashLoopBackOff" if trouble.restarts >= CRASHES => {
            Some(format!("it ended {} times in a row", trouble.restarts + 1))
        }
        "CrashLoopBackOff" if lasted >= LOOPS => {
            Some(format!("its restart is put off for {seconds} s already"))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError"
            if lasted >= LACKS =>
        {
            Some(format!("what it needs is missing for {seconds} s already"))
        }
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{hopeless, trouble};
    use serde_json::{Value, json};
    use std::time::Duration;

    fn pod(state: &Value, restarts: u64) -> Value {
        json!({"status": {"containerStatuses": [{"name": "app", "restartCount": restarts, "state": state,
            "lastState": {"terminated": {"exitCode": 2}}}]}})
    }

    fn waiting(reason: &str, restarts: u64) -> Value {
        pod(&json!({"waiting": {"reason": reason, "message": "words"}}), restarts)
    }

    #[test]
    fn waiting_ends_where_it_is_in_vain_and_not_before() {
        for (reason, restarts, seconds, expected) in [
            ("ImagePullBackOff", 0, 9, false),
            ("ErrImagePull", 0, 10, true),
            ("InvalidImageName", 0, 0, true),
            ("CrashLoopBackOff", 1, 29, false),
            ("CrashLoopBackOff", 3, 0, true),
            ("CrashLoopBackOff", 1, 30, true),
            ("CreateContainerConfigError", 0, 30, false),
            ("CreateContainerConfigError", 0, 60, true),
        ] {
            let found = trouble(&waiting(reason, restarts)).unwrap();
            let verdict = hopeless(&found, Duration::from_secs(seconds));
            assert_eq!(verdict.is_some(), expected, "{reason} {restarts} {seconds}");
        }
    }

    #[test]
    fn the_pods_own_words_are_kept() {
        let found = trouble(&waiting("CrashLoopBackOff", 1)).unwrap();
        assert_eq!(found.container.as_deref(), Some("app"));
        assert_eq!(found.message, "words, ended with exit code 2");
        let unplaced = json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}});
        let found = trouble(&unplaced).unwrap();
        assert_eq!((found.reason.as_str(), found.container), ("Unschedulable", None));
        assert_eq!(
            hopeless(&trouble(&unplaced).unwrap(), Duration::from_secs(999)),
            None,
            "a node may come"
        );
        let ended = pod(&json!({"terminated": {"exitCode": 1, "reason": "Error"}}), 0);
        assert_eq!(trouble(&ended).unwrap().message, "ended with exit code 1");
    }

    #[test]
    fn the_ordinary_way_up_is_no_trouble() {
        for state in [
            json!({"waiting": {"reason": "ContainerCreating"}}),
            json!({"waiting": {"reason": "PodInitializing"}}),
            json!({"running": {}}),
            json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
        ] {
            assert_eq!(trouble(&pod(&state, 0)), None, "{state}");
        }
    }
}
