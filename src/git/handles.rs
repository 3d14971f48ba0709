//! The two bare repositories behind one remote, opened together.

use super::GitError;
use git2::{
    Commit, ErrorClass, ErrorCode, ObjectType, Oid, RepositoryInitOptions, RepositoryOpenFlags,
};
use std::fs;
use std::path::Path;
use std::sync::Once;

/// The mirror, and the outbox with the mirror's objects beside its own.
pub(super) struct Handles {
    /// Refs and objects that were fetched.
    pub(super) mirror: git2::Repository,
    /// Refs of waiting commits; reads objects of both, writes to the outbox.
    pub(super) all: git2::Repository,
}

impl Handles {
    /// Opens both. Only these two folders are looked at: no discovery, no environment.
    pub(super) fn open(mirror: &Path, outbox: &Path) -> Result<Self, git2::Error> {
        let all = open_bare(outbox)?;
        let objects = mirror.join("objects");
        let objects = objects
            .to_str()
            .ok_or_else(|| git2::Error::from_str("the path of the cache is not UTF-8"))?;
        all.odb()?.add_disk_alternate(objects)?;
        Ok(Self { mirror: open_bare(mirror)?, all })
    }

    /// A commit of either. The mirror has most of them, and each look into the outbox is one for a file of that name.
    pub(super) fn commit(&self, id: Oid) -> Result<Commit<'_>, git2::Error> {
        match self.mirror.find_commit(id) {
            Err(error) if error.code() == ErrorCode::NotFound => self.all.find_commit(id),
            found => found,
        }
    }
}

/// libgit2's settings for the whole process. It hashes every object that it reads, and keeps up to 256 MiB of them: a
/// walk reads each commit once, so that the one is a quarter of its time, the other a sixth. `git` reads the same way;
/// what is applied to a cluster is held against its id by [`check_named`].
fn settle() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        git2::opts::strict_hash_verification(false);
        git2::opts::enable_caching(false);
    });
}

/// A tree, held against its id. What is no tree is not damaged by that.
pub(super) fn checked_tree(
    repository: &git2::Repository,
    id: Oid,
) -> Result<git2::Tree<'_>, git2::Error> {
    let objects = repository.odb()?;
    let object = objects.read(id)?;
    check_named(id, object.kind(), object.data())?;
    repository.find_tree(id)
}

/// An error where an object's content is not the one that its id names.
pub(super) fn check_named(id: Oid, kind: ObjectType, content: &[u8]) -> Result<(), git2::Error> {
    if Oid::hash_object(kind, content)? == id {
        return Ok(());
    }
    let reason = format!("{id} has another content than its id names");
    Err(git2::Error::new(ErrorCode::HashsumMismatch, ErrorClass::Odb, reason))
}

/// Opens exactly this bare repository. The owner check of libgit2 stays on.
pub(super) fn open_bare(folder: &Path) -> Result<git2::Repository, git2::Error> {
    settle();
    let nothing: [&Path; 0] = [];
    git2::Repository::open_ext(
        folder,
        RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::BARE,
        nothing,
    )
}

/// Makes a bare repository with a configuration of its own and without template, so without hooks. `durable` makes
/// libgit2 sync every object and ref to the disk before it reports success.
pub(super) fn create_bare(folder: &Path, durable: bool) -> Result<(), GitError> {
    let parent = folder.parent().unwrap_or(folder);
    create_private_folder(parent)?;
    let draft = parent.join(format!(
        "{}.new",
        folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    ));
    // Left by a killed process; the caller holds the lock.
    remove_folder(&draft)?;
    let make = || -> Result<(), git2::Error> {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).no_reinit(true).mkpath(true).external_template(false);
        let repository = git2::Repository::init_opts(&draft, &options)?;
        let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
        config.set_bool("core.fsyncObjectFiles", durable)?;
        config.set_str("http.followRedirects", "false")?;
        config.set_i32("gc.auto", 0)
    };
    make().map_err(|error| GitError::storage(&draft, error.message()))?;
    fs::rename(&draft, folder).map_err(|error| GitError::storage(folder, error))?;
    sync_folder(parent)
}

/// Makes the names in a folder durable; libgit2 does it for files, not for folders that it makes.
pub(super) fn sync_folder(folder: &Path) -> Result<(), GitError> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| GitError::storage(folder, error))
}

/// Makes a folder that only the user can enter.
pub(super) fn create_private_folder(folder: &Path) -> Result<(), GitError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| GitError::storage(folder, error))
}

/// Removes a folder that may be absent.
pub(super) fn remove_folder(folder: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(GitError::storage(folder, error))
        }
        _ => Ok(()),
    }
}

/// Whether an error means that stored objects are broken or gone.
pub(super) fn is_damage(error: &git2::Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::Odb
            | ErrorClass::Object
            | ErrorClass::Zlib
            | ErrorClass::Indexer
            | ErrorClass::Sha1
    ) || error.code() == ErrorCode::HashsumMismatch
        || (error.class() == ErrorClass::Reference && error.message().starts_with("corrupted"))
}

#[cfg(test)]
mod tests {
    use super::{checked_tree, is_damage};
    use git2::Repository;

    #[test]
    fn what_is_no_tree_is_not_damaged_by_that() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let blob = repository.blob(b"no tree").unwrap();
        let (own, other) = (checked_tree(&repository, blob), repository.find_tree(blob));
        let (own, other) = (own.err().unwrap(), other.err().unwrap());
        assert_eq!((own.code(), own.class()), (other.code(), other.class()));
        assert!(!is_damage(&own), "{own}");
    }
}
