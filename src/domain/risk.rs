//! What a plan does to what runs and to what holds data, counted.

use crate::domain::guard::is_precious;
use crate::domain::{ObjectKey, ObjectRef, Op, Operation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What somebody wants to know before a plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Risk {
    /// Workloads whose pods are replaced.
    pub restarts: Vec<Pods>,
    /// Workloads that go, with their pods.
    pub stops: Vec<Pods>,
    /// Services that choose other pods.
    pub selectors: Vec<ObjectRef>,
    /// Objects that are deleted, and made anew or not, with the data or the other objects in them.
    pub losses: Vec<Loss>,
    /// Other objects that are deleted and made anew.
    pub recreates: Vec<ObjectRef>,
}

/// A workload and its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pods {
    /// The workload.
    pub object: ObjectRef,
    /// How many pods it has now.
    pub pods: u64,
}

/// An object that takes data with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The object.
    pub object: ObjectRef,
    /// Custom resources that go with their definition; null for other kinds, and where they cannot be counted.
    pub custom_resources: Option<u64>,
}

/// One operation with what is known of its object.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The live object.
    pub live: Option<&'a Value>,
    /// The object as it will be.
    pub result: Option<&'a Value>,
}

/// Whether it matters what the live object says: other kinds need not be unpacked.
pub fn concerns(object: &ObjectRef) -> bool {
    is_workload(object)
}

