//! Tables of the verdict.

use super::diff::{difference, extras};
use super::ignored::Held;
use super::{Change, FieldPath, Why};
use serde_json::{Value, json};

fn object(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}, "spec": spec})
}

fn changes(live: Value, predicted: Value) -> Vec<(String, Value, Value)> {
    let flat = |change: Change| {
        (change.path, change.before.unwrap_or(Value::Null), change.after.unwrap_or(Value::Null))
    };
    difference(Some(&object(live)), &object(predicted), &[]).changes.into_iter().map(flat).collect()
}

fn row(path: &str, before: Value, after: Value) -> (String, Value, Value) {
    (path.to_owned(), before, after)
}

#[test]
fn fields_that_change_appear_and_go() {
    assert_eq!(
        changes(
            json!({"a": 1, "b": {"x": 1}, "c": 1}),
            json!({"a": 2, "b": {"x": 1, "y": {"z": 1}}})
        ),
        [
            row("/spec/a", json!(1), json!(2)),
            row("/spec/b/y", Value::Null, json!({"z": 1})),
            row("/spec/c", json!(1), Value::Null),
        ]
    );
}

#[test]
fn types_count() {
    assert_eq!(changes(json!({"p": 80}), json!({"p": "80"})).len(), 1);
    assert_eq!(changes(json!({"p": {}}), json!({})).len(), 1);
}

#[test]
fn items_are_found_by_known_keys() {
    let live = json!({"containers": [{"name": "a", "image": "1", "ports": [{"containerPort": 1, "protocol": "TCP"}]}, {"name": "b"}]});
    let predicted = json!({"containers": [{"name": "a", "image": "2", "ports": [{"containerPort": 1, "protocol": "UDP"}]}, {"name": "c"}]});
    assert_eq!(
        changes(live, predicted),
        [
            row("/spec/containers/[name=a]/image", json!("1"), json!("2")),
            row(
                "/spec/containers/[name=a]/ports/[containerPort=1,protocol=TCP]",
                json!({"containerPort": 1, "protocol": "TCP"}),
                Value::Null
            ),
            row(
                "/spec/containers/[name=a]/ports/[containerPort=1,protocol=UDP]",
                Value::Null,
                json!({"containerPort": 1, "protocol": "UDP"})
            ),
            row("/spec/containers/[name=b]", json!({"name": "b"}), Value::Null),
            row("/spec/containers/[name=c]", Value::Null, json!({"name": "c"})),
        ]
    );
}

#[test]
fn order_of_keyed_items_is_a_change_of_the_list() {
    assert_eq!(
        changes(
            json!({"env": [{"name": "a"}, {"name": "b"}]}),
            json!({"env": [{"name": "b"}, {"name": "a"}]})
        ),
        [row("/spec/env", json!(["[name=a]", "[name=b]"]), json!(["[name=b]", "[name=a]"]))]
    );
}

#[test]
fn lists_without_keys_go_by_position() {
    assert_eq!(
        changes(json!({"args": ["a", "b"]}), json!({"args": ["a", "c"]})),
        [row("/spec/args/1", json!("b"), json!("c"))]
    );
    assert_eq!(
        changes(json!({"args": ["a"]}), json!({"args": ["x", "a"]})),
        [row("/spec/args", json!(["a"]), json!(["x", "a"]))]
    );
    assert_eq!(
        changes(
            json!({"rules": [{"verbs": ["a"]}]}),
            json!({"rules": [{"verbs": ["b"]}, {"verbs": []}]})
        ),
        [
            row("/spec/rules/0/verbs/0", json!("a"), json!("b")),
            row("/spec/rules/1", Value::Null, json!({"verbs": []}))
        ]
    );
}

#[test]
fn the_servers_own_keys_come_first() {
    let with = |items: Value| {
        let mut live = object(json!({"list": items}));
        live["metadata"]["managedFields"] = json!([{"manager": "m", "operation": "Apply", "apiVersion": "apps/v1",
            "fieldsV1": {"f:spec": {"f:list": {"k:{\"id\":1,\"zone\":\"a\"}": {".": {}}}}}}]);
        live
    };
    let live = with(json!([{"id": 1, "zone": "a", "name": "x"}]));
    let found = difference(Some(&live), &with(json!([{"id": 1, "zone": "a", "name": "y"}])), &[]);
    assert_eq!(found.changes[0].path, "/spec/list/[id=1,zone=a]/name");
}

