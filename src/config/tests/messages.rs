//! `message`: templates of commit messages, inherited one by one.

use super::Home;
use crate::domain::template::{Occasion, Template};

const TABLES: &str = "[repositories.fleet]\nurl = \"https://h/a\"\n";

#[test]
fn each_comes_from_the_nearest_level() {
    let home = Home::with(&format!(
        "{TABLES}[defaults]\nmessage = {{ commit = \"{{mapping}}: {{summary}}\", revert = \"{{summary}}\\n\\n{{body}}\" }}\n\
         [projects.shop]\nrepository = \"fleet\"\n[projects.shop.message]\nadopt = \"live {{summary}}\"\n\
         [mappings.web]\nproject = \"shop\"\npath = \"web\"\nmessage.commit = \"web {{summary}}\"\n"
    ));
    let loaded = home.load().unwrap();
    let found = &loaded.settings.mappings["web"].messages;
    let text = |occasion| found.of(occasion).map(Template::text);
    assert_eq!(text(Occasion::Commit), Some("web {summary}"));
    assert_eq!(text(Occasion::Set), Some("web {summary}"));
    assert_eq!(text(Occasion::Adopt), Some("live {summary}"));
    assert_eq!(text(Occasion::Revert), Some("{summary}\n\n{body}"));
    let of_all = loaded.settings.messages.of(Occasion::Adopt).map(Template::text);
    assert_eq!(of_all, Some("{mapping}: {summary}"));
    let explained = loaded.explain("web").unwrap();
    let value = explained[0].values.iter().find(|one| one.key == "message.commit").unwrap();
    assert_eq!(value.value, "\"web {summary}\"");
    assert!(value.origin.to_string().starts_with("mapping web ("), "{}", value.origin);
    assert_eq!(value.overridden.len(), 1);
    assert!(!explained[0].values.iter().any(|one| one.key == "message.set"));
}

#[test]
fn what_is_unknown_has_its_line_and_a_suggestion() {
    let said = Home::with(&format!(
        "{TABLES}[defaults.message]\ncommit = \"{{mapping}}: {{sumary}}\"\nset = \"{{zebra}}\"\nrevert = \"undo\"\ncomit = \"x\"\n"
    ))
    .faults();
    for part in [
        ":4: `commit` of [defaults.message]: `{sumary}` is no placeholder; did you mean `summary`?",
        ":5: `set` of [defaults.message]: `{zebra}` is no placeholder; there are author, body",
        ":6: `revert` of [defaults.message]: a revert says which commit it undoes",
        ":7: unknown key `comit` in [defaults.message]; did you mean `commit`?",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
