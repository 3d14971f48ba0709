//! What a revert of a mapping undoes where it is made from more than its own path, with the built binary. No cluster is
//! asked.

use crate::blame::Desk;
use crate::support::renderers::search_path;
use serde_json::{Value, json};

const BASE: &str = "base/kustomization.yaml";
const OTHER: &str = "next/kustomization.yaml";
const TOP: &str = "prod/kustomization.yaml";

fn base(color: &str) -> String {
    format!("configMapGenerator:\n- name: flags\n  literals: [color={color}]\n")
}

fn overlay(of: &str, prefix: &str) -> String {
    format!("resources: [../{of}]\nnamePrefix: {prefix}-\n")
}

/// What a revert came to; it waits for a push.
fn undone(desk: &Desk, arguments: &[&str]) -> Value {
    let whole = [&["revert", "web"], arguments, &["--no-push", "--yes"]].concat();
    let document = desk.document(&whole);
    assert_eq!(document["outcome"], "committed", "{document}");
    document
}

/// The lines that come with the commit of a revert.
fn added(desk: &Desk, document: &Value) -> String {
    let (code, out, notes) = desk.run(&["show", document["revision"].as_str().unwrap()]);
    assert_eq!(code, Some(0), "{notes}");
    out.lines().filter(|line| line.starts_with('+')).collect()
}

#[test]
fn bases_are_undone_as_the_log_of_the_mapping_shows_them() {
    let Some(search) = search_path() else { return };
    let desk = Desk::new("[mappings.web]\nrepository = \"fleet\"\npath = \"prod\"\n", search);
    let first = desk.publish("Ana", &[(BASE, &base("blue")), (TOP, &overlay("base", "prod"))]);
    let red = desk.publish("Leo", &[(BASE, &base("red")), ("README", "beside\n")]);
    let log = desk.document(&["log", "web"]);
    assert_eq!(log["commits"][0]["revision"], red.as_str(), "the log shows it: {log}");

    // The newest commit, by its id, and as a range: what the log shows, and nothing beside it.
    let range = format!("{first}..{red}");
    for arguments in [&[][..], &[red.as_str()], &[range.as_str()]] {
        let document = undone(&desk, arguments);
        assert_eq!(document["files"], json!([BASE]), "{document}");
        assert_eq!(document["besides"], json!(["README"]), "{document}");
        assert!(added(&desk, &document).contains("color=blue"), "{arguments:?}");
        let revision = document["revision"].as_str().unwrap();
        let (code, _, notes) = desk.run(&["push", "fleet", "--drop", revision, "--yes"]);
        assert_eq!(code, Some(0), "{notes}");
    }
    let squashed = undone(&desk, &[&range, "--squash"]);
    assert_eq!(squashed["files"], json!([BASE]), "{squashed}");
}

#[test]
fn a_state_comes_back_with_the_base_that_it_had() {
    let Some(search) = search_path() else { return };
    let desk = Desk::new("[mappings.web]\nrepository = \"fleet\"\npath = \"prod\"\n", search);
    let first = desk.publish("Ana", &[(BASE, &base("blue")), (TOP, &overlay("base", "prod"))]);
    desk.publish("Leo", &[(OTHER, &base("green")), (TOP, &overlay("next", "prod"))]);
    // Nobody names the old base at this commit.
    desk.publish("Mia", &[(BASE, &base("grey")), ("README", "beside\n")]);
    let document = undone(&desk, &["--to", &first]);
    assert_eq!(document["files"], json!([BASE, OTHER, TOP]), "{document}");
    assert_eq!(document["besides"], json!(["README"]), "{document}");
    assert!(added(&desk, &document).contains("color=blue"), "{document}");
}
