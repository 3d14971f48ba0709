//! Locks between processes, and the removal of what a killed process left behind.

use super::GitError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

/// Held until dropped; the system gives it back when a process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// How long to wait between two tries; the system's lock has no way to wait that can be cancelled.
const PAUSE: Duration = Duration::from_millis(10);

impl Lock {
    /// Waits for the lock `file`. `go_on` is asked between the tries; a no gives [`GitError::Stopped`].
    pub(super) fn acquire(file: &Path, mut go_on: impl FnMut() -> bool) -> Result<Self, GitError> {
        let handle = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(file)
            .map_err(|error| GitError::storage(file, error))?;
        loop {
            match handle.try_lock() {
                Ok(()) => return Ok(Self { _file: handle }),
                Err(TryLockError::WouldBlock) => {
                    if !go_on() {
                        return Err(GitError::Stopped);
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => return Err(GitError::storage(file, error)),
            }
        }
    }
}

/// Removes the lock files and half packs that libgit2 and `git` leave in a bare repository when they are killed. The
/// caller holds the [`Lock`] of the repository, so that no living process can own one of them.
pub(super) fn remove_stale_locks(repository: &Path) -> Result<usize, GitError> {
    let is_lock = |path: &Path| path.extension().is_some_and(|extension| extension == "lock");
    let is_half = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("tmp_") || is_lock(path)
    };
    let mut removed = 0;
    remove_in(repository, false, &is_lock, &mut removed)?;
    remove_in(&repository.join("refs"), true, &is_lock, &mut removed)?;
    remove_in(&repository.join("objects/pack"), false, &is_half, &mut removed)?;
    let is_half_object = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tmp_obj_"))
    };
    remove_in(&repository.join("objects"), true, &is_half_object, &mut removed)?;
    Ok(removed)
}

fn remove_in(
    folder: &Path,
    descend: bool,
    is_left: &dyn Fn(&Path) -> bool,
    removed: &mut usize,
) -> Result<(), GitError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        if descend && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_in(&path, true, is_left, removed)?;
        } else if is_left(&path) {
            fs::remove_file(&path).map_err(|error| GitError::storage(&path, error))?;
            *removed += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Lock, remove_stale_locks};
    use crate::git::GitError;
    use std::fs;

    #[test]
    fn a_lock_excludes_and_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.lock");
        let first = Lock::acquire(&file, || true).unwrap();
        let mut asked = 0;
        let second = Lock::acquire(&file, || {
            asked += 1;
            asked < 3
        });
        assert!(matches!(second, Err(GitError::Stopped)));
        assert_eq!(asked, 3);
        drop(first);
        // A process that another test starts right now holds a copy of the file until it is another program.
        Lock::acquire(&file, || true).unwrap();
    }

    #[test]
    fn only_what_was_left_behind_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let refs = folder.path().join("refs/heads");
        fs::create_dir_all(&refs).unwrap();
        for file in ["config.lock", "refs/heads/main.lock", "refs/heads/main", "HEAD"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let packs = folder.path().join("objects/pack");
        fs::create_dir_all(&packs).unwrap();
        for file in ["tmp_pack_a1b2c3", "pack-1.pack", "pack-1.idx"] {
            fs::write(packs.join(file), "").unwrap();
        }
        let loose = folder.path().join("objects/ab");
        fs::create_dir_all(&loose).unwrap();
        fs::write(loose.join("tmp_obj_Zx12ab"), "").unwrap();
        fs::write(loose.join("cdef"), "").unwrap();
        assert_eq!(remove_stale_locks(folder.path()).unwrap(), 4);
        assert!(loose.join("cdef").exists());
        assert_eq!(fs::read_dir(&packs).unwrap().count(), 2);
        assert!(refs.join("main").exists() && !refs.join("main.lock").exists());
    }
}
