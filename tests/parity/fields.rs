//! Conversations about field management: apply, its conflicts, and what the other verbs leave behind.

use serde_json::{Value, json};

use super::conversation::Conversation;
use crate::support::wire::{Ask, JSON_PATCH, MERGE, STRATEGIC};

pub fn all(namespace: &str) -> Vec<Conversation> {
    vec![
        maps(namespace),
        scalars(namespace),
        workload(namespace),
        ports(namespace),
        lists(namespace),
        noop(namespace),
    ]
}

fn config(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// Two appliers of one map: ownership is by key.
fn maps(namespace: &str) -> Conversation {
    let path = &format!("/api/v1/namespaces/{namespace}/configmaps/shared");
    let put = |manager: &str, query: &str, data: Value| {
        Ask::apply(path, manager, query, config("shared", &data))
    };
    Conversation {
        name: "two appliers of a map",
        versions: true,
        asks: vec![
            put("ana", "", json!({"a": "1", "b": "1"})),
            put("leo", "", json!({"b": "1", "c": "1"})),
            put("leo", "", json!({"b": "2", "c": "1"})),
            put("leo", "&force=true", json!({"b": "2", "c": "1"})),
            put("ana", "", json!({"b": "1"})),
            put("ana", "", json!({"a": "3"})),
            put("leo", "", json!({})),
            Ask::apply(
                path,
                "leo",
                "",
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}}),
            ),
            Ask::patch(
                MERGE,
                format!("{path}?fieldManager=hand"),
                json!({"data": {"a": "hand", "z": "1"}}),
            ),
            put("ana", "", json!({"a": "3"})),
            put("ana", "&force=true", json!({"a": "3"})),
            Ask::patch(
                JSON_PATCH,
                format!("{path}?fieldManager=hand"),
                json!([{"op": "remove", "path": "/data/a"}]),
            ),
            Ask::get(path),
        ],
    }
}

/// Labels, annotations, binary data, immutability.
fn scalars(namespace: &str) -> Conversation {
    let base = format!("/api/v1/namespaces/{namespace}");
    let secret = |extra: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": {"app": "x"}}});
        object
            .as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("an object").clone());
        object
    };
    let path = &format!("{base}/secrets/s");
    Conversation {
        name: "secrets and metadata",
        versions: true,
        asks: vec![
            Ask::apply(path, "ana", "", secret(json!({"stringData": {"a": "plain"}}))),
            Ask::apply(
                path,
                "ana",
                "",
                secret(json!({"data": {"a": "cGxhaW4=", "b": "Yg=="}, "type": "Opaque"})),
            ),
            Ask::apply(
                path,
                "ana",
                "",
                secret(json!({"data": {"a": "cGxhaW4="}, "type": "kubernetes.io/tls"})),
            ),
            Ask::apply(
                path,
                "ana",
                "",
                secret(json!({"data": {"a": "cGxhaW4="}, "immutable": true})),
            ),
            Ask::apply(path, "ana", "", secret(json!({"data": {"a": "AAAA"}, "immutable": true}))),
            Ask::patch(
                MERGE,
                path,
                json!({"metadata": {"annotations": {"note": "n"}, "labels": {"app": null}}}),
            ),
            Ask::patch(STRATEGIC, path, json!({"metadata": {"labels": {"tier": "t"}}})),
            Ask::get(path),
        ],
    }
}

/// What nothing else writes: a suspended `CronJob` carries a whole pod template.
fn cron(containers: &Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron"}, "spec": {
        "schedule": "*/5 * * * *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": containers,
            "volumes": [{"name": "v", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}}],
        }}}},
    }})
}

fn workload(namespace: &str) -> Conversation {
    let path = &format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/cron");
    let main = json!({
        "name": "main", "image": "web:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 1}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
    });
    let mut changed = main.clone();
    changed["image"] = "web:2".into();
    changed["env"] = json!([{"name": "B", "value": "2"}]);
    let sidecar = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [
        {"name": "sidecar", "image": "proxy:1"}, {"name": "main", "env": [{"name": "C", "value": "3"}]},
    ]}}}}}});
    let image = "/spec/jobTemplate/spec/template/spec/containers/0/image";
    Conversation {
        name: "a pod template and its lists",
        versions: false,
        asks: vec![
            Ask::apply(path, "ana", "&fieldValidation=Strict", cron(&json!([main]))),
            Ask::apply(path, "ana", "&fieldValidation=Strict&dryRun=All", cron(&json!([main]))),
            Ask::patch(STRATEGIC, format!("{path}?fieldManager=hand"), sidecar),
            Ask::apply(path, "leo", "", cron(&json!([{"name": "main", "image": "web:3"}]))),
            Ask::apply(path, "ana", "", cron(&json!([changed]))),
            Ask::patch(
                JSON_PATCH,
                format!("{path}?fieldManager=edit"),
                json!([{"op": "replace", "path": image, "value": "web:9"}]),
            ),
            Ask::apply(path, "ana", "&force=true", cron(&json!([changed]))),
            Ask::patch(
                MERGE,
                format!("{path}?fieldManager=kubectl-edit"),
                json!({"spec": {"suspend": true, "schedule": "@daily"}}),
            ),
            Ask::get(path),
        ],
    }
}

