//! Tables of server-side apply and of ownership.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::fields::Schemas;

const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

fn writer<'a>(manager: &'a str, time: &'a str) -> Writer<'a> {
    Writer { manager, api_version: "apps/v1", time, subresource: None }
}

fn schema() -> Schema {
    Schemas::builtin().of("apps", "v1", "Deployment").unwrap()
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
}

fn applied(live: Option<&Value>, spec: Value, manager: &str) -> Value {
    apply(&schema(), live, &deployment(spec), &writer(manager, NOW), false).unwrap()
}

fn owned(object: &Value, manager: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .find(|entry| entry["manager"] == manager)
        .map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

#[test]
fn the_applier_owns_what_it_lists() {
    let live = applied(
        None,
        json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}),
        "gitdeck",
    );
    assert_eq!(owned(&live, "gitdeck"), json!({"f:spec": {"f:replicas": {}, "f:selector": {}}}));
    let entry = &live["metadata"]["managedFields"][0];
    assert_eq!((&entry["time"], &entry["operation"]), (&json!(NOW), &json!("Apply")));
    assert_eq!(live["spec"]["strategy"], json!({}));
}

#[test]
fn a_second_apply_of_the_same_changes_nothing() {
    let spec = json!({"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "b", "ports":
        [{"containerPort": 80}]}]}}});
    let live = applied(None, spec.clone(), "gitdeck");
    let again =
        apply(&schema(), Some(&live), &deployment(spec), &writer("gitdeck", LATER), false).unwrap();
    assert_eq!(again, live);
    let ports = &owned(&live, "gitdeck")["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"a\"}"];
    let key = r#"k:{"containerPort":80,"protocol":"TCP"}"#;
    assert_eq!(ports["f:ports"][key], json!({".": {}, "f:containerPort": {}}));
}

#[test]
fn another_value_conflicts_and_the_same_value_is_shared() {
    let live = applied(None, json!({"replicas": 2, "paused": true}), "one");
    let error = apply(
        &schema(),
        Some(&live),
        &deployment(json!({"replicas": 3})),
        &writer("two", NOW),
        false,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas"
    );
    let both = json!({"replicas": 3, "paused": false});
    let error =
        apply(&schema(), Some(&live), &deployment(both), &writer("two", NOW), false).unwrap_err();
    let message =
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.paused\n- .spec.replicas";
    assert_eq!(error.to_string(), message);

    let forced = apply(
        &schema(),
        Some(&live),
        &deployment(json!({"replicas": 3})),
        &writer("two", NOW),
        true,
    )
    .unwrap();
    assert_eq!(owned(&forced, "one"), json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(owned(&forced, "two"), json!({"f:spec": {"f:replicas": {}}}));

    let shared = applied(Some(&live), json!({"replicas": 2}), "two");
    assert_eq!(owned(&shared, "one"), json!({"f:spec": {"f:paused": {}, "f:replicas": {}}}));
    assert_eq!(owned(&shared, "two"), json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn what_is_listed_no_longer_goes_unless_somebody_else_owns_it() {
    let live = applied(None, json!({"replicas": 2, "paused": true}), "one");
    let shared = applied(Some(&live), json!({"replicas": 2}), "two");
    let left = applied(Some(&shared), json!({}), "one");
    assert_eq!(left["spec"].get("paused"), None);
    assert_eq!(left["spec"]["replicas"], 2);
    assert_eq!(owned(&left, "one"), json!({"f:spec": {}}));
}

#[test]
fn list_items_are_merged_by_key_and_pruned_by_owner() {
    let containers = |items: Value| json!({"template": {"spec": {"containers": items}}});
    let live = applied(
        None,
        containers(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])),
        "one",
    );
    let more = applied(Some(&live), containers(json!([{"name": "side", "image": "s"}])), "two");
    let names = |object: &Value| -> Vec<String> {
        let items = object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&more), ["a", "b", "side"]);
    let fewer = applied(Some(&more), containers(json!([{"name": "b", "image": "2"}])), "one");
    assert_eq!(names(&fewer), ["b", "side"]);
}

