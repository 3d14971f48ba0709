//! Label selectors and field selectors of a request.

use serde_json::Value;

use super::resource::Resource;
use crate::domain::labels::LabelSelector;

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    labels: LabelSelector,
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// Reads the two query parameters.
    ///
    /// # Errors
    /// A sentence about the part that is not understood.
    pub fn parse(
        labels: Option<&str>,
        fields: Option<&str>,
        resource: &Resource,
    ) -> Result<Self, String> {
        Ok(Self {
            labels: labels.map(LabelSelector::parse).transpose()?.unwrap_or_default(),
            fields: fields
                .map(|text| parse_fields(text, resource))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is selected.
    pub fn matches(&self, object: &Value) -> bool {
        self.labels.matches(object)
            && self
                .fields
                .iter()
                .all(|(path, wanted, value)| (field(object, path) == *value) == *wanted)
    }
}

/// Reads a `metav1.LabelSelector` object (as in `spec.selector`).
pub fn label_selector_text(selector: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
        parts.extend(
            labels
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())),
        );
    }
    for expression in
        selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten()
    {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = expression["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        parts.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

fn parse_fields(text: &str, resource: &Resource) -> Result<Vec<(String, bool, String)>, String> {
    let mut conditions = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (path, wanted, value) = if let Some((path, value)) = part.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, true, value)
        } else {
            return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
        };
        if !supported(resource, path) {
            return Err(unsupported(resource, path));
        }
        conditions.push((path.to_owned(), wanted, value.to_owned()));
    }
    Ok(conditions)
}

fn unsupported(resource: &Resource, path: &str) -> String {
    let converts =
        ["pods", "nodes", "events", "secrets", "services", "namespaces", "replicasets", "jobs"];
    if resource.is_custom() || converts.contains(&resource.plural.as_str()) {
        return format!("field label not supported: {path}");
    }
    format!(
        "\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    )
}

fn supported(resource: &Resource, path: &str) -> bool {
    if matches!(path, "metadata.name" | "metadata.namespace") {
        return true;
    }
    if let Some(custom) = &resource.custom {
        return custom.selectable.iter().any(|each| each.trim_start_matches('.') == path);
    }
    let fields: &[&str] = match resource.plural.as_str() {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets" | "replicationcontrollers" => &["status.replicas"],
        "jobs" => &["status.successful"],
        "certificatesigningrequests" => &["spec.signerName"],
        "events" => &["reason", "type", "reportingComponent", "reportingController", "source"],
        _ => &[],
    };
    fields.contains(&path)
        || (resource.plural == "events"
            && (path.starts_with("involvedObject.") || path.starts_with("regarding.")))
}

fn field(object: &Value, path: &str) -> String {
    let found = match path {
        "source" => object.pointer("/source/component"),
        "status.successful" => object.pointer("/status/succeeded"),
        _ => {
            // Events are stored in their core form, whichever group they are asked for.
            let stored = path.replacen("regarding.", "involvedObject.", 1);
            stored.trim_start_matches('.').split('.').try_fold(object, |value, key| value.get(key))
        }
    };
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => match path {
            "spec.unschedulable" | "spec.hostNetwork" => "false".to_owned(),
            "status.replicas" | "status.successful" => "0".to_owned(),
            _ => String::new(),
        },
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::api::registry::Registry;

    fn matches(labels: Option<&str>, fields: Option<&str>) -> bool {
        let pods = Registry::builtin().find("", "v1", "pods").unwrap();
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "front"}},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        Selector::parse(labels, fields, &pods).unwrap().matches(&pod)
    }

    #[test]
    fn labels_by_equality_and_by_set() {
        for yes in [
            "app=web",
            "app==web,tier!=back",
            "app in (web, api),tier",
            "!gone",
            "tier notin (back)",
            "x!=y",
        ] {
            assert!(matches(Some(yes), None), "{yes}");
        }
        for no in ["app=api", "gone", "!app", "app notin (web)", "x in (y)"] {
            assert!(!matches(Some(no), None), "{no}");
        }
    }

    #[test]
    fn fields_of_the_kind_only() {
        assert!(matches(None, Some("spec.nodeName=n1,status.phase!=Failed,metadata.name=a")));
        assert!(!matches(None, Some("status.phase=Pending")));
        let pods = Registry::builtin().find("", "v1", "pods").unwrap();
        assert!(Selector::parse(None, Some("spec.foo=1"), &pods).is_err());
    }
}
