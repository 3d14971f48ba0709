//! Verdicts of earlier processes: which desired object the server found unchanged in which live state.
//!
//! A command that looks once and ends would ask the server each time about values that it stores in another form, which
//! no proof covers. What it said is kept on disk, as salted hashes and nothing else, and believed for a day on the same
//! footing (see [`footing`](super::footing)). Whoever sees definitions or admission rules change removes the file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Seconds for which a verdict is believed.
const BELIEVED: i64 = 24 * 60 * 60;
/// Verdicts that are kept at most; the oldest leave first.
const KEPT: usize = 20_000;
const VERSION: u32 = 1;

/// Everything that a verdict depends on, hashed; without the salt it tells nothing.
pub(super) type Case = [u8; 32];

/// Verdicts on disk, read when the first is wanted.
#[derive(Default)]
pub(super) struct Precedents {
    file: OnceLock<PathBuf>,
    book: Mutex<Option<Book>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    salt: String,
    /// When the server said so, in seconds since 1970, by salted hash.
    unchanged: BTreeMap<String, i64>,
}

struct Book {
    stored: Stored,
    /// Whether it was read from the disk: then somebody who removed the file meanwhile meant this book as well.
    was_there: bool,
    changed: bool,
    /// This process saw the ground move. What was asked before may be answered after, so that nothing is added any more.
    closed: bool,
}

impl Precedents {
    /// Keeps verdicts in this folder from now on. Without it every process asks anew.
    pub(super) fn keep_in(&self, folder: &Path) {
        // What was set first stays.
        let _ = self.file.set(folder.join("verdicts.json"));
    }

    /// Whether verdicts are kept at all.
    pub(super) fn are_kept(&self) -> bool {
        self.with(|book| !book.closed).unwrap_or_default()
    }

    /// Whether some are kept.
    pub(super) fn are_there(&self) -> bool {
        self.with(|book| !book.closed && !book.stored.unchanged.is_empty()).unwrap_or_default()
    }

    /// Whether the server found this case unchanged.
    pub(super) fn stands(&self, case: &Case, now: i64) -> bool {
        self.with(|book| {
            let said = book.stored.unchanged.get(&book.name(case));
            !book.closed && said.is_some_and(|said| is_believed(*said, now))
        })
        .unwrap_or_default()
    }

    /// The server found this case unchanged.
    pub(super) fn add(&self, case: &Case, now: i64) {
        self.with(|book| {
            if !book.closed {
                let name = book.name(case);
                book.stored.unchanged.insert(name, now);
                book.changed = true;
            }
        });
    }

    /// Drops everything, on disk as well: definitions or admission rules changed.
    pub(super) fn forget(&self) {
        let Some(file) = self.file.get() else { return };
        self.with(|book| {
            book.closed = true;
            book.changed = false;
            book.stored.unchanged.clear();
        });
        let removed = locked(file, || match std::fs::remove_file(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        });
        told(file, removed);
    }

    /// Adds what is new to what is on disk, unless somebody removed that meanwhile.
    pub(super) fn save(&self, now: i64) {
        let Some(file) = self.file.get() else { return };
        let saved = self.with(|book| {
            if !std::mem::take(&mut book.changed) {
                return Ok(());
            }
            locked(file, || {
                match read(file) {
                    Some(there) if there.salt == book.stored.salt => {
                        for (name, said) in there.unchanged {
                            let known = book.stored.unchanged.entry(name).or_insert(said);
                            *known = said.max(*known);
                        }
                    }
                    None if !book.was_there => {}
                    // What we know was meant by whoever removed it.
                    _ => return Ok(()),
                }
                book.thin(now);
                book.was_there = true;
                replace(file, &serde_json::to_vec(&book.stored)?)
            })
        });
        told(file, saved.unwrap_or(Ok(())));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Book) -> T) -> Option<T> {
        let file = self.file.get()?;
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        Some(work(book.get_or_insert_with(|| Book::read(file))))
    }
}

impl Book {
    fn read(file: &Path) -> Self {
        let stored = read(file);
        let was_there = stored.is_some();
        let stored = stored.unwrap_or_else(Stored::empty);
        Self { stored, was_there, changed: false, closed: false }
    }

    fn name(&self, case: &Case) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.stored.salt);
        hasher.update(case);
        hex(&hasher.finalize()[..16])
    }

    fn thin(&mut self, now: i64) {
        let unchanged = &mut self.stored.unchanged;
        unchanged.retain(|_, said| is_believed(*said, now));
        if unchanged.len() > KEPT {
            let mut times: Vec<i64> = unchanged.values().copied().collect();
            times.sort_unstable();
            let oldest = times[times.len() - KEPT];
            unchanged.retain(|_, said| *said >= oldest);
        }
    }
}

