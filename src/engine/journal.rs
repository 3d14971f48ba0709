//! The journal: what is about to change Git or a cluster, written and synced before it happens, and what came of it.
//!
//! One file of JSON lines, shared by every gitdeck of a user. A line is appended under the file's lock. Each process
//! holds a lock file of its own while it lives; an entry without an end whose process is gone was interrupted.

use crate::engine::event::JournalEntry;
pub use crate::engine::intent::{AUTO, Intent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries that a compaction keeps.
const KEPT_ENTRIES: usize = 500;
/// Size in bytes beyond which the file is compacted when it is opened.
const COMPACT_BEYOND: u64 = 4 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
enum Record {
    Begin { id: u64, at: Timestamp, process: String, line: String, intent: Intent },
    Before { id: u64, step: usize, total: usize, what: String },
    After { id: u64, step: usize, total: usize, what: String, error: Option<String> },
    End { id: u64, at: Timestamp, state: String, message: Option<String> },
}

impl Record {
    fn id(&self) -> u64 {
        match self {
            Self::Begin { id, .. }
            | Self::Before { id, .. }
            | Self::After { id, .. }
            | Self::End { id, .. } => *id,
        }
    }
}

/// One operation with everything that was written about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// In words.
    pub entry: JournalEntry,
    /// What finishes it.
    pub intent: Intent,
    /// Steps that were begun and have no outcome: done, or not, only the other side knows.
    pub open_steps: Vec<String>,
    /// Steps that were done.
    pub done_steps: Vec<String>,
}

/// A step of an operation: its place among all of them, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub step: usize,
    /// Steps of the whole operation.
    pub total: usize,
    /// In words.
    pub what: String,
}

/// The open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// This process in words that no other has.
    pub(crate) process: String,
    alive: PathBuf,
    // Held until the process ends; the kernel releases it even on kill -9.
    _lock: File,
    last_id: AtomicU64,
}

