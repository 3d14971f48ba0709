//! The architecture as a test: import directions, the map, the length of files, and what the domain may not touch.

use std::fs;
use std::path::Path;

use crate::support::paths::{Occurrence, paths};

/// The longest file, tests included.
const LONGEST: usize = 500;

/// Crates that only some folders may name, with those folders.
const CONFINED: &[(&str, &[&str])] = &[
    ("kube", &["cluster", "delegates", "sandbox"]),
    ("k8s_openapi", &["cluster", "delegates", "sandbox"]),
    ("git2", &["git", "sandbox"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
    ("tui_textarea", &["tui"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
];

/// The three faces: none may know another.
const FACES: &[&str] = &["cli", "tui", "agent"];

/// What the domain may not name: waiting, clocks, files, the environment, the network, threads.
const IMPURE: &[&str] = &[
    "tokio",
    "futures",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "rand",
];

/// One Rust file, as the checks see it.
struct Source {
    /// Relative to the crate's root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The folder of `src/` that the file is in; `None` for `main.rs`, `lib.rs` and what is outside `src/`.
    fn folder(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(folder, _)| folder)
    }

    /// The module path below the crate's root: `["tui", "panes"]` for `src/tui/panes/mod.rs`.
    fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        let inner = inner.strip_suffix("/mod").unwrap_or(inner);
        inner.split('/').filter(|part| !matches!(*part, "lib" | "main")).collect()
    }

    fn occurrences(&self) -> Vec<Occurrence> {
        paths(&self.text, &self.module())
    }
}

/// One row of the table in `src/README.md`.
struct Row {
    folder: String,
    may_import: Vec<String>,
}

/// The map: the rows of the table whose first cell is a folder. `all above` stands for the rows before it.
fn map(readme: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in readme.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [first, _, third] = cells.as_slice() else { continue };
        let Some(folder) = first.strip_prefix('`').and_then(|cell| cell.strip_suffix("/`")) else {
            continue;
        };
        let mut may_import: Vec<String> =
            third.split('`').skip(1).step_by(2).map(String::from).collect();
        if third.contains("all above") {
            may_import.extend(rows.iter().map(|row| row.folder.clone()));
        }
        rows.push(Row { folder: folder.into(), may_import });
    }
    rows
}

/// Rules that the table itself must keep, whatever somebody writes into it.
fn faults_of_map(rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        if row.folder == "domain" && !row.may_import.is_empty() {
            faults.push("src/README.md: `domain` may import nothing".into());
        }
        for face in FACES {
            if row.folder != *face && row.may_import.iter().any(|name| name == face) {
                faults.push(format!(
                    "src/README.md: `{}` may not import the face `{face}`",
                    row.folder
                ));
            }
        }
    }
    faults
}

/// Folders without a row, and rows without a folder.
fn unmapped(rows: &[Row], folders: &[String]) -> Vec<String> {
    let missing = folders
        .iter()
        .filter(|folder| !rows.iter().any(|row| row.folder == **folder))
        .map(|folder| format!("src/{folder}/ is not in the table of src/README.md"));
    let stale = rows
        .iter()
        .filter(|row| !folders.contains(&row.folder))
        .map(|row| format!("src/README.md: there is no src/{}/", row.folder));
    missing.chain(stale).collect()
}

/// Imports against the direction of the map. Test modules may use the sandbox: it is what they run against.
fn against_direction(source: &Source, rows: &[Row]) -> Vec<String> {
    let Some(folder) = source.folder() else { return Vec::new() };
    let Some(row) = rows.iter().find(|row| row.folder == folder) else { return Vec::new() };
    let in_test_file = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
    source
        .occurrences()
        .iter()
        .filter(|found| found.segments.first().is_some_and(|first| first == "crate"))
        .filter_map(|found| {
            let target = found.segments.get(1)?;
            let known = rows.iter().any(|row| row.folder == *target);
            let excused = (found.in_test || in_test_file) && target == "sandbox";
            let allowed = !known || target == folder || row.may_import.contains(target) || excused;
            (!allowed).then(|| {
                format!("{}:{}: `{folder}` may not import `{target}`", source.path, found.line)
            })
        })
        .collect()
}

