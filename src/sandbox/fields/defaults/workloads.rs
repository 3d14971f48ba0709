//! Defaults of pods and of what makes them.

use serde_json::{Value, json};

use super::{Members, blank, inside, put, text};

/// Fills the members of one structure; the name is that of its definition without `io.k8s.`.
pub fn fill(name: &str, members: &mut Members) {
    let Some(rest) = name.strip_prefix("api.") else { return };
    match rest {
        "apps.v1.Deployment" => deployment(members),
        "apps.v1.StatefulSet" => stateful_set(members),
        "apps.v1.DaemonSet" => daemon_set(members),
        "apps.v1.ReplicaSet" => {
            if let Some(spec) = inside(members, "spec") {
                put(spec, "replicas", json!(1));
            }
        }
        "batch.v1.Job" => job(members),
        "batch.v1.CronJob" => cron_job(members),
        "batch.v1.PodFailurePolicyOnPodConditionsPattern" => put(members, "status", json!("True")),
        "autoscaling.v1.HorizontalPodAutoscaler" => {
            if let Some(spec) = inside(members, "spec") {
                put(spec, "minReplicas", json!(1));
            }
        }
        "autoscaling.v2.HorizontalPodAutoscaler" => autoscaler(members),
        "core.v1.Pod" => pod(members),
        "core.v1.PodSpec" => pod_spec(members),
        "core.v1.Container" | "core.v1.EphemeralContainer" => container(members),
        "core.v1.Probe" => {
            for (name, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                put(members, name, json!(value));
            }
        }
        "core.v1.HTTPGetAction" => {
            put(members, "path", json!("/"));
            put(members, "scheme", json!("HTTP"));
        }
        "core.v1.ObjectFieldSelector" => put(members, "apiVersion", json!("v1")),
        _ => volumes(rest, members),
    }
}

fn deployment(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "replicas", json!(1));
    put(spec, "revisionHistoryLimit", json!(10));
    put(spec, "progressDeadlineSeconds", json!(600));
    let Some(strategy) = inside(spec, "strategy") else { return };
    put(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = inside(strategy, "rollingUpdate")
    {
        put(rolling, "maxUnavailable", json!("25%"));
        put(rolling, "maxSurge", json!("25%"));
    }
}

fn stateful_set(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "podManagementPolicy", json!("OrderedReady"));
    put(spec, "replicas", json!(1));
    put(spec, "revisionHistoryLimit", json!(10));
    if let Some(retention) = inside(spec, "persistentVolumeClaimRetentionPolicy") {
        put(retention, "whenDeleted", json!("Retain"));
        put(retention, "whenScaled", json!("Retain"));
    }
    for claim in
        spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(claim) = claim.as_object_mut() {
            put(claim, "apiVersion", json!("v1"));
            put(claim, "kind", json!("PersistentVolumeClaim"));
        }
    }
    let Some(strategy) = inside(spec, "updateStrategy") else { return };
    if blank(strategy, "type") {
        strategy.insert("type".to_owned(), json!("RollingUpdate"));
        put(strategy, "rollingUpdate", json!({}));
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut)
    {
        put(rolling, "partition", json!(0));
    }
}

/// The server keeps the generation of the template in this annotation and writes it on every version that it serves.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn daemon_set(members: &mut Members) {
    if let Some(annotations) =
        inside(members, "metadata").and_then(|metadata| inside(metadata, "annotations"))
    {
        put(annotations, TEMPLATE_GENERATION, json!("0"));
    }
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "revisionHistoryLimit", json!(10));
    let Some(strategy) = inside(spec, "updateStrategy") else { return };
    put(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = inside(strategy, "rollingUpdate")
    {
        put(rolling, "maxUnavailable", json!(1));
        put(rolling, "maxSurge", json!(0));
    }
}

