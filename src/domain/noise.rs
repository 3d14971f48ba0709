//! What a plan leaves out, object by object, and why: rules, controllers, the server's own values.

use crate::domain::ignore::short_place;
use crate::domain::list::{Identity, Node};
use crate::domain::managed::{child, entries, is_leaf};
use crate::domain::migrate::LAST_APPLIED;
use crate::domain::object::ObjectRef;
use crate::domain::path::{FieldPath, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Why places of an object do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Why {
    /// An ignore rule names them, and live is not as Git says.
    Rule {
        /// The rule, as it is written.
        rule: String,
        /// File and line.
        place: Option<String>,
    },
    /// A controller keeps them.
    Controller {
        /// Its field manager.
        manager: String,
    },
    /// They are not in Git, and another manager owns them.
    Extra,
    /// Nobody set them: the server's defaults.
    Defaulted,
    /// Nobody set them and they are no defaults: admission added labels, annotations or items of lists.
    Admission,
    /// What controllers report.
    Status,
    /// Copies that tools keep of what they applied.
    Bookkeeping,
}

/// Places of one object that a plan left out for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The object.
    pub object: ObjectRef,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// The places, as in [`Change::path`](crate::domain::Change::path).
    pub paths: Vec<String>,
}

impl LeftOut {
    /// Groups what was left out of one object, in a fixed order.
    pub fn group(object: &ObjectRef, left: impl IntoIterator<Item = (String, Why)>) -> Vec<Self> {
        let mut by_why: BTreeMap<Why, Vec<String>> = BTreeMap::new();
        for (path, why) in left {
            by_why.entry(why).or_default().push(path);
        }
        let grouped = by_why.into_iter().map(|(why, mut paths)| {
            paths.sort();
            paths.dedup();
            Self { object: object.clone(), why, paths }
        });
        grouped.collect()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule, place: None } => write!(f, "by rule {rule}"),
            Self::Rule { rule, place: Some(place) } => {
                write!(f, "by rule {rule} ({})", short_place(place))
            }
            Self::Controller { manager } => write!(f, "kept for {manager}"),
            Self::Extra => f.write_str("of other managers (extra, not in Git)"),
            Self::Defaulted => f.write_str("defaulted by the server"),
            Self::Admission => f.write_str("from admission"),
            Self::Status => f.write_str("status"),
            Self::Bookkeeping => f.write_str("bookkeeping of other tools"),
        }
    }
}

/// `14 defaulted by the server, 3 status, 2 by rule /spec/replicas (config.toml:41)`; nothing where nothing was left out.
pub fn counted(left_out: &[LeftOut]) -> Option<String> {
    let mut counts: BTreeMap<&Why, usize> = BTreeMap::new();
    for left in left_out {
        *counts.entry(&left.why).or_default() += left.paths.len();
    }
    let words: Vec<String> = counts.iter().map(|(why, count)| format!("{count} {why}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// How an ignore rule of a mapping was of use in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleUse {
    /// The rule, as it is written.
    pub rule: String,
    /// File and line.
    pub place: Option<String>,
    /// Desired objects that it is for.
    pub objects: usize,
    /// Places of them that exist.
    pub paths: usize,
}

impl RuleUse {
    /// What is wrong with a rule that is of no use: nothing where it is.
    pub fn dead(&self) -> Option<String> {
        let place = self.place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
        let rule = format!("ignore rule {}{place}", self.rule);
        match (self.objects, self.paths) {
            (0, _) => Some(format!("{rule} matches no object; remove it or mend its selector")),
            (1, 0) => {
                Some(format!("{rule} matches an object, and no path of it; mend or remove it"))
            }
            (many, 0) => Some(format!(
                "{rule} matches {many} objects, and no path of them; mend or remove it"
            )),
            _ => None,
        }
    }
}

/// Places of a live object that nobody set: defaults, what admission added, and the status. `desired` is the object as it
/// would be sent. A subtree that nobody set is one place at its top; what the server keeps of every object is left out.
pub fn unset(live: &Value, desired: &Value) -> Vec<(String, Why)> {
    // Controllers write annotations along with the status.
    let nodes: Vec<Node<'_>> = entries(live).map(|entry| entry.fields).collect();
    let mut walk = Walk { path: FieldPath::default(), found: Vec::new() };
    let nothing = Map::new();
    for (name, value) in live.as_object().unwrap_or(&nothing) {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "status" => {
                let reported = value.as_object().into_iter().flat_map(Map::keys);
                let paths =
                    reported.map(|key| FieldPath(vec![field(name), field(key)]).to_string());
                walk.found.extend(paths.map(|path| (path, Why::Status)));
            }
            "metadata" => walk.metadata(value, &desired["metadata"], &below(&nodes, &field(name))),
            _ => walk.at(field(name), value, desired.get(name), &nodes),
        }
    }
    walk.found
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}

fn below<'a>(nodes: &[Node<'a>], step: &Step) -> Vec<Node<'a>> {
    nodes.iter().filter_map(|node| child(node, step)).collect()
}