/// Confined crates that are named elsewhere.
fn strangers(source: &Source) -> Vec<String> {
    let Some(folder) = source.folder() else { return Vec::new() };
    let mut faults = Vec::new();
    for found in source.occurrences() {
        let Some(first) = found.segments.first() else { continue };
        let Some((name, folders)) = CONFINED.iter().find(|(name, _)| first == name) else {
            continue;
        };
        if found.is_foreign() && !folders.contains(&folder) {
            faults.push(format!(
                "{}:{}: `{name}` belongs to {}",
                source.path,
                found.line,
                folders.join(", ")
            ));
        }
    }
    faults
}

/// What makes the domain depend on more than its arguments.
fn impurities(source: &Source) -> Vec<String> {
    if source.folder() != Some("domain") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for found in source.occurrences() {
        let full = found.segments.join("::");
        let banned =
            IMPURE.iter().find(|name| full == **name || full.starts_with(&format!("{name}::")));
        let clock =
            found.segments.len() > 1 && found.segments.last().is_some_and(|last| last == "now");
        if banned.is_some() || clock {
            faults.push(format!(
                "{}:{}: the domain is pure, `{full}` is not",
                source.path, found.line
            ));
        }
        if full == "async" || full == "await" {
            faults.push(format!("{}:{}: the domain does not wait", source.path, found.line));
        }
    }
    faults
}

/// Length and the opening sentence. `lib.rs` opens with the map instead.
fn shape(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST {
        faults.push(format!("{}: {lines} lines, at most {LONGEST}", source.path));
    }
    let opens =
        source.text.starts_with("//! ") || source.text.starts_with("#![doc = include_str!(");
    if !opens {
        faults.push(format!("{}: opens without a `//!` sentence", source.path));
    }
    faults
}

/// Test files that `tests/main.rs` does not list; they would silently not run.
fn forgotten(main: &str, files: &[String]) -> Vec<String> {
    files
        .iter()
        .filter(|file| {
            *file != "main" && !main.lines().any(|line| line.trim() == format!("mod {file};"))
        })
        .map(|file| format!("tests/{file}.rs is not listed in tests/main.rs"))
        .collect()
}

/// Threads of a list without a test of their name: a function behind an attribute of a test, whose name is the thread's, or
/// begins with it and `_`.
fn untested(threads: &str, sources: &[Source]) -> Vec<String> {
    let tests: Vec<&str> = sources.iter().flat_map(|source| tests_in(&source.text)).collect();
    let threads =
        threads.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let named = |test: &str, thread: &str| {
        test.strip_prefix(thread).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    threads
        .filter(|thread| !tests.iter().any(|test| named(test, thread)))
        .map(|thread| format!("no test has a name that begins with `{thread}`"))
        .collect()
}

/// Names of the tests in a file.
fn tests_in(text: &str) -> Vec<&str> {
    let (mut found, mut marked) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
        if let Some(name) = function.and_then(|rest| rest.split('(').next()) {
            found.extend(std::mem::take(&mut marked).then_some(name));
        }
    }
    found
}

/// Every Rust file below a folder of the crate.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(Source {
                    text: fs::read_to_string(&path).expect("readable source"),
                    path: relative,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The rows as they are now.
fn current_map() -> Vec<Row> {
    let rows = map(&read("src/README.md"));
    assert!(rows.len() > 5, "the table of src/README.md was not understood");
    rows
}

#[test]
fn imports_keep_the_direction() {
    let rows = current_map();
    assert_none(&faults_of_map(&rows));
    let faults: Vec<String> =
        sources("src").iter().flat_map(|source| against_direction(source, &rows)).collect();
    assert_none(&faults);
}

