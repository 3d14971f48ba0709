//! A private folder of one conversation: the pipe that secrets go through, and what ssh asked.

use crate::domain::Secret;
use crate::git::GitError;
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What ssh runs to ask something.
const SCRIPT: &str = include_str!("ask.sh");
/// How often a secret can be read: once for the question, once more where the server asks again.
const OFFERS: usize = 2;

/// The folder; it is removed when dropped, and what is left in the pipe is gone then.
pub(super) struct Private {
    folder: TempDir,
    script: PathBuf,
    /// Keeps the pipe, with what was written to it, alive.
    pipe: Option<File>,
}

impl Private {
    /// A new folder that only the user can enter. `cache` is where the script for ssh lies: a folder for temporary
    /// files may forbid to run programs.
    pub(super) fn new(cache: &Path) -> Result<Self, GitError> {
        let folder = tempfile::Builder::new()
            .prefix("gitdeck-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        let folder = folder.map_err(|error| GitError::storage(&std::env::temp_dir(), error))?;
        let script = cache.join("ask.sh");
        if std::fs::read(&script).ok().as_deref() != Some(SCRIPT.as_bytes()) {
            install(&script)?;
        }
        Ok(Self { folder, script, pipe: None })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `SSH_ASKPASS` names.
    pub(super) fn script(&self) -> &Path {
        &self.script
    }

    /// The pipe that [`Private::offer`] fills.
    pub(super) fn pipe(&self) -> PathBuf {
        self.path().join("answers")
    }

    /// Puts a secret into the pipe, as often as it may be asked for, and then empty lines, so that nobody waits. It
    /// never lies on the disk: a pipe is memory of the system.
    pub(super) fn offer(&mut self, secret: &Secret) -> Result<(), GitError> {
        let path = self.pipe();
        let failed = |error: std::io::Error| GitError::storage(&path, error);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
        // Open for both and without waiting, so that neither opening nor writing ever hangs.
        let mut pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(&path)
            .map_err(failed)?;
        let mut text = format!("{}\n", secret.reveal()).repeat(OFFERS);
        text.push_str(&"\n".repeat(64));
        pipe.write_all(text.as_bytes()).map_err(failed)?;
        // Not kept in memory longer than needed.
        drop(Secret::new(text));
        self.pipe = Some(pipe);
        Ok(())
    }

    /// The questions that ssh asked, in its words (foreign text).
    pub(super) fn asked(&self) -> String {
        let bytes = std::fs::read(self.path().join("asked")).unwrap_or_default();
        String::from_utf8_lossy(&bytes[..bytes.len().min(16 << 10)]).into_owned()
    }
}

/// Writes the script by another process: a program that is open for writing in any process cannot be run, and a child
/// that is being started at this moment would hold it open.
fn install(script: &Path) -> Result<(), GitError> {
    let failed = |error: &dyn std::fmt::Display| GitError::storage(script, error);
    let draft =
        script.with_extension(format!("{}.{:?}", std::process::id(), std::thread::current().id()));
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "umask 077 && cat > \"$1\" && chmod 700 \"$1\" && mv -f \"$1\" \"$2\"", "sh"])
        .args([&draft, script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let written = shell.stdin.take().map(|mut stdin| stdin.write_all(SCRIPT.as_bytes()));
    let output = shell.wait_with_output().map_err(|error| failed(&error))?;
    match written {
        Some(Ok(())) if output.status.success() => Ok(()),
        _ => Err(failed(&String::from_utf8_lossy(&output.stderr).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::SCRIPT;
    use std::process::Command;

    #[test]
    fn only_the_whole_question_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("answers"), "open-sesame\n").unwrap();
        let answer = |question: &str, pid: u32| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", SCRIPT, "sh", question]).env("GITDECK_ASK", folder.path());
            shell.env_remove("SSH_ASKPASS_PROMPT").env_remove("GITDECK_WORD");
            shell.env("GITDECK_PROMPT", "ada@git.example.com's password: ");
            let output = shell.env("GITDECK_PID", pid.to_string()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let own = std::process::id();
        assert_eq!(answer("ada@git.example.com's password: ", own), "open-sesame\n");
        for foreign in [
            "x@git.example.com's password: ",
            "(eve@jump) ada@git.example.com's password: ",
            "ada@git.example.com's password: again",
        ] {
            assert_eq!(answer(foreign, own), "", "{foreign}");
        }
        // No process has this number: the one that would answer is gone.
        assert_eq!(answer("ada@git.example.com's password: ", i32::MAX as u32), "");
    }
}
