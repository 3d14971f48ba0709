//! `git` as a person runs it.

use super::demo::said;
use std::path::Path;
use std::process::Command;

/// What `git` says in a folder that is home as well, as Ana; it has to succeed.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}
