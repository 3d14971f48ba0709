//! A private folder with the files of one render, removed with everything in it when the render ends.

use super::SourceFile;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    /// Locked as long as the process lives: by that [`sweep`] knows whose folder is used. A number of the process would
    /// not tell, since in a container it is the same after each start.
    _held: File,
}

impl Scratch {
    /// Makes one below `parent`, for its owner alone.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        // Programs name files by their real path, and messages are cleaned of it.
        let parent = fs::canonicalize(parent)?;
        // Nobody sweeps between the making of the folder and its lock. A file system without locks is never swept.
        let all = File::open(&parent)?;
        let _ = all.lock_shared();
        let folder = tempfile::Builder::new()
            .prefix("run-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let held = File::open(folder.path())?;
        let _ = held.try_lock();
        let scratch = Self { folder, _held: held };
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

/// Removes what processes left that were killed: the folders that nobody has locked.
pub fn sweep(parent: &Path) {
    // While somebody makes a folder or sweeps, the next start does it.
    let Ok(all) = File::open(parent) else { return };
    if all.try_lock().is_err() {
        return;
    }
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_left = || File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_folder && is_left() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