impl Risk {
    /// Sums up operations; `contents` are the custom resources of definitions.
    pub fn of<'a>(
        facts: impl IntoIterator<Item = Fact<'a>>,
        contents: &BTreeMap<ObjectKey, u64>,
    ) -> Self {
        let mut risk = Self::default();
        for fact in facts {
            risk.add(&fact, contents);
        }
        risk
    }

    /// Whether nothing of it happens.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// `restarts 2 Deployments (14 pods); deletes 1 PersistentVolumeClaim`; nothing where nothing of it happens.
    pub fn words(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (verb, list) in [("restarts", &self.restarts), ("stops", &self.stops)] {
            if !list.is_empty() {
                let pods: u64 = list.iter().map(|one| one.pods).sum();
                let kinds = kinds(list.iter().map(|one| &one.object));
                let word = if pods == 1 { "pod" } else { "pods" };
                parts.push(format!("{verb} {kinds} ({pods} {word})"));
            }
        }
        if !self.selectors.is_empty() {
            parts.push(format!("points {} at other pods", kinds(&self.selectors)));
        }
        if !self.losses.is_empty() {
            let inside: u64 = self.losses.iter().filter_map(|loss| loss.custom_resources).sum();
            let uncounted = |loss: &Loss| {
                loss.object.kind == "CustomResourceDefinition" && loss.custom_resources.is_none()
            };
            let tail = if self.losses.iter().any(uncounted) {
                " with custom resources that cannot be counted".to_owned()
            } else if inside > 0 {
                format!(" with {inside} custom resource{}", if inside == 1 { "" } else { "s" })
            } else {
                String::new()
            };
            let kinds = kinds(self.losses.iter().map(|loss| &loss.object));
            parts.push(format!("deletes {kinds}{tail}"));
        }
        if !self.recreates.is_empty() {
            parts.push(format!("recreates {}", kinds(&self.recreates)));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn add(&mut self, fact: &Fact<'_>, contents: &BTreeMap<ObjectKey, u64>) {
        let Fact { operation, live, .. } = *fact;
        let object = &operation.object;
        let goes = matches!(operation.op, Op::Delete | Op::Recreate);
        if goes && (is_precious(object) || live.is_some_and(takes_claims)) {
            let custom_resources = contents.get(&object.key()).copied();
            self.losses.push(Loss { object: object.clone(), custom_resources });
        }
        let pods = Pods { object: object.clone(), pods: live.map_or(0, pods) };
        match operation.op {
            Op::Delete if is_workload(object) => self.stops.push(pods),
            Op::Recreate if is_workload(object) => self.restarts.push(pods),
            Op::Recreate if !is_precious(object) => self.recreates.push(object.clone()),
            Op::Update | Op::TakeOver if restarts(fact) => self.restarts.push(pods),
            Op::Update | Op::TakeOver if is_service(object) && changes(operation, SELECTOR) => {
                self.selectors.push(object.clone());
            }
            _ => {}
        }
    }
}

const TEMPLATE: &str = "/spec/template";
const SELECTOR: &str = "/spec/selector";

fn is_workload(object: &ObjectRef) -> bool {
    object.group == "apps"
        && matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn is_service(object: &ObjectRef) -> bool {
    object.group.is_empty() && object.kind == "Service"
}

fn changes(operation: &Operation, below: &str) -> bool {
    let inside = |path: &str| {
        path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    operation.changes.iter().any(|change| inside(&change.path))
}

/// Whether its controller replaces pods: another template, unless it is paused or waits until somebody deletes them.
fn restarts(fact: &Fact<'_>) -> bool {
    let held = |object: &Value| {
        object["spec"]["paused"] == true || object["spec"]["updateStrategy"]["type"] == "OnDelete"
    };
    is_workload(&fact.operation.object)
        && changes(fact.operation, TEMPLATE)
        && !fact.result.or(fact.live).is_some_and(held)
}

/// Whether its claims are deleted with it.
fn takes_claims(object: &Value) -> bool {
    object["kind"] == "StatefulSet"
        && object["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"
}

fn pods(object: &Value) -> u64 {
    let status = &object["status"];
    let count = |name: &str| status[name].as_u64();
    count("replicas").or_else(|| count("currentNumberScheduled")).unwrap_or(0)
}

/// `2 Deployments and 1 StatefulSet`.
fn kinds<'a>(objects: impl IntoIterator<Item = &'a ObjectRef>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for object in objects {
        *counts.entry(&object.kind).or_default() += 1;
    }
    let counted: Vec<String> =
        counts.into_iter().map(|(kind, count)| plural(kind, count)).collect();
    counted.join(" and ")
}

fn plural(kind: &str, count: usize) -> String {
    format!("{count} {kind}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{Fact, Risk};
    use crate::domain::fixture;
    use crate::domain::{ObjectKey, ObjectRef, Op, Operation, Reason};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn operation(op: Op, kind: &str, path: &str) -> Operation {
        let group = match kind {
            "Service" | "PersistentVolumeClaim" => "",
            "Job" => "batch",
            "CustomResourceDefinition" => "apiextensions.k8s.io",
            _ => "apps",
        };
        let object = ObjectRef {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            namespace: None,
            name: kind.to_lowercase(),
        };
        let changes = vec![fixture::change(path)];
        Operation { changes, ..fixture::operation(op, object, Reason::Commit) }
    }

    fn words(cases: &[(Op, &str, &str, Value)], contents: &[(&str, u64)]) -> Option<String> {
        let operations: Vec<Operation> =
            cases.iter().map(|(op, kind, path, _)| operation(*op, kind, path)).collect();
        let contents: BTreeMap<ObjectKey, u64> = operations
            .iter()
            .filter_map(|one| {
                let count = contents.iter().find(|(kind, _)| *kind == one.object.kind)?.1;
                Some((one.object.key(), count))
            })
            .collect();
        let facts = operations.iter().zip(cases).map(|(operation, (.., live))| Fact {
            operation,
            live: Some(live),
            result: None,
        });
        Risk::of(facts, &contents).words()
    }

    #[test]
    fn what_runs_and_what_holds_data_is_counted() {
        let pods = |count: u64| json!({"status": {"replicas": count}});
        let image = "/spec/template/spec/containers/[name=a]/image";
        let all = words(
            &[
                (Op::Update, "Deployment", image, pods(9)),
                (Op::Update, "Deployment", "/spec/template/metadata/annotations/at", pods(5)),
                (Op::Delete, "PersistentVolumeClaim", "", json!({})),
                (Op::Recreate, "Job", "/spec/template", json!({})),
                (Op::Update, "Service", "/spec/selector/app", json!({})),
                (Op::Delete, "StatefulSet", "", pods(1)),
            ],
            &[],
        );
        assert_eq!(
            all.as_deref(),
            Some(
                "restarts 2 Deployments (14 pods); stops 1 StatefulSet (1 pod); points 1 Service at other pods; deletes 1 PersistentVolumeClaim; recreates 1 Job"
            )
        );
    }

    #[test]
    fn what_replaces_no_pod_is_no_restart() {
        let on_delete = json!({"spec": {"updateStrategy": {"type": "OnDelete"}}});
        for (kind, path, live) in [
            ("Deployment", "/spec/replicas", json!({})),
            ("Deployment", "/spec/templates", json!({})),
            ("Deployment", "/spec/template/spec/x", json!({"spec": {"paused": true}})),
            ("StatefulSet", "/spec/template/spec/x", on_delete.clone()),
            ("DaemonSet", "/spec/template/spec/x", on_delete),
            ("Service", "/spec/ports", json!({})),
            ("Job", "/spec/template/spec/x", json!({})),
        ] {
            assert_eq!(words(&[(Op::Update, kind, path, live)], &[]), None, "{kind} {path}");
        }
        assert_eq!(words(&[(Op::Create, "Deployment", "/spec/template", json!({}))], &[]), None);
    }

    #[test]
    fn a_definition_goes_with_its_custom_resources() {
        let gone = [(Op::Delete, "CustomResourceDefinition", "", json!({}))];
        assert_eq!(
            words(&gone, &[("CustomResourceDefinition", 12)]).as_deref(),
            Some("deletes 1 CustomResourceDefinition with 12 custom resources")
        );
        assert!(words(&gone, &[]).unwrap().ends_with("that cannot be counted"));
        let claims = json!({"kind": "StatefulSet", "status": {"replicas": 3},
            "spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
        assert_eq!(
            words(&[(Op::Delete, "StatefulSet", "", claims)], &[]).as_deref(),
            Some("stops 1 StatefulSet (3 pods); deletes 1 StatefulSet")
        );
    }
}