impl Stored {
    fn empty() -> Self {
        let mut salt = [0; 32];
        // Without random numbers nothing is stored under a salt that could be guessed.
        let salt = openssl::rand::rand_bytes(&mut salt).map(|()| hex(&salt));
        let version = if salt.is_ok() { VERSION } else { 0 };
        Self { version, salt: salt.unwrap_or_default(), unchanged: BTreeMap::new() }
    }
}

/// What is on disk. A missing, foreign or broken file is none.
fn read(file: &Path) -> Option<Stored> {
    let text = std::fs::read(file).ok()?;
    serde_json::from_slice::<Stored>(&text).ok().filter(|stored| stored.version == VERSION)
}

/// Does something to the file while no other process does.
fn locked(file: &Path, work: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    let lock = File::create(file.with_extension("lock"))?;
    lock.lock()?;
    work()
}

fn told(file: &Path, done: std::io::Result<()>) {
    if let Err(error) = done {
        // The next process asks again.
        tracing::warn!(file = %file.display(), %error, "verdicts cannot be kept");
    }
}

fn is_believed(said: i64, now: i64) -> bool {
    // A clock that was set back makes nobody believe for longer.
    (0..BELIEVED).contains(&(now - said))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn replace(file: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text)?;
    draft.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BELIEVED, KEPT, Precedents};

    fn at(folder: &std::path::Path) -> Precedents {
        let precedents = Precedents::default();
        precedents.keep_in(folder);
        precedents
    }

    #[test]
    fn what_one_process_learnt_the_next_believes_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let (case, other, now) = ([1; 32], [2; 32], 1_000_000);
        let first = at(folder.path());
        assert!(!first.stands(&case, now));
        first.add(&case, now);
        first.save(now);
        let second = at(folder.path());
        assert!(second.stands(&case, now + BELIEVED - 1));
        assert!(!second.stands(&case, now + BELIEVED));
        assert!(!second.stands(&case, now - 1), "said in the future");
        assert!(!second.stands(&other, now));
    }

    #[test]
    fn what_one_process_saw_move_no_other_brings_back() {
        let folder = tempfile::tempdir().unwrap();
        let (case, other, now) = ([1; 32], [2; 32], 1_000_000);
        let (watching, early) = (at(folder.path()), at(folder.path()));
        assert!(!watching.stands(&case, now), "an empty book is read");
        early.add(&case, now);
        early.save(now);
        let late = at(folder.path());
        assert!(late.stands(&case, now));
        watching.forget();
        watching.add(&other, now);
        watching.save(now);
        for one in [&early, &late] {
            one.add(&other, now);
            one.save(now);
        }
        let next = at(folder.path());
        assert!(!next.stands(&case, now) && !next.stands(&other, now));
        assert!(!watching.are_kept() && next.are_kept());
        next.add(&case, now);
        next.save(now);
        assert!(at(folder.path()).stands(&case, now));
    }

    #[test]
    fn two_processes_add_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let (case, other, now) = ([1; 32], [2; 32], 1_000_000);
        at(folder.path()).save(now);
        let first = at(folder.path());
        first.add(&[3; 32], now);
        first.save(now);
        let second = at(folder.path());
        assert!(!second.stands(&case, now));
        for (one, case) in [(&first, &case), (&second, &other)] {
            one.add(case, now);
            one.save(now);
        }
        let third = at(folder.path());
        assert!(third.stands(&case, now) && third.stands(&other, now));
    }

    #[test]
    fn without_a_folder_or_with_a_broken_file_nothing_is_believed() {
        let nowhere = Precedents::default();
        nowhere.add(&[1; 32], 5);
        assert!(!nowhere.stands(&[1; 32], 5));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("verdicts.json"), "{").unwrap();
        let precedents = at(folder.path());
        assert!(!precedents.stands(&[1; 32], 5));
        precedents.add(&[1; 32], 5);
        precedents.save(5);
        assert!(at(folder.path()).stands(&[1; 32], 5));
    }

    #[test]
    fn the_file_shows_no_case_and_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let precedents = at(folder.path());
        for number in 0..KEPT + 10 {
            let mut case = [0; 32];
            case[..8].copy_from_slice(&number.to_be_bytes());
            precedents.add(&case, number as i64);
        }
        precedents.save(KEPT as i64 + 10);
        let text = std::fs::read_to_string(folder.path().join("verdicts.json")).unwrap();
        assert_eq!(text.matches("\":").count() - 3, KEPT);
        let mut last = [0; 32];
        last[..8].copy_from_slice(&(KEPT + 9).to_be_bytes());
        assert!(!text.contains(&super::hex(&last[..16])));
        assert!(at(folder.path()).stands(&last, KEPT as i64 + 10));
    }
}
