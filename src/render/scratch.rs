//! A private folder with the files of one render, removed with everything in it when the render ends.

use super::SourceFile;
use rustix::process::{Pid, test_kill_process};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// Makes one below `parent`, for its owner alone.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        // Programs name files by their real path, and messages are cleaned of it.
        let parent = fs::canonicalize(parent)?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let scratch = Self { folder };
        DirBuilder::new().mode(0o700).create(scratch.tree())?;
        DirBuilder::new().mode(0o700).create(scratch.home())?;
        Ok(scratch)
    }

    /// Where the files of the repository are.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// The home directory of programs.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes files of the tree.
    pub(super) fn write<'a>(
        &self,
        files: impl IntoIterator<Item = &'a SourceFile>,
    ) -> io::Result<()> {
        files.into_iter().try_for_each(|file| put(&self.tree(), &file.path, &file.content))
    }

    /// Writes a file beside the tree.
    pub(super) fn beside(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        put(self.folder.path(), name, content)?;
        Ok(self.folder.path().join(name))
    }
}

/// Writes one file. The folder is new and holds no links, so a path without `..` stays inside.
fn put(folder: &Path, path: &str, content: &[u8]) -> io::Result<()> {
    let is_step = |step: &str| !matches!(step, "" | "." | "..");
    if !path.split('/').all(is_step) || path.contains('\0') {
        let message = format!("\"{}\" is no path that can be written", path.escape_debug());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let path = folder.join(path);
    if let Some(above) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(content)
}

/// Removes what processes left that were killed.
pub fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split_once('-')?.0.parse().ok());
        let owner = owner.and_then(Pid::from_raw);
        if owner.is_some_and(|owner| test_kill_process(owner) == Err(rustix::io::Errno::SRCH)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
