//! Tables of the order of apply and deletion.

use super::ObjectKey;
use super::order::{OrderError, OrderInput, apply_order, delete_order};
use proptest::prelude::*;
use serde_json::{Value, json};

fn key(text: &str) -> ObjectKey {
    // Kind.group/namespace/name
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, group) = parts[0].split_once('.').unwrap_or((parts[0], ""));
    let (namespace, name) =
        if parts.len() == 3 { (Some(parts[1].to_owned()), parts[2]) } else { (None, parts[1]) };
    ObjectKey { group: group.into(), kind: kind.into(), namespace, name: name.into() }
}

fn input(text: &str, annotations: Value) -> OrderInput {
    let (group, kind) = ("example.com", "Thing");
    let object = json!({"metadata": {"annotations": annotations}, "spec": {"group": group, "names": {"kind": kind}}});
    OrderInput::of(key(text), &object).unwrap()
}

fn plain(names: &[&str]) -> Vec<OrderInput> {
    names.iter().map(|name| input(name, json!({}))).collect()
}

fn told(objects: &[OrderInput]) -> Vec<String> {
    let ordered = apply_order(objects).unwrap();
    ordered.iter().map(|item| format!("{} {}", item.stage, objects[item.index].key.kind)).collect()
}

const STACK: &[&str] = &[
    "ValidatingWebhookConfiguration.admissionregistration.k8s.io/hook",
    "Thing.example.com/shop/thing",
    "Deployment.apps/shop/web",
    "Service/shop/web",
    "ConfigMap/shop/web",
    "ServiceAccount/other/web",
    "Namespace/shop",
    "CustomResourceDefinition.apiextensions.k8s.io/things.example.com",
];

#[test]
fn foundations_come_first_and_webhooks_last() {
    assert_eq!(
        told(&plain(STACK)),
        [
            "0 CustomResourceDefinition",
            "0 Namespace",
            "1 ServiceAccount",
            "1 ConfigMap",
            "2 Service",
            "2 Deployment",
            "2 Thing",
            "3 ValidatingWebhookConfiguration",
        ]
    );
    let objects = plain(STACK);
    let ordered = apply_order(&objects).unwrap();
    let thing = ordered.iter().find(|item| objects[item.index].key.kind == "Thing").unwrap();
    let needs: Vec<&str> =
        thing.needs.iter().map(|index| objects[*index].key.kind.as_str()).collect();
    assert_eq!(needs, ["CustomResourceDefinition", "Namespace"]);
    let awaited: Vec<bool> = ordered.iter().map(|item| item.awaited).collect();
    assert_eq!(awaited, [true, true, false, false, false, false, false, false]);
}

