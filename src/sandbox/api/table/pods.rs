//! Pods: readiness, the most telling state of their containers, restarts.

use serde_json::{Value, json};

use super::{Layout, age, count, head, name, since, word};

/// The layout, if the resource is this one.
pub fn layout(group: &str, plural: &str) -> Option<Layout> {
    match (group, plural) {
        ("", "pods") => Some((
            head("Name|Ready|Status|Restarts|Age|+IP|+Node|+Nominated Node|+Readiness Gates"),
            cells,
        )),
        _ => None,
    }
}

fn cells(pod: &Value) -> Vec<Value> {
    let statuses = list(pod, "/status/containerStatuses");
    let ready = statuses.iter().filter(|status| status["ready"] == true).count();
    let all = list(pod, "/spec/containers").len();
    vec![
        name(pod),
        json!(format!("{ready}/{all}")),
        json!(state(pod)),
        json!(restarts(pod)),
        age(pod),
        word(pod, "/status/podIP", "<none>"),
        word(pod, "/spec/nodeName", "<none>"),
        word(pod, "/status/nominatedNodeName", "<none>"),
        json!("<none>"),
    ]
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn restarts(pod: &Value) -> String {
    let statuses = list(pod, "/status/containerStatuses");
    let total: i64 = statuses.iter().map(|status| count(status, "/restartCount")).sum();
    let last = statuses
        .iter()
        .filter_map(|status| status.pointer("/lastState/terminated/finishedAt")?.as_str())
        .max();
    match last {
        Some(last) if total > 0 => format!("{total} ({} ago)", since(Some(&json!(last)))),
        _ => total.to_string(),
    }
}

/// The word in the status column: an unfinished init container first, then the containers, then the phase.
fn state(pod: &Value) -> String {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Unknown");
    let mut state =
        pod.pointer("/status/reason").and_then(Value::as_str).unwrap_or(phase).to_owned();
    let initialising = initialising(pod);
    let running = list(pod, "/status/containerStatuses");
    if let Some(initialising) = initialising {
        state = initialising;
    } else {
        for status in running.iter().rev() {
            state = contained(status).unwrap_or(state);
        }
        if state == "Completed"
            && running
                .iter()
                .any(|status| status["ready"] == true && !status["state"]["running"].is_null())
        {
            "Running".clone_into(&mut state);
        }
    }
    match (pod.pointer("/metadata/deletionTimestamp"), state.as_str()) {
        (Some(_), _)
            if pod.pointer("/status/reason").is_some_and(|reason| reason == "NodeLost") =>
        {
            "Unknown".into()
        }
        (Some(_), "Succeeded" | "Failed" | "Completed" | "Error") | (None, _) => state,
        (Some(_), _) => "Terminating".into(),
    }
}

fn initialising(pod: &Value) -> Option<String> {
    let statuses = list(pod, "/status/initContainerStatuses");
    let total = list(pod, "/spec/initContainers").len();
    for (position, status) in statuses.iter().enumerate() {
        let state = &status["state"];
        let terminated = &state["terminated"];
        if terminated.is_object() && count(terminated, "/exitCode") == 0 {
            continue;
        }
        let reason = |state: &Value| {
            state["reason"].as_str().filter(|reason| !reason.is_empty()).map(str::to_owned)
        };
        return Some(if terminated.is_object() {
            format!(
                "Init:{}",
                reason(terminated)
                    .unwrap_or_else(|| format!("ExitCode:{}", count(terminated, "/exitCode")))
            )
        } else {
            match reason(&state["waiting"]) {
                Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
                _ => format!("Init:{position}/{total}"),
            }
        });
    }
    None
}

fn contained(status: &Value) -> Option<String> {
    let state = &status["state"];
    if let Some(reason) = state.pointer("/waiting/reason").and_then(Value::as_str) {
        return Some(reason.to_owned());
    }
    let terminated = state.get("terminated").filter(|terminated| terminated.is_object())?;
    Some(match terminated["reason"].as_str().filter(|reason| !reason.is_empty()) {
        Some(reason) => reason.to_owned(),
        None => format!("ExitCode:{}", count(terminated, "/exitCode")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_state_is_shown() {
        let pod = |status: Value| json!({"metadata": {"name": "a"}, "spec": {"containers": [{}], "initContainers": [{}]}, "status": status});
        let waiting = json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]});
        assert_eq!(state(&pod(waiting)), "ImagePullBackOff");
        let init = json!({"phase": "Pending", "initContainerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}]});
        assert_eq!(state(&pod(init)), "Init:0/1");
        assert_eq!(state(&pod(json!({"phase": "Running"}))), "Running");
        let mut going = pod(json!({"phase": "Running"}));
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(state(&going), "Terminating");
    }
}
