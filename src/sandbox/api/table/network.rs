//! Services, ingresses and what belongs to them.

use serde_json::{Value, json};

use super::{super::selector::label_selector_text, Layout, age, head, name, pairs, word};

/// The layout, if the resource is one of these.
pub fn layout(group: &str, plural: &str) -> Option<Layout> {
    Some(match (group, plural) {
        ("", "services") => {
            (head("Name|Type|Cluster-IP|External-IP|Port(s)|Age|+Selector"), service)
        }
        ("networking.k8s.io", "ingresses") => (head("Name|Class|Hosts|Address|Ports|Age"), ingress),
        ("networking.k8s.io", "ingressclasses") => {
            (head("Name|Controller|Parameters|Age"), ingress_class)
        }
        ("networking.k8s.io", "networkpolicies") => (head("Name|Pod-Selector|Age"), network_policy),
        ("", "endpoints") => (head("Name|Endpoints|Age"), endpoints),
        ("discovery.k8s.io", "endpointslices") => {
            (head("Name|AddressType|Ports|Endpoints|Age"), endpoint_slice)
        }
        _ => return None,
    })
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn joined(parts: &[String], empty: &str) -> Value {
    json!(if parts.is_empty() { empty.to_owned() } else { parts.join(",") })
}

/// Addresses that a load balancer got.
fn balanced(object: &Value) -> Vec<String> {
    items(object, "/status/loadBalancer/ingress")
        .filter_map(|each| each["ip"].as_str().or_else(|| each["hostname"].as_str()))
        .map(str::to_owned)
        .collect()
}

fn service(object: &Value) -> Vec<Value> {
    let kind = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
    let mut external: Vec<String> =
        items(object, "/spec/externalIPs").filter_map(Value::as_str).map(str::to_owned).collect();
    let external = match kind {
        "ExternalName" => word(object, "/spec/externalName", ""),
        "LoadBalancer" => {
            let mut all = balanced(object);
            all.append(&mut external);
            joined(&all, "<pending>")
        }
        _ => joined(&external, "<none>"),
    };
    let ports: Vec<String> = items(object, "/spec/ports")
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_i64() {
                Some(node) if node > 0 => format!("{}:{node}/{protocol}", port["port"]),
                _ => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    vec![
        name(object),
        json!(kind),
        word(object, "/spec/clusterIP", "<none>"),
        external,
        joined(&ports, "<none>"),
        age(object),
        json!(pairs(object.pointer("/spec/selector"))),
    ]
}

fn ingress(object: &Value) -> Vec<Value> {
    let hosts: Vec<String> = items(object, "/spec/rules")
        .filter_map(|rule| rule["host"].as_str())
        .map(str::to_owned)
        .collect();
    let secured = items(object, "/spec/tls").next().is_some();
    vec![
        name(object),
        word(object, "/spec/ingressClassName", "<none>"),
        joined(&hosts, "*"),
        json!(balanced(object).join(",")),
        json!(if secured { "80, 443" } else { "80" }),
        age(object),
    ]
}

fn ingress_class(object: &Value) -> Vec<Value> {
    let parameters = match &object["spec"]["parameters"] {
        Value::Null => "<none>".to_owned(),
        parameters => {
            let text = |field: &str| parameters[field].as_str().unwrap_or_default();
            format!("{}.{}/{}", text("kind"), text("apiGroup"), text("name"))
        }
    };
    vec![name(object), word(object, "/spec/controller", ""), json!(parameters), age(object)]
}

fn network_policy(object: &Value) -> Vec<Value> {
    let selector = label_selector_text(&object["spec"]["podSelector"]);
    vec![
        name(object),
        json!(if selector.is_empty() { "<none>".to_owned() } else { selector }),
        age(object),
    ]
}

fn endpoints(object: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for subset in items(object, "/subsets") {
        for address in items(subset, "/addresses").filter_map(|address| address["ip"].as_str()) {
            found.extend(items(subset, "/ports").map(|port| format!("{address}:{}", port["port"])));
        }
    }
    vec![name(object), joined(&found, "<none>"), age(object)]
}

fn endpoint_slice(object: &Value) -> Vec<Value> {
    let ports: Vec<String> = items(object, "/ports").map(|port| port["port"].to_string()).collect();
    let addresses: Vec<String> = items(object, "/endpoints")
        .flat_map(|endpoint| items(endpoint, "/addresses"))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    vec![
        name(object),
        word(object, "/addressType", ""),
        joined(&ports, "<unset>"),
        joined(&addresses, "<unset>"),
        age(object),
    ]
}
