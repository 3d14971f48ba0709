//! Tables of defaults.

use serde_json::{Value, json};

use super::workloads::pull_policy;
use crate::sandbox::fields::{Schemas, default};

fn filled(group: &str, version: &str, object: Value) -> Value {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let mut object = object;
    default(&Schemas::builtin().of(group, version, &kind).unwrap(), &mut object);
    object
}

#[test]
fn images_are_always_pulled_without_a_tag_that_stays() {
    let table = [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("host:5000/a/b", "Always"),
        ("host:5000/a/b:1", "IfNotPresent"),
        ("a@sha256:00", "IfNotPresent"),
        ("a:latest@sha256:00", "Always"),
    ];
    for (image, policy) in table {
        assert_eq!(pull_policy(image), policy, "{image}");
    }
}

#[test]
fn a_deployment_is_completed() {
    let given = json!({"kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {
        "serviceAccountName": "me", "volumes": [{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}],
        "containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}],
            "livenessProbe": {"httpGet": {"port": 80}}, "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
            "resources": {"limits": {"cpu": "1000m"}}}]}}}});
    let expected = json!({"kind": "Deployment", "metadata": {}, "status": {}, "spec": {"replicas": 1, "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"a": "b"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": {"metadata": {}, "spec": {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
            "serviceAccount": "me", "serviceAccountName": "me",
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}}],
            "containers": [{"name": "c", "image": "i:1", "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "1"}},
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "x"}}}],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}}]}}}});
    assert_eq!(filled("apps", "v1", given), expected);
}

#[test]
fn smaller_kinds_are_completed() {
    let service = filled("", "v1", json!({"kind": "Service", "spec": {"ports": [{"port": 80}]}}));
    let expected = json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]});
    assert_eq!(service["spec"], expected);
    let secret = filled(
        "",
        "v1",
        json!({"kind": "Secret", "stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eA=="}}),
    );
    assert_eq!(
        secret,
        json!({"kind": "Secret", "metadata": {}, "type": "Opaque", "data": {"a": "Yg==", "c": "eA=="}})
    );
    let space = filled("", "v1", json!({"kind": "Namespace", "metadata": {"name": "n"}}));
    assert_eq!(space["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "n"}));
    let binding = json!({"kind": "RoleBinding", "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "s"}, {"kind": "User", "name": "u"}]});
    let binding = filled("rbac.authorization.k8s.io", "v1", binding);
    assert_eq!(binding["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(binding["subjects"][0].get("apiGroup"), None);
    assert_eq!(binding["subjects"][1]["apiGroup"], "rbac.authorization.k8s.io");
    let policy = filled(
        "networking.k8s.io",
        "v1",
        json!({"kind": "NetworkPolicy", "spec": {"podSelector": {}}}),
    );
    assert_eq!(policy["spec"], json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
}

#[test]
fn custom_resources_get_the_defaults_of_their_schema() {
    let crd = json!({"spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [{"name": "v1",
    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer", "default": 3}, "mode": {"type": "string", "nullable": true, "default": "a"},
        "parts": {"type": "array", "items": {"type": "object", "properties": {"port": {"type": "integer", "default": 80}}}}
    }}}}}}]}});
    let schema = Schemas::builtin().with_crd(&crd).of("example.com", "v1", "Thing").unwrap();
    let mut thing = json!({"kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": null, "mode": null, "parts": [{}]}});
    default(&schema, &mut thing);
    assert_eq!(thing["spec"], json!({"size": 3, "mode": null, "parts": [{"port": 80}]}));
}
