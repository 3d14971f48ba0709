//! What a commit makes of the objects of mappings, with the built binary: plain files, kustomize, Helm, and commits that do
//! not render. No cluster is asked.

use crate::blame::Desk;
use crate::support::renderers::search_path;
use serde_json::Value;

const MAPPINGS: &str = "\
[mappings.app]
repository = \"fleet\"
path = \"app\"
[mappings.other]
repository = \"fleet\"
path = \"other\"
";

fn map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: \"{value}\"\n  b: same\n"
    )
}

fn secret(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  a: {value}\n  b: canary-same\n"
    )
}

/// What the one mapping became.
fn only(document: &Value) -> &Value {
    assert_eq!(document["rendered"].as_array().unwrap().len(), 1, "{document}");
    &document["rendered"][0]
}

#[test]
fn objects_are_compared_path_by_path_and_secrets_only_differ() {
    let desk = Desk::new(MAPPINGS, std::env::var_os("PATH").unwrap());
    let other = map("elsewhere", "1");
    let first = desk.publish(
        "Ana",
        &[
            ("app/one.yaml", &map("one", "1")),
            ("app/two.yaml", &map("two", "1")),
            ("app/secret.yaml", &secret("canary-old")),
            ("other/map.yaml", &other),
        ],
    );
    // What only looks different is no difference of objects.
    let moved = format!("# a comment\n{}---\n{}", map("two", "1"), map("three", "x\\e[31m"));
    let second = desk.publish(
        "Leo",
        &[
            ("app/one.yaml", &map("one", "2")),
            ("app/two.yaml", &moved),
            ("app/secret.yaml", &secret("canary-new")),
        ],
    );
    let (code, out, notes) = desk.run(&["show", &second[..7], "--rendered"]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(out.contains("app: 1 created, 2 changed, 1 unchanged\n"), "{out}");
    assert!(
        out.contains("  ~ ConfigMap one (changed, app/one.yaml)\n      /data/a  \"1\" -> \"2\"\n"),
        "{out}"
    );
    assert!(out.contains("/stringData/a  secret value differs\n"), "{out}");
    assert!(!out.contains("canary") && !out.contains('\u{1b}') && !out.contains("other"), "{out}");

    let document = desk.document(&["show", &second, "--rendered"]);
    let ops: Vec<&str> = only(&document)["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["op"].as_str().unwrap())
        .collect();
    assert_eq!(ops, ["update", "update", "create"]);
    assert!(!document["rendered"].to_string().contains("canary"), "{document}");
    assert_eq!(document["commit"]["revision"], second, "{document}");
    let named = desk.document(&["show", &second, "other", "--rendered"]);
    assert_eq!(
        (&only(&named)["mapping"], &only(&named)["unchanged"]),
        (&"other".into(), &1.into())
    );
    // The first commit has nothing before it.
    let born = desk.document(&["show", &first, "app", "--rendered"]);
    assert!(
        only(&born)["objects"].as_array().unwrap().iter().all(|one| one["op"] == "create"),
        "{born}"
    );
}

#[test]
fn a_side_that_does_not_render_is_said() {
    let desk = Desk::new(MAPPINGS, std::env::var_os("PATH").unwrap());
    desk.publish("Ana", &[("app/one.yaml", &map("one", "1")), ("other/map.yaml", &map("m", "1"))]);
    let broken =
        desk.publish("Leo", &[("app/one.yaml", "kind: [\n"), ("other/map.yaml", &map("m", "2"))]);
    let mended = desk.publish("Mia", &[("app/one.yaml", &map("one", "2"))]);
    let (code, out, _) = desk.run(&["show", &broken, "--rendered"]);
    assert_eq!(code, Some(3));
    assert!(
        out.contains(
            "app: cannot be compared\n  after the commit it does not render: app/one.yaml"
        ),
        "{out}"
    );
    // The fault of one hides nothing of the other.
    assert!(out.contains("other: 1 changed\n"), "{out}");
    let (code, out, _) = desk.run(&["show", &mended, "--rendered"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("  before the commit it does not render: app/one.yaml"), "{out}");
    let (code, _, notes) = desk.run(&["show", &mended, "nothing", "--rendered"]);
    assert_eq!(code, Some(2), "{notes}");
}

#[test]
fn a_change_of_a_base_shows_in_the_overlay_and_hashed_names_are_matched() {
    let Some(search) = search_path() else { return };
    let desk = Desk::new("[mappings.web]\nrepository = \"fleet\"\npath = \"prod\"\n", search);
    let base = |color: &str| {
        format!(
            "resources: [map.yaml]\nconfigMapGenerator:\n- name: flags\n  literals: [color={color}]\n"
        )
    };
    desk.publish(
        "Ana",
        &[
            ("base/kustomization.yaml", &base("blue")),
            ("base/map.yaml", &map("one", "1")),
            ("prod/kustomization.yaml", "resources: [../base]\nnamePrefix: prod-\n"),
        ],
    );
    let second = desk.publish("Leo", &[("base/kustomization.yaml", &base("red"))]);
    let document = desk.document(&["show", &second, "--rendered"]);
    let objects = only(&document)["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 1, "{document}");
    assert!(
        objects[0]["replaces"].as_str().unwrap().starts_with("ConfigMap prod-flags-"),
        "{document}"
    );
    let change = &objects[0]["changes"][0];
    assert_eq!(
        (&change["path"], &change["before"], &change["after"]),
        (&"/data/color".into(), &"blue".into(), &"red".into())
    );
}

#[test]
fn a_change_of_values_shows_in_the_objects_of_a_chart() {
    let Some(search) = search_path() else { return };
    let mapping = "[mappings.web]\nrepository = \"fleet\"\npath = \"chart\"\nhelm = { kube_version = \"v1.33.0\" }\n";
    let desk = Desk::new(mapping, search);
    desk.publish(
        "Ana",
        &[
            ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
            ("chart/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  a: {{ .Values.a }}\n"),
            ("chart/values.yaml", "a: one\n"),
        ],
    );
    let second = desk.publish("Leo", &[("chart/values.yaml", "a: two\n")]);
    let document = desk.document(&["show", &second, "--rendered"]);
    assert_eq!(only(&document)["objects"][0]["changes"][0]["after"], "two", "{document}");
}
