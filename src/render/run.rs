//! Runs a program without a shell, fenced in: bare environment, no input, bounded time and output, no network.

use super::program::{Program, Tools};
use super::scratch::Scratch;
use super::user;
use crate::domain::text::harmless_lines;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Arguments of `unshare` before the program: a network namespace with nothing in it.
pub(super) const ISOLATED: [&str; 4] = ["--user", "--map-root-user", "--net", "--"];
/// Bytes of standard error that are kept.
const WORDS: usize = 64 << 10;
/// Lines of standard error that are shown, and characters.
const SHOWN: (usize, usize) = (12, 1_200);

/// What a program may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Its folder.
    None,
    /// The network too, because the mapping allows it.
    Network,
    /// The network, and what it finds keys by in the user's own environment.
    User,
}

/// One run.
pub(super) struct Call<'a> {
    pub program: &'a Program,
    pub arguments: Vec<OsString>,
    pub scratch: &'a Scratch,
    pub environment: Vec<(&'static str, OsString)>,
    pub access: Access,
    /// What it reads on standard input; nothing at all where nothing is given.
    pub input: Option<&'a [u8]>,
}

/// Why a run gave no output. The words are the program's own, made harmless and shortened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum RunError {
    #[error("{program} cannot be started: {reason}")]
    NotStarted { program: &'static str, reason: String },
    #[error("{program} failed: {words}")]
    Failed { program: &'static str, words: String },
    #[error("{program} was stopped after {} s without an end", after.as_secs())]
    TimedOut { program: &'static str, after: Duration },
    #[error("{program} was stopped after {limit} bytes of output")]
    TooMuch { program: &'static str, limit: usize },
}

impl Call<'_> {
    /// Runs to the end, and gives standard output. Dropped earlier, the program and all it started are killed.
    pub(super) async fn run(&self, tools: &Tools) -> Result<Vec<u8>, RunError> {
        let program = self.program.name;
        let not_started =
            |error: std::io::Error| RunError::NotStarted { program, reason: error.to_string() };
        // Never closed; without a turn it would only run beside more others.
        let _turn = tools.turns.acquire().await.ok();
        let mut child = self.command(tools).await.spawn().map_err(not_started)?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let ended = tokio::time::timeout(tools.limits.time, self.read(&mut child, tools)).await;
        let (output, words, status) = match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                drop(group);
                return Err(RunError::TimedOut { program, after: tools.limits.time });
            }
        };
        group.leave();
        if status.success() {
            return Ok(output);
        }
        let words = self.shown(&words);
        let words = if words.is_empty() { status.to_string() } else { words };
        Err(RunError::Failed { program, words })
    }

    async fn command(&self, tools: &Tools) -> Command {
        let isolation = match self.access {
            Access::None => tools.isolation().await.ok(),
            Access::Network | Access::User => None,
        };
        let mut command = match isolation {
            Some(unshare) => {
                let mut command = Command::new(unshare);
                command.args(ISOLATED).arg(&self.program.path);
                command
            }
            None => Command::new(&self.program.path),
        };
        let home = self.scratch.home();
        command.env_clear().env("PATH", &tools.search);
        if self.access == Access::User {
            command.envs(user::needed(std::env::vars_os()));
        } else {
            command
                .env("HOME", &home)
                .env("TMPDIR", &home)
                .env("XDG_CONFIG_HOME", home.join("config"))
                .env("XDG_CACHE_HOME", home.join("cache"))
                .env("XDG_DATA_HOME", home.join("data"));
        }
        command
            .args(self.program.first)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.scratch.tree())
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    async fn read(
        &self,
        child: &mut Child,
        tools: &Tools,
    ) -> Result<(Vec<u8>, Vec<u8>, ExitStatus), RunError> {
        let program = self.program.name;
        let limit = tools.limits.output;
        let (output, words) = (child.stdout.take(), child.stderr.take());
        let output = async {
            let (bytes, rest) = up_to(output, limit).await;
            if rest { Err(RunError::TooMuch { program, limit }) } else { Ok(bytes) }
        };
        let words = async { Ok(up_to_and_on(words, WORDS).await) };
        let (stdin, input) = (child.stdin.take(), self.input.unwrap_or_default());
        let fed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read it says why by itself.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
            Ok(())
        };
        let (output, words, ()) = futures::future::try_join3(output, words, fed).await?;
        let not_waited =
            |error: std::io::Error| RunError::NotStarted { program, reason: error.to_string() };
        let status = child.wait().await.map_err(not_waited)?;
        Ok((output, words, status))
    }

    /// The end of what a program said: its last lines say what went wrong.
    fn shown(&self, words: &[u8]) -> String {
        let text = String::from_utf8_lossy(words);
        let tree = format!("{}/", self.scratch.tree().display());
        let text = harmless_lines(&text.replace(&tree, ""));
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        let shown = lines[lines.len().saturating_sub(SHOWN.0)..].join("\n");
        let text = shown.strip_prefix("Error: ").unwrap_or(&shown);
        match text.char_indices().nth(SHOWN.1) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }
}

/// The first bytes of a stream, and whether there are more.
async fn up_to(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What breaks off is told by the exit status.
        let _ = stream.take(limit as u64 + 1).read_to_end(&mut bytes).await;
    }
    let more = bytes.len() > limit;
    bytes.truncate(limit);
    (bytes, more)
}

/// The first bytes of a stream, which is read to its end: a full pipe would stop the program.
async fn up_to_and_on(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let Some(mut stream) = stream else { return Vec::new() };
    let (bytes, _) = up_to(Some(&mut stream), limit).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    bytes
}

/// A process group that is killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    /// The program has ended by itself.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
            // Until it is gone it may still write into the folder that is removed next.
            let _ = waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
    }
}