#[test]
fn confined_crates_stay_where_they_belong() {
    assert_none(&sources("src").iter().flat_map(strangers).collect::<Vec<_>>());
}

#[test]
fn the_domain_is_pure() {
    assert_none(&sources("src").iter().flat_map(impurities).collect::<Vec<_>>());
}

#[test]
fn files_are_short_and_open_with_a_sentence() {
    let faults: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
        .flat_map(|source| shape(&source))
        .collect();
    assert_none(&faults);
}

#[test]
fn every_folder_is_on_the_map() {
    let mut folders: Vec<String> =
        sources("src").iter().filter_map(|source| source.folder().map(String::from)).collect();
    folders.dedup();
    assert_none(&unmapped(&current_map(), &folders));
}

#[test]
fn who_comes_first_finds_readme_changelog_and_licence() {
    for (path, says) in [
        ("README.md", "# gitdeck"),
        ("CHANGELOG.md", "## [Unreleased]"),
        ("LICENSE", "Apache License"),
        ("src/README.md", "# The map of gitdeck"),
    ] {
        assert!(read(path).contains(says), "{path} does not say \"{says}\"");
    }
}

#[test]
fn every_test_file_is_listed() {
    let files: Vec<String> = sources("tests")
        .iter()
        .filter_map(|source| {
            source.path.strip_prefix("tests/")?.strip_suffix(".rs").map(String::from)
        })
        .filter(|file| !file.contains('/'))
        .collect();
    assert_none(&forgotten(&read("tests/main.rs"), &files));
}

#[test]
fn every_incident_has_a_test_of_its_name() {
    let all: Vec<Source> = ["src", "tests"].iter().flat_map(|folder| sources(folder)).collect();
    let threads = read("tests/incidents/threads.txt");
    assert!(threads.lines().filter(|line| !line.starts_with('#')).count() > 80);
    assert_none(&untested(&threads, &all));
}

/// Each check is shown a text that breaks its rule, and one that does not.
mod checks {
    use super::*;

    fn rows() -> Vec<Row> {
        map(
            "| folder | what | may import |\n|---|---|---|\n| `domain/` | x | nothing |\n| `git/` | x | `domain` |\n\
             | `engine/` | x | all above |\n| `cli/` | x | `engine`, `domain` |\n| `tui/` | x | `engine`, `domain` |\n\
             | `sandbox/` | x | `domain` |\n",
        )
    }

    fn directions(path: &str, text: &str) -> usize {
        against_direction(&Source::new(path, text), &rows()).len()
    }

