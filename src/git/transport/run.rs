//! Runs the user's `git` without a shell and without a terminal; listens, and ends it with all that it started.

use super::progress::Told;
use crate::git::{FetchProgress, Flow, GitError, Limits};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How often a caller is asked whether to go on.
const TICK: Duration = Duration::from_millis(50);
/// How long a stopped `git` may tidy up after itself.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is waited for after the end: something that `git` started may keep the pipe open for hours.
const REST: Duration = Duration::from_millis(500);
/// Bytes of the answer that are read: a list of some hundred thousand branches.
const ANSWER: u64 = 64 << 20;
/// Lines that wait to be heard; who says more has to wait.
const QUEUE: usize = 256;
/// Bytes of one line of words.
const LINE: usize = 8 << 10;

/// What a finished `git` left behind.
pub(super) struct Output {
    pub(super) success: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) told: Told,
}

/// Why it did not finish.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// The caller stopped it.
    Stopped,
    /// It took or sent more than allowed; in words.
    Limit(String),
    /// It could not be run at all.
    NotRun(std::io::Error),
}

impl Unfinished {
    /// The error of a conversation with `remote`.
    pub(super) fn explain(self, remote: &str) -> GitError {
        match self {
            Self::Stopped => GitError::Stopped,
            Self::Limit(reason) => GitError::Limit { remote: remote.to_owned(), reason },
            Self::NotRun(error) if error.kind() == ErrorKind::NotFound => {
                GitError::Program { reason: "it is not installed, or not in PATH".to_owned() }
            }
            Self::NotRun(error) => GitError::Program { reason: error.to_string() },
        }
    }
}

enum Heard {
    Line(Vec<u8>),
    Answer(Vec<u8>),
    SilentErr,
}

/// Makes the child the leader of a session of its own: it has no terminal, so that neither it nor what it starts can
/// ask there, and all of it is ended together.
pub(in crate::git) fn alone(command: &mut Command) -> &mut Command {
    // Between fork and exec; setsid(2) is one system call that is safe there.
    #[expect(unsafe_code, reason = "the standard library has no stable way to start a session")]
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(|_| ()).map_err(Into::into))
    }
}

/// Runs a prepared command to its end. `watch` hears how far it is, and stops it.
pub(super) fn run(
    command: &mut Command,
    limits: &Limits,
    watch: &mut dyn FnMut(FetchProgress) -> Flow,
) -> Result<Output, Unfinished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Ended(alone(command).spawn().map_err(Unfinished::NotRun)?);
    let (sender, heard) = sync_channel(QUEUE);
    if let Some(stderr) = child.0.stderr.take() {
        let sender = sender.clone();
        std::thread::spawn(move || lines(BufReader::new(stderr), &sender));
    }
    if let Some(stdout) = child.0.stdout.take() {
        std::thread::spawn(move || answer(stdout, &sender));
    }
    let began = Instant::now();
    let mut output = Output { success: false, stdout: Vec::new(), told: Told::default() };
    let mut ended: Option<Instant> = None;
    loop {
        let open = listen(&heard, &mut output);
        if ended.is_none() {
            if let Some(status) = child.0.try_wait().map_err(Unfinished::NotRun)? {
                output.success = status.success();
                ended = Some(Instant::now());
            } else if !open {
                // Silent on all pipes: its end is a matter of moments.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if ended.is_some_and(|at| !open || at.elapsed() > REST) {
            return Ok(output);
        }
        if ended.is_none() {
            check(&output.told.progress, began, limits)?;
            if watch(output.told.progress) == Flow::Stop {
                return Err(Unfinished::Stopped);
            }
        }
    }
}

fn check(progress: &FetchProgress, began: Instant, limits: &Limits) -> Result<(), Unfinished> {
    let exceeded = limits.exceeded(progress.bytes as u64, began.elapsed());
    exceeded.map_or(Ok(()), |limit| Err(Unfinished::Limit(limit)))
}

/// Takes in what comes within a moment; gives whether more may come.
fn listen(heard: &Receiver<Heard>, output: &mut Output) -> bool {
    let until = Instant::now() + TICK;
    loop {
        // Also in a flood, which never lets the wait below run out.
        if Instant::now() >= until {
            return true;
        }
        match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Heard::Line(line)) => output.told.take(&line),
            Ok(Heard::Answer(bytes)) => output.stdout = bytes,
            // Silence is usually the end, so that the caller looks at once.
            Ok(Heard::SilentErr) | Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Pieces between line feeds and carriage returns, each bounded.
fn lines(mut from: impl BufRead, to: &SyncSender<Heard>) {
    let mut line = Vec::new();
    while let Ok(bytes) = from.fill_buf() {
        if bytes.is_empty() {
            break;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let taken = &bytes[..end.unwrap_or(bytes.len())];
        line.extend_from_slice(&taken[..taken.len().min(LINE.saturating_sub(line.len()))]);
        let used = end.map_or(bytes.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() && to.send(Heard::Line(std::mem::take(&mut line))).is_err() {
            return;
        }
    }
    let _ = to.send(Heard::Line(line));
    let _ = to.send(Heard::SilentErr);
}

fn answer(from: impl Read, to: &SyncSender<Heard>) {
    let mut bytes = Vec::new();
    let mut from = from.take(ANSWER);
    // What was read before a failure is given; the exit status tells of it.
    let _ = from.read_to_end(&mut bytes);
    let _ = to.send(Heard::Answer(bytes));
}

/// Ends the child and its group when dropped before it ended by itself.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) else { return };
        // First with the chance to remove its temporary files and locks.
        let _ = kill_process_group(group, Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !matches!(self.0.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.0.wait();
    }
}
