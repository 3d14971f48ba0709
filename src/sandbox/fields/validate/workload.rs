//! Pods and what makes them.

use serde_json::{Value, json};

use super::{Report, items, metadata, pod, present, text};

/// Checks the kinds of workloads; says whether this is one.
pub fn check(report: &mut Report, kind: &str, object: &Value) -> bool {
    let spec = &object["spec"];
    match kind {
        "Pod" => pod::check(report, spec, "spec"),
        "PodTemplate" => {
            let template = &object["template"];
            metadata::check_at(report, &template["metadata"], "template");
            pod::check(report, &template["spec"], "template.spec");
        }
        "Deployment" => deployment(report, spec),
        "ReplicaSet" | "ReplicationController" => {
            report.not_negative("spec.replicas", &spec["replicas"]);
            report.not_negative("spec.minReadySeconds", &spec["minReadySeconds"]);
            if kind == "ReplicaSet" {
                selected(report, spec, "replicaset");
            }
            template(report, spec, &["Always"]);
        }
        "StatefulSet" => stateful_set(report, spec),
        "DaemonSet" => {
            selected(report, spec, "daemonset");
            template(report, spec, &["Always"]);
            report.one_of(
                "spec.updateStrategy.type",
                &spec["updateStrategy"]["type"],
                &["OnDelete", "RollingUpdate"],
            );
        }
        "Job" => job(report, spec, "spec"),
        "CronJob" => cron_job(report, spec),
        "HorizontalPodAutoscaler" => autoscaler(report, spec),
        "PodDisruptionBudget" => {
            if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
                report.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set");
            }
        }
        _ => return false,
    }
    true
}

/// The selector must say something, and the template's labels must satisfy it.
fn selected(report: &mut Report, spec: &Value, kind: &str) {
    let selector = &spec["selector"];
    let blank = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
    if selector.is_null() {
        report.required("spec.selector", "");
    } else if blank(&selector["matchLabels"]) && items(&selector["matchExpressions"]).is_empty() {
        report.invalid("spec.selector", selector, &format!("empty selector is invalid for {kind}"));
        return;
    }
    metadata::labels(report, &selector["matchLabels"], "spec.selector.matchLabels");
    let labels = &spec["template"]["metadata"]["labels"];
    let equal = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(name, value)| labels[name] == *value);
    let listed = items(&selector["matchExpressions"]).iter().all(|expression| {
        let value = &labels[text(expression, "key")];
        let among = items(&expression["values"]).contains(value);
        match text(expression, "operator") {
            "In" => among,
            "NotIn" => !among,
            "Exists" => !value.is_null(),
            "DoesNotExist" => value.is_null(),
            _ => false,
        }
    });
    if selector.is_null() || !equal || !listed {
        let field = "spec.template.metadata.labels";
        report.invalid(field, labels, "`selector` does not match template `labels`");
    }
}

fn template(report: &mut Report, spec: &Value, policies: &[&str]) {
    metadata::check_at(report, &spec["template"]["metadata"], "spec.template");
    let inner = &spec["template"]["spec"];
    pod::check_with(report, inner, "spec.template.spec", items(&spec["volumeClaimTemplates"]));
    let field = "spec.template.spec.restartPolicy";
    if present(&inner["restartPolicy"]) && !policies.contains(&text(inner, "restartPolicy")) {
        report.0.retain(|error| error.field != field);
        report.unsupported(field, &inner["restartPolicy"], policies);
    }
}