/// Services: defaulted keys of list items, and a type that allocates.
fn ports(namespace: &str) -> Conversation {
    let path = &format!("/api/v1/namespaces/{namespace}/services/web");
    let service = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    let two = json!([{"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    Conversation {
        name: "service ports",
        versions: false,
        asks: vec![
            Ask::apply(
                path,
                "ana",
                "",
                service(json!({"ports": [{"port": 80}], "selector": {"app": "web"}})),
            ),
            Ask::apply(path, "ana", "", service(json!({"ports": two, "selector": {"app": "web"}}))),
            Ask::apply(path, "ana", "", service(json!({"ports": two, "type": "NodePort"}))),
            Ask::apply(
                path,
                "ana",
                "&dryRun=All",
                service(json!({"ports": two, "type": "NodePort"})),
            ),
            Ask::apply(
                path,
                "leo",
                "",
                service(json!({"ports": [{"name": "http", "port": 80, "targetPort": 8080}]})),
            ),
            Ask::apply(
                path,
                "leo",
                "",
                service(
                    json!({"ports": [{"name": "twice", "port": 80}, {"name": "twice", "port": 81}]}),
                ),
            ),
            Ask::apply(path, "ana", "", service(json!({"clusterIP": "None", "ports": two}))),
            Ask::get(path),
        ],
    }
}

/// Lists that are atomic, sets, and maps by key, in other kinds.
fn lists(namespace: &str) -> Conversation {
    let role = &format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/r");
    let policy = &format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/p");
    let account = &format!("/api/v1/namespaces/{namespace}/serviceaccounts/a");
    let rules = |rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": rules});
    let read = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]});
    let write = json!({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]});
    Conversation {
        name: "atomic lists and sets",
        versions: true,
        asks: vec![
            Ask::apply(role, "ana", "", rules(json!([read, write]))),
            Ask::apply(role, "leo", "", rules(json!([read]))),
            Ask::apply(role, "leo", "&force=true", rules(json!([read]))),
            Ask::apply(
                policy,
                "ana",
                "",
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "p", "finalizers": ["example.com/a"]},
                "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}, {"port": "web", "protocol": "TCP"}]}]}}),
            ),
            Ask::apply(
                policy,
                "leo",
                "",
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "p", "finalizers": ["example.com/b"]}}),
            ),
            Ask::apply(
                account,
                "ana",
                "",
                json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"},
                "imagePullSecrets": [{"name": "one"}, {"name": "two"}], "automountServiceAccountToken": false}),
            ),
            Ask::apply(
                account,
                "ana",
                "",
                json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"},
                "imagePullSecrets": [{"name": "two"}]}),
            ),
            Ask::get(account),
        ],
    }
}

/// What changes nothing moves no version; what only takes ownership does.
fn noop(namespace: &str) -> Conversation {
    let path = &format!("/api/v1/namespaces/{namespace}/configmaps/still");
    let object = config("still", &json!({"a": "1"}));
    Conversation {
        name: "requests that change nothing",
        versions: true,
        asks: vec![
            Ask::post(
                format!("/api/v1/namespaces/{namespace}/configmaps?fieldManager=ana"),
                object.clone(),
            ),
            Ask::patch(MERGE, format!("{path}?fieldManager=ana"), json!({"data": {"a": "1"}})),
            Ask::patch(
                MERGE,
                format!("{path}?fieldManager=ana&dryRun=All"),
                json!({"data": {"a": "2"}}),
            ),
            Ask::apply(path, "leo", "&dryRun=All", object.clone()),
            Ask::get(path),
            Ask::apply(path, "leo", "", object.clone()),
            Ask::apply(path, "leo", "", object),
            Ask::put(format!("{path}?fieldManager=ana"), config("still", &json!({"a": "2"}))),
            Ask::get(path),
        ],
    }
}
