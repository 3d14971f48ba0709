//! What the server's admission fills in on its own: addresses, ports, accounts, job selectors.

use serde_json::{Value, json};

use super::{
    ApiServer,
    collect::{CLAIM, VOLUME},
    prepare,
    resource::Resource,
};

/// First node port of the usual range.
const FIRST_PORT: u64 = 30_000;
/// How many node ports there are.
const PORTS: u64 = 2_768;

impl ApiServer {
    /// Completes an object before validation; `live` is the state it replaces.
    pub(super) fn allocate(
        &self,
        resource: &Resource,
        live: Option<&Value>,
        object: &mut Value,
        dry_run: bool,
    ) {
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "services") => self.allocate_service(live, object, dry_run),
            ("", "pods") => complete_pod(live, object),
            ("", "namespaces") => complete_namespace(live, object),
            ("", "persistentvolumeclaims") if live.is_none() => protect(object, CLAIM),
            ("", "persistentvolumes") if live.is_none() => protect(object, VOLUME),
            ("apps", "daemonsets") => count_template(live, object),
            ("batch", "jobs") => {
                complete_job(live, object);
                label_job(object);
            }
            _ => {}
        }
    }

    fn allocate_service(&self, live: Option<&Value>, object: &mut Value, dry_run: bool) {
        let kind =
            object.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
        if !object["spec"].is_object() || kind == "ExternalName" {
            return;
        }
        // What was given once stays, unless the writer says otherwise.
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if object["spec"][field].is_null()
                && live.is_some_and(|live| live["spec"]["type"] != "ExternalName")
            {
                object["spec"][field] =
                    live.map(|live| live["spec"][field].clone()).unwrap_or_default();
            }
        }
        let specification = &mut object["spec"];
        if specification["clusterIP"].as_str().is_none_or(str::is_empty) {
            specification["clusterIP"] = json!(self.next_address(dry_run));
        }
        if specification["clusterIPs"].as_array().is_none_or(Vec::is_empty) {
            specification["clusterIPs"] = json!([specification["clusterIP"]]);
        }
        if specification["ipFamilies"].as_array().is_none_or(Vec::is_empty) {
            specification["ipFamilies"] = json!(["IPv4"]);
        }
        if specification["ipFamilyPolicy"].is_null() {
            specification["ipFamilyPolicy"] = json!("SingleStack");
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            self.allocate_ports(live, &mut specification["ports"], dry_run);
        }
    }

    fn allocate_ports(&self, live: Option<&Value>, ports: &mut Value, dry_run: bool) {
        let mut beyond = FIRST_PORT + PORTS;
        let before = live.and_then(|live| live.pointer("/spec/ports")).and_then(Value::as_array);
        for port in ports.as_array_mut().into_iter().flatten() {
            if port["nodePort"].as_u64().is_none_or(|number| number == 0) {
                let same = before.into_iter().flatten().find(|each| each["port"] == port["port"]);
                let kept = same.map(|each| each["nodePort"].clone()).filter(Value::is_u64);
                port["nodePort"] = kept.unwrap_or_else(|| {
                    if dry_run {
                        beyond += 1;
                        return json!(beyond);
                    }
                    json!(FIRST_PORT + self.next_number() % PORTS)
                });
            }
        }
    }

    /// A free address. A dry run takes none: the server shows the first of the range, and ports beyond theirs.
    fn next_address(&self, dry_run: bool) -> String {
        if dry_run {
            return "10.96.0.0".to_owned();
        }
        let number = self.next_number();
        format!("10.96.{}.{}", (number / 250) % 250, number % 250 + 1)
    }
}

fn complete_pod(live: Option<&Value>, object: &mut Value) {
    if live.is_some() || !object["spec"].is_object() {
        return;
    }
    let specification = &mut object["spec"];
    for account in ["serviceAccountName", "serviceAccount"] {
        if specification[account].as_str().is_none_or(str::is_empty) {
            specification[account] = json!("default");
        }
    }
    if specification["priority"].is_null() {
        specification["priority"] = json!(0);
    }
    if specification["preemptionPolicy"].is_null() {
        specification["preemptionPolicy"] = json!("PreemptLowerPriority");
    }
    let tolerations = specification["tolerations"].as_array().cloned().unwrap_or_default();
    let missing = ["not-ready", "unreachable"]
        .map(|name| format!("node.kubernetes.io/{name}"))
        .into_iter()
        .filter(|key| {
            !tolerations.iter().any(|each| {
                each["key"] == key.as_str()
                    || (each["key"].is_null() && each["operator"] == "Exists")
            })
        });
    let added = missing.map(|key| {
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    });
    specification["tolerations"] = tolerations.iter().cloned().chain(added).collect();
}

fn complete_namespace(live: Option<&Value>, object: &mut Value) {
    if let Some(live) = live {
        // Only the end of a namespace takes its last finalizer away.
        if live.pointer("/metadata/deletionTimestamp").is_none() {
            object["spec"] = live["spec"].clone();
        }
    } else {
        if !object["spec"].is_object() {
            object["spec"] = json!({});
        }
        object["spec"]["finalizers"] = json!(["kubernetes"]);
    }
}

/// Adds a finalizer of admission.
fn protect(object: &mut Value, finalizer: &str) {
    let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !finalizers.iter().any(|each| each == finalizer) {
        finalizers.push(json!(finalizer));
    }
    object["metadata"]["finalizers"] = Value::Array(finalizers);
}

/// A daemon set counts the changes of its template in an annotation that is left over from an older version.
fn count_template(live: Option<&Value>, object: &mut Value) {
    const COUNT: &str = "deprecated.daemonset.template.generation";
    let before =
        live.and_then(|live| live["metadata"]["annotations"][COUNT].as_str()?.parse::<u64>().ok());
    let same = live.is_some_and(|live| live["spec"]["template"] == object["spec"]["template"]);
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    let count = before.unwrap_or(0) + u64::from(!same);
    object["metadata"]["annotations"][COUNT] = json!(count.to_string());
}

/// A job without labels of its own shows those of its template.
fn label_job(object: &mut Value) {
    if object["metadata"]["labels"].as_object().is_none_or(serde_json::Map::is_empty) {
        let labels = object.pointer("/spec/template/metadata/labels").cloned();
        if let Some(labels) = labels {
            object["metadata"]["labels"] = labels;
        }
    }
}

/// A job selects its pods by its own uid unless it brings a selector.
fn complete_job(live: Option<&Value>, object: &mut Value) {
    if object["spec"]["manualSelector"] == true || !object["spec"].is_object() {
        return;
    }
    if let Some(live) = live {
        if object["spec"]["selector"].is_null() {
            object["spec"]["selector"] = live["spec"]["selector"].clone();
        }
        let labels = live.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default();
        for (key, value) in labels.as_object().into_iter().flatten() {
            if key.contains("controller-uid") || key.contains("job-name") {
                object["spec"]["template"]["metadata"]["labels"][key] = value.clone();
            }
        }
        return;
    }
    let metadata = prepare::metadata(object);
    let (uid, name) = (metadata["uid"].clone(), metadata["name"].clone());
    object["spec"]["selector"] =
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    let template = &mut object["spec"]["template"];
    if !template["metadata"].is_object() {
        template["metadata"] = json!({});
    }
    if !template["metadata"]["labels"].is_object() {
        template["metadata"]["labels"] = json!({});
    }
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        template["metadata"]["labels"][key] = value.clone();
    }
}