fn deployment(report: &mut Report, spec: &Value) {
    report.not_negative("spec.replicas", &spec["replicas"]);
    selected(report, spec, "deployment");
    template(report, spec, &["Always"]);
    let strategy = &spec["strategy"];
    match text(strategy, "type") {
        "Recreate" if !strategy["rollingUpdate"].is_null() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            report.forbidden("spec.strategy.rollingUpdate", detail);
        }
        "RollingUpdate" => {
            let none = |value: &Value| *value == 0 || value == "0%";
            let rolling = &strategy["rollingUpdate"];
            if none(&rolling["maxUnavailable"]) && none(&rolling["maxSurge"]) {
                let field = "spec.strategy.rollingUpdate.maxUnavailable";
                report.invalid(
                    field,
                    &rolling["maxUnavailable"],
                    "may not be 0 when `maxSurge` is 0",
                );
            }
        }
        "Recreate" => {}
        _ => report.unsupported("spec.strategy", strategy, &["Recreate", "RollingUpdate"]),
    }
    report.not_negative("spec.minReadySeconds", &spec["minReadySeconds"]);
    report.not_negative("spec.revisionHistoryLimit", &spec["revisionHistoryLimit"]);
    if let Some(deadline) = spec["progressDeadlineSeconds"].as_i64() {
        report.not_negative("spec.progressDeadlineSeconds", &spec["progressDeadlineSeconds"]);
        if deadline <= spec["minReadySeconds"].as_i64().unwrap_or(0) {
            let field = "spec.progressDeadlineSeconds";
            report.invalid(
                field,
                &spec["progressDeadlineSeconds"],
                "must be greater than minReadySeconds",
            );
        }
    }
}

fn stateful_set(report: &mut Report, spec: &Value) {
    if !matches!(text(spec, "podManagementPolicy"), "OrderedReady" | "Parallel" | "") {
        let value = &spec["podManagementPolicy"];
        report.invalid("spec.podManagementPolicy", value, "must be 'OrderedReady' or 'Parallel'");
    }
    report.not_negative("spec.replicas", &spec["replicas"]);
    report.not_negative("spec.minReadySeconds", &spec["minReadySeconds"]);
    selected(report, spec, "statefulset");
    template(report, spec, &["Always"]);
}

fn job(report: &mut Report, spec: &Value, at: &str) {
    for name in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        report.not_negative(&format!("{at}.{name}"), &spec[name]);
    }
    metadata::check_at(report, &spec["template"]["metadata"], &format!("{at}.template"));
    let inner = &spec["template"]["spec"];
    let place = format!("{at}.template.spec");
    pod::check(report, inner, &place);
    if matches!(text(inner, "restartPolicy"), "" | "Always") {
        report
            .required(&format!("{place}.restartPolicy"), "valid values: \"OnFailure\", \"Never\"");
    }
}

fn cron_job(report: &mut Report, spec: &Value) {
    job(report, &spec["jobTemplate"]["spec"], "spec.jobTemplate.spec");
    let schedule = text(spec, "schedule");
    let parts: Vec<&str> = schedule.split_whitespace().collect();
    if schedule.is_empty() {
        report.required("spec.schedule", "");
    } else if !schedule.starts_with('@') && parts.len() != 5 {
        let detail =
            format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" "));
        report.invalid("spec.schedule", &spec["schedule"], &detail);
    }
    report.one_of(
        "spec.concurrencyPolicy",
        &spec["concurrencyPolicy"],
        &["Allow", "Forbid", "Replace"],
    );
}

fn autoscaler(report: &mut Report, spec: &Value) {
    let most = spec["maxReplicas"].as_i64().unwrap_or(0);
    let target = &spec["scaleTargetRef"];
    for name in ["kind", "name"] {
        if text(target, name).is_empty() {
            report.required(&format!("spec.scaleTargetRef.{name}"), "");
        }
    }
    if text(target, "apiVersion").is_empty() && text(target, "kind").is_empty() {
        report.invalid(
            "spec.scaleTargetRef.apiVersion",
            &json!(""),
            "apiVersion must specify API group",
        );
    }
    if most < 1 {
        report.required("spec.maxReplicas", "must be set and greater than 0");
    }
    if spec["minReplicas"].as_i64().is_some_and(|least| least > most) {
        report.invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than or equal to `minReplicas`",
        );
    }
}
