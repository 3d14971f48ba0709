//! Volumes, claims and storage classes.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{Report, items, text};
use crate::sandbox::fields::quantity;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// Members of a volume that are not its source.
const GENERAL: [&str; 9] = [
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
];

/// Checks the kinds of storage; says whether this is one.
pub fn check(report: &mut Report, kind: &str, object: &Value) -> bool {
    let spec = &object["spec"];
    match kind {
        "PersistentVolumeClaim" => {
            modes(report, spec);
            match spec["resources"]["requests"]["storage"].as_str() {
                None => report.required("spec.resources[storage]", ""),
                Some(amount) if quantity::compare(amount, "0") != Some(Ordering::Greater) => {
                    report.invalid(
                        "spec.resources[storage]",
                        &json!(amount),
                        "must be greater than zero",
                    );
                }
                Some(_) => {}
            }
        }
        "PersistentVolume" => {
            modes(report, spec);
            if spec["capacity"].as_object().is_none_or(serde_json::Map::is_empty) {
                report.required("spec.capacity", "");
            }
            if spec["capacity"]["storage"].is_null() {
                let capacity =
                    if spec["capacity"].is_null() { json!({}) } else { spec["capacity"].clone() };
                report.unsupported("spec.capacity", &capacity, &["storage"]);
            }
            let source = |(name, value): (&String, &Value)| {
                !value.is_null() && !GENERAL.contains(&name.as_str())
            };
            if !spec.as_object().is_some_and(|spec| spec.iter().any(source)) {
                report.required("spec", "must specify a volume type");
            }
        }
        "StorageClass" => {
            if text(object, "provisioner").is_empty() {
                report.required("provisioner", "");
            }
            report.one_of("reclaimPolicy", &object["reclaimPolicy"], &["Delete", "Retain"]);
            report.one_of(
                "volumeBindingMode",
                &object["volumeBindingMode"],
                &["Immediate", "WaitForFirstConsumer"],
            );
        }
        _ => return false,
    }
    true
}

fn modes(report: &mut Report, spec: &Value) {
    if items(&spec["accessModes"]).is_empty() {
        report.required("spec.accessModes", "at least 1 access mode is required");
    }
    for mode in items(&spec["accessModes"]) {
        report.one_of("spec.accessModes", mode, &MODES);
    }
}