#[test]
fn bookkeeping_is_no_difference() {
    let mut live = object(json!({"a": 1}));
    let mut predicted = live.clone();
    live["metadata"]["resourceVersion"] = "1".into();
    live["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
    live["status"] = json!({"x": 1});
    predicted["metadata"]["generation"] = 2.into();
    predicted["metadata"]["managedFields"] = json!([]);
    let found = difference(Some(&live), &predicted, &[]);
    let mut why: Vec<Why> = found.left.into_iter().map(|(_, why)| why).collect();
    why.sort();
    assert_eq!((found.changes, why), (vec![], vec![Why::Status, Why::Bookkeeping]));
}

#[test]
fn held_places_are_no_changes_and_are_told() {
    let why = Why::Rule { rule: "/spec/replicas".into(), place: None };
    let held = [Held { path: FieldPath::parse("/spec/replicas").unwrap(), why: why.clone() }];
    let (live, predicted) = (
        object(json!({"replicas": 1, "x": {"y": 1}})),
        object(json!({"replicas": 2, "x": {"y": 2}})),
    );
    let found = difference(Some(&live), &predicted, &held);
    assert_eq!((found.changes.len(), found.changes[0].path.as_str()), (1, "/spec/x/y"));
    assert_eq!(found.left, [("/spec/replicas".to_owned(), why)]);
}

#[test]
fn who_loses_a_value_by_force_is_named() {
    let mut live = object(json!({"a": 1, "b": 1, "c": 1}));
    live["metadata"]["managedFields"] = json!([
        {"manager": "gitdeck", "operation": "Apply", "fieldsV1": {"f:spec": {"f:b": {}, "f:c": {}}}},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:a": {}, "f:c": {}}}},
    ]);
    let predicted = object(json!({"a": 2, "b": 2}));
    let found = difference(Some(&live), &predicted, &[]).changes;
    let forced: Vec<(&str, usize)> =
        found.iter().map(|change| (change.path.as_str(), change.forced.len())).collect();
    assert_eq!(forced, [("/spec/a", 1), ("/spec/b", 0), ("/spec/c", 0)]);
    assert_eq!(found[0].forced, ["kubectl"]);
}

#[test]
fn a_new_object_is_told_by_its_parts() {
    let mut new = object(json!({"a": {"b": 1}}));
    new["metadata"]["labels"] = json!({"l": "1"});
    new["metadata"]["uid"] = "u".into();
    let found = difference(None, &new, &[]).changes;
    assert_eq!(
        found.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(),
        ["/metadata/labels", "/spec"]
    );
    assert!(found.iter().all(|change| change.before.is_none() && change.live_manager.is_none()));
}

#[test]
fn secrets_are_told_without_values() {
    let secret = |data: Value, note: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {"note": note}}, "data": data, "type": "Opaque"});
    let live = secret(json!({"a": "b2xk", "b": "c2FtZQ=="}), "b2xk");
    let predicted = secret(json!({"a": "bmV3", "b": "c2FtZQ==", "c": "YWRk"}), "bmV3");
    let note = "/metadata/annotations/note";
    for (before, paths) in [
        (Some(&live), vec!["/data/a", "/data/c", note]),
        (None, vec!["/data/a", "/data/b", "/data/c", note, "/type"]),
    ] {
        let found = difference(before, &predicted, &[]).changes;
        assert_eq!(found.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), paths);
        let shown = serde_json::to_string(&found).unwrap();
        assert!(
            !shown.contains("b2xk") && !shown.contains("bmV3") && !shown.contains("YWRk"),
            "{shown}"
        );
        assert!(found.iter().filter(|change| change.path != "/type").all(|change| change.redacted));
    }
}

#[test]
fn the_culprit_of_a_scaled_deployment_is_named() {
    let mut live = object(json!({"replicas": 5}));
    live["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "subresource": "scale",
        "apiVersion": "apps/v1", "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    let found = difference(Some(&live), &object(json!({"replicas": 3})), &[]).changes;
    assert_eq!(found[0].path, "/spec/replicas");
    assert_eq!(found[0].live_manager.as_deref(), Some("kubectl"));
    assert_eq!(found[0].live_time.unwrap().to_string(), "2026-01-02T03:04:05Z");
}

#[test]
fn extras_are_what_others_added() {
    let mut live = object(
        json!({"replicas": 5, "paused": true, "template": {"spec": {"dnsPolicy": "ClusterFirst", "containers": [
        {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "terminationMessagePath": "/dev/termination-log"},
        {"name": "proxy", "image": "p"}]}}}),
    );
    live["metadata"]["managedFields"] = json!([
        {"manager": "gitdeck", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}, "f:template": {"f:spec": {
            "f:dnsPolicy": {}, "f:containers": {
                "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:terminationMessagePath": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:value": {}}, "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}}},
                "k:{\"name\":\"proxy\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:x": {}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]);
    let desired = object(
        json!({"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "1"}]}]}}}),
    );
    assert_eq!(
        extras(&live, &desired),
        [
            "/spec/paused",
            "/spec/template/spec/containers/[name=app]/env/[name=B]",
            "/spec/template/spec/containers/[name=proxy]",
        ]
    );
}

fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        "[a-c]".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("name|key|[a-c]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn nothing_differs_from_itself(spec in any_json()) {
        let object = object(spec);
        proptest::prop_assert_eq!(difference(Some(&object), &object, &[]).changes.len(), 0);
    }

    #[test]
    fn every_difference_is_found(a in any_json(), b in any_json()) {
        let found = difference(Some(&object(a.clone())), &object(b.clone()), &[]).changes;
        proptest::prop_assert_eq!(found.is_empty(), a == b, "{:?}", found);
    }
}