impl Journal {
    /// Opens or makes the journal in a data directory.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let alive_dir = data_dir.join("alive");
        fs::create_dir_all(&alive_dir)?;
        let process = format!("{}-{}", std::process::id(), Timestamp::now().as_microsecond());
        let alive = alive_dir.join(&process);
        let lock = File::create(&alive)?;
        lock.lock()?;
        let journal = Self {
            path: data_dir.join("journal.jsonl"),
            process,
            alive,
            _lock: lock,
            last_id: AtomicU64::new(0),
        };
        journal.compact()?;
        Ok(journal)
    }

    /// Writes an intent; when this returns, it is on disk.
    pub fn begin(&self, intent: Intent, line: &str, at: Timestamp) -> io::Result<u64> {
        let id = self.next_id(at);
        let line = line.to_owned();
        self.append(&[Record::Begin { id, at, process: self.process.clone(), line, intent }])?;
        Ok(id)
    }

    /// Writes that a step is about to be taken.
    pub fn before(&self, id: u64, step: usize, total: usize, what: &str) -> io::Result<()> {
        self.before_all(id, &[Place { step, total, what: what.to_owned() }])
    }

    /// Writes that steps are about to be taken; when this returns, all of them are on disk.
    pub fn before_all(&self, id: u64, steps: &[Place]) -> io::Result<()> {
        let records = steps.iter().cloned().map(|place| {
            let Place { step, total, what } = place;
            Record::Before { id, step, total, what }
        });
        self.append(&records.collect::<Vec<_>>())
    }

    /// Writes what came of a step.
    pub fn after(
        &self,
        id: u64,
        place: (usize, usize),
        what: &str,
        error: Option<&str>,
    ) -> io::Result<()> {
        let (step, total) = place;
        self.after_all(id, &[(Place { step, total, what: what.to_owned() }, error)])
    }

    /// Writes what came of steps: the error of each, if one.
    pub fn after_all(&self, id: u64, steps: &[(Place, Option<&str>)]) -> io::Result<()> {
        let records = steps.iter().cloned().map(|(place, error)| {
            let Place { step, total, what } = place;
            Record::After { id, step, total, what, error: error.map(str::to_owned) }
        });
        self.append(&records.collect::<Vec<_>>())
    }

    /// Writes how an operation ended: `done`, `failed`, `cancelled` or `discarded`.
    pub fn end(
        &self,
        id: u64,
        state: &str,
        message: Option<&str>,
        at: Timestamp,
    ) -> io::Result<()> {
        self.append(&[Record::End {
            id,
            at,
            state: state.to_owned(),
            message: message.map(str::to_owned),
        }])
    }

    /// All operations, newest first.
    pub fn operations(&self) -> io::Result<Vec<Operation>> {
        let mut operations: Vec<Operation> = collate(self.read()?)
            .into_iter()
            .filter_map(|(_, records)| self.summarise(&records))
            .collect();
        operations.reverse();
        Ok(operations)
    }

    /// One operation.
    pub fn operation(&self, id: u64) -> io::Result<Option<Operation>> {
        Ok(self.operations()?.into_iter().find(|operation| operation.entry.id == id))
    }

    // Microseconds since 1970, moved on where two begin in one: ordered by time, unique in a process, and no two
    // processes of one user begin in the same microsecond without the lock file making them differ in `process`.
    fn next_id(&self, at: Timestamp) -> u64 {
        let now = u64::try_from(at.as_microsecond()).unwrap_or_default();
        self.last_id
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)))
            .map_or(now, |last| now.max(last + 1))
    }

    /// Appends records and waits until they are on disk, once for all of them.
    fn append(&self, records: &[Record]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
        file.lock()?;
        // A killed writer may have left half a line; it must not swallow this one.
        if !ends_with_line_end(&self.path, file.metadata()?.len())? {
            lines.insert(0, b'\n');
        }
        file.write_all(&lines)?;
        file.sync_data()
    }

    fn read(&self) -> io::Result<Vec<Record>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.lock_shared()?;
        let mut records = Vec::new();
        for line in BufReader::new(&file).split(b'\n') {
            // A half line is what a kill leaves; the step it was about counts as not written.
            records.extend(serde_json::from_slice::<Record>(&line?).ok());
        }
        Ok(records)
    }

    fn summarise(&self, records: &[Record]) -> Option<Operation> {
        let (id, at, process, line, intent) = records.iter().find_map(|record| match record {
            Record::Begin { id, at, process, line, intent } => {
                Some((*id, *at, process, line, intent))
            }
            _ => None,
        })?;
        let mut open: BTreeMap<usize, String> = BTreeMap::new();
        let (mut done, mut total, mut end) = (Vec::new(), 0, None);
        for record in records {
            match record {
                Record::Begin { .. } => {}
                Record::Before { step, total: all, what, .. } => {
                    open.insert(*step, what.clone());
                    total = (*all).max(total);
                }
                Record::After { step, total: all, error, what, .. } => {
                    open.remove(step);
                    done.extend(error.is_none().then(|| what.clone()));
                    total = (*all).max(total);
                }
                Record::End { state, message, .. } => end = Some((state.clone(), message.clone())),
            }
        }
        let (state, message) = end.unwrap_or_else(|| {
            let running = process == &self.process || self.is_alive(process);
            (if running { "running" } else { "interrupted" }.to_owned(), None)
        });
        let entry = JournalEntry {
            id,
            at,
            what: intent.word().to_owned(),
            subject: intent.subject().to_owned(),
            line: line.clone(),
            owner: intent.owner(),
            steps: (done.len(), total),
            state,
            message,
        };
        let (intent, open_steps) = (intent.clone(), open.into_values().collect());
        Some(Operation { entry, intent, open_steps, done_steps: done })
    }

    fn is_alive(&self, process: &str) -> bool {
        let Some(dir) = self.alive.parent() else { return false };
        // The name comes from a file; it must not lead out of the folder.
        if process.contains(['/', '\\']) {
            return false;
        }
        match File::open(dir.join(process)) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }

    fn compact(&self) -> io::Result<()> {
        self.forget_dead_processes()?;
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.len() > COMPACT_BEYOND => {}
            _ => return Ok(()),
        }
        let file = OpenOptions::new().read(true).append(true).open(&self.path)?;
        let records = self.read()?;
        file.lock()?;
        let operations = collate(records);
        let skip = operations.len().saturating_sub(KEPT_ENTRIES);
        let mut text = Vec::new();
        for (index, (_, records)) in operations.iter().enumerate() {
            let open = self
                .summarise(records)
                .is_some_and(|o| matches!(o.entry.state.as_str(), "running" | "interrupted"));
            if index >= skip || open {
                for record in records {
                    serde_json::to_writer(&mut text, record)?;
                    text.push(b'\n');
                }
            }
        }
        // In place and under the lock: another process has the same file open, so a rename would split the journal.
        let spare = self.path.with_extension("jsonl.new");
        fs::write(&spare, &text)?;
        File::open(&spare)?.sync_all()?;
        file.set_len(0)?;
        (&file).write_all(&text)?;
        file.sync_all()?;
        fs::remove_file(spare)
    }

    fn forget_dead_processes(&self) -> io::Result<()> {
        let Some(dir) = self.alive.parent() else { return Ok(()) };
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path != self.alive && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Without the file the process counts as gone, which is what it is about to be.
        let _ = fs::remove_file(&self.alive);
    }
}

