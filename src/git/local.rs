//! Pushing to a repository on this machine.
//!
//! libgit2's own way overwrites the branch without comparing it once more, so that of two pushes at the same moment
//! one is lost. Here the objects are copied first and the branch is then moved from the expected tip only, under the
//! lock that `git` takes as well.

use super::GitError;
use super::handles::create_private_folder;
use git2::{ConfigLevel, ErrorCode, Oid, Repository};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What became of a local push.
pub(super) enum Moved {
    /// The branch is at the new commit.
    Yes,
    /// The branch was not at the expected tip any more, or locked.
    Raced(String),
    /// The repository does not take it.
    Refused(String),
}

/// Hooks that judge a push; they are not run, so that a repository that has one is not pushed to.
const JUDGES: [&str; 4] = ["pre-receive", "update", "reference-transaction", "proc-receive"];

/// What a branch was and is to be.
pub(super) struct Ends {
    /// Where it is; nothing where it must not exist.
    pub(super) tip: Option<Oid>,
    pub(super) commit: Oid,
    /// A commit that is there with its history.
    pub(super) known: Option<Oid>,
}

/// Copies a commit with its history to the repository in `folder` and moves `branch` there. `scratch` is a folder for a
/// small configuration file.
pub(super) fn push(
    source: &Repository,
    folder: &Path,
    branch: &str,
    Ends { tip, commit, known }: Ends,
    scratch: &Path,
) -> Result<Moved, GitError> {
    let failed = |error: git2::Error| GitError::storage(folder, error.message());
    let target = open(folder, scratch)?;
    if !target.is_bare()
        && target.head().is_ok_and(|head| head.name().is_ok_and(|name| name == branch))
    {
        return Ok(Moved::Refused(
            "the branch is checked out there; push to a bare repository".to_owned(),
        ));
    }
    if let Some(hook) = judge(&target) {
        return Ok(Moved::Refused(format!(
            "it has the hook {hook}, which only a push through https or ssh would run"
        )));
    }
    copy(source, &target, known, commit).map_err(failed)?;
    match Command::new("git").args(update(&target, branch, tip, commit)).by_itself().output() {
        Ok(output) if output.status.success() => Ok(Moved::Yes),
        Ok(output) => Ok(Moved::Raced(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            move_here(&target, branch, tip, commit).map_err(failed)
        }
        Err(error) => Err(GitError::storage(folder, error)),
    }
}

/// The user's own `git` moves the branch: a child that outlives this process. Killed between lock and rename, this
/// process would leave the remote locked for everybody.
fn update(target: &Repository, branch: &str, tip: Option<Oid>, commit: Oid) -> Vec<OsString> {
    // All zeros: the branch must not exist yet.
    let expected = tip.map_or_else(|| "0".repeat(40), |tip| tip.to_string());
    let mut arguments: Vec<OsString> = vec!["--git-dir".into(), target.path().into()];
    for word in ["-c", "core.fsync=reference", "update-ref", "-m", "push", branch] {
        arguments.push(word.into());
    }
    arguments.extend([commit.to_string().into(), expected.into()]);
    arguments
}

trait ByItself {
    fn by_itself(&mut self) -> &mut Self;
}

impl ByItself for Command {
    /// Without the user's configuration, without a terminal, and in a process group of its own.
    fn by_itself(&mut self) -> &mut Self {
        self.env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .process_group(0)
    }
}

/// Without `git` on the machine, libgit2 moves the branch under the same lock.
fn move_here(
    target: &Repository,
    branch: &str,
    tip: Option<Oid>,
    commit: Oid,
) -> Result<Moved, git2::Error> {
    let moved = match tip {
        Some(tip) => target.reference_matching(branch, commit, true, tip, "push"),
        None => target.reference(branch, commit, false, "push"),
    };
    match moved {
        Ok(_) => Ok(Moved::Yes),
        Err(error)
            if matches!(
                error.code(),
                ErrorCode::Modified | ErrorCode::Locked | ErrorCode::Exists | ErrorCode::NotFound
            ) =>
        {
            Ok(Moved::Raced(error.message().to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Opens the repository so that what is written is also synced to the disk, as `git` does with packs.
fn open(folder: &Path, scratch: &Path) -> Result<Repository, GitError> {
    create_private_folder(scratch)?;
    let durable = scratch.join("durable.config");
    fs::write(&durable, "[core]\n\tfsyncObjectFiles = true\n")
        .map_err(|error| GitError::storage(&durable, error))?;
    let opened = Repository::open(folder).and_then(|target| {
        target.config()?.add_file(&durable, ConfigLevel::App, true)?;
        Ok(target)
    });
    opened.map_err(|error| GitError::storage(folder, error.message()))
}

/// The name of the first hook that would have a say.
fn judge(target: &Repository) -> Option<&'static str> {
    let configured = target.config().and_then(|config| config.get_path("core.hooksPath")).ok();
    let hooks = configured.unwrap_or_else(|| target.path().join("hooks"));
    JUDGES.into_iter().find(|name| hooks.join(name).exists())
}

/// Writes the objects that the target does not have as one pack.
fn copy(
    source: &Repository,
    target: &Repository,
    tip: Option<Oid>,
    commit: Oid,
) -> Result<(), git2::Error> {
    let mut walk = source.revwalk()?;
    walk.push(commit)?;
    if let Some(tip) = tip {
        walk.hide(tip)?;
    }
    let mut pack = source.packbuilder()?;
    pack.insert_walk(&mut walk)?;
    let odb = target.odb()?;
    let mut writer = odb.packwriter()?;
    let mut result = Ok(());
    pack.foreach(|bytes| {
        result = writer.write_all(bytes);
        result.is_ok()
    })?;
    result.map_err(|error| git2::Error::from_str(&error.to_string()))?;
    writer.commit().map(|_| ())
}
