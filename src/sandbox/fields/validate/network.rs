//! Services, ingresses and network policies.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Report, items, metadata, names, present, text};

/// Checks the kinds of networking; says whether this is one.
pub fn check(report: &mut Report, kind: &str, object: &Value) -> bool {
    let spec = &object["spec"];
    match kind {
        "Service" => service(report, spec),
        "Ingress" => ingress(report, spec),
        "NetworkPolicy" => policy(report, spec),
        _ => return false,
    }
    true
}

fn service(report: &mut Report, spec: &Value) {
    let headless = text(spec, "clusterIP") == "None";
    let outside = text(spec, "type") == "ExternalName";
    if items(&spec["ports"]).is_empty() && !headless && !outside {
        report.required("spec.ports", "");
    }
    if outside && text(spec, "externalName").is_empty() {
        report.required("spec.externalName", "");
    }
    let (mut known, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    let several = items(&spec["ports"]).len() > 1;
    for (position, port) in items(&spec["ports"]).iter().enumerate() {
        let here = format!("spec.ports[{position}]");
        let name = text(port, "name");
        if name.is_empty() && several {
            report.required(&format!("{here}.name"), "");
        } else if !name.is_empty() {
            report.names(&format!("{here}.name"), &port["name"], names::label(name));
            if !known.insert(name.to_owned()) {
                report.duplicate(&format!("{here}.name"), &port["name"]);
            }
        }
        report.port(&format!("{here}.port"), &port["port"]);
        report.one_of(&format!("{here}.protocol"), &port["protocol"], &["SCTP", "TCP", "UDP"]);
        match &port["targetPort"] {
            Value::String(text) => {
                report.names(&format!("{here}.targetPort"), &port["targetPort"], names::port(text));
            }
            other => report.port(&format!("{here}.targetPort"), other),
        }
        if !pairs.insert((port["port"].to_string(), text(port, "protocol").to_owned())) {
            report.duplicate(&here, &json!({"protocol": port["protocol"], "port": port["port"]}));
        }
    }
    metadata::labels(report, &spec["selector"], "spec.selector");
    report.one_of("spec.sessionAffinity", &spec["sessionAffinity"], &["ClientIP", "None"]);
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    report.one_of("spec.type", &spec["type"], &kinds);
    let address = text(spec, "clusterIP");
    if !matches!(address, "" | "None") && address.parse::<IpAddr>().is_err() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        report.invalid("spec.clusterIPs[0]", &spec["clusterIP"], detail);
    }
}

fn ingress(report: &mut Report, spec: &Value) {
    if items(&spec["rules"]).is_empty() && spec["defaultBackend"].is_null() {
        report.invalid(
            "spec",
            &Value::Null,
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    for (position, rule) in items(&spec["rules"]).iter().enumerate() {
        let here = format!("spec.rules[{position}]");
        let host = text(rule, "host");
        let plain = host.strip_prefix("*.").unwrap_or(host);
        if !host.is_empty() {
            report.names(&format!("{here}.host"), &rule["host"], names::subdomain(plain));
        }
        for (position, path) in items(&rule["http"]["paths"]).iter().enumerate() {
            check_path(report, path, &format!("{here}.http.paths[{position}]"));
        }
    }
}

fn check_path(report: &mut Report, path: &Value, at: &str) {
    match text(path, "pathType") {
        "" => report.required(&format!("{at}.pathType"), "pathType must be specified"),
        "Exact" | "Prefix" => {
            if !text(path, "path").starts_with('/') {
                report.invalid(&format!("{at}.path"), &path["path"], "must be an absolute path");
            }
        }
        "ImplementationSpecific" => {
            if present(&path["path"]) && !text(path, "path").starts_with('/') {
                report.invalid(&format!("{at}.path"), &path["path"], "must be an absolute path");
            }
        }
        _ => report.unsupported(
            &format!("{at}.pathType"),
            &path["pathType"],
            &["Exact", "ImplementationSpecific", "Prefix"],
        ),
    }
    let backend = &path["backend"];
    if backend["service"].is_null() && backend["resource"].is_null() {
        report.invalid(
            &format!("{at}.backend"),
            &json!(""),
            "resource or service backend is required",
        );
    }
}

fn policy(report: &mut Report, spec: &Value) {
    for (side, peers) in [("ingress", "from"), ("egress", "to")] {
        for (position, rule) in items(&spec[side]).iter().enumerate() {
            for (number, port) in items(&rule["ports"]).iter().enumerate() {
                let field = format!("spec.{side}[{position}].ports[{number}].port");
                match &port["port"] {
                    Value::Null => {}
                    Value::String(text) => report.names(&field, &port["port"], names::port(text)),
                    other => report.port(&field, other),
                }
            }
            for (number, peer) in items(&rule[peers]).iter().enumerate() {
                if peer.as_object().is_none_or(|peer| peer.values().all(Value::is_null)) {
                    report.required(
                        &format!("spec.{side}[{position}].{peers}[{number}]"),
                        "must specify a peer",
                    );
                }
            }
        }
    }
    for (position, kind) in items(&spec["policyTypes"]).iter().enumerate() {
        report.one_of(&format!("spec.policyTypes[{position}]"), kind, &["Ingress", "Egress"]);
    }
}
