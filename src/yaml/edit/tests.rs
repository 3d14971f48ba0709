//! Edits, written out.

use super::{Change, Place, edit, value_at};
use crate::domain::Origin;
use crate::domain::path::FieldPath;
use serde_json::{Value, json};

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn set(text: &str, at: &str, value: Value) -> String {
    let edited = edit(text.as_bytes(), &Place::document(0), &path(at), &Change::Set(value));
    String::from_utf8(edited.unwrap()).unwrap()
}

fn remove(text: &str, at: &str) -> String {
    let edited = edit(text.as_bytes(), &Place::document(0), &path(at), &Change::Remove);
    String::from_utf8(edited.unwrap()).unwrap()
}

fn refused(text: &str, at: &str, change: &Change) -> (usize, String) {
    let error = edit(text.as_bytes(), &Place::document(0), &path(at), change).unwrap_err();
    (error.line, error.reason)
}

#[test]
fn values_are_replaced_in_their_manner() {
    for (text, at, value, expected) in [
        ("a: 1 # few\nb: 2\n", "/a", json!(3), "a: 3 # few\nb: 2\n"),
        ("a:   'x'   # few\n", "/a", json!("it's"), "a:   'it''s'   # few\n"),
        ("a: \"x\"\n", "/a", json!("y"), "a: \"y\"\n"),
        ("a: \"5\"\n", "/a", json!(5), "a: 5\n"),
        ("a: x\n", "/a", json!("5"), "a: \"5\"\n"),
        ("a: x\n", "/a", json!("n"), "a: \"n\"\n"),
        ("a: x\n", "/a", json!("1_000"), "a: \"1_000\"\n"),
        ("a: x\n", "/a", json!("yes"), "a: \"yes\"\n"),
        ("a: x\n", "/a", json!("1.5"), "a: \"1.5\"\n"),
        ("a: x\n", "/a", json!("1.5.0"), "a: 1.5.0\n"),
        ("a: x\n", "/a", json!("12e03"), "a: \"12e03\"\n"),
        ("a: x\n", "/a", json!("100m"), "a: 100m\n"),
        ("a: x\n", "/a", json!("500Mi"), "a: 500Mi\n"),
        ("a: x\n", "/a", json!("25%"), "a: 25%\n"),
        ("a: x\n", "/a", json!("r.io:5000/b/c:1.2@sha256:00"), "a: r.io:5000/b/c:1.2@sha256:00\n"),
        ("a: x\n", "/a", json!("a # b"), "a: \"a # b\"\n"),
        ("a: x\n", "/a", json!("a: b"), "a: \"a: b\"\n"),
        ("a: x\n", "/a", json!(""), "a: \"\"\n"),
        ("a: x\n", "/a", json!(null), "a: null\n"),
        ("a: x\n", "/a", json!(true), "a: true\n"),
        ("a: # why\nb: 1\n", "/a", json!(2), "a: 2 # why\nb: 1\n"),
        ("a: # why\nb: 1\n", "/a", json!({"c": 2}), "a: # why\n  c: 2\nb: 1\n"),
        ("a: [1, x, 3] # why\n", "/a/1", json!("k,l"), "a: [1, \"k,l\", 3] # why\n"),
        ("a: {b: 1, c: 2}\n", "/a/b", json!("x"), "a: {b: x, c: 2}\n"),
        ("a: multi\n  line # c\nb: 2\n", "/a", json!("one"), "a: one # c\nb: 2\n"),
        ("a:\r\n  b: 1\r\nc: 2\r\n", "/a/b", json!(4), "a:\r\n  b: 4\r\nc: 2\r\n"),
        ("\u{feff}ö: é\n", "/ö", json!("ü"), "\u{feff}ö: ü\n"),
        ("a: &x 1\nb: 2\n", "/a", json!(3), "a: &x 3\nb: 2\n"),
        ("a: x", "/a", json!("z"), "a: z"),
        ("- a\n- b # c\n", "/1", json!("d"), "- a\n- d # c\n"),
        ("a:\n  b: 1\n", "/a", json!("x"), "a: x\n"),
    ] {
        assert_eq!(set(text, at, value), expected, "{text}");
    }
}

