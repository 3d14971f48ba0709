//! What stands in the way of a revert, file by file: what came after the commit that is undone, and who brought it.

use crate::domain::Revision;
use crate::domain::revert::RevertConflict;
use crate::engine::jobs::mask::mask;
use crate::git::{GitError, LogQuery, Repository, Undoing, Undone};
use similar::TextDiff;

/// Files that are looked into.
const FILES: usize = 20;
/// Commits that are named for each.
const NAMED: usize = 10;
/// Bytes of a file beyond which its difference is not shown.
const LARGE: usize = 1 << 20;

/// The conflicts in these files; `at` is the commit that met them where several are undone, the newest first.
pub(super) fn conflicts(
    git: &Repository,
    undoing: &[Undoing],
    at: Option<&Revision>,
    paths: &[String],
) -> Result<Vec<RevertConflict>, GitError> {
    let Some(Undone::Commit(last, _) | Undone::Range(_, last)) =
        undoing.first().map(|one| &one.undone)
    else {
        return Ok(Vec::new());
    };
    let Some(head) = git.head() else { return Ok(Vec::new()) };
    let commit = at.map(|at| git.described(at)).transpose()?;
    let told = |path: &String| {
        let told = conflict(git, [last, &head], path)?;
        Ok(RevertConflict { at: commit.clone(), ..told })
    };
    paths.iter().take(FILES).map(told).collect()
}

fn conflict(
    git: &Repository,
    [last, head]: [&Revision; 2],
    path: &str,
) -> Result<RevertConflict, GitError> {
    let count = git.ahead(Some(last), head, &[path])?;
    let query =
        LogQuery { path: Some(path.to_owned()), limit: count.min(NAMED), ..LogQuery::default() };
    let since = if count == 0 { Vec::new() } else { git.log(&query)?.commits };
    let side = |at: &Revision| match git.file(at, path) {
        Ok(content) => Ok(Some(content)),
        Err(GitError::PathMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let patch = patch(path, [side(last)?, side(head)?]);
    Ok(RevertConflict { path: path.to_owned(), at: None, since, patch })
}

/// A unified diff without the values of Secrets; nothing where it would be too long to be read, or is no text.
fn patch(path: &str, [old, new]: [Option<Vec<u8>>; 2]) -> String {
    let text = |side: &Option<Vec<u8>>| String::from_utf8(side.clone().unwrap_or_default()).ok();
    let (Some(before), Some(after)) = (text(&old), text(&new)) else { return String::new() };
    if before.len().max(after.len()) > LARGE {
        return String::new();
    }
    let diff = TextDiff::from_lines(&before, &after);
    let (from, to) = (format!("a/{path}"), format!("b/{path}"));
    let patch = diff.unified_diff().header(&from, &to).to_string();
    mask(&patch, &[Ok(old), Ok(new)])
}
