//! Whether a mirror is sound, found out without the words of a server.

use super::handles::{check_named, open_bare};
use git2::ErrorCode;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long objects are read; what is not found by then is found when it is needed.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether a ref or an object of the bare repository cannot be read. All objects are read and held against their ids.
pub(super) fn is_broken(mirror: &Path) -> bool {
    let Ok(repository) = open_bare(mirror) else { return true };
    let unreadable = |name: &str| match repository.find_reference(name) {
        Err(error) => error.code() != ErrorCode::NotFound,
        Ok(found) => found.target().is_some_and(|id| repository.find_object(id, None).is_err()),
    };
    if repository.find_reference("HEAD").is_err()
        || loose(mirror, "refs").iter().any(|name| unreadable(name))
    {
        return true;
    }
    let Ok(references) = repository.references() else { return true };
    for reference in references {
        let Ok(reference) = reference else { return true };
        if reference.name().is_ok_and(&unreadable) {
            return true;
        }
    }
    let Ok(objects) = repository.odb() else { return true };
    let (until, mut broken, mut late) = (Instant::now() + LONGEST, false, false);
    let read = objects.foreach(|id| {
        let object = objects.read(*id);
        broken = object.and_then(|read| check_named(*id, read.kind(), read.data())).is_err();
        late = Instant::now() >= until;
        !broken && !late
    });
    broken || (read.is_err() && !late)
}

/// The names of refs that are files of their own: lists of libgit2 leave out those that cannot be read.
fn loose(mirror: &Path, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(mirror.join(folder)).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => loose(mirror, &name),
                _ if entry.path().extension().is_some_and(|end| end == "lock") => Vec::new(),
                _ => vec![name],
            }
        })
        .collect()
}
