//! One remote: its mirror, its outbox, and the revisions that they hold.

use super::address::Address;
use super::handles::{
    Handles, create_bare, create_private_folder, is_damage, open_bare, remove_folder,
};
use super::index_build::Kept;
use super::lock::{Lock, remove_stale_locks};
use super::{GitError, Places};
use crate::domain::{Remote, Revision};
use git2::Oid;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// One remote with what was fetched from it and what waits to be pushed. It can be shared between threads; several
/// processes may use the same folders.
pub struct Repository {
    pub(super) places: Places,
    pub(super) address: Address,
    pub(super) branch: String,
    pub(super) mirror: PathBuf,
    pub(super) outbox: PathBuf,
    pub(super) locks: PathBuf,
    /// Opened repositories that nobody uses now; libgit2's handles must not be used by two threads at once.
    idle: Mutex<Vec<Handles>>,
    pub(super) kept_index: Mutex<Kept>,
}

/// The file in a mirror that says it must be built anew.
const DAMAGE_MARK: &str = "gitdeck-damaged";

/// Refuses what Git takes for no name of a branch, and what it would take for an option.
pub(super) fn checked_branch(branch: &str) -> Result<(), GitError> {
    let is_name = git2::Reference::is_valid_name(&format!("refs/heads/{branch}"));
    if is_name && !branch.starts_with('-') && branch != "HEAD" {
        return Ok(());
    }
    Err(GitError::BranchName { branch: branch.to_owned() })
}

impl Repository {
    /// Opens the mirror and the outbox of a remote, and makes them when they are absent. Nothing is sent over the
    /// network. A mirror that cannot be opened is moved aside and made anew (empty until the next fetch).
    pub fn open(places: &Places, remote: &Remote) -> Result<Self, GitError> {
        let address = Address::parse(&remote.url)?;
        checked_branch(&remote.branch)?;
        let folder = folder_name(&remote.name, &address);
        let own = places.outbox.join(&folder);
        create_private_folder(&own)?;
        let repository = Self {
            places: places.clone(),
            address,
            branch: remote.branch.clone(),
            mirror: places.mirrors.join(&folder),
            outbox: own.join("repository.git"),
            locks: own,
            idle: Mutex::new(Vec::new()),
            kept_index: Mutex::default(),
        };
        repository.make_outbox()?;
        // Another process that fetches holds the lock; then the mirror is sound already.
        if repository.mark().exists() || open_bare(&repository.mirror).is_err() {
            let lock = repository.lock_mirror(|| true)?;
            repository.make_mirror(&lock)?;
        }
        Ok(repository)
    }

    fn make_outbox(&self) -> Result<(), GitError> {
        if open_bare(&self.outbox).is_ok() {
            return Ok(());
        }
        let _lock = self.lock_outbox()?;
        if self.outbox.exists() {
            // Never removed or replaced by us: it may hold the only copy of a commit.
            return open_bare(&self.outbox)
                .map(|_| ())
                .map_err(|error| GitError::storage(&self.outbox, error.message()));
        }
        create_bare(&self.outbox, true)
    }

    /// Builds the mirror when it is absent or damaged. Needs the mirror's lock.
    pub(super) fn make_mirror(&self, _lock: &Lock) -> Result<(), GitError> {
        let damaged =
            self.mark().exists() || (self.mirror.exists() && open_bare(&self.mirror).is_err());
        if damaged {
            self.forget_handles();
            let aside = self.mirror.with_extension("damaged");
            remove_folder(&aside)?;
            fs::rename(&self.mirror, &aside)
                .map_err(|error| GitError::storage(&self.mirror, error))?;
            tracing::warn!(mirror = %self.mirror.display(), "the mirror was damaged and is built anew");
        }
        if !self.mirror.exists() {
            self.forget_handles();
            create_bare(&self.mirror, false)?;
        }
        self.remove_grafts()?;
        remove_stale_locks(&self.mirror).map(|_| ())
    }

