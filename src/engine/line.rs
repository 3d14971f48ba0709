//! The words of command lines.

use super::options::{Branch, SyncOptions};
use std::fmt::Write;

/// A verb with what it is about.
pub(super) fn push(line: &mut String, verb: &str, subject: &str) {
    let _ = write!(line, "{verb} {}", quoted(subject));
}

/// Where a commit goes.
pub(super) fn push_destination(line: &mut String, branch: Option<&Branch>, with_push: bool) {
    match branch {
        Some(Branch::Named(name)) => push(line, " --branch", name),
        Some(Branch::Generated) => line.push_str(" --pull-request"),
        None => line.push_str(if with_push { " --push" } else { " --no-push" }),
    }
}

/// The flags of a sync of a revision.
pub(super) fn push_sync(line: &mut String, revision: Option<&str>, options: &SyncOptions) {
    if let Some(revision) = revision {
        let _ = write!(line, " --revision {}", quoted(revision));
    }
    push_options(line, options);
}

/// The flags of `sync` that are not the defaults.
pub(super) fn push_options(line: &mut String, options: &SyncOptions) {
    match options.prune {
        Some(true) => line.push_str(" --prune"),
        Some(false) => line.push_str(" --no-prune"),
        None => {}
    }
    if let Some(number) = options.allow_delete {
        let _ = write!(line, " --allow-delete {number}");
    }
    for (set, flag) in [
        (options.recreate, " --recreate"),
        (options.take_over, " --take-over"),
        (options.ignore_dependencies, " --ignore-dependencies"),
        (options.dry_run, " --dry-run"),
    ] {
        if set {
            line.push_str(flag);
        }
    }
    if let Some(wait) = options.wait {
        let _ = write!(line, " --wait={}s", wait.as_secs());
    }
}

/// Quotes a word for a POSIX shell where it needs it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
