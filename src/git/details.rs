//! What one commit changed.

use super::describe::described;
use super::history::parents;
use super::repository::Repository;
use super::{GitError, path};
use crate::domain::repository::FileChangeKind;
use crate::domain::{Commit, CommitDetails, FileChange, Revision};
use git2::{Delta, Diff, DiffFindOptions, DiffFormat, DiffOptions, Patch};

/// Bytes of a patch that are kept.
const PATCH_LIMIT: usize = 1 << 20;
/// Files whose lines are counted; beyond this only the names are given.
const COUNTED_FILES: usize = 2_000;
/// Files among which renames are looked for; it costs the square of this.
const RENAME_LIMIT: usize = 200;

impl Repository {
    /// A commit without its files.
    pub fn described(&self, revision: &Revision) -> Result<Commit, GitError> {
        self.with(|handles| {
            let commit = self.commit_of(handles, revision)?;
            let pending = self.chain(handles)?.contains(&commit.id());
            Ok(described(&commit, pending))
        })
    }

    /// A commit with its files and its patch against the first parent. The patch is cut at 1 MiB.
    pub fn details(&self, revision: &Revision) -> Result<CommitDetails, GitError> {
        self.details_since(revision, None)
    }

    /// The same against another commit than the first parent, where one is given.
    pub fn details_since(
        &self,
        revision: &Revision,
        base: Option<&Revision>,
    ) -> Result<CommitDetails, GitError> {
        self.with(|handles| {
            let commit = self.commit_of(handles, revision)?;
            let base = base.map(|base| self.commit_of(handles, base)).transpose()?;
            let pending = self.chain(handles)?.contains(&commit.id());
            let read = || -> Result<CommitDetails, git2::Error> {
                let tree = commit.tree()?;
                let parents = parents(&commit)?;
                let parent =
                    base.as_ref().or(parents.first()).map(git2::Commit::tree).transpose()?;
                let mut options = DiffOptions::new();
                options.context_lines(3);
                let mut diff = handles.all.diff_tree_to_tree(
                    parent.as_ref(),
                    Some(&tree),
                    Some(&mut options),
                )?;
                diff.find_similar(Some(
                    DiffFindOptions::new().renames(true).rename_limit(RENAME_LIMIT),
                ))?;
                let (patch, truncated) = patch_of(&diff);
                Ok(CommitDetails {
                    commit: described(&commit, pending),
                    files: files_of(&diff)?,
                    patch,
                    truncated,
                })
            };
            read().map_err(self.fault("reading a commit"))
        })
    }
}

fn files_of(diff: &Diff<'_>) -> Result<Vec<FileChange>, git2::Error> {
    let mut files = Vec::new();
    for (index, delta) in diff.deltas().enumerate() {
        let kind = match delta.status() {
            Delta::Added | Delta::Copied => FileChangeKind::Added,
            Delta::Deleted => FileChangeKind::Deleted,
            Delta::Renamed => FileChangeKind::Renamed,
            _ => FileChangeKind::Modified,
        };
        let old = path::shown(delta.old_file().path_bytes().unwrap_or_default());
        let new = path::shown(delta.new_file().path_bytes().unwrap_or_default());
        let (added, removed) = if index < COUNTED_FILES { lines_of(diff, index)? } else { (0, 0) };
        files.push(FileChange {
            old_path: (kind == FileChangeKind::Renamed).then(|| old.clone()),
            path: if kind == FileChangeKind::Deleted { old } else { new },
            kind,
            added,
            removed,
        });
    }
    Ok(files)
}

fn lines_of(diff: &Diff<'_>, index: usize) -> Result<(usize, usize), git2::Error> {
    let Some(patch) = Patch::from_diff(diff, index)? else { return Ok((0, 0)) };
    let (_, added, removed) = patch.line_stats()?;
    Ok((added, removed))
}

/// The patch, and whether it was cut.
fn patch_of(diff: &Diff<'_>) -> (String, bool) {
    let mut text = Vec::new();
    let mut truncated = false;
    let result = diff.print(DiffFormat::Patch, |_, _, line| {
        if text.len() + line.content().len() > PATCH_LIMIT {
            truncated = true;
            return false;
        }
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(line.origin() as u8);
        }
        text.extend_from_slice(line.content());
        true
    });
    // A stopped print is an error of libgit2; what was printed until then is what is wanted.
    truncated |= result.is_err();
    (String::from_utf8_lossy(&text).into_owned(), truncated)
}