fn ends_with_line_end(path: &Path, length: u64) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    if length == 0 {
        return Ok(true);
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(length - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

// Records by operation, in the order of their beginning.
fn collate(records: Vec<Record>) -> indexmap::IndexMap<u64, Vec<Record>> {
    let mut operations = indexmap::IndexMap::<u64, Vec<Record>>::new();
    for record in records {
        operations.entry(record.id()).or_default().push(record);
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_intent() -> Intent {
        Intent::Push { repository: "fleet".into(), head: "abc".into() }
    }

    #[test]
    fn an_operation_of_a_living_process_runs_and_of_a_dead_one_was_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let first = Journal::open(dir.path()).unwrap();
        let id = first.begin(push_intent(), "gitdeck push fleet", Timestamp::UNIX_EPOCH).unwrap();
        first.before(id, 1, 2, "push abc").unwrap();
        let second = Journal::open(dir.path()).unwrap();
        assert_eq!(second.operation(id).unwrap().unwrap().entry.state, "running");
        drop(first);
        let operation = second.operation(id).unwrap().unwrap();
        assert_eq!(operation.entry.state, "interrupted");
        assert_eq!(operation.open_steps, ["push abc"]);
        assert_eq!(operation.entry.steps, (0, 2));
    }

    #[test]
    fn half_a_line_is_passed_over_and_swallows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let first = journal.begin(push_intent(), "a", Timestamp::UNIX_EPOCH).unwrap();
        let mut file =
            OpenOptions::new().append(true).open(dir.path().join("journal.jsonl")).unwrap();
        file.write_all(b"{\"record\":\"end\",\"id\":").unwrap();
        let second = journal.begin(push_intent(), "b", Timestamp::UNIX_EPOCH).unwrap();
        journal.end(second, "done", None, Timestamp::UNIX_EPOCH).unwrap();
        let operations = journal.operations().unwrap().into_iter();
        let states: Vec<_> = operations.map(|o| (o.entry.id, o.entry.state)).collect();
        assert_eq!(states, [(second, "done".to_owned()), (first, "running".to_owned())]);
    }

    #[test]
    fn ids_differ_within_one_microsecond() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        let ids: std::collections::HashSet<_> = (0..50)
            .map(|_| journal.begin(push_intent(), "x", Timestamp::UNIX_EPOCH).unwrap())
            .collect();
        assert_eq!(ids.len(), 50);
    }
}
