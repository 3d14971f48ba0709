//! Files of a commit, read from the object database and never from a disk.

use super::handles::{Handles, check_named, checked_tree};
use super::history::entry_in;
use super::repository::Repository;
use super::{GitError, path};
use crate::domain::Revision;
use git2::{ObjectType, Oid};

/// One entry below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Path from the root (foreign text; bytes that are not UTF-8 are shown as `\xNN`).
    pub path: String,
    /// Id of the blob, or of the commit of a submodule.
    pub id: String,
    /// Mode as Git stores it, `0o100644`.
    pub mode: u32,
    /// What it is, and whether `content` is there.
    pub kind: TreeFileKind,
    /// The bytes of a file; the target of a symbolic link; empty for everything else.
    pub content: Vec<u8>,
}

/// Kind of a [`TreeFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeFileKind {
    /// A regular file.
    File,
    /// A symbolic link, not followed.
    Symlink,
    /// A commit of another repository, not entered.
    Submodule,
    /// A file whose content lies in Git LFS; only the pointer is here.
    LfsPointer,
    /// A file beyond the limit; not read.
    TooLarge {
        /// Size in bytes.
        size: usize,
    },
}

/// Bytes of one file that are read: the API server takes 3 MiB at most, and charts carry their archives.
pub const FILE_LIMIT: usize = 16 << 20;
/// All files of one read.
const TOTAL_LIMIT: usize = 256 << 20;
/// Entries of one read.
const COUNT_LIMIT: usize = 100_000;
/// Folders within folders.
const DEPTH_LIMIT: usize = 64;

const LINK: i32 = 0o120_000;
const GITLINK: i32 = 0o160_000;

impl Repository {
    /// Every file below a folder (or the one file), in path order. Symbolic links are not followed, submodules not
    /// entered, files beyond 16 MiB not read.
    pub fn tree(&self, revision: &Revision, folder: &str) -> Result<Vec<TreeFile>, GitError> {
        let path = path::to_read(folder)?;
        self.with(|handles| {
            let (id, mode) = self.find(handles, revision, &path)?;
            let mut reader = Reader {
                repository: &handles.all,
                files: Vec::new(),
                total: 0,
                fault: &self.fault("reading files"),
            };
            reader.read(path, id, mode, 0)?;
            Ok(reader.files)
        })
    }

    /// The bytes of one file. Links, submodules, pointers of Git LFS and files beyond 16 MiB are refused.
    pub fn file(&self, revision: &Revision, file: &str) -> Result<Vec<u8>, GitError> {
        let path = path::to_read(file)?;
        self.with(|handles| {
            let (id, mode) = self.find(handles, revision, &path)?;
            let entry = read_entry(&handles.all, path.clone(), id, mode)
                .map_err(self.fault("reading a file"))?;
            match entry.kind {
                _ if mode == 0o040_000 => Err(GitError::path(file, "it is a folder")),
                TreeFileKind::File => Ok(entry.content),
                TreeFileKind::Symlink => {
                    Err(GitError::path(file, "it is a symbolic link; links are never followed"))
                }
                TreeFileKind::Submodule => {
                    Err(GitError::path(file, "it is a submodule; submodules are not entered"))
                }
                TreeFileKind::LfsPointer => Err(GitError::path(
                    file,
                    "its content lies in Git LFS, which manifests must not",
                )),
                TreeFileKind::TooLarge { size } => Err(GitError::TooLarge {
                    path: file.to_owned(),
                    reason: format!("{size} bytes, the limit is {FILE_LIMIT}"),
                }),
            }
        })
    }

