//! New trees from old ones, without a work tree or an index.

use super::content::is_lfs_pointer;
use super::handles::Handles;
use super::history::entry_in;
use super::repository::Repository;
use super::{GitError, path};
use crate::domain::FileEdit;
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Tree};
use std::collections::BTreeSet;

/// What a path shall have in the new tree.
pub(super) struct Placement {
    pub(super) path: String,
    /// Blob and mode; nothing removes the path.
    pub(super) entry: Option<(Oid, i32)>,
}

const FOLDER: i32 = 0o040_000;
const EXECUTABLE: i32 = 0o100_755;
const REGULAR: i32 = 0o100_644;
const LINK: i32 = 0o120_000;

impl Repository {
    /// Writes the contents and says what goes where. Refuses what would leave the repository, replace a link or a
    /// pointer of Git LFS, or turn a folder into a file.
    pub(super) fn place(
        &self,
        handles: &Handles,
        base: &Tree<'_>,
        edits: &[FileEdit],
    ) -> Result<Vec<Placement>, GitError> {
        let mut placements = Vec::with_capacity(edits.len());
        let mut seen = BTreeSet::new();
        for edit in edits {
            path::check_writable(&edit.path)?;
            if !seen.insert(edit.path.as_str()) {
                return Err(GitError::path(&edit.path, "it is edited twice in one commit"));
            }
            let entry = self.place_one(handles, base, edit)?;
            placements.push(Placement { path: edit.path.clone(), entry });
        }
        Ok(placements)
    }

    fn place_one(
        &self,
        handles: &Handles,
        base: &Tree<'_>,
        edit: &FileEdit,
    ) -> Result<Option<(Oid, i32)>, GitError> {
        let fault = self.fault("writing a commit");
        for (at, _) in edit.path.match_indices('/') {
            let above = entry_in(&handles.all, base, &edit.path[..at]).map_err(&fault)?;
            if above.is_some_and(|(_, mode)| mode != FOLDER) {
                return Err(GitError::path(
                    &edit.path,
                    "a part of it is a file, a symbolic link or a submodule",
                ));
            }
        }
        let old = entry_in(&handles.all, base, &edit.path).map_err(&fault)?;
        let mode = match old {
            None if edit.content.is_none() => {
                return Err(GitError::path(&edit.path, "it is to be removed, but is not there"));
            }
            None => REGULAR,
            Some((id, mode @ (REGULAR | EXECUTABLE | 0o100_664))) => {
                if edit.content.is_some()
                    && is_lfs_pointer(handles.all.find_blob(id).map_err(&fault)?.content())
                {
                    return Err(GitError::path(
                        &edit.path,
                        "its content lies in Git LFS; edit it with git",
                    ));
                }
                if mode == EXECUTABLE { EXECUTABLE } else { REGULAR }
            }
            Some((_, LINK)) if edit.content.is_none() => LINK,
            Some((_, FOLDER)) => return Err(GitError::path(&edit.path, "it is a folder")),
            Some(_) => {
                return Err(GitError::path(
                    &edit.path,
                    "it is a symbolic link or a submodule; edit it with git",
                ));
            }
        };
        let Some(content) = &edit.content else { return Ok(None) };
        let id = handles
            .all
            .blob(content)
            .map_err(|error| GitError::storage(&self.outbox, error.message()))?;
        Ok(Some((id, mode)))
    }

    /// The tree that has the placements and otherwise what `base` has. Folders that become empty disappear.
    pub(super) fn planted(
        &self,
        handles: &Handles,
        base: &Tree<'_>,
        placements: &[Placement],
    ) -> Result<Oid, GitError> {
        let mut builder = TreeUpdateBuilder::new();
        for placement in placements {
            let raw = path::bytes(&placement.path);
            match placement.entry {
                Some((id, mode)) => builder.upsert(raw, id, file_mode(mode)),
                None => builder.remove(raw),
            };
        }
        builder
            .create_updated(&handles.all, base)
            .map_err(|error| GitError::storage(&self.outbox, error.message()))
    }

    /// The tree of a commit, or an empty one where there is no commit yet.
    pub(super) fn tree_of<'h>(
        &self,
        handles: &'h Handles,
        commit: Option<Oid>,
    ) -> Result<Tree<'h>, GitError> {
        let read = || -> Result<Tree<'h>, git2::Error> {
            match commit {
                Some(id) => handles.all.find_commit(id)?.tree(),
                None => handles.all.find_tree(handles.all.treebuilder(None)?.write()?),
            }
        };
        read().map_err(self.fault("reading a commit"))
    }
}

fn file_mode(mode: i32) -> FileMode {
    match mode {
        EXECUTABLE => FileMode::BlobExecutable,
        LINK => FileMode::Link,
        0o160_000 => FileMode::Commit,
        _ => FileMode::Blob,
    }
}
