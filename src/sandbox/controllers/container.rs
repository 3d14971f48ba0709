//! What becomes of a container: its image's name decides.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::context::now;

/// What becomes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Runs,
    /// Its image cannot be pulled.
    Missing,
    /// It ends with an error soon after its start.
    Crashes,
}

/// The fate that an image's name or tag asks for.
pub fn fate(image: &str) -> Fate {
    let name = image.rsplit('/').next().unwrap_or(image).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["broken", "fail", "missing", "does-not-exist"]) {
        Fate::Missing
    } else if says(&["crash"]) {
        Fate::Crashes
    } else {
        Fate::Runs
    }
}

/// The worst fate among a pod's containers.
pub fn fate_of(pod: &Value) -> Fate {
    let mut fates =
        containers(pod).iter().map(|container| fate(image(container))).collect::<Vec<_>>();
    fates.sort_by_key(|fate| match fate {
        Fate::Missing => 0,
        Fate::Crashes => 1,
        Fate::Runs => 2,
    });
    fates.first().copied().unwrap_or(Fate::Runs)
}

/// A pod's containers.
pub fn containers(pod: &Value) -> Vec<Value> {
    pod["spec"]["containers"].as_array().cloned().unwrap_or_default()
}

/// A container's image.
pub fn image(container: &Value) -> &str {
    container["image"].as_str().unwrap_or_default()
}

/// A made-up digest that is always the same for the same text.
pub fn digest(text: &str) -> String {
    let mut out = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A container's place in its life.
pub enum Stage<'a> {
    /// Not yet started.
    Waiting(&'a str, String),
    /// Serving since then.
    Running(&'a str),
    /// Ended with a code.
    Ended(i64),
}

/// The status of a container.
pub fn status(pod: &Value, container: &Value, stage: &Stage<'_>) -> Value {
    let name = container["name"].as_str().unwrap_or_default();
    let id = digest(&format!("{}{name}", pod["metadata"]["uid"].as_str().unwrap_or_default()));
    let known = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let known = known.into_iter().find(|known| known["name"] == name).cloned().unwrap_or_default();
    let restarts = known["restartCount"].as_i64().unwrap_or(0);
    let mut out = json!({
        "name": name, "image": image(container), "imageID": "", "ready": false, "started": false,
        "restartCount": restarts, "lastState": known.get("lastState").cloned().unwrap_or_else(|| json!({})),
    });
    match stage {
        Stage::Waiting(reason, message) => {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = json!(message);
            }
            out["state"] = json!({"waiting": waiting});
        }
        Stage::Running(since) => {
            out["state"] = json!({"running": {"startedAt": since}});
            out["ready"] = json!(true);
            out["started"] = json!(true);
        }
        Stage::Ended(code) => {
            let reason = if *code == 0 { "Completed" } else { "Error" };
            let started =
                known.pointer("/state/running/startedAt").cloned().unwrap_or_else(|| json!(now()));
            out["state"] = json!({"terminated": {
                "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now(),
                "containerID": format!("containerd://{id}"),
            }});
        }
    }
    if !matches!(stage, Stage::Waiting(..)) {
        out["imageID"] = json!(format!("{}@sha256:{}", image(container), digest(image(container))));
        out["containerID"] = json!(format!("containerd://{id}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_image_decides() {
        let table = [
            ("nginx:1.27", Fate::Runs),
            ("registry.example.com/failover/web:1", Fate::Runs),
            ("registry.example.com/web:does-not-exist", Fate::Missing),
            ("broken", Fate::Missing),
            ("web:1.2-crash", Fate::Crashes),
        ];
        for (image, expected) in table {
            assert_eq!(fate(image), expected, "{image}");
        }
    }
}