#[test]
fn text_of_several_lines_keeps_its_manner() {
    for (text, at, value, expected) in [
        ("a: | # c\n  x\n  y\nb: 1\n", "/a", "x\nz\n", "a: | # c\n  x\n  z\nb: 1\n"),
        ("a: |-\n    x\n\nb: 1\n", "/a", "p\nq", "a: |-\n    p\n    q\n\nb: 1\n"),
        ("a: |\n  x\nb: 1\n", "/a", "p\nq", "a: |-\n  p\n  q\nb: 1\n"),
        ("a: |\n  x\nb: 1\n", "/a", "p\nq\n\n", "a: |+\n  p\n  q\n\nb: 1\n"),
        ("a: >-\n  b:2\nc: 1\n", "/a", "b:3", "a: >-\n  b:3\nc: 1\n"),
        ("a: x # c\nb: 1\n", "/a", "p\nq\n", "a: | # c\n  p\n  q\nb: 1\n"),
        ("- k: |\n    x\n  l: 1\n", "/0/k", "p\n", "- k: |\n    p\n  l: 1\n"),
        ("- |\n x\n- y\n", "/0", "p\n\nq\n", "- |\n p\n\n q\n- y\n"),
        ("a: |\r\n  x\r\nb: 1\r\n", "/a", "p\nq\n", "a: |\r\n  p\r\n  q\r\nb: 1\r\n"),
        ("a: | # c\n  x\nb: 1\n", "/a", " p\n", "a: \" p\\n\" # c\nb: 1\n"),
    ] {
        assert_eq!(set(text, at, json!(value)), expected, "{text}");
    }
}

#[test]
fn values_are_added_where_they_belong() {
    for (text, at, value, expected) in [
        ("a: 1\n", "/b", json!("x"), "a: 1\nb: x\n"),
        ("a: 1", "/b", json!("x"), "a: 1\nb: x"),
        (
            "a:\n   b: 1 # c\n   # end\nd: 2\n",
            "/a/c",
            json!(2),
            "a:\n   b: 1 # c\n   c: 2\n   # end\nd: 2\n",
        ),
        ("a: {}\n", "/a/b", json!(1), "a: {b: 1}\n"),
        ("a: {x: 1,\n    y: 2}\n", "/a/b", json!(1), "a: {x: 1,\n    y: 2,\n    b: 1}\n"),
        (
            "a:\n  b: |\n    x\n\nd: 2\n",
            "/a/c",
            json!({"d": [1, {"e": "f"}]}),
            "a:\n  b: |\n    x\n  c:\n    d:\n      - 1\n      - e: f\n\nd: 2\n",
        ),
        ("l:\n- x\n- y # c\n", "/l/[=z]", json!("z"), "l:\n- x\n- y # c\n- z\n"),
        (
            "c:\n- name: a\n  env:\n  - name: X\n    value: '1'\n",
            "/c/[name=a]/env/[name=Z]/value",
            json!("2"),
            "c:\n- name: a\n  env:\n  - name: X\n    value: '1'\n  - name: Z\n    value: \"2\"\n",
        ),
        (
            "c:\n- name: a\n",
            "/c/[name=a]/env/[name=Z]/value",
            json!("z"),
            "c:\n- name: a\n  env:\n  - name: Z\n    value: z\n",
        ),
        ("l: [a, b]\n", "/l/[=c]", json!("c"), "l: [a, b, c]\n"),
        ("a:\n  k: 1\n", "/m/k/o", json!(1), "a:\n  k: 1\nm:\n  k:\n    o: 1\n"),
        ("a:\n", "/a/b", json!(1), "a:\n  b: 1\n"),
        ("a: |\n  x\n", "/b", json!("p\nq\n"), "a: |\n  x\nb: |\n  p\n  q\n"),
        (
            "{\n  \"a\": 1\n}\n",
            "/b",
            json!({"c": "d"}),
            "{\n  \"a\": 1,\n  \"b\": {\"c\":\"d\"}\n}\n",
        ),
        ("a: 1\n---\nb: 2\n", "/c", json!(3), "a: 1\nc: 3\n---\nb: 2\n"),
    ] {
        assert_eq!(set(text, at, value), expected, "{text}");
    }
}