    /// Removes the list of cut-off histories, which libgit2 writes even when nothing was cut off. A mirror has whole
    /// histories, so that such a list can only hide commits.
    pub(super) fn remove_grafts(&self) -> Result<(), GitError> {
        let file = self.mirror.join("shallow");
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(GitError::storage(&file, error))
            }
            _ => Ok(()),
        }
    }

    /// The lock of everything that writes to the mirror.
    pub(super) fn lock_mirror(&self, go_on: impl FnMut() -> bool) -> Result<Lock, GitError> {
        Lock::acquire(&self.locks.join("mirror.lock"), go_on)
    }

    /// The lock of everything that changes refs of the outbox; held for moments only.
    pub(super) fn lock_outbox(&self) -> Result<Lock, GitError> {
        let lock = Lock::acquire(&self.locks.join("outbox.lock"), || true)?;
        remove_stale_locks(&self.outbox)?;
        Ok(lock)
    }

    /// The lock of a push, so that two pushes of one outbox do not compete.
    pub(super) fn lock_push(&self, go_on: impl FnMut() -> bool) -> Result<Lock, GitError> {
        Lock::acquire(&self.locks.join("push.lock"), go_on)
    }

    /// Runs something on the opened repositories. A mirror that was deleted meanwhile is made anew first.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Handles) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        if !self.mirror.join("HEAD").exists() {
            let lock = self.lock_mirror(|| true)?;
            self.make_mirror(&lock)?;
        }
        self.with_mirror(work)
    }

    /// [`Repository::with`] for whoever holds the mirror's lock already, and would wait for himself there.
    pub(super) fn with_locked<T>(
        &self,
        lock: &Lock,
        work: impl FnOnce(&Handles) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        self.make_mirror(lock)?;
        self.with_mirror(work)
    }

    fn with_mirror<T>(
        &self,
        work: impl FnOnce(&Handles) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handles = match idle {
            Some(handles) => handles,
            None => Handles::open(&self.mirror, &self.outbox)
                .map_err(|error| GitError::storage(&self.mirror, error.message()))?,
        };
        let result = work(&handles);
        if !matches!(result, Err(GitError::Damaged { .. })) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(handles);
        }
        result
    }

    /// Drops the opened repositories, because their folders were replaced.
    pub(super) fn forget_handles(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Turns an error of libgit2 into ours. Broken objects mark the mirror, so that the next fetch builds it anew.
    pub(super) fn fault(&self, doing: &'static str) -> impl Fn(git2::Error) -> GitError {
        let (remote, mark) = (self.address.to_string(), self.mark());
        move |error| {
            if is_damage(&error) {
                // Best effort: without the mark the next read reports the same damage.
                let _ = fs::write(&mark, error.message());
                return GitError::Damaged {
                    remote: remote.clone(),
                    reason: error.message().to_owned(),
                };
            }
            GitError::Git { doing, remote: remote.clone(), reason: error.message().to_owned() }
        }
    }

    /// Makes the next [`Repository::make_mirror`] build the mirror anew.
    pub(super) fn mark_damaged(&self) {
        // Best effort: without the mark the next read reports the same damage.
        let _ = fs::write(self.mark(), "damaged");
    }

    fn mark(&self) -> PathBuf {
        self.mirror.join(DAMAGE_MARK)
    }

    /// The last fetched tip of the branch that gitdeck follows; nothing before the first fetch.
    pub fn tip(&self) -> Option<Revision> {
        self.with(|handles| Ok(self.tip_in(handles).map(revision))).ok().flatten()
    }

    /// The newest commit: the newest waiting one, or else the tip.
    pub fn head(&self) -> Option<Revision> {
        self.with(|handles| Ok(self.head_in(handles)?.map(revision))).ok().flatten()
    }

    pub(super) fn tip_in(&self, handles: &Handles) -> Option<Oid> {
        handles.mirror.refname_to_id(&self.tip_ref()).ok()
    }

    pub(super) fn head_in(&self, handles: &Handles) -> Result<Option<Oid>, GitError> {
        Ok(self.chain(handles)?.first().copied().or_else(|| self.tip_in(handles)))
    }

    /// The branch on the remote.
    pub(super) fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// The tip that gitdeck follows.
    pub(super) fn tip_ref(&self) -> String {
        format!("refs/gitdeck/tip/{}", self.branch)
    }

    /// The tip that the last fetch saw.
    pub(super) fn seen_ref(&self) -> String {
        format!("refs/remotes/origin/{}", self.branch)
    }
}

/// A revision from libgit2's id.
pub(super) fn revision(id: Oid) -> Revision {
    Revision::new(id.to_string())
}

/// A folder name that is readable, safe on every file system, and different for every address.
fn folder_name(name: &str, address: &Address) -> String {
    let readable: String = name
        .chars()
        .take(40)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
        .collect();
    let digest = Sha256::digest(format!("{name}\n{address}").as_bytes());
    let digest = digest.iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("{readable}-{digest}")
}