    #[test]
    fn the_table_is_read() {
        let rows = rows();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[2].may_import, ["domain", "git"]);
        assert!(faults_of_map(&rows).is_empty());
    }

    #[test]
    fn a_table_that_lets_faces_meet_is_caught() {
        assert_eq!(
            faults_of_map(&map("| `cli/` | x | `tui` |\n| `domain/` | x | `git` |\n")).len(),
            2
        );
    }

    #[test]
    fn forbidden_imports_are_caught() {
        assert_eq!(directions("src/domain/plan.rs", "use crate::git::Mirror;"), 1);
        assert_eq!(directions("src/cli/a.rs", "use crate::{domain::Plan, tui::{Ui, view}};"), 2);
        assert_eq!(directions("src/cli/a.rs", "fn f() { crate::git::fetch(); }"), 1);
        assert_eq!(directions("src/cli/print/a.rs", "use super::super::super::tui::Ui;"), 1);
        assert_eq!(
            directions("src/git/a.rs", "mod tests { use super::super::super::engine::Job; }"),
            1
        );
        assert_eq!(directions("src/git/a.rs", "use crate::sandbox::Sandbox;"), 1);
    }

    #[test]
    fn allowed_imports_pass() {
        assert_eq!(
            directions("src/engine/a.rs", "use crate::{domain::Plan, git, engine::job};"),
            0
        );
        assert_eq!(
            directions("src/git/a.rs", "// use crate::engine\nconst A: &str = \"crate::tui::Ui\";"),
            0
        );
        assert_eq!(
            directions("src/git/a.rs", "#[cfg(test)]\nmod tests { use crate::sandbox::Sandbox; }"),
            0
        );
        assert_eq!(directions("src/main.rs", "use crate::tui;"), 0);
        assert_eq!(directions("src/cli/print/a.rs", "use super::super::tui::Ui;"), 0);
    }

    #[test]
    fn strangers_are_caught() {
        let caught = |path: &str, text: &str| strangers(&Source::new(path, text)).len();
        assert_eq!(caught("src/engine/a.rs", "use kube::Client;"), 1);
        assert_eq!(caught("src/engine/a.rs", "use {git2 as g};"), 1);
        assert_eq!(caught("src/engine/a.rs", "#[derive(clap::Parser)] struct A;"), 1);
        assert_eq!(caught("src/cli/a.rs", "fn f(c: ::ratatui::style::Color) {}"), 1);
        assert_eq!(caught("src/cluster/a.rs", "use kube::Client;"), 0);
        assert_eq!(caught("src/engine/a.rs", "let kube = self.kube.clone(); // kube::Client"), 0);
        assert_eq!(caught("src/engine/a.rs", "use crate::domain::git2::Id;"), 0);
    }

    #[test]
    fn impurities_are_caught() {
        let caught = |text: &str| impurities(&Source::new("src/domain/a.rs", text)).len();
        assert_eq!(caught("use std::{fs, collections::BTreeMap};"), 1);
        assert_eq!(caught("use std::time::{Duration, Instant};"), 1);
        assert_eq!(caught("fn f() { jiff::Timestamp::now(); }"), 1);
        assert_eq!(caught("use jiff::Zoned; fn f() { Zoned::now(); }"), 1);
        assert_eq!(caught("async fn f() { g().await; }"), 2);
        assert_eq!(caught("use tokio::sync::mpsc;"), 1);
        assert_eq!(caught("use std::time::Duration; fn f(now: jiff::Timestamp) {}"), 0);
        assert!(impurities(&Source::new("src/engine/a.rs", "use std::fs;")).is_empty());
    }

    #[test]
    fn long_and_unopened_files_are_caught() {
        assert_eq!(
            shape(&Source::new("src/a.rs", &format!("//! A.\n{}", "\n".repeat(500)))).len(),
            1
        );
        assert_eq!(shape(&Source::new("src/a.rs", "use std::fs;\n")).len(), 1);
        assert!(
            shape(&Source::new("src/a.rs", &format!("//! A.\n{}", "\n".repeat(499)))).is_empty()
        );
    }

    #[test]
    fn unmapped_folders_are_caught() {
        let folders = ["domain", "git", "engine", "cli", "tui", "extra"].map(String::from);
        assert_eq!(unmapped(&rows(), &folders).len(), 2);
    }

    #[test]
    fn threads_without_a_test_are_caught() {
        let text = "#[test]\nfn kapp_19_a() {}\n/// fn kapp_5_b() {}\n#[tokio::test(start_paused = true)]\nasync fn kapp_7() {}\nfn kapp_8_c() {}\n";
        let found = untested(
            "# list\nkapp_19\nkapp_1\nkapp_7\nkapp_8\nkapp_5\n",
            &[Source::new("a.rs", text)],
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|one| !one.contains("`kapp_19`") && !one.contains("`kapp_7`")));
    }

    #[test]
    fn forgotten_test_files_are_caught() {
        let files = ["main", "tidy", "extra"].map(String::from);
        assert_eq!(
            forgotten("mod tidy;\n// mod extra;\n", &files),
            ["tests/extra.rs is not listed in tests/main.rs"]
        );
    }
}
