//! The log file in the data directory; made only when there is something to say.

use gitdeck::cli::args::LogLevel;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Beyond this size, in bytes, the file is begun anew and the old one kept beside it.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Sends what gitdeck itself has to say to `gitdeck.log`. Libraries may only warn: what they say below that can hold
/// headers and bodies of requests.
pub fn install(data_dir: &Path, level: LogLevel) {
    let word = level.word();
    let libraries = if matches!(level, LogLevel::Off | LogLevel::Error) { word } else { "warn" };
    let filter = EnvFilter::new(format!("{libraries},gitdeck={word}"));
    let file = LogFile { path: data_dir.join("gitdeck.log"), open: Mutex::new(None) };
    // A second subscriber cannot be: this is called once.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(true)
        .with_writer(file)
        .try_init();
}

/// A file that is opened with its first line.
struct LogFile {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

impl LogFile {
    fn append(&self) -> std::io::Result<File> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > LARGEST) {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// One line on its way into the file.
pub struct Line<'a>(&'a LogFile);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.take() {
            Some(file) => file,
            None => self.0.append()?,
        };
        open.insert(file).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
