//! Configuration, access rules and the definitions of kinds.

use serde_json::{Value, json};

use super::{Report, items, names, present, text};

/// The largest priority that users may give.
const PRIORITY: i64 = 1_000_000_000;

/// Checks the remaining kinds; says whether this is one.
pub fn check(report: &mut Report, kind: &str, object: &Value) -> bool {
    match kind {
        "ConfigMap" => {
            keys(report, &object["data"], "data");
            keys(report, &object["binaryData"], "binaryData");
        }
        "Secret" => secret(report, object),
        "Role" | "ClusterRole" => rules(report, object),
        "RoleBinding" | "ClusterRoleBinding" => binding(report, kind, object),
        "PriorityClass" => {
            let system = text(&object["metadata"], "name").starts_with("system-");
            if object["value"].as_i64().is_some_and(|value| value > PRIORITY) && !system {
                let detail =
                    format!("maximum allowed value of a user defined priority is {PRIORITY}");
                report.forbidden("value", &detail);
            }
        }
        "CustomResourceDefinition" => definition(report, object),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            for (position, hook) in items(&object["webhooks"]).iter().enumerate() {
                if !present(&hook["sideEffects"]) {
                    let field = format!("webhooks[{position}].sideEffects");
                    report.required(&field, "must specify one of None, NoneOnDryRun");
                }
            }
        }
        _ => return false,
    }
    true
}

fn keys(report: &mut Report, data: &Value, at: &str) {
    for name in data.as_object().into_iter().flatten().map(|(name, _)| name) {
        report.names(&format!("{at}[{name}]"), &json!(name), names::config_key(name));
    }
}

fn secret(report: &mut Report, object: &Value) {
    keys(report, &object["data"], "data");
    let needed: &[&str] = match text(object, "type") {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for name in needed {
        if object["data"].get(*name).is_none() {
            report.required(&format!("data[{name}]"), "");
        }
    }
}

fn rules(report: &mut Report, object: &Value) {
    for (position, rule) in items(&object["rules"]).iter().enumerate() {
        let here = format!("rules[{position}]");
        if items(&rule["verbs"]).is_empty() {
            report.required(&format!("{here}.verbs"), "verbs must contain at least one value");
        }
        if !items(&rule["nonResourceURLs"]).is_empty() {
            continue;
        }
        if items(&rule["apiGroups"]).is_empty() {
            report.required(
                &format!("{here}.apiGroups"),
                "resource rules must supply at least one api group",
            );
        }
        if items(&rule["resources"]).is_empty() {
            report.required(
                &format!("{here}.resources"),
                "resource rules must supply at least one resource",
            );
        }
    }
}

fn binding(report: &mut Report, kind: &str, object: &Value) {
    let role = &object["roleRef"];
    let kinds: &[&str] =
        if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        report.unsupported("roleRef.kind", &role["kind"], kinds);
    }
    if text(role, "name").is_empty() {
        report.required("roleRef.name", "");
    }
    for (position, subject) in items(&object["subjects"]).iter().enumerate() {
        let here = format!("subjects[{position}]");
        if text(subject, "name").is_empty() {
            report.required(&format!("{here}.name"), "");
        }
        match text(subject, "kind") {
            "ServiceAccount"
                if kind == "ClusterRoleBinding" && text(subject, "namespace").is_empty() =>
            {
                report.required(&format!("{here}.namespace"), "");
            }
            "ServiceAccount" | "User" | "Group" => {}
            _ => report.unsupported(
                &format!("{here}.kind"),
                &subject["kind"],
                &["ServiceAccount", "User", "Group"],
            ),
        }
    }
}

fn definition(report: &mut Report, object: &Value) {
    let spec = &object["spec"];
    let expected = format!("{}.{}", text(&spec["names"], "plural"), text(spec, "group"));
    if text(&object["metadata"], "name") != expected {
        report.invalid(
            "metadata.name",
            &object["metadata"]["name"],
            "must be spec.names.plural+\".\"+spec.group",
        );
    }
    if text(spec, "group").is_empty() {
        report.required("spec.group", "");
    }
    if text(spec, "scope").is_empty() {
        report.required("spec.scope", "");
    }
    report.one_of("spec.scope", &spec["scope"], &["Cluster", "Namespaced"]);
    let versions = items(&spec["versions"]);
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        report.invalid("spec.versions", &spec["versions"], detail);
        if items(&object["status"]["storedVersions"]).is_empty() {
            report.invalid(
                "status.storedVersions",
                &Value::Null,
                "must have at least one stored version",
            );
        }
    }
    for (position, version) in versions.iter().enumerate() {
        if version["schema"]["openAPIV3Schema"].is_null() {
            report.required(&format!("spec.versions[{position}].schema.openAPIV3Schema"), "");
        }
    }
}