    pub(super) fn find(
        &self,
        handles: &Handles,
        revision: &Revision,
        path: &str,
    ) -> Result<(Oid, i32), GitError> {
        let commit = self.commit_of(handles, revision)?;
        let fault = self.fault("reading a folder");
        let named = || {
            let objects = handles.all.odb()?;
            check_named(commit.id(), ObjectType::Commit, objects.read(commit.id())?.data())
        };
        named().map_err(&fault)?;
        let root = checked_tree(&handles.all, commit.tree_id()).map_err(&fault)?;
        if path.is_empty() {
            return Ok((root.id(), 0o040_000));
        }
        for (at, _) in path.match_indices('/') {
            match entry_in(&handles.all, &root, &path[..at]).map_err(&fault)? {
                Some((_, LINK)) => {
                    return Err(GitError::path(
                        path,
                        "a folder on the way is a symbolic link; links are never followed",
                    ));
                }
                Some((_, GITLINK)) => {
                    return Err(GitError::path(
                        path,
                        "it lies in a submodule; submodules are not entered",
                    ));
                }
                _ => {}
            }
        }
        entry_in(&handles.all, &root, path).map_err(&fault)?.ok_or_else(|| GitError::PathMissing {
            path: path.to_owned(),
            revision: revision.clone(),
        })
    }
}

struct Reader<'r> {
    repository: &'r git2::Repository,
    files: Vec<TreeFile>,
    total: usize,
    fault: &'r dyn Fn(git2::Error) -> GitError,
}

impl Reader<'_> {
    fn read(&mut self, path: String, id: Oid, mode: i32, depth: usize) -> Result<(), GitError> {
        if mode != 0o040_000 {
            let file = read_entry(self.repository, path, id, mode).map_err(self.fault)?;
            self.total += file.content.len();
            self.files.push(file);
            return self.check_limits();
        }
        if depth == DEPTH_LIMIT {
            return Err(GitError::TooLarge {
                path,
                reason: format!("more than {DEPTH_LIMIT} folders deep"),
            });
        }
        let tree = checked_tree(self.repository, id).map_err(self.fault)?;
        for entry in &tree {
            let name = path::shown(entry.name_bytes());
            let below = if path.is_empty() { name } else { format!("{path}/{name}") };
            self.read(below, entry.id(), entry.filemode(), depth + 1)?;
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), GitError> {
        let reason = if self.files.len() > COUNT_LIMIT {
            format!("more than {COUNT_LIMIT} files")
        } else if self.total > TOTAL_LIMIT {
            format!("more than {TOTAL_LIMIT} bytes")
        } else {
            return Ok(());
        };
        let path = self.files.last().map(|file| file.path.clone()).unwrap_or_default();
        Err(GitError::TooLarge { path, reason })
    }
}

/// Reads one entry that is not a folder.
fn read_entry(
    repository: &git2::Repository,
    path: String,
    id: Oid,
    mode: i32,
) -> Result<TreeFile, git2::Error> {
    let mut file = TreeFile {
        path,
        id: id.to_string(),
        mode: mode.cast_unsigned(),
        kind: TreeFileKind::Submodule,
        content: vec![],
    };
    if mode == GITLINK || mode == 0o040_000 {
        return Ok(file);
    }
    // The size first, so that a huge blob is never loaded.
    let (size, kind) = repository.odb()?.read_header(id)?;
    if kind != ObjectType::Blob {
        return Err(git2::Error::new(
            git2::ErrorCode::Invalid,
            git2::ErrorClass::Object,
            "a file that is no blob",
        ));
    }
    if size > FILE_LIMIT {
        file.kind = TreeFileKind::TooLarge { size };
        return Ok(file);
    }
    let blob = repository.find_blob(id)?;
    check_named(id, ObjectType::Blob, blob.content())?;
    file.kind = match mode {
        LINK => TreeFileKind::Symlink,
        _ if is_lfs_pointer(blob.content()) => TreeFileKind::LfsPointer,
        _ => TreeFileKind::File,
    };
    file.content = blob.content().to_vec();
    Ok(file)
}

/// Whether a file is a pointer as the Git LFS specification describes it (first line, below 1,024 bytes).
pub(super) fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() < 1024 && content.starts_with(b"version https://git-lfs.github.com/spec/v")
}
