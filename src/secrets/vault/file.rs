//! The vault's file on the disk: its owner's alone, replaced in one step, changed by one process at a time.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The largest file that is taken for a vault, in bytes.
const LARGEST: u64 = 16 << 20;

/// Tells a file from what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(u64, u64, i64, i64);

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
    }
}

/// The bytes, unless the file is the known one still.
pub(super) fn read(path: &Path, known: Option<&Stamp>) -> io::Result<Option<(Vec<u8>, Stamp)>> {
    let file = File::open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_ok() {
            return io::Error::other("it is a link that leads nowhere; is its volume mounted?");
        }
        error
    })?;
    let metadata = file.metadata()?;
    let stamp = Stamp::of(&metadata);
    if known == Some(&stamp) {
        return Ok(None);
    }
    if metadata.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others can read the vault; run chmod 600");
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 16 MiB; is it the right file?"));
    }
    Ok(Some((bytes, stamp)))
}

/// Who may read and write it.
pub(super) fn mode(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.mode() & 0o777)
}

/// Waits until no other process changes the vault; makes its folder. The system gives the turn back when a process dies.
pub(super) fn turn(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let lock = path.with_extension("lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock)?;
    file.lock()?;
    Ok(file)
}

/// Writes the file anew: beside it, synced, renamed, folder synced. A reader sees the old one or the new one.
/// Where the path is a link, what it leads to is replaced.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<Stamp> {
    let path = &*std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    // Its owner's alone, and gone again where a step fails.
    let mut file = tempfile::Builder::new().prefix(".vault-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let file = file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(Stamp::of(&file.metadata()?))
}
