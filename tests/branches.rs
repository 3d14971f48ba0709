//! Commits on branches of their own, with the built binary: the tracked branch stays, nothing waits, nothing is synced, and
//! what a killed process left is finished.

use crate::blame::Desk;
use crate::kill::kill_at;
use std::fs;
use std::time::{Duration, Instant};

const MAPPING: &str = "[mappings.app]\nrepository = \"fleet\"\npath = \"app\"\n";

fn map(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  level: {value}\n"
    )
}

/// A desk with a mapping of two files, and a local file with another content of one.
fn desk() -> (Desk, String) {
    let desk = Desk::new(MAPPING, std::env::var_os("PATH").unwrap());
    let other = map("info").replace("settings", "other");
    desk.publish("Ana", &[("app/one.yaml", &map("info")), ("app/two.yaml", &other)]);
    let local = desk.root().join("local.yaml");
    fs::write(&local, map("warn")).unwrap();
    let local = local.display().to_string();
    (desk, local)
}

fn git(desk: &Desk, arguments: &[&str]) -> String {
    desk.git("Ana", &[&["-C", "fleet"], arguments].concat())
}

#[test]
fn a_commit_goes_to_a_branch_of_its_own_and_nowhere_else() {
    let (desk, local) = desk();
    let before = git(&desk, &["rev-parse", "main"]);
    let one = format!("one.yaml={local}");
    let (code, out, notes) = desk.run(&["commit", "app", "--file", &one, "--branch", "fix/level"]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(out.contains("pushed to the new branch fix/level\n"), "{out}");
    assert_eq!(git(&desk, &["rev-parse", "main"]), before);
    assert_eq!(git(&desk, &["rev-parse", "fix/level~1"]), before);
    assert_eq!(git(&desk, &["show", "fix/level:app/one.yaml"]), map("warn").trim());
    let message = git(&desk, &["log", "-1", "--format=%B", "fix/level"]);
    assert!(message.contains("Gitdeck-Mapping: app"), "{message}");
    let repositories = desk.document(&["repo", "list"]);
    assert_eq!(repositories["repositories"][0]["pending"], 0, "{repositories}");
    let activity = desk.document(&["activity"]);
    let entry = &activity["entries"][0];
    assert_eq!((&entry["what"], &entry["state"]), (&"offer".into(), &"done".into()), "{entry}");
    assert!(entry["line"].as_str().unwrap().ends_with(" --branch fix/level"), "{entry}");

    // A name that is there is refused, and so is one that is none; both before anything was made.
    for name in ["fix/level", "main", "a..b"] {
        let (code, _, notes) = desk.run(&["commit", "app", "--file", &one, "--branch", name]);
        assert_eq!(code, Some(2), "{name}: {notes}");
    }
    assert_eq!(desk.document(&["activity"])["entries"].as_array().unwrap().len(), 1);
    let both = ["commit", "app", "--file", &one, "--branch", "x", "--push"];
    assert_eq!(desk.run(&both).0, Some(2));
}

#[test]
fn a_branch_brings_nothing_that_waits() {
    let (desk, local) = desk();
    let (one, two) = (format!("one.yaml={local}"), format!("two.yaml={local}.two"));
    fs::write(format!("{local}.two"), map("debug").replace("settings", "other")).unwrap();
    let (code, _, notes) = desk.run(&["commit", "app", "--file", &one, "--no-push"]);
    assert_eq!(code, Some(0), "{notes}");
    // The same file would bring the commit that waits.
    let again = desk.run(&[
        "set",
        "app",
        "value",
        "ConfigMap/settings:/data/level=error",
        "--yes",
        "--branch",
        "b",
    ]);
    assert_eq!(again.0, Some(3), "{}", again.2);
    assert!(
        again.2.contains("app/one.yaml changed since, or a commit that waits changes it"),
        "{}",
        again.2
    );
    let document = desk.document(&["commit", "app", "--file", &two, "--pull-request"]);
    let name = document["branch"]["name"].as_str().unwrap();
    assert!(name.starts_with("gitdeck/app-"), "{document}");
    assert_eq!(git(&desk, &["rev-list", "--count", &format!("main..{name}")]), "1");
    assert_eq!(git(&desk, &["show", &format!("{name}:app/one.yaml")]), map("info").trim());
    assert_eq!(desk.document(&["repo", "list"])["repositories"][0]["pending"], 1);
}

#[test]
fn what_a_kill_left_is_finished_or_was_not_begun() {
    let (desk, local) = desk();
    let one = format!("one.yaml={local}");
    let arguments =
        |name: &str| ["commit", "app", "--file", &one, "--branch", name].map(str::to_owned);
    let began = Instant::now();
    assert_eq!(desk.run(&arguments("warm").each_ref().map(String::as_str)).0, Some(0));
    let span = began.elapsed();
    let names: Vec<String> = (0..16).map(|number| format!("b{number}")).collect();
    for (number, name) in (1_u32..).zip(&names) {
        let mut command = desk.command(&arguments(name).each_ref().map(String::as_str));
        kill_at(&mut command, span.mul_f64(f64::from(number) / 15.0).max(Duration::from_millis(1)));
    }
    let activity = desk.document(&["activity"]);
    let open = activity["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["state"] == "interrupted");
    for entry in open {
        let (code, _, notes) = desk.run(&["activity", "--continue", &entry["id"].to_string()]);
        assert_eq!(code, Some(0), "{notes}");
    }
    let branches = git(&desk, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    let after = desk.document(&["activity"]);
    for name in &names {
        let is_there = branches.lines().any(|line| line == name);
        let line = format!("--branch {name}");
        let entry = after["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["line"].as_str().unwrap().ends_with(&line));
        let said = entry.map(|one| one["message"].as_str().unwrap_or_default().to_owned());
        match said {
            Some(said) => assert_eq!(is_there, said.contains("pushed"), "{name}: {said}"),
            None => assert!(!is_there, "{name} was pushed and nobody knows"),
        }
        if is_there {
            assert_eq!(git(&desk, &["rev-list", "--count", &format!("main..{name}")]), "1");
        }
    }
    assert_eq!(desk.document(&["repo", "list"])["repositories"][0]["pending"], 0);
}
