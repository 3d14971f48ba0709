//! Replaces a file in one step, readable by its owner alone; a reader sees the old text or the new one, never half.

use super::fault::ConfigError;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Waits until no other gitdeck edits in this folder; the lock ends when it is dropped. Makes the folder.
pub(super) fn lock(path: &Path) -> Result<File, ConfigError> {
    let folder = folder_of(path);
    let unwritable = |source| ConfigError::Unwritable { path: folder.clone(), source };
    make_folder(&folder).map_err(unwritable)?;
    let handle = File::open(&folder).map_err(unwritable)?;
    handle.lock().map_err(unwritable)?;
    Ok(handle)
}

/// Writes a file anew: temporary file beside it, synced, renamed, folder synced. Links are followed, so that a
/// configuration kept elsewhere stays there.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), ConfigError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    write_beside(&target, text, true)
        .map_err(|source| ConfigError::Unwritable { path: path.to_owned(), source })
}

/// [`replace`] for a file that only its owner may read, whoever could read the one before.
pub fn replace_private(path: &Path, text: &str) -> Result<(), ConfigError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    write_beside(&target, text, false)
        .map_err(|source| ConfigError::Unwritable { path: path.to_owned(), source })
}

fn write_beside(target: &Path, text: &str, keep: bool) -> std::io::Result<()> {
    let folder = folder_of(target);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(&temporary) {
        // Left by a process that was killed and whose id came round again.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(&temporary)?;
            options.open(&temporary)?
        }
        other => other?,
    };
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| if keep { keep_permissions(target, &file) } else { Ok(()) })
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, target))
        .and_then(|()| File::open(&folder)?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn keep_permissions(target: &Path, file: &File) -> std::io::Result<()> {
    match std::fs::metadata(target) {
        Ok(metadata) => file.set_permissions(metadata.permissions()),
        Err(_) => Ok(()),
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
