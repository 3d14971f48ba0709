//! Reverts in words: what is undone, what a draft of it holds, and the message of its commit.

use crate::domain::text::harmless;
use crate::domain::{Commit, CommitDetails, Revision};
use serde::Serialize;
use std::fmt::Write;

/// Files and folders that a message names.
const NAMED: usize = 5;

/// What somebody wants undone, as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// The newest commit of the mapping.
    Newest,
    /// One commit.
    Commit(String),
    /// Everything after the first and up to the second commit.
    Range(String, String),
    /// Everything since this state.
    Since(String),
}

impl Undo {
    /// A commit, or a range `A..B`.
    pub fn parse(text: &str) -> Self {
        match text.split_once("..") {
            Some((first, last)) if !first.is_empty() && !last.starts_with('.') => {
                let last = if last.is_empty() { "HEAD" } else { last };
                Self::Range(first.to_owned(), last.to_owned())
            }
            _ => Self::Commit(text.to_owned()),
        }
    }
}

/// A revert that was drafted and that nobody confirmed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RevertDraft {
    /// Repository.
    pub repository: String,
    /// Mapping to whose path, and what else it is made from, it is limited.
    pub mapping: Option<String>,
    /// The commit that it was drafted on.
    pub base: Revision,
    /// The commits as they will be, each on top of the one before it.
    pub commits: Vec<Commit>,
    /// The last of them, with what all of them change; values of Secrets are masked.
    pub details: CommitDetails,
    /// Files that what is undone changed and the mapping is not made from, and that stay as they are.
    pub besides: Vec<String>,
    /// Commits that wait for a push already, the newest first; a push takes them along.
    pub waiting: Vec<Commit>,
    /// Mappings that are made from a file that it changes, each after those that it depends on.
    pub touches: Vec<String>,
}

/// A file in which what is undone was changed again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RevertConflict {
    /// Path from the root.
    pub path: String,
    /// Of several commits that were to be undone, the one that met it.
    pub at: Option<Commit>,
    /// The newest commits that changed it since, the newest first.
    pub since: Vec<Commit>,
    /// What they changed, as a unified diff; values of Secrets are masked. Empty where that is no text or too long.
    pub patch: String,
}

/// The message of the commit that undoes one commit, in the words of `git revert`; of a merge, `stays` is the parent
/// that the branch goes back to.
pub fn of_commit(undone: &Commit, stays: Option<&Revision>, paths: &[String]) -> String {
    let mut text = format!("{}\n\nThis reverts commit {}", title(undone.title()), undone.revision);
    if let Some(stays) = stays {
        let _ = write!(text, ", reversing\nchanges made to {stays}");
    }
    limited(&mut text, paths);
    text
}

/// What was reverted once is applied again; what was reverted more often is told as it is, as Git does.
fn title(of: &str) -> String {
    match of.strip_prefix("Revert \"") {
        Some(first) if !first.starts_with("Revert \"") => format!("Reapply \"{}", harmless(first)),
        _ => format!("Revert \"{}\"", harmless(of)),
    }
}

/// The message of the commit that undoes a range of `count` commits, the newest of which are named.
pub fn of_range(
    [first, last]: [&Revision; 2],
    undone: &[Commit],
    count: usize,
    paths: &[String],
) -> String {
    if let [one] = undone {
        return of_commit(one, None, paths);
    }
    let (from, to) = (first.short(), last.short());
    let mut text = format!("Revert {count} commits\n\nThis reverts the range {from}..{to}");
    limited(&mut text, paths);
    // Each in the words that programs look for; the newest is undone first.
    for commit in undone {
        let (id, title) = (&commit.revision, harmless(commit.title()));
        let _ = write!(text, "\n\n{title}\nThis reverts commit {id}.");
    }
    if count > undone.len() {
        let _ = write!(text, "\n\nand {} more", count - undone.len());
    }
    text
}

/// The message of the commit that goes back to a state.
pub fn to_state(state: &Commit, subject: &str, paths: &[String]) -> String {
    let mut text = format!(
        "Take {subject} back to {}\n\nThis restores the state of commit {} ({})",
        state.revision.short(),
        state.revision,
        harmless(state.title())
    );
    limited(&mut text, paths);
    text
}

fn limited(text: &mut String, paths: &[String]) {
    if !paths.is_empty() && paths.iter().all(|path| !path.is_empty()) {
        let named: Vec<_> = paths.iter().take(NAMED).map(|path| harmless(path)).collect();
        let _ = write!(text, ",\nas far as it is about {}", named.join(", "));
        if paths.len() > NAMED {
            let _ = write!(text, " and {} more", paths.len() - NAMED);
        }
    }
    text.push('.');
}

#[cfg(test)]
mod tests {
    use super::{Undo, title};

    #[test]
    fn a_revert_of_a_revert_applies_again() {
        assert_eq!(title("bump"), "Revert \"bump\"");
        assert_eq!(title("Revert \"bump\""), "Reapply \"bump\"");
        assert_eq!(title("Revert \"Revert \"bump\"\""), "Revert \"Revert \"Revert \"bump\"\"\"");
    }

    #[test]
    fn commits_and_ranges_are_told_apart() {
        assert_eq!(Undo::parse("HEAD~2"), Undo::Commit("HEAD~2".into()));
        assert_eq!(Undo::parse("a..b"), Undo::Range("a".into(), "b".into()));
        assert_eq!(Undo::parse("a.."), Undo::Range("a".into(), "HEAD".into()));
        assert_eq!(Undo::parse("a...b"), Undo::Commit("a...b".into()));
        assert_eq!(Undo::parse("..b"), Undo::Commit("..b".into()));
    }
}
