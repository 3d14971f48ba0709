//! What belongs to the cluster: namespaces, nodes, events, accounts, roles, definitions.

use serde_json::{Value, json};

use super::{Layout, age, count, head, name, since, word};

/// The layout, if the resource is one of these.
pub fn layout(group: &str, plural: &str) -> Option<Layout> {
    Some(match (group, plural) {
        ("", "namespaces") => (head("Name|Status|Age"), |object| {
            vec![name(object), word(object, "/status/phase", ""), age(object)]
        }),
        ("", "nodes") => (
            head(
                "Name|Status|Roles|Age|Version|+Internal-IP|+External-IP|+OS-Image|+Kernel-Version|+Container-Runtime",
            ),
            node,
        ),
        ("" | "events.k8s.io", "events") => (
            head(
                "Last Seen|Type|Reason|Object|+Subobject|+Source|Message|+First Seen|+Count|+Name",
            ),
            event,
        ),
        ("node.k8s.io", "runtimeclasses") => (head("Name|Handler|Age"), |object| {
            vec![name(object), word(object, "/handler", ""), age(object)]
        }),
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => (head("Name|#Webhooks|Age"), |object| {
            vec![
                name(object),
                json!(object["webhooks"].as_array().map_or(0, Vec::len)),
                age(object),
            ]
        }),
        ("", "limitranges")
        | ("storage.k8s.io", "csistoragecapacities")
        | ("rbac.authorization.k8s.io", "roles" | "clusterroles")
        | ("apiextensions.k8s.io", "customresourcedefinitions") => {
            (head("Name|@Created At"), |object| {
                vec![name(object), word(object, "/metadata/creationTimestamp", "")]
            })
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            (head("Name|Role|Age|+Users|+Groups|+ServiceAccounts"), binding)
        }
        ("apiregistration.k8s.io", "apiservices") => {
            (head("Name|Service|Available|Age"), api_service)
        }
        ("coordination.k8s.io", "leases") => (head("Name|Holder|Age"), |object| {
            vec![name(object), word(object, "/spec/holderIdentity", ""), age(object)]
        }),
        ("scheduling.k8s.io", "priorityclasses") => {
            (head("Name|#Value|?Global-Default|Age|PreemptionPolicy"), |object| {
                vec![
                    name(object),
                    json!(count(object, "/value")),
                    json!(object["globalDefault"] == true),
                    age(object),
                    word(object, "/preemptionPolicy", "PreemptLowerPriority"),
                ]
            })
        }
        _ => return None,
    })
}

fn node(object: &Value) -> Vec<Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|each| each["type"] == "Ready");
    let mut status = match ready {
        Some(condition) if condition["status"] == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    let address = |kind: &str| {
        let addresses = object.pointer("/status/addresses").and_then(Value::as_array);
        let found = addresses.into_iter().flatten().find(|each| each["type"] == kind);
        found.map_or_else(|| json!("<none>"), |each| each["address"].clone())
    };
    vec![
        name(object),
        json!(status),
        json!(if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }),
        age(object),
        word(object, "/status/nodeInfo/kubeletVersion", ""),
        address("InternalIP"),
        address("ExternalIP"),
        word(object, "/status/nodeInfo/osImage", "<unknown>"),
        word(object, "/status/nodeInfo/kernelVersion", "<unknown>"),
        word(object, "/status/nodeInfo/containerRuntimeVersion", "<unknown>"),
    ]
}

/// Events are shown in either form.
fn event(object: &Value) -> Vec<Value> {
    let either = |pointers: [&str; 2]| {
        pointers.iter().find_map(|pointer| object.pointer(pointer).filter(|value| !value.is_null()))
    };
    let involved = either(["/involvedObject", "/regarding"]).cloned().unwrap_or_default();
    let target = |field: &str| involved[field].as_str().unwrap_or_default().to_owned();
    let first = either(["/firstTimestamp", "/eventTime"]);
    let last = either(["/lastTimestamp", "/series/lastObservedTime"]).or(first);
    let source = either(["/source/component", "/reportingComponent"])
        .and_then(Value::as_str)
        .unwrap_or_default();
    let message = either(["/message", "/note"]).and_then(Value::as_str).unwrap_or_default().trim();
    vec![
        json!(since(last)),
        word(object, "/type", ""),
        word(object, "/reason", ""),
        json!(format!("{}/{}", target("kind").to_lowercase(), target("name"))),
        json!(target("fieldPath")),
        json!(source),
        json!(message),
        json!(since(first)),
        json!(count(object, "/count").max(1)),
        name(object),
    ]
}

fn binding(object: &Value) -> Vec<Value> {
    let role = |field: &str| object["roleRef"][field].as_str().unwrap_or_default();
    let subjects = |kind: &str| {
        let list = object["subjects"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|subject| subject["kind"] == kind);
        let names: Vec<String> = list
            .map(|subject| {
                let text = |field: &str| subject[field].as_str().unwrap_or_default();
                if kind == "ServiceAccount" {
                    format!("{}/{}", text("namespace"), text("name"))
                } else {
                    text("name").to_owned()
                }
            })
            .collect();
        json!(names.join(", "))
    };
    vec![
        name(object),
        json!(format!("{}/{}", role("kind"), role("name"))),
        age(object),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn api_service(object: &Value) -> Vec<Value> {
    let service = match &object["spec"]["service"] {
        Value::Null => "Local".to_owned(),
        service => {
            let text = |field: &str| service[field].as_str().unwrap_or_default();
            format!("{}/{}", text("namespace"), text("name"))
        }
    };
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let available = conditions.into_iter().flatten().find(|each| each["type"] == "Available");
    let available = match available {
        Some(condition) if condition["status"] == "True" => "True".to_owned(),
        Some(condition) => format!("False ({})", condition["reason"].as_str().unwrap_or_default()),
        None => "Unknown".to_owned(),
    };
    vec![name(object), json!(service), json!(available), age(object)]
}
