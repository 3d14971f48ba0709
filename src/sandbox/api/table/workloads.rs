//! Workloads: how many replicas are wanted, current and ready.

use serde_json::{Value, json};

use super::{
    super::selector::label_selector_text, Layout, age, age::between, containers, count, head, name,
    pairs, since, word,
};

/// The layout, if the resource is one of these.
pub fn layout(group: &str, plural: &str) -> Option<Layout> {
    Some(match (group, plural) {
        ("apps", "deployments") => {
            (head("Name|Ready|Up-to-date|Available|Age|+Containers|+Images|+Selector"), deployment)
        }
        ("apps", "replicasets") | ("", "replicationcontrollers") => {
            (head("Name|#Desired|#Current|#Ready|Age|+Containers|+Images|+Selector"), replica_set)
        }
        ("apps", "statefulsets") => (head("Name|Ready|Age|+Containers|+Images"), stateful_set),
        ("apps", "daemonsets") => (
            head(
                "Name|#Desired|#Current|#Ready|Up-to-date|Available|Node Selector|Age|+Containers|+Images|+Selector",
            ),
            daemon_set,
        ),
        ("batch", "jobs") => {
            (head("Name|Status|Completions|Duration|Age|+Containers|+Images|+Selector"), job)
        }
        ("batch", "cronjobs") => (
            head(
                "Name|Schedule|Timezone|?Suspend|#Active|Last Schedule|Age|+Containers|+Images|+Selector",
            ),
            cron_job,
        ),
        ("autoscaling", "horizontalpodautoscalers") => {
            (head("Name|Reference|Targets|MinPods|MaxPods|Replicas|Age"), autoscaler)
        }
        ("policy", "poddisruptionbudgets") => {
            (head("Name|Min Available|Max Unavailable|#Allowed Disruptions|Age"), disruption_budget)
        }
        _ => return None,
    })
}

fn selector(object: &Value) -> Value {
    let selector = &object["spec"]["selector"];
    let text =
        if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() {
            label_selector_text(selector)
        } else {
            pairs(Some(selector))
        };
    json!(if text.is_empty() { "<none>".to_owned() } else { text })
}

fn deployment(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/template"));
    vec![
        name(object),
        json!(format!(
            "{}/{}",
            count(object, "/status/readyReplicas"),
            count(object, "/spec/replicas")
        )),
        json!(count(object, "/status/updatedReplicas")),
        json!(count(object, "/status/availableReplicas")),
        age(object),
        containers,
        images,
        selector(object),
    ]
}

fn replica_set(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/template"));
    vec![
        name(object),
        json!(count(object, "/spec/replicas")),
        json!(count(object, "/status/replicas")),
        json!(count(object, "/status/readyReplicas")),
        age(object),
        containers,
        images,
        selector(object),
    ]
}

fn stateful_set(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/template"));
    let ready =
        format!("{}/{}", count(object, "/status/readyReplicas"), count(object, "/spec/replicas"));
    vec![name(object), json!(ready), age(object), containers, images]
}

fn daemon_set(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/template"));
    let counts = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    let mut cells = vec![name(object)];
    cells.extend(counts.map(|field| json!(count(object, &format!("/status/{field}")))));
    cells.push(json!(pairs(object.pointer("/spec/template/spec/nodeSelector"))));
    cells.extend([age(object), containers, images, selector(object)]);
    cells
}

fn job(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/template"));
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let has = |kind: &str| {
        conditions
            .into_iter()
            .flatten()
            .any(|each| each["type"] == kind && each["status"] == "True")
    };
    let status = if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = count(object, "/status/succeeded");
    let completions = match object.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if count(object, "/spec/parallelism") > 1 => {
            format!("{succeeded}/1 of {}", count(object, "/spec/parallelism"))
        }
        None => format!("{succeeded}/1"),
    };
    let duration =
        between(object.pointer("/status/startTime"), object.pointer("/status/completionTime"));
    vec![
        name(object),
        json!(status),
        json!(completions),
        json!(duration),
        age(object),
        containers,
        images,
        selector(object),
    ]
}

fn cron_job(object: &Value) -> Vec<Value> {
    let [containers, images] = containers(object.pointer("/spec/jobTemplate/spec/template"));
    let last = object.pointer("/status/lastScheduleTime");
    vec![
        name(object),
        word(object, "/spec/schedule", ""),
        word(object, "/spec/timeZone", "<none>"),
        json!(object["spec"]["suspend"] == true),
        json!(object.pointer("/status/active").and_then(Value::as_array).map_or(0, Vec::len)),
        json!(last.map_or_else(|| "<none>".to_owned(), |last| since(Some(last)))),
        age(object),
        containers,
        images,
        json!("<none>"),
    ]
}

fn autoscaler(object: &Value) -> Vec<Value> {
    let target = |field: &str| object["spec"]["scaleTargetRef"][field].as_str().unwrap_or_default();
    let metrics = object.pointer("/spec/metrics").and_then(Value::as_array);
    let current = object.pointer("/status/currentMetrics").and_then(Value::as_array);
    let targets: Vec<String> = metrics
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(position, metric)| {
            let resource =
                metric.pointer("/resource/name").and_then(Value::as_str).unwrap_or_default();
            let wanted =
                metric.pointer("/resource/target/averageUtilization").and_then(Value::as_i64);
            let now = current
                .and_then(|current| {
                    current.get(position)?.pointer("/resource/current/averageUtilization")?.as_i64()
                })
                .map_or_else(|| "<unknown>".to_owned(), |now| format!("{now}%"));
            match wanted {
                Some(wanted) => format!("{resource}: {now}/{wanted}%"),
                None => "<unknown>/<auto>".to_owned(),
            }
        })
        .collect();
    vec![
        name(object),
        json!(format!("{}/{}", target("kind"), target("name"))),
        json!(if targets.is_empty() { "<none>".to_owned() } else { targets.join(", ") }),
        json!(
            object
                .pointer("/spec/minReplicas")
                .map_or_else(|| "<unset>".to_owned(), ToString::to_string)
        ),
        json!(count(object, "/spec/maxReplicas").to_string()),
        json!(count(object, "/status/currentReplicas")),
        age(object),
    ]
}

fn disruption_budget(object: &Value) -> Vec<Value> {
    let amount = |field: &str| match &object["spec"][field] {
        Value::Null => json!("N/A"),
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    };
    vec![
        name(object),
        amount("minAvailable"),
        amount("maxUnavailable"),
        json!(count(object, "/status/disruptionsAllowed")),
        age(object),
    ]
}
