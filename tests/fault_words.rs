//! Every fault that a repository or its server can have, in the words of the command line: exit code and whole sentence.

use crate::fault_rows::{Row, rows};
use std::fs;
use std::path::Path;

/// What a user can meet. None may be without a row, or a test that is named.
const FAULTS: &[&str] = &[
    "unknown host key",
    "changed host key",
    "changed host key behind a jump host",
    "authentication refused",
    "force-push",
    "deleted branch",
    "moved repository",
    "empty repository",
    "unborn HEAD",
    "detached default branch",
    "SHA-256",
    "submodules",
    "LFS pointers",
    "symlink out of the tree",
    "non-UTF-8 names",
    "100,000-line file",
    "shallow repository",
    "byte limit",
    "time limit",
    "fsck",
    "custom CA missing",
    "proxy refused",
    "declined hook",
    "disk full",
    "corrupt mirror",
    "left-over lock",
];

/// Faults whose test runs the binary elsewhere: file and test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("disk full", "faults.rs", "a_full_disk_is_named_and_no_commit_is_lost"),
    ("corrupt mirror", "faults.rs", "a_damaged_mirror_is_said_and_built_anew_with_what_waits"),
];

/// What is wrong with what is said of a fault.
fn heard(row: &Row) -> Option<String> {
    let stage = (row.stage)()?;
    let (code, said) = stage.run(row.run);
    let missing: Vec<_> = row.words.iter().filter(|words| !said.contains(**words)).collect();
    // One fault is one error.
    let errors = said.lines().filter(|line| line.starts_with("error")).count();
    let wrong = code != Some(row.code) || !missing.is_empty() || errors > 1;
    let run = row.run.join(" ");
    wrong.then(|| {
        format!(
            "{} ({run}): exit {code:?}, not said: {missing:#?}, {errors} errors\n{said}",
            row.fault
        )
    })
}

#[test]
fn every_fault_is_said_in_whole_sentences() {
    let rows = rows();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = rows.chunks(rows.len().div_ceil(4));
        let parts: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| part.iter().filter_map(|row| heard(row)).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} wrong:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_fault_is_without_a_test() {
    let rows = rows();
    for fault in FAULTS {
        let elsewhere = ELSEWHERE.iter().filter(|(name, ..)| name == fault);
        let named = elsewhere.clone().count();
        assert!(
            named > 0 || rows.iter().any(|row| row.fault == *fault),
            "{fault} has neither a row nor a test"
        );
        for (_, file, test) in elsewhere {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
            let text = fs::read_to_string(path).unwrap();
            assert!(
                text.contains(&format!("#[test]\nfn {test}() {{")),
                "{file} has no test {test}"
            );
        }
    }
    for row in &rows {
        assert!(FAULTS.contains(&row.fault), "{} is not in the list", row.fault);
        assert!(!row.words.is_empty(), "{} says nothing", row.fault);
    }
    for (fault, ..) in ELSEWHERE {
        assert!(FAULTS.contains(fault), "{fault} is not in the list");
    }
}