#[test]
fn waves_come_before_kinds_but_not_before_foundations_that_they_need() {
    let wave = |number: &str| json!({"argocd.argoproj.io/sync-wave": number});
    let objects = [
        input("ConfigMap/shop/late", wave("2")),
        input("Deployment.apps/shop/first", wave("-1")),
        input("Service/shop/middle", json!({})),
        input("Namespace/shop", wave("5")),
    ];
    assert_eq!(told(&objects), ["0 Namespace", "1 Deployment", "2 Service", "3 ConfigMap"]);
    let ordered = apply_order(&objects).unwrap();
    assert_eq!(
        ordered.iter().map(|item| item.awaited).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    let wrong = json!({"metadata": {"annotations": wave("first")}});
    assert!(matches!(
        OrderInput::of(key("ConfigMap/a"), &wrong),
        Err(OrderError::Annotation { .. })
    ));
}

#[test]
fn dependencies_are_honoured_across_kinds_and_waves() {
    let objects = [
        input(
            "ConfigMap/shop/after",
            json!({"config.kubernetes.io/depends-on": "apps/namespaces/shop/Deployment/db, /namespaces/shop/Service/db"}),
        ),
        input("Deployment.apps/shop/db", json!({"argocd.argoproj.io/sync-wave": "3"})),
        input("Service/shop/db", json!({})),
        input("Secret/shop/free", json!({})),
    ];
    assert_eq!(told(&objects), ["0 Secret", "1 Service", "1 Deployment", "2 ConfigMap"]);
    assert!(apply_order(&objects).unwrap()[1].awaited);
}

#[test]
fn cycles_and_foreign_dependencies_are_errors() {
    let on = |text: &str| json!({"config.kubernetes.io/depends-on": text});
    let objects = [
        input("ConfigMap/n/a", on("/namespaces/n/ConfigMap/b")),
        input("ConfigMap/n/b", on("/namespaces/n/ConfigMap/c")),
        input("ConfigMap/n/c", on("/namespaces/n/ConfigMap/a")),
        input("ConfigMap/n/d", on("/namespaces/n/ConfigMap/a")),
    ];
    let error = apply_order(&objects).unwrap_err().to_string();
    assert_eq!(
        error,
        "these objects need each other: ConfigMap n/a -> ConfigMap n/b -> ConfigMap n/c -> ConfigMap n/a"
    );
    assert_eq!(delete_order(&objects).len(), 4);
    let outside = [input("ConfigMap/n/a", on("/Namespace/gone"))];
    assert!(matches!(apply_order(&outside), Err(OrderError::External { .. })));
    assert_eq!(delete_order(&outside).len(), 1);
    let wrong = json!({"metadata": {"annotations": on("a/b")}});
    assert!(matches!(
        OrderInput::of(key("ConfigMap/n/a"), &wrong),
        Err(OrderError::Annotation { .. })
    ));
}

#[test]
fn deletion_is_the_reverse() {
    let objects = plain(STACK);
    let forward: Vec<usize> =
        apply_order(&objects).unwrap().iter().map(|item| item.index).collect();
    let backward = delete_order(&objects);
    let mut indices: Vec<usize> = backward.iter().map(|item| item.index).collect();
    assert_eq!((backward[0].stage, backward.last().unwrap().stage), (0, 3));
    let things: Vec<_> = backward
        .iter()
        .filter(|item| objects[item.index].key.kind == "CustomResourceDefinition")
        .collect();
    assert_eq!(things[0].needs.len(), 1);
    assert!(backward.iter().find(|item| objects[item.index].key.kind == "Thing").unwrap().awaited);
    indices.reverse();
    assert_eq!(indices, forward);
}

#[test]
fn waves_of_deletion_count_backwards_and_the_later_wait_for_the_earlier() {
    let wave = |number: &str| json!({"argocd.argoproj.io/sync-wave": number});
    let objects = [
        input("ConfigMap/shop/late", wave("2")),
        input("ConfigMap/shop/early", wave("-1")),
        input("Namespace/shop", wave("5")),
    ];
    let told: Vec<(usize, i64, bool)> =
        delete_order(&objects).iter().map(|item| (item.index, item.wave, item.awaited)).collect();
    // The namespace was pulled into the wave of the first that needs it.
    assert_eq!(told, [(0, -2, true), (1, 1, true), (2, 1, false)]);
}

#[test]
fn thousands_of_objects_are_ordered() {
    let objects: Vec<OrderInput> = (0..5000)
        .map(|number| input(&format!("ConfigMap/shop/c{number}"), json!({})))
        .chain(plain(STACK))
        .collect();
    assert_eq!(apply_order(&objects).unwrap().len(), 5000 + STACK.len());
}

proptest! {
    #[test]
    fn any_order_of_input_gives_the_same_plan(
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        waves in prop::collection::vec(-1_i64..2, 12),
        edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..8),
    ) {
        let kinds = ["Namespace/shop", "ConfigMap/shop/c", "Deployment.apps/shop/d", "Service/shop/s"];
        let name = |number: usize| if number == 0 { kinds[0].to_owned() } else { format!("{}{number}", kinds[1 + number % 3]) };
        let mut objects: Vec<OrderInput> = (0..12).map(|number| input(&name(number), json!({}))).collect();
        for (object, wave) in objects.iter_mut().zip(waves) {
            object.wave = wave;
        }
        for (from, to) in edges {
            let needed = objects[to].key.clone();
            objects[from].depends_on.push(needed);
        }
        let shuffled: Vec<OrderInput> = order.iter().map(|index| objects[*index].clone()).collect();
        match (apply_order(&objects), apply_order(&shuffled)) {
            (Ok(a), Ok(b)) => {
                let names = |objects: &[OrderInput], list: &[super::order::Ordered]| -> Vec<(u32, bool, ObjectKey)> {
                    list.iter().map(|item| (item.stage, item.awaited, objects[item.index].key.clone())).collect()
                };
                prop_assert_eq!(names(&objects, &a), names(&shuffled, &b));
                let stage: std::collections::HashMap<usize, u32> = a.iter().map(|item| (item.index, item.stage)).collect();
                for item in &a {
                    for needed in &item.needs {
                        prop_assert!(stage[needed] < item.stage);
                    }
                }
            }
            (Err(a), Err(b)) => prop_assert_eq!(a, b),
            (a, b) => prop_assert!(false, "{:?} {:?}", a, b),
        }
    }
}
