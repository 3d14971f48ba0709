//! What somebody would write of an object that the server has filled in.

use crate::domain::defaults::is_default;
use serde_json::{Map, Value};

/// Groups whose defaults are known. In others a name means something else.
const KNOWN: &[&str] = &[
    "",
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
];

/// A part of an object of a group without what the server's defaulting puts there.
pub fn without_defaults(group: &str, value: &Value) -> Value {
    if KNOWN.contains(&group) { bare(value) } else { value.clone() }
}

/// Maps whose keys are anybody's words, and no fields.
const OPEN: &[&str] = &[
    "annotations",
    "data",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "parameters",
    "requests",
    "selector",
];

fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, below)| !is_filled_in(fields, name, below));
            let below = |(name, value): (&String, &Value)| {
                let is_open = OPEN.contains(&name.as_str());
                let below = if is_open { value.clone() } else { bare(value) };
                // A map in which the server said everything says nothing; one that was empty does.
                let emptied = below != *value && below.as_object().is_some_and(Map::is_empty);
                (!emptied).then(|| (name.clone(), below))
            };
            Value::Object(kept.filter_map(below).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(bare).collect()),
        other => other.clone(),
    }
}

/// Whether the server puts this value there where nobody says anything, as far as what is around it tells.
fn is_filled_in(around: &Map<String, Value>, name: &str, value: &Value) -> bool {
    let beside = |name: &str| around.get(name);
    match name {
        "imagePullPolicy" => {
            let image = beside("image").and_then(Value::as_str);
            image.is_some_and(|image| value == pull_policy(image))
        }
        // Of an init container it means that it runs beside the others.
        "restartPolicy" => beside("containers").is_some() && value == "Always",
        // One of them alone makes a job another one.
        "completions" | "parallelism" => {
            beside("completions").is_some_and(|one| one == 1)
                && beside("parallelism").is_some_and(|one| one == 1)
        }
        // It names what a reference leads to, and is a default where that is the pod itself.
        "apiVersion" => beside("fieldPath").is_some() && value == "v1",
        "clusterIP" | "clusterIPs" => {
            value != "None" && value.get(0).is_none_or(|first| first != "None")
        }
        // Without its source a volume would look like a slip, and a count is worth saying.
        "emptyDir" | "replicas" => false,
        _ => is_default(name, value),
    }
}

/// What the server takes for the pull policy of an image (`SetDefaults_Container` of Kubernetes).
fn pull_policy(image: &str) -> &'static str {
    let last = image.rsplit('/').next().unwrap_or(image);
    let is_fixed =
        last.contains('@') || last.split_once(':').is_some_and(|(_, tag)| tag != "latest");
    if is_fixed { "IfNotPresent" } else { "Always" }
}

#[cfg(test)]
mod tests {
    use super::without_defaults;
    use serde_json::json;

    #[test]
    fn what_the_server_fills_in_goes_and_what_means_something_stays() {
        let live = json!({
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "nodeSelector": {"disk": "fast"},
            "initContainers": [{"name": "proxy", "image": "p:1", "imagePullPolicy": "IfNotPresent", "restartPolicy": "Always"}],
            "containers": [
                {"name": "a", "image": "a", "imagePullPolicy": "Always", "resources": {}},
                {"name": "b", "image": "r:5000/b:1", "imagePullPolicy": "Always"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        });
        let expected = json!({
            "nodeSelector": {"disk": "fast"},
            "initContainers": [{"name": "proxy", "image": "p:1", "restartPolicy": "Always"}],
            "containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "r:5000/b:1", "imagePullPolicy": "Always"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        });
        assert_eq!(without_defaults("apps", &live), expected);
        assert_eq!(without_defaults("example.com", &live), live);
        let job = json!({"completions": 1, "parallelism": 3});
        assert_eq!(without_defaults("batch", &job), job);
        let headless = json!({"clusterIP": "None", "clusterIPs": ["None"], "type": "ClusterIP"});
        let bare = without_defaults("", &headless);
        assert_eq!(bare, json!({"clusterIP": "None", "clusterIPs": ["None"]}));
    }
}
