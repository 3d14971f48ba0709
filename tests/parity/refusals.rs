//! Conversations in which the server says no: the code, the reason and the sentence have to be the same.

use serde_json::{Value, json};

use super::conversation::Conversation;
use crate::support::wire::{APPLY, Ask, MERGE, STRATEGIC};

pub fn all(namespace: &str) -> Vec<Conversation> {
    vec![requests(namespace), validation(namespace), preconditions(namespace), immutable(namespace)]
}

fn config(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

fn requests(namespace: &str) -> Conversation {
    let all = &format!("/api/v1/namespaces/{namespace}/configmaps");
    let one = &format!("{all}/c");
    let elsewhere = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}});
    Conversation {
        name: "requests that cannot be met",
        versions: true,
        asks: vec![
            Ask::get(one),
            Ask::delete(one),
            Ask::patch(MERGE, one, json!({"data": {}})),
            Ask::patch(APPLY, one, config("c")),
            Ask::apply(one, "ana", "", config("other")),
            Ask::apply(one, "ana", "", elsewhere.clone()),
            Ask::post(all, elsewhere),
            Ask::apply(one, "ana", "&dryRun=Some", config("c")),
            Ask::apply(one, "ana", "&fieldValidation=Loose", config("c")),
            Ask::apply(
                one,
                "ana",
                "",
                json!({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "c"}}),
            ),
            Ask::apply(
                one,
                "ana",
                "",
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}}),
            ),
            Ask::apply(
                one,
                "ana",
                "",
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "managedFields": [
                {"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}]}}),
            ),
            Ask::post(all, config("c")),
            Ask::post(all, config("c")),
            Ask::put(one, config("other")),
            Ask::patch("text/plain", one, json!({})),
            Ask::patch(STRATEGIC, one, json!({"data": {"$patch": "nonsense"}})),
            Ask::new("POST", one.as_str()).body(config("c")),
            Ask::get("/api/v1/namespaces/no-such-namespace/configmaps/c"),
            Ask::post("/api/v1/namespaces/no-such-namespace/configmaps", config("c")),
            Ask::get("/apis/no.such.group/v1/things"),
            Ask::get(format!("/api/v1/namespaces/{namespace}/no-such-kind")),
            Ask::get(format!("{all}?labelSelector=a%20b%20c")),
            Ask::get(format!("{all}?fieldSelector=data.a%3D1")),
            Ask::get(format!("{all}?limit=1&continue=nonsense")),
            Ask::get("/no-such-path"),
        ],
    }
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})
}

fn validation(namespace: &str) -> Conversation {
    let path = &format!("/apis/apps/v1/namespaces/{namespace}/deployments/d");
    let strict =
        |object: Value| Ask::apply(path, "ana", "&fieldValidation=Strict&dryRun=All", object);
    let template = json!({"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "main", "image": "i"}]}});
    let selector = json!({"matchLabels": {"app": "d"}});
    let mut unknown = template.clone();
    unknown["spec"]["containers"][0]["imagee"] = "x".into();
    let mut wrong = template.clone();
    wrong["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": 1}]);
    let mut twice = template.clone();
    twice["spec"]["containers"] =
        json!([{"name": "main", "image": "i"}, {"name": "main", "image": "j"}]);
    let mut nameless = template.clone();
    nameless["spec"]["containers"] = json!([{"image": "i"}]);
    let configs = format!("/api/v1/namespaces/{namespace}/configmaps");
    Conversation {
        name: "objects that are not valid",
        versions: true,
        asks: vec![
            strict(deployment(json!({"selector": selector, "template": unknown}))),
            Ask::apply(
                path,
                "ana",
                "&fieldValidation=Ignore&dryRun=All",
                deployment(json!({"selector": selector, "template": unknown})),
            ),
            strict(deployment(json!({"selector": selector, "template": wrong}))),
            strict(deployment(json!({"selector": selector, "template": twice}))),
            strict(deployment(json!({"selector": selector, "template": nameless}))),
            strict(deployment(
                json!({"selector": {"matchLabels": {"app": "other"}}, "template": template}),
            )),
            strict(deployment(json!({"template": template}))),
            strict(deployment(
                json!({"selector": selector, "template": {"metadata": {"labels": {"app": "d"}}, "spec": {}}}),
            )),
            strict(deployment(
                json!({"replicas": "three", "selector": selector, "template": template}),
            )),
            strict(deployment(json!({"replicas": -1, "selector": selector, "template": template}))),
            Ask::post(&configs, config("Not A Name")),
            Ask::post(
                &configs,
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "l", "labels": {"a b": "c"}}}),
            ),
            Ask::post(&configs, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})),
            Ask::post(&configs, json!({"kind": "ConfigMap", "metadata": {"name": "x"}})),
            Ask::post(
                &configs,
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": 1}}),
            ),
            Ask::post(
                format!("{configs}?fieldValidation=Strict"),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "extra": 1}),
            ),
        ],
    }
}

