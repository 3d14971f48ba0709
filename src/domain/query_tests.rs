//! Tables of paths: what is read, what is refused, and which places are named.

use super::query::{Query, owned_paths};
use serde_json::{Value, json};

fn desired() -> Value {
    json!({"metadata": {"annotations": {"a/b": "1"}}, "spec": {
    "replicas": 3, "args": ["x", "y"],
    "containers": [
        {"name": "app", "image": "a:1", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]},
        {"name": "log", "image": "l:1", "weight": 2},
    ]}})
}

fn live() -> Value {
    json!({"metadata": {"managedFields": [{"manager": "gitdeck", "operation": "Apply", "fieldsV1": {"f:spec": {
        "f:containers": {
            "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:ports": {
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}},
            "k:{\"name\":\"log\"}": {".": {}, "f:name": {}}}}}},
        {"manager": "injector", "operation": "Update", "fieldsV1": {"f:spec": {"f:containers": {
            "k:{\"name\":\"proxy\"}": {".": {}, "f:name": {}, "f:image": {}}}}}},
        {"manager": "injector", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}]},
    "spec": {"replicas": 5, "args": ["x"], "containers": [
        {"name": "log", "image": "l:2", "weight": 2},
        {"name": "app", "image": "a:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
        {"name": "proxy", "image": "p:1"},
    ]}})
}

fn paths(text: &str) -> Vec<String> {
    let query = Query::parse(text).unwrap_or_else(|fault| panic!("{text} {fault}"));
    query.paths(&desired(), Some(&live())).iter().map(ToString::to_string).collect()
}

#[test]
fn places_are_named_by_the_keys_of_their_items() {
    for (text, expected) in [
        ("/spec/replicas", &["/spec/replicas"][..]),
        (".spec.replicas", &["/spec/replicas"]),
        (" .spec | .replicas ", &["/spec/replicas"]),
        (".metadata.annotations[\"a/b\"]", &["/metadata/annotations/a~1b"]),
        (".metadata.annotations.\"a/b\"", &["/metadata/annotations/a~1b"]),
        (".spec.nothing.here", &["/spec/nothing/here"]),
        (
            ".spec.containers[].image",
            &[
                "/spec/containers/[name=app]/image",
                "/spec/containers/[name=log]/image",
                "/spec/containers/[name=proxy]/image",
            ],
        ),
        (
            ".spec.containers[] | select(.name == \"app\") | .image",
            &["/spec/containers/[name=app]/image"],
        ),
        (
            ".spec.containers[] | select(.name != \"app\") | select(.weight == 2.0) | .image",
            &["/spec/containers/[name=log]/image"],
        ),
        // Git decides which item is the first one, not the cluster.
        (".spec.containers[0].image", &["/spec/containers/[name=app]/image"]),
        ("/spec/containers/0/image", &["/spec/containers/[name=app]/image"]),
        ("/spec/containers/[name=log]/image", &["/spec/containers/[name=log]/image"]),
        ("/spec/containers/[name=gone]/image", &["/spec/containers/[name=gone]/image"]),
        (
            ".spec.containers[].ports[].protocol",
            &["/spec/containers/[name=app]/ports/[containerPort=80,protocol=TCP]/protocol"],
        ),
        (
            "/spec/containers/[name=app]/ports/[containerPort=80]",
            &["/spec/containers/[name=app]/ports/[containerPort=80,protocol=TCP]"],
        ),
        (".spec.containers[].env[]?.value", &["/spec/containers/[name=app]/env/[name=A]/value"]),
        (".spec.args[]", &["/spec/args/0", "/spec/args/1"]),
        (".spec.replicas[]", &[]),
        (".spec.containers[] | select(.name == null)", &[]),
    ] {
        assert_eq!(paths(text), expected, "{text}");
    }
}

#[test]
fn what_the_cluster_says_of_an_item_of_git_chooses_nothing() {
    // The live image is `l:2`; Git says `l:1`, and Git decides.
    assert!(paths(".spec.containers[] | select(.image == \"l:2\") | .weight").is_empty());
    assert_eq!(
        paths(".spec.containers[] | select(.image == \"l:1\") | .weight"),
        ["/spec/containers/[name=log]/weight"]
    );
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (text, expected) in [
        ("spec", "begins with `/`"),
        ("", "begins with `/`"),
        (".", "the whole object cannot be ignored"),
        ("select(.kind == \"A\")", "the whole object cannot be ignored"),
        (".spec..a", "at character 7 `.a` is no name"),
        (".spec.a-b", "at character 8 `-b` is not understood"),
        (".spec[", "at character 7 the end is no position"),
        (".spec[-1]", "at character 7 `-1]` is no position"),
        (".spec | keys", "at character 9 `keys` is not understood"),
        (".spec | select(.a)", "at character 18 `)` is neither"),
        (".a[] | select(.b[] == 1)", "at character 15 `.b[] == 1)` is no plain field"),
        (".a[] | select(.b == x)", "at character 21 `x)` is no text"),
        (".a | env.SECRET", "at character 6 `env.SECRET` is not understood"),
        (".\"a", "opens a text"),
        ("/spec//a", "has no empty step"),
    ] {
        let fault = Query::parse(text).unwrap_err();
        assert!(fault.contains(expected), "{text}: {fault}");
    }
}

#[test]
fn what_a_manager_owns_is_told_without_keys_and_status() {
    let found = owned_paths(&live(), |manager| manager == "injector");
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["/spec/containers/[name=proxy]/image"]);
}

#[test]
fn a_path_without_end_is_refused() {
    for step in [".a", "[0]", "[]", "|select(.a==1)|.a"] {
        let text = format!(".a{}", step.repeat(100_000));
        assert!(Query::parse(&text).unwrap_err().contains("more than 128 steps"), "{step}");
    }
    assert!(Query::parse(&"/a".repeat(100_000)).unwrap_err().contains("more than 128 steps"));
    assert_eq!(paths(&".a".repeat(128)), ["/a".repeat(128)]);
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "[.\\[\\]a-z0-9|()=!\" /*?-]{0,40}") {
        if let Ok(query) = Query::parse(&text) {
            let _ = query.paths(&desired(), Some(&live()));
        }
    }
}
