//! Pods and pod templates.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{FieldErrorKind, Report, items, names, present, text};
use crate::sandbox::fields::quantity;

/// The specification of a pod.
pub fn check(report: &mut Report, spec: &Value, at: &str) {
    check_with(report, spec, at, &[]);
}

/// The specification of a pod that gets a volume for each of these claims besides its own.
pub fn check_with(report: &mut Report, spec: &Value, at: &str, claims: &[Value]) {
    let mut volumes = volumes(report, &spec["volumes"], &format!("{at}.volumes"));
    volumes.extend(claims.iter().map(|claim| text(&claim["metadata"], "name").to_owned()));
    if items(&spec["containers"]).is_empty() {
        report.required(&format!("{at}.containers"), "");
    }
    let mut seen = BTreeSet::new();
    for list in ["initContainers", "containers"] {
        for (position, container) in items(&spec[list]).iter().enumerate() {
            let here = format!("{at}.{list}[{position}]");
            if !seen.insert(text(container, "name").to_owned())
                && !text(container, "name").is_empty()
            {
                report.duplicate(&format!("{here}.name"), &container["name"]);
            }
            check_container(report, container, &here, &volumes);
            if spec["hostNetwork"] == true {
                host_ports(report, container, &here);
            }
        }
    }
    report.one_of(
        &format!("{at}.restartPolicy"),
        &spec["restartPolicy"],
        &["Always", "Never", "OnFailure"],
    );
    let dns = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    report.one_of(&format!("{at}.dnsPolicy"), &spec["dnsPolicy"], &dns);
    for (name, faults) in [
        ("nodeName", names::subdomain as fn(&str) -> Vec<&'static str>),
        ("serviceAccountName", names::subdomain),
        ("hostname", names::label),
        ("subdomain", names::label),
    ] {
        if present(&spec[name]) {
            report.names(&format!("{at}.{name}"), &spec[name], faults(text(spec, name)));
        }
    }
}

fn volumes(report: &mut Report, volumes: &Value, at: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (position, volume) in items(volumes).iter().enumerate() {
        let here = format!("{at}[{position}]");
        let name = text(volume, "name");
        if name.is_empty() {
            report.required(&format!("{here}.name"), "");
        } else {
            report.names(&format!("{here}.name"), &volume["name"], super::names::label(name));
            if !names.insert(name.to_owned()) {
                report.duplicate(&format!("{here}.name"), &volume["name"]);
            }
        }
        let sources = volume
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| *name != "name" && !value.is_null());
        let mut sources: Vec<&String> = sources.map(|(name, _)| name).collect();
        // The server looks at empty directories first, and at paths of the node next.
        sources.sort_by_key(|name| (*name != "emptyDir", *name != "hostPath"));
        for source in sources.iter().skip(1) {
            report
                .forbidden(&format!("{here}.{source}"), "may not specify more than 1 volume type");
        }
    }
    names
}

