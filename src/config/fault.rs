//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A configured value with the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sited<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
}

impl<T> Sited<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sited<U> {
        Sited { value: change(self.value), place: self.place }
    }
}

/// One thing that is wrong, in one sentence. Values are named only where they cannot be secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What, and what to do about it.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A configuration that cannot be used or edited.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named does not exist.
    #[error("{} does not exist; create it with `gitdeck repo add NAME URL`, or name another with --config", .0.display())]
    Missing(PathBuf),
    /// The file that a running process reads is gone, or empty.
    #[error("{} is gone or empty, what it said stays in force", .0.display())]
    Gone(PathBuf),
    /// A file exists but cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that others may write could name other credentials and clusters.
    #[error("{0} can be written by other users (mode {mode:o}); run `chmod go-w {0}` and look at what it says", path.display())]
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is wrong; every fault that was found.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An edit that would not leave a usable configuration.
    #[error("{0}")]
    Edit(String),
    /// No home directory: no place for files.
    #[error("no home directory is known; set HOME, or GITDECK_CACHE_DIR and GITDECK_DATA_DIR")]
    Homeless,
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}
