//! What is said in a conversation: branches, a fetch, a push.

use super::Session;
use crate::git::{FetchProgress, Flow, GitError};
use git2::Oid;
use std::path::Path;

/// What became of a push.
pub(in crate::git) enum Pushed {
    /// The server said that the branch is at the commit; what else it said (foreign text).
    Accepted(String),
    /// It did not take it; the status of the branch and the words of the server (foreign text).
    Refused(String, String),
}

impl Session<'_> {
    /// The branches that the remote has.
    pub(in crate::git) fn branches(
        &self,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Vec<(String, Oid)>, GitError> {
        let mut command = self.git();
        command.args(["ls-remote", "--heads", "--", &self.url()]);
        let output = self.run(&mut command, watch)?;
        if !output.success {
            return Err(self.explain("connecting", &output.told));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut branches = Vec::new();
        for (id, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            let id = Oid::from_str(id).map_err(|_| GitError::Unsupported {
                remote: self.shown(),
                reason: "its format is not supported: only SHA-1 repositories are".to_owned(),
            })?;
            branches.push((name.to_owned(), id));
        }
        Ok(branches)
    }

    /// Fetches `from` into the ref `to`, and the tags of its history. Gives whether the remote has it.
    pub(in crate::git) fn fetch(
        &self,
        from: &str,
        to: &str,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<bool, GitError> {
        let mut command = self.git();
        command.args(["fetch", "--progress", "--no-write-fetch-head", "--no-auto-maintenance"]);
        command.args(["--no-recurse-submodules", "--", &self.url(), &format!("+{from}:{to}")]);
        let output = self.run(&mut command, watch)?;
        // Git only warns, and leaves the branch out.
        let shallow = output.told.own.contains("shallow roots are not allowed");
        if output.success && !shallow {
            return Ok(true);
        }
        if output.told.own.contains("couldn't find remote ref") {
            return Ok(false);
        }
        Err(self.explain("fetching", &output.told))
    }

    /// Whether the remote lets this credential begin a push. Nothing is sent: a ref that nobody has would be removed.
    pub(in crate::git) fn may_push(
        &self,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<(), GitError> {
        let nobodys = format!(":refs/heads/gitdeck-check-{:08x}", std::process::id());
        let mut command = self.git();
        command.args([
            "push",
            "--dry-run",
            "--porcelain",
            "--no-verify",
            "--",
            &self.url(),
            &nobodys,
        ]);
        let output = self.run(&mut command, watch)?;
        if output.success || output.told.own.contains("remote ref does not exist") {
            return Ok(());
        }
        Err(self.explain("connecting", &output.told))
    }

    /// Pushes a commit to a branch that must be at `tip`, or must not exist. `objects` is another folder of objects to
    /// read from.
    pub(in crate::git) fn push(
        &self,
        objects: &Path,
        branch: &str,
        (tip, commit): (Option<Oid>, Oid),
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<Pushed, GitError> {
        let mut command = self.git();
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternate(objects));
        let expected = tip.map(|tip| tip.to_string()).unwrap_or_default();
        command.args(["push", "--porcelain", "--progress", "--no-verify"]);
        command.arg(format!("--force-with-lease={branch}:{expected}"));
        command.args(["--", &self.url(), &format!("{commit}:{branch}")]);
        let output = self.run(&mut command, watch)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let verdict = text.lines().find_map(|line| {
            let (flag, rest) = line.split_once('\t')?;
            let (names, summary) = rest.split_once('\t')?;
            names.ends_with(&format!(":{branch}")).then(|| (flag.to_owned(), summary.to_owned()))
        });
        let words = self.redacted(output.told.server.trim_end());
        match verdict {
            Some((flag, summary)) if flag == "!" => {
                let status = summary
                    .split_once('(')
                    .map_or(summary.as_str(), |(_, rest)| rest.trim_end_matches(')'));
                Ok(Pushed::Refused(status.to_owned(), words))
            }
            Some(_) if output.success => Ok(Pushed::Accepted(words)),
            None if output.success => {
                Ok(Pushed::Refused("the server did not report on the branch".to_owned(), words))
            }
            _ => Err(self.explain("pushing", &output.told)),
        }
    }
}

/// A folder in the list of alternates, which is separated by colons.
fn alternate(folder: &Path) -> String {
    let text = folder.display().to_string();
    if text.contains(':') || text.starts_with('"') {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text
}
