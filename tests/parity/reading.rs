//! Conversations about lists, selectors, tables, subresources and rights.

use serde_json::{Value, json};

use super::conversation::Conversation;
use crate::support::wire::{Ask, JSON, MERGE, STRATEGIC};

/// What kubectl asks for.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
/// What metadata watches ask for.
const PARTIAL: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

pub fn all(namespace: &str) -> Vec<Conversation> {
    vec![
        lists(namespace),
        watches(namespace),
        scale(namespace),
        rights(namespace),
        namespaces(namespace),
    ]
}

fn lists(namespace: &str) -> Conversation {
    let all = &format!("/api/v1/namespaces/{namespace}/configmaps");
    let config = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}});
    let selected = |query: &str| Ask::get(format!("{all}?{query}"));
    Conversation {
        name: "lists and selectors",
        versions: false,
        asks: vec![
            Ask::post(all, config("l1", json!({"app": "x", "tier": "a"}))),
            Ask::post(all, config("l2", json!({"app": "x", "tier": "b"}))),
            Ask::post(all, config("l3", json!({"app": "y"}))),
            selected("labelSelector=app%3Dx"),
            selected("labelSelector=app%20in%20(x,y),tier%20notin%20(b),app"),
            selected("labelSelector=app,!tier"),
            selected("fieldSelector=metadata.name%3Dl3"),
            selected("fieldSelector=metadata.name!%3Dl3&labelSelector=app"),
            selected("labelSelector=app&limit=2"),
            selected("labelSelector=app%3Dx")
                .accept(PARTIAL.replace("Metadata;", "MetadataList;").leak()),
            Ask::get(format!("{all}/l1")).accept(PARTIAL),
            selected("labelSelector=app").accept(TABLE),
            Ask::get(format!("{all}/l2")).accept(TABLE),
            Ask::get(format!("/api/v1/namespaces/{namespace}")).accept(TABLE),
            Ask::new("DELETE", format!("{all}?labelSelector=app%3Dx")).accept(JSON),
            selected("labelSelector=app"),
            Ask::new("DELETE", format!("{all}/l3")),
        ],
    }
}

fn watches(namespace: &str) -> Conversation {
    let all = &format!("/api/v1/namespaces/{namespace}/configmaps");
    let one = format!("{all}/w");
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w", "labels": {"watched": "yes"}}});
    let selected = format!("{all}?watch=true&timeoutSeconds=1&labelSelector=watched%3Dyes");
    let initial =
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    Conversation {
        name: "watches",
        versions: false,
        asks: vec![
            Ask::get(format!("{all}?labelSelector=watched%3Dyes")),
            Ask::post(all, config.clone()),
            Ask::patch(MERGE, one.as_str(), json!({"data": {"a": "1"}})),
            Ask::get(&selected),
            Ask::get(format!("{selected}{initial}")),
            Ask::get(format!("{selected}&resourceVersion={{{{version}}}}")),
            Ask::get(format!("{selected}{initial}")).accept(PARTIAL),
            Ask::get(&selected).accept(TABLE),
            Ask::get(format!("{selected}&sendInitialEvents=true")),
            Ask::get(format!("{selected}&resourceVersion=nonsense")),
            Ask::patch(MERGE, one.as_str(), json!({"metadata": {"labels": {"watched": "no"}}})),
            Ask::delete(one.as_str()),
            Ask::post(all, config),
            Ask::get(format!(
                "{selected}&fieldSelector=metadata.name%3Dw&resourceVersion={{{{version}}}}"
            )),
        ],
    }
}

fn scale(namespace: &str) -> Conversation {
    let one = &format!("/apis/apps/v1/namespaces/{namespace}/deployments/idle");
    let template = json!({"metadata": {"labels": {"app": "idle"}}, "spec": {"containers": [{"name": "main", "image": "i"}],
        "nodeSelector": {"no": "such"}}});
    let object = |replicas: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "idle"}, "spec": {
        "replicas": replicas, "paused": true, "selector": {"matchLabels": {"app": "idle"}}, "template": template}})
    };
    Conversation {
        name: "scale and status of a Deployment",
        versions: false,
        asks: vec![
            Ask::apply(one, "ana", "", object(1.into())),
            Ask::patch(
                MERGE,
                format!("{one}/scale?fieldManager=kubectl"),
                json!({"spec": {"replicas": 2}}),
            ),
            Ask::apply(one, "ana", "", object(1.into())),
            Ask::apply(one, "ana", "", object(Value::Null)),
            Ask::apply(one, "ana", "&dryRun=All&force=true", object(1.into())),
            Ask::patch(
                STRATEGIC,
                format!("{one}?fieldManager=kubectl-set"),
                json!({"spec": {"template": {"spec": {
                "containers": [{"name": "main", "image": "j"}]}}}}),
            ),
            Ask::patch(
                MERGE,
                format!("{one}?fieldManager=kubectl-rollout"),
                json!({"spec": {"template": {"metadata": {
                "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}}),
            ),
            Ask::delete(format!("{one}?propagationPolicy=Background")),
        ],
    }
}

fn rights(namespace: &str) -> Conversation {
    let review = |attributes: Value| {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes}});
        Ask::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    };
    Conversation {
        name: "access reviews",
        versions: false,
        asks: vec![
            review(
                json!({"namespace": namespace, "verb": "patch", "group": "apps", "resource": "deployments"}),
            ),
            review(json!({"verb": "*", "group": "*", "resource": "*"})),
        ],
    }
}

fn namespaces(namespace: &str) -> Conversation {
    let one = &format!("/api/v1/namespaces/{namespace}-other");
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{namespace}-other")}});
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    Conversation {
        name: "namespaces",
        versions: false,
        asks: vec![
            Ask::apply(one, "ana", "&dryRun=All", object.clone()),
            Ask::get(one),
            Ask::apply(one, "ana", "", object.clone()),
            Ask::apply(&format!("{one}/configmaps/c"), "ana", "", config),
            Ask::apply(one, "ana", "", object),
            Ask::delete(one),
        ],
    }
}