struct Walk {
    path: FieldPath,
    found: Vec<(String, Why)>,
}

impl Walk {
    /// Labels and annotations; the rest of the metadata the server keeps of every object.
    fn metadata(&mut self, live: &Value, desired: &Value, nodes: &[Node<'_>]) {
        self.path.0.push(field("metadata"));
        for name in ["labels", "annotations"] {
            let nodes = below(nodes, &field(name));
            self.path.0.push(field(name));
            for (key, value) in live[name].as_object().into_iter().flatten() {
                self.at(field(key), value, desired[name].get(key), &nodes);
            }
            self.path.0.pop();
        }
        self.path.0.pop();
    }

    fn at(&mut self, step: Step, live: &Value, desired: Option<&Value>, nodes: &[Node<'_>]) {
        let nodes = below(nodes, &step);
        let is_item = !matches!(step, Step::Field(_));
        self.path.0.push(step);
        if nodes.is_empty() && desired.is_none() {
            let why = self.unset(is_item);
            self.found.push((self.path.to_string(), why));
        } else if !nodes.iter().any(|node| is_leaf(node) && !is_item) {
            self.inside(live, desired, &nodes);
        }
        self.path.0.pop();
    }

    fn inside(&mut self, live: &Value, desired: Option<&Value>, nodes: &[Node<'_>]) {
        match live {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let desired = desired.and_then(|desired| desired.get(name));
                    let step = field(name);
                    if !self.path.is_key_field(&step) {
                        self.at(step, value, desired, nodes);
                    }
                }
            }
            Value::Array(items) => {
                let Some(steps) = Identity::of(items, items, nodes).steps(items) else { return };
                for (step, item) in steps.steps().iter().zip(items) {
                    let desired = desired.and_then(|desired| step.find_written(desired));
                    self.at(step.clone(), item, desired, nodes);
                }
            }
            _ => {}
        }
    }

    /// Defaulting sets fields; labels, annotations and items of lists come from admission.
    fn unset(&self, is_item: bool) -> Why {
        let [Step::Field(first), Step::Field(_), rest @ ..] = self.path.0.as_slice() else {
            return if is_item { Why::Admission } else { Why::Defaulted };
        };
        let is_copy = matches!(rest, [Step::Field(name)] if name == LAST_APPLIED);
        let is_name = matches!(rest, [Step::Field(name)] if name == "kubernetes.io/metadata.name");
        match first.as_str() {
            "metadata" if is_copy => Why::Bookkeeping,
            "metadata" if !is_name => Why::Admission,
            _ if is_item => Why::Admission,
            _ => Why::Defaulted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, Why, counted, unset};
    use crate::domain::ObjectRef;
    use serde_json::json;

    #[test]
    fn what_nobody_set_is_told_by_where_it_comes_from() {
        let desired = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}}}});
        let live = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "uid": "1", "generation": 1, "annotations": {"seen": "1", "revision": "2"}, "managedFields": [
                {"manager": "gitdeck", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {
                    "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:ports": {
                        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}},
                {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
                {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                    "fieldsV1": {"f:metadata": {"f:annotations": {"f:revision": {}}}}},
            ]},
            "spec": {"paused": true, "strategy": {"type": "RollingUpdate"}, "template": {"spec": {
                "containers": [
                    {"name": "a", "imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                    {"name": "proxy"}],
                "dnsPolicy": "ClusterFirst"}}},
            "status": {"replicas": 1, "conditions": []}});
        let found = unset(&live, &desired);
        let of = |why: &Why| -> Vec<&str> {
            found.iter().filter(|one| one.1 == *why).map(|one| one.0.as_str()).collect()
        };
        assert_eq!(
            of(&Why::Defaulted),
            [
                "/spec/strategy",
                "/spec/template/spec/containers/[name=a]/imagePullPolicy",
                "/spec/template/spec/dnsPolicy",
            ]
        );
        let added = ["/metadata/annotations/seen", "/spec/template/spec/containers/[name=proxy]"];
        assert_eq!(of(&Why::Admission), added);
        assert_eq!(of(&Why::Status), ["/status/replicas", "/status/conditions"]);
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn counts_are_by_reason_over_all_objects() {
        let reference =
            ObjectRef::of(&json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}));
        let object = reference.unwrap();
        let rule =
            Why::Rule { rule: "/spec/x".into(), place: Some("/etc/gitdeck/config.toml:41".into()) };
        let left = [
            ("/b".to_owned(), Why::Status),
            ("/a".to_owned(), Why::Status),
            ("/spec/x".to_owned(), rule),
        ];
        let mut all = LeftOut::group(&object, left.clone());
        assert_eq!(all[1].paths, ["/a", "/b"]);
        all.extend(LeftOut::group(&object, left));
        assert_eq!(counted(&all).unwrap(), "2 by rule /spec/x (config.toml:41), 4 status");
        assert_eq!(counted(&[]), None);
    }
}