fn check_container(report: &mut Report, container: &Value, at: &str, volumes: &BTreeSet<String>) {
    let name = text(container, "name");
    if name.is_empty() {
        report.required(&format!("{at}.name"), "");
    } else {
        report.names(&format!("{at}.name"), &container["name"], names::label(name));
    }
    let image = text(container, "image");
    if image.is_empty() {
        report.required(&format!("{at}.image"), "");
    } else if image.trim() != image {
        report.invalid(
            &format!("{at}.image"),
            &container["image"],
            "must not have leading or trailing whitespace",
        );
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    report.one_of(&format!("{at}.imagePullPolicy"), &container["imagePullPolicy"], &policies);
    ports(report, &container["ports"], &format!("{at}.ports"));
    environment(report, &container["env"], &format!("{at}.env"));
    for (position, mount) in items(&container["volumeMounts"]).iter().enumerate() {
        let here = format!("{at}.volumeMounts[{position}]");
        if text(mount, "name").is_empty() {
            report.required(&format!("{here}.name"), "");
        } else if !volumes.contains(text(mount, "name")) {
            report.add(FieldErrorKind::NotFound, &format!("{here}.name"), &mount["name"], "");
        }
        if text(mount, "mountPath").is_empty() {
            report.required(&format!("{here}.mountPath"), "");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        check_probe(report, &container[probe], (&format!("{at}.{probe}"), probe));
    }
    resources(report, &container["resources"], &format!("{at}.resources"));
}

fn ports(report: &mut Report, ports: &Value, at: &str) {
    let mut seen = BTreeSet::new();
    for (position, port) in items(ports).iter().enumerate() {
        let here = format!("{at}[{position}]");
        if present(&port["name"]) {
            report.names(&format!("{here}.name"), &port["name"], names::port(text(port, "name")));
            if !seen.insert(text(port, "name").to_owned()) {
                report.duplicate(&format!("{here}.name"), &port["name"]);
            }
        }
        match port["containerPort"].as_i64() {
            None | Some(0) => report.required(&format!("{here}.containerPort"), ""),
            Some(_) => report.port(&format!("{here}.containerPort"), &port["containerPort"]),
        }
        if port["hostPort"].as_i64().is_some_and(|number| number != 0) {
            report.port(&format!("{here}.hostPort"), &port["hostPort"]);
        }
        report.one_of(&format!("{here}.protocol"), &port["protocol"], &["SCTP", "TCP", "UDP"]);
    }
}

fn host_ports(report: &mut Report, container: &Value, at: &str) {
    for (position, port) in items(&container["ports"]).iter().enumerate() {
        if port["hostPort"].is_i64() && port["hostPort"] != port["containerPort"] {
            let field = format!("{at}.ports[{position}].hostPort");
            report.invalid(
                &field,
                &port["hostPort"],
                "must match `containerPort` when `hostNetwork` is true",
            );
        }
    }
}

fn environment(report: &mut Report, variables: &Value, at: &str) {
    for (position, variable) in items(variables).iter().enumerate() {
        let here = format!("{at}[{position}]");
        if text(variable, "name").is_empty() {
            report.required(&format!("{here}.name"), "");
        }
        let from = &variable["valueFrom"];
        if from.is_null() {
            continue;
        }
        let field = format!("{here}.valueFrom");
        if present(&variable["value"]) {
            report.invalid(&field, &json!(""), "may not be specified when `value` is not empty");
        } else if from.as_object().is_none_or(|from| from.values().all(Value::is_null)) {
            report.invalid(&field, &json!(""), "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
        }
    }
}

fn check_probe(report: &mut Report, probe: &Value, place: (&str, &str)) {
    let (at, kind) = place;
    if probe.is_null() {
        return;
    }
    let handlers: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc"]
        .into_iter()
        .filter(|name| !probe[*name].is_null())
        .collect();
    if handlers.is_empty() {
        report.required(at, "must specify a handler type");
    }
    for handler in handlers.iter().skip(1) {
        report.forbidden(&format!("{at}.{handler}"), "may not specify more than 1 handler type");
    }
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        report.not_negative(&format!("{at}.{name}"), &probe[name]);
    }
    if kind != "readinessProbe"
        && probe["successThreshold"].as_i64().is_some_and(|number| number > 1)
    {
        report.invalid(&format!("{at}.successThreshold"), &probe["successThreshold"], "must be 1");
    }
}

fn resources(report: &mut Report, resources: &Value, at: &str) {
    for part in ["limits", "requests"] {
        for (name, amount) in resources[part].as_object().into_iter().flatten() {
            if quantity::compare(amount.as_str().unwrap_or("0"), "0") == Some(Ordering::Less) {
                report.invalid(
                    &format!("{at}.{part}[{name}]"),
                    amount,
                    "must be greater than or equal to 0",
                );
            }
        }
    }
    for (name, asked) in resources["requests"].as_object().into_iter().flatten() {
        let Some(limit) = resources["limits"][name].as_str() else { continue };
        if quantity::compare(asked.as_str().unwrap_or_default(), limit) == Some(Ordering::Greater) {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            report.invalid(&format!("{at}.requests"), asked, &detail);
        }
    }
}