#[test]
fn what_does_not_fit_the_kind_is_refused() {
    let table = [
        (json!({"replica": 1}), ".spec.replica: field not declared in schema"),
        (json!({"replicas": "1"}), ".spec.replicas: expected numeric (int or float), got string"),
        (
            json!({"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}),
            ".spec.template.spec.containers: duplicate entries for key [name=\"a\"]",
        ),
    ];
    for (spec, expected) in table {
        let error =
            apply(&schema(), None, &deployment(spec), &writer("one", NOW), false).unwrap_err();
        let start = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): ";
        assert_eq!(error.to_string(), format!("{start}{expected}"));
    }
}

#[test]
fn updates_take_over_what_they_change() {
    let mut live = applied(None, json!({"replicas": 2, "paused": true}), "one");
    live["metadata"]["uid"] = json!("u");
    let mut new = live.clone();
    new["spec"]["replicas"] = json!(5);
    track_update(&schema(), Some(&live), &mut new, &writer("kubectl-edit", LATER));
    assert_eq!(owned(&new, "one"), json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(owned(&new, "kubectl-edit"), json!({"f:spec": {"f:replicas": {}}}));
    let scale = Writer { subresource: Some("scale"), ..writer("kubectl", LATER) };
    let mut scaled = new.clone();
    scaled["spec"]["replicas"] = json!(6);
    track_update(&schema(), Some(&new), &mut scaled, &scale);
    assert_eq!(owned(&scaled, "kubectl-edit"), Value::Null);
    let error = apply(
        &schema(),
        Some(&scaled),
        &deployment(json!({"replicas": 1})),
        &writer("one", NOW),
        false,
    );
    let expected = "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: \
                    .spec.replicas";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn fields_without_an_owner_belong_to_before_first_apply() {
    let mut live = deployment(json!({"replicas": 2}));
    live["metadata"]["uid"] = json!("u");
    settle::settle(&schema(), &mut live);
    let mut untracked = live.clone();
    track_update(&schema(), Some(&live), &mut untracked, &writer("kubectl-edit", NOW));
    assert_eq!(owned(&untracked, "kubectl-edit"), Value::Null);
    let shared = applied(Some(&live), json!({"replicas": 2}), "one");
    assert_eq!(owned(&shared, "before-first-apply"), json!({"f:spec": {"f:replicas": {}}}));
    let error = apply(
        &schema(),
        Some(&live),
        &deployment(json!({"replicas": 3})),
        &writer("one", NOW),
        false,
    )
    .unwrap_err();
    assert!(error.to_string().contains("before-first-apply"), "{error}");
}

#[test]
fn kubectl_takes_over_its_own_client_side_history() {
    let last = deployment(json!({"replicas": 2}));
    let mut live = last.clone();
    live["metadata"]["annotations"] = json!({LAST_APPLIED: last.to_string()});
    track_update(&schema(), None, &mut live, &writer("kubectl-client-side-apply", NOW));
    let new = deployment(json!({"replicas": 4}));
    let result = apply(&schema(), Some(&live), &new, &writer("kubectl", LATER), false).unwrap();
    assert_eq!(result["spec"]["replicas"], 4);
    let annotation = result["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(annotation).unwrap(), new);
    assert!(apply(&schema(), Some(&live), &new, &writer("other", LATER), false).is_err());
}

#[test]
fn an_empty_list_resets_ownership() {
    let mut live = applied(None, json!({"replicas": 2}), "one");
    live["metadata"]["uid"] = json!("u");
    let mut new = live.clone();
    new["metadata"]["managedFields"] = json!([]);
    track_update(&schema(), Some(&live), &mut new, &writer("two", LATER));
    assert_eq!(new["metadata"].get("managedFields"), None);
}

fn spec() -> impl Strategy<Value = Value> {
    let container =
        (0_u8..3, 0_u8..3, prop::option::of(80_u16..82), prop::collection::vec(0_u8..3, 1..3));
    let containers = prop::collection::btree_map(0_u8..3, container, 1..3);
    let labels = prop::collection::btree_map("[a-c]", "[x-z]", 1..3);
    (prop::option::of(0_u32..3), containers, labels).prop_map(|(replicas, containers, labels)| {
        let containers: Vec<Value> = containers
            .into_iter()
            .map(|(name, (image, tag, port, args))| {
                let args: Vec<String> = args.iter().map(u8::to_string).collect();
                let mut out = json!({"name": format!("c{name}"), "image": format!("i{image}:{tag}"), "args": args});
                if let Some(port) = port {
                    out["ports"] = json!([{"containerPort": port}]);
                }
                out
            })
            .collect();
        let mut spec = json!({"template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}});
        if let Some(replicas) = replicas {
            spec["replicas"] = json!(replicas);
        }
        spec
    })
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(steps in prop::collection::vec((spec(), 0_u8..2), 1..5)) {
        let mut live = None;
        for (spec, manager) in steps {
            let manager = format!("m{manager}");
            let patch = deployment(spec);
            let once = apply(&schema(), live.as_ref(), &patch, &writer(&manager, NOW), true).unwrap();
            let mut twice = apply(&schema(), Some(&once), &patch, &writer(&manager, LATER), false).unwrap();
            keep_times(&once, &mut twice);
            prop_assert_eq!(&once, &twice);
            live = Some(once);
        }
    }

    #[test]
    fn the_last_forced_applier_owns_what_it_lists_and_sees_its_values(a in spec(), b in spec()) {
        let first = applied(None, a, "a");
        let patch = deployment(b);
        let live = apply(&schema(), Some(&first), &patch, &writer("b", NOW), true).unwrap();
        let mine = managers::decode(Some(&live["metadata"]["managedFields"])).unwrap();
        let listed = paths(schema().root(), &patch).difference(&unowned());
        let owner = writer("b", NOW).identity(APPLY);
        prop_assert_eq!(mine.get(&owner).map(|owned| owned.set.paths()).unwrap_or_default(), listed.paths());
        let root = schema();
        let comparison = Comparison::of(root.root(), &patch, &live);
        prop_assert!(comparison.modified.is_empty(), "{:?}", comparison.modified.encode());
    }
}
