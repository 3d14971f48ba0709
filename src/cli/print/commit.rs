//! Commits for people.

use super::paint::Paint;
use super::table::{Cell, table};
use super::time::age;
use crate::domain::repository::{FileChangeKind, Signature};
use crate::domain::text::{harmless, harmless_lines};
use crate::domain::{Belief, Commit, CommitDetails, Revision, Verdict};
use jiff::Timestamp;
use std::collections::HashMap;
use std::fmt::Write;

/// What git says of signatures.
pub(crate) type Verdicts = HashMap<Revision, Verdict>;

/// One row per commit.
pub(crate) fn print_log(
    paint: Paint,
    commits: &[Commit],
    verdicts: &Verdicts,
    now: Timestamp,
) -> String {
    let rows = commits
        .iter()
        .map(|commit| {
            vec![
                Cell::styled(commit.revision.short(), Paint::name),
                Cell::plain(&age(commit.time, now)),
                Cell::plain(&commit.author),
                marks_cell(commit, verdicts.get(&commit.revision)),
                Cell::plain(commit.title()),
            ]
        })
        .collect();
    table(paint, &["COMMIT", "AGE", "AUTHOR", "MARKS", "TITLE"], rows)
}

/// The marks, in a colour where somebody has to look at the signature.
fn marks_cell(commit: &Commit, verdict: Option<&Verdict>) -> Cell {
    let style = match verdict.map(|verdict| verdict.state) {
        Some(Belief::Bad) => Paint::bad,
        Some(Belief::Untrusted) => Paint::warn,
        _ => Paint::dim,
    };
    Cell::styled(&marks(commit, verdict), style)
}

fn marks(commit: &Commit, verdict: Option<&Verdict>) -> String {
    let mut marks = Vec::new();
    if commit.pending {
        marks.push("not pushed");
    }
    if commit.signature == Signature::Present {
        marks.push(verdict.map_or("signed", |verdict| verdict.state.word()));
    }
    if commit.by_gitdeck {
        marks.push("gitdeck");
    }
    if commit.parents.len() > 1 {
        marks.push("merge");
    }
    marks.join(",")
}

/// A commit with its files and its diff.
pub(crate) fn print_details(
    paint: Paint,
    repository: &str,
    details: &CommitDetails,
    verdict: Option<&Verdict>,
) -> String {
    let mut text = print_head(paint, repository, details, verdict);
    push_patch(&mut text, paint, details);
    text
}

/// A commit with its files.
pub(crate) fn print_head(
    paint: Paint,
    repository: &str,
    details: &CommitDetails,
    verdict: Option<&Verdict>,
) -> String {
    let commit = &details.commit;
    let mut text = String::new();
    let _ = writeln!(text, "{} {}", paint.head("commit"), paint.name(commit.revision.as_str()));
    let author = format!("{} <{}>", commit.author, commit.email);
    let committer = commit.committer.as_ref().map(|who| format!("{} <{}>", who.name, who.email));
    let facts = [
        ("repository", repository.to_owned()),
        ("author", author),
        ("committer", committer.unwrap_or_default()),
        ("date", commit.time.to_string()),
        ("marks", marks(commit, verdict)),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name}: {}", harmless(value));
    }
    if let Some(verdict) = verdict {
        let said = harmless(&verdict.sentence()).into_owned();
        let said = match verdict.state {
            Belief::Verified => paint.good(&said),
            Belief::Untrusted => paint.warn(&said),
            Belief::Bad => paint.bad(&said),
            Belief::Unchecked => said,
        };
        let _ = writeln!(text, "signature: {said}");
    }
    text.push('\n');
    for line in harmless_lines(commit.message.trim_end()).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push('\n');
    push_files(&mut text, details);
    text
}

/// Commits that are made together, with what all of them change.
pub(crate) fn print_several(paint: Paint, commits: &[Commit], details: &CommitDetails) -> String {
    let mut text = String::new();
    for commit in commits {
        let id = paint.name(commit.revision.short());
        let _ = writeln!(text, "{} {id} {}", paint.head("commit"), harmless(commit.title()));
    }
    text.push('\n');
    push_files(&mut text, details);
    push_patch(&mut text, paint, details);
    text
}

fn push_files(text: &mut String, details: &CommitDetails) {
    for file in &details.files {
        let kind = match file.kind {
            FileChangeKind::Added => "added",
            FileChangeKind::Modified => "modified",
            FileChangeKind::Deleted => "deleted",
            FileChangeKind::Renamed => "renamed",
        };
        let from = file.old_path.as_ref().map_or(String::new(), |old| format!(" from {old}"));
        let path = format!("{}{from}", file.path);
        let (added, removed) = (file.added, file.removed);
        let _ = writeln!(text, "  {kind} {} (+{added} -{removed})", harmless(&path));
    }
    text.push('\n');
}

fn push_patch(text: &mut String, paint: Paint, details: &CommitDetails) {
    text.push_str(&patch(paint, &details.patch));
    if details.truncated {
        text.push_str("… the diff goes on; `git show` has all of it\n");
    }
}

/// A unified diff, coloured line by line.
pub(crate) fn patch(paint: Paint, patch: &str) -> String {
    let mut text = String::new();
    for line in harmless_lines(patch).lines() {
        let painted = match line.as_bytes().first() {
            Some(b'+') => paint.good(line),
            Some(b'-') => paint.bad(line),
            Some(b'@') => paint.name(line),
            _ => line.to_owned(),
        };
        text.push_str(&painted);
        text.push('\n');
    }
    text
}