fn preconditions(namespace: &str) -> Conversation {
    let all = &format!("/api/v1/namespaces/{namespace}/configmaps");
    let one = &format!("{all}/p");
    let with = |extra: Value| {
        let mut object = config("p");
        object["metadata"]
            .as_object_mut()
            .expect("metadata")
            .extend(extra.as_object().expect("an object").clone());
        object
    };
    let wrong = "11111111-2222-3333-4444-555555555555";
    Conversation {
        name: "preconditions",
        versions: true,
        asks: vec![
            Ask::post(all, config("p")),
            Ask::put(one, with(json!({"resourceVersion": "1"}))),
            Ask::put(one, with(json!({"uid": wrong}))),
            Ask::put(one, with(json!({"resourceVersion": "{{version}}", "labels": {"a": "b"}}))),
            Ask::patch(MERGE, one, json!({"metadata": {"resourceVersion": "1", "labels": {"a": "c"}}})),
            Ask::apply(one, "ana", "&force=true", with(json!({"resourceVersion": "1"}))),
            Ask::apply(one, "ana", "", with(json!({"uid": wrong}))),
            Ask::apply(one, "ana", "", with(json!({"uid": "{{uid}}", "resourceVersion": "{{version}}"}))),
            Ask::delete(one).body(json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": wrong}})),
            Ask::delete(one).body(json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"resourceVersion": "1"}})),
            Ask::delete(one).body(json!({"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})),
            Ask::patch(MERGE, one, json!({"metadata": {"finalizers": ["example.com/hold"]}})),
            Ask::delete(one).body(json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "{{uid}}"}})),
            Ask::get(one),
            Ask::patch(MERGE, one, json!({"metadata": {"finalizers": null}})),
            Ask::get(one),
            Ask::apply(one, "ana", "", with(json!({"uid": wrong}))),
            Ask::post(all, config("p")),
            Ask::delete(one),
        ],
    }
}

/// What cannot be changed in place.
fn immutable(namespace: &str) -> Conversation {
    let path = &format!("/apis/apps/v1/namespaces/{namespace}/deployments/d");
    let template = |app: &str| json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "main", "image": "i"}]}});
    let spec = |app: &str| json!({"replicas": 0, "selector": {"matchLabels": {"app": app}}, "template": template(app)});
    let job = &format!("/apis/batch/v1/namespaces/{namespace}/jobs/j");
    let work = |image: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"suspend": true,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}})
    };
    let service = &format!("/api/v1/namespaces/{namespace}/services/s");
    let headless = |ip: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"clusterIP": ip, "ports": [{"port": 80}]}});
    let stateful = &format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/s");
    let set = |name: &str| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {"replicas": 0,
        "serviceName": name, "selector": {"matchLabels": {"app": "s"}}, "template": template("s")}})
    };
    Conversation {
        name: "fields that cannot change",
        versions: false,
        asks: vec![
            Ask::apply(path, "ana", "", deployment(spec("d"))),
            Ask::apply(path, "ana", "&force=true", deployment(spec("e"))),
            Ask::apply(job, "ana", "", work("i")),
            Ask::apply(job, "ana", "&force=true", work("j")),
            Ask::apply(service, "ana", "", headless("None".into())),
            Ask::apply(service, "ana", "&force=true", headless("10.96.77.7".into())),
            Ask::apply(stateful, "ana", "", set("s")),
            Ask::apply(stateful, "ana", "&force=true", set("t")),
        ],
    }
}