fn job(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    if blank(spec, "completions") && blank(spec, "parallelism") {
        spec.insert("completions".to_owned(), json!(1));
    }
    put(spec, "parallelism", json!(1));
    let limit = if blank(spec, "backoffLimitPerIndex") { 6 } else { i32::MAX };
    put(spec, "backoffLimit", json!(limit));
    put(spec, "completionMode", json!("NonIndexed"));
    put(spec, "suspend", json!(false));
    put(spec, "manualSelector", json!(false));
    let replacement = if spec.get("podFailurePolicy").is_none_or(Value::is_null) {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    put(spec, "podReplacementPolicy", json!(replacement));
    let labels =
        spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
    if let (Some(labels), Some(metadata)) =
        (labels.filter(Value::is_object), inside(members, "metadata"))
        && blank(metadata, "labels")
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

fn cron_job(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "concurrencyPolicy", json!("Allow"));
    put(spec, "suspend", json!(false));
    put(spec, "successfulJobsHistoryLimit", json!(3));
    put(spec, "failedJobsHistoryLimit", json!(1));
}

fn autoscaler(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "minReplicas", json!(1));
    if blank(spec, "metrics") {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
    let Some(behavior) = spec.get_mut("behavior").and_then(Value::as_object_mut) else { return };
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    if let Some(up) = inside(behavior, "scaleUp") {
        put(up, "stabilizationWindowSeconds", json!(0));
        put(up, "selectPolicy", json!("Max"));
        put(up, "policies", json!([pods, percent.clone()]));
    }
    if let Some(down) = inside(behavior, "scaleDown") {
        put(down, "selectPolicy", json!("Max"));
        put(down, "policies", json!([percent]));
    }
}

/// Only pods: templates keep requests and service links as they are.
fn pod(members: &mut Members) {
    let Some(spec) = inside(members, "spec") else { return };
    put(spec, "enableServiceLinks", json!(true));
    let on_host = spec.get("hostNetwork") == Some(&json!(true));
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            requests(container);
            if on_host {
                host_ports(container);
            }
        }
    }
}

fn requests(container: &mut Value) {
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    let resources = container.get_mut("resources").and_then(Value::as_object_mut);
    if let (false, Some(resources)) = (limits.is_empty(), resources)
        && let Some(requests) = inside(resources, "requests")
    {
        for (name, value) in limits {
            put(requests, &name, value);
        }
    }
}

fn host_ports(container: &mut Value) {
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut()
            && let Some(own) = port.get("containerPort").cloned()
        {
            put(port, "hostPort", own);
        }
    }
}

fn pod_spec(members: &mut Members) {
    put(members, "dnsPolicy", json!("ClusterFirst"));
    put(members, "restartPolicy", json!("Always"));
    put(members, "securityContext", json!({}));
    put(members, "terminationGracePeriodSeconds", json!(30));
    put(members, "schedulerName", json!("default-scheduler"));
    // The older name of the account mirrors the newer one.
    let (new, old) = (
        text(members, "serviceAccountName").to_owned(),
        text(members, "serviceAccount").to_owned(),
    );
    let account = if new.is_empty() { old } else { new };
    if !account.is_empty() {
        members.insert("serviceAccountName".to_owned(), json!(account));
        members.insert("serviceAccount".to_owned(), json!(account));
    }
}

fn container(members: &mut Members) {
    let policy = pull_policy(text(members, "image"));
    put(members, "imagePullPolicy", json!(policy));
    put(members, "terminationMessagePath", json!("/dev/termination-log"));
    put(members, "terminationMessagePolicy", json!("File"));
}

/// An image without tag and digest, or with the tag `latest`, is always pulled.
pub fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let tag = name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    match tag {
        Some("latest") => "Always",
        None if !digest && !image.is_empty() => "Always",
        _ => "IfNotPresent",
    }
}

fn volumes(name: &str, members: &mut Members) {
    match name {
        "core.v1.Volume" => {
            let sources =
                members.iter().filter(|(name, value)| *name != "name" && !value.is_null()).count();
            if sources == 0 {
                members.insert("emptyDir".to_owned(), json!({}));
            }
        }
        "core.v1.ImageVolumeSource" => {
            let policy = pull_policy(text(members, "reference"));
            put(members, "pullPolicy", json!(policy));
        }
        "core.v1.SecretVolumeSource"
        | "core.v1.ConfigMapVolumeSource"
        | "core.v1.DownwardAPIVolumeSource"
        | "core.v1.ProjectedVolumeSource" => put(members, "defaultMode", json!(0o644)),
        "core.v1.ServiceAccountTokenProjection" => put(members, "expirationSeconds", json!(3600)),
        "core.v1.HostPathVolumeSource" => put(members, "type", json!("")),
        _ => {}
    }
}