#[test]
fn values_are_removed_with_their_lines() {
    for (text, at, expected) in [
        ("a: 1 # x\n# y\nb: 2\n", "/a", "# y\nb: 2\n"),
        ("a: 1\nb: 2", "/b", "a: 1"),
        ("a:\n  b: 1\nc: 2\n", "/a/b", "a: {}\nc: 2\n"),
        ("a: # why\n  # more\n  b: 1\nc: 2\n", "/a/b", "a: {} # why\n  # more\nc: 2\n"),
        ("a: {b: 1, c: 2}\n", "/a/b", "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", "/a/c", "a: {b: 1}\n"),
        ("a: {b: 1}\n", "/a/b", "a: {}\n"),
        ("l:\n- x\n- y\n", "/l/0", "l:\n- y\n"),
        ("l:\n- x\n", "/l/0", "l: []\n"),
        ("l:\n- name: a\n  value: b\n- name: c\n", "/l/[name=a]", "l:\n- name: c\n"),
        ("l:\n- name: a\n  value: b\n", "/l/0/name", "l:\n- value: b\n"),
        ("l:\n- name: a # c\n  # d\n  value: b\n", "/l/0/name", "l:\n-\n  # d\n  value: b\n"),
        ("- - a\n  - b\n", "/0/0", "- - b\n"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "/b", "{\n  \"a\": 1\n}\n"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "/a", "{\n  \"b\": 2\n}\n"),
        ("a:\n  k: |\n    x\n\n    y\n  l: 1\n", "/a/k", "a:\n  l: 1\n"),
    ] {
        assert_eq!(remove(text, at), expected, "{text}");
    }
}

#[test]
fn of_lists_and_maps_only_what_differs_is_touched() {
    let text = "l:\n- name: a # first\n  v: 1\n- name: b\n  v: 2 # two\n# end\n";
    let wanted = json!([{"name": "c", "v": 0}, {"name": "b", "v": 3}]);
    assert_eq!(
        set(text, "/l", wanted),
        "l:\n- name: c # first\n  v: 0\n- name: b\n  v: 3 # two\n# end\n"
    );
    let wanted = json!([{"name": "a", "v": 1}, {"name": "x"}, {"name": "b", "v": 2}]);
    assert_eq!(
        set(text, "/l", wanted),
        "l:\n- name: a # first\n  v: 1\n- name: x\n- name: b\n  v: 2 # two\n# end\n"
    );
    assert_eq!(
        set("a:\n  b: 1 # c\n  d: 2\n", "/a", json!({"e": 3, "b": 1})),
        "a:\n  b: 1 # c\n  e: 3\n"
    );
}

#[test]
fn what_is_not_safe_is_refused() {
    let set = Change::Set(json!(9));
    for (text, at, change, line, words) in [
        ("b: &b {x: 1}\nu:\n  <<: *b\n  y: 2\n", "/u/x", &set, 3, "merge key"),
        ("b: &b 1\nu: *b\n", "/u", &set, 2, "alias"),
        ("b: &b 1\nu: *b\n", "/b", &set, 1, "anchor"),
        ("b: &b {x: 1}\nu: *b\n", "/b/x", &set, 1, "anchor"),
        ("b: {x: &b 1}\nu: *b\n", "/b", &Change::Remove, 1, "anchor"),
        ("a: 1\na: 2\n", "/a", &set, 2, "written twice"),
        ("a: 1\n", "/b", &Change::Remove, 1, "not written"),
        ("a: 1\n", "/a/b", &set, 1, "below a value"),
        ("a:\n\tb: 1\n", "/a/b", &set, 2, ""),
        ("a: 1\rb: 2\n", "/a", &set, 1, "carriage return"),
        ("a: !!str x\n", "/a", &set, 1, "by hand"),
        ("&k a: 1\n", "/a", &set, 1, "its key has an anchor"),
    ] {
        let (found, reason) = refused(text, at, change);
        assert!(found == line && reason.contains(words), "{text}: line {found}: {reason}");
    }
}

#[test]
fn a_map_that_ends_with_a_merge_key_is_refused_and_nothing_panics() {
    let text = "a: &k\n  x: 1\nb:\n  c:\n    y: 2\n    <<: *k\n  d: 1\n";
    for value in [json!(5), json!("text"), json!([])] {
        let (_, reason) = refused(text, "/b/c", &Change::Set(value));
        assert!(reason.contains("edit it by hand"), "{reason}");
    }
}

#[test]
fn objects_of_lists_and_later_documents_are_found_by_their_origin() {
    let text = "# head\nkind: List\nitems:\n- kind: A\n  x: 1\n- kind: B\n  x: 2 # c\n---\nkind: C\nx: 3\n";
    let origin = |document, line| Origin { file: "f".into(), document, line };
    for (document, line, old, new) in [(0, 6, "x: 2 # c", "x: 9 # c"), (1, 9, "x: 3", "x: 9")] {
        let place = Place::of(text.as_bytes(), &origin(document, line)).unwrap();
        assert!(value_at(text.as_bytes(), &place, &path("/x")).unwrap().is_some());
        let edited = edit(text.as_bytes(), &place, &path("/x"), &Change::Set(json!(9))).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), text.replace(old, new));
    }
    assert!(Place::of(text.as_bytes(), &origin(0, 3)).is_err());
}
