//! Templates of commit messages, with the built binary: each kind of commit has its own, and an own message wins.

use crate::blame::Desk;
use std::fs;

const TABLES: &str = "\
[defaults.message]
commit = \"{project}/{mapping} ({operation}): {summary}\\n\\n{body}\\n\\n{files} on {branch} by {author} <{email}>\"
revert = \"undo in {mapping}: {summary}\\n\\n{body}\"
[projects.shop]
repository = \"fleet\"
[mappings.app]
project = \"shop\"
path = \"app\"
message.set = \"chore({mapping}): {summary}\"
";

fn map(level: &str, mode: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  level: {level}\n  mode: {mode}\n"
    )
}

fn message(desk: &Desk, branch: &str) -> String {
    let message = desk.git("Ana", &["-C", "fleet", "log", "-1", "--format=%B", branch]);
    let (words, trailers) = message.rsplit_once("\n\n").unwrap();
    assert!(trailers.contains("Gitdeck-Operation: "), "{message}");
    words.to_owned()
}

#[test]
fn each_kind_of_commit_has_its_words() {
    let desk = Desk::new(TABLES, std::env::var_os("PATH").unwrap());
    desk.publish("Ana", &[("app/one.yaml", &map("info", "'{body}'"))]);
    // So that a push may move the branch.
    desk.git("Ana", &["-C", "fleet", "checkout", "-q", "--detach"]);
    let local = desk.root().join("local.yaml");
    let one = format!("one.yaml={}", local.display());
    fs::write(&local, map("warn", "fast")).unwrap();
    let (code, _, notes) = desk.run(&["commit", "app", "--file", &one, "--push"]);
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(
        message(&desk, "main"),
        "shop/app (commit): change 2 values of ConfigMap settings\n\n\
         - ConfigMap settings: level info -> warn\n- ConfigMap settings: mode {body} -> fast\n\n\
         app/one.yaml on main by Ana <ana@example.com>"
    );
    let value = "ConfigMap/settings:/data/level=error";
    let (code, _, notes) = desk.run(&["set", "app", "value", value, "--yes", "--push"]);
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(message(&desk, "main"), "chore(app): level warn -> error");
    let bad = desk.git("Ana", &["-C", "fleet", "rev-parse", "main"]);

    let (code, _, notes) = desk.run(&["revert", "app", "--yes", "--push"]);
    assert_eq!(code, Some(0), "{notes}");
    let said = message(&desk, "main");
    let title = "undo in app: Revert \"chore(app): level warn -> error\"\n\n";
    assert!(
        said.starts_with(title) && said.contains(&format!("This reverts commit {bad}")),
        "{said}"
    );

    fs::write(&local, map("debug", "fast")).unwrap();
    let own = ["commit", "app", "--file", &one, "-m", "as I {summary}", "--push"];
    assert_eq!(desk.run(&own).0, Some(0));
    assert_eq!(message(&desk, "main"), "as I {summary}");
}

#[test]
fn what_is_unknown_is_a_fault_with_its_line() {
    let desk =
        Desk::new("[defaults.message]\ncommit = \"{sumary}\"\n", std::env::var_os("PATH").unwrap());
    let (code, _, notes) = desk.run(&["config", "check"]);
    assert_eq!(code, Some(2));
    assert!(notes.contains("did you mean `summary`?"), "{notes}");
    let desk = Desk::new(TABLES, std::env::var_os("PATH").unwrap());
    let document = desk.document(&["config", "explain", "app"]);
    let values = document["explanations"][0]["values"].as_array().unwrap();
    let value = |key: &str| values.iter().find(|one| one["key"] == key).unwrap();
    assert_eq!(value("message.set")["value"], "\"chore({mapping}): {summary}\"");
    assert!(value("message.commit")["origin"].as_str().unwrap().starts_with("defaults ("));
}
