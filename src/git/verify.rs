//! Whether somebody who may has signed a commit, by the word of the user's own `git`.

use super::describe::is_signed;
use super::sign::ran;
use super::transport::Environment;
use super::{GitError, Repository};
use crate::domain::Revision;
use std::process::Command;

/// How far a key of `OpenPGP` has to be trusted, git-config(1).
const TRUST: &str = "gpg.minTrustLevel";

impl Repository {
    /// Why `git verify-commit` does not stand by a commit; nothing where it does. It knows the signers of ssh by
    /// `gpg.ssh.allowedSignersFile`, or the file that [`super::Places::allowed_signers`] names, and those of `OpenPGP` by
    /// the user's keyring and `gpg.minTrustLevel`; where that is not set, it is `marginal`, since any key that was ever
    /// imported would do for git. Every answer is a fresh one: keys end and are taken back.
    ///
    /// # Errors
    /// Where `git` cannot be run, or says nothing: then nobody knows.
    pub fn unvouched(&self, revision: &Revision) -> Result<Option<String>, GitError> {
        // A short or unknown name is no business of git's.
        self.described(revision)?;
        let failed = |reason: String| GitError::Verification { reason };
        let mut command = self.reading(None);
        command.args(["config", "--get", TRUST]);
        // git-config(1): 1 where it is not set. What cannot be read is refused by the next command as well.
        let unset = ran(&mut command, &[]).map_err(failed)?.status.code() == Some(1);
        let trust = unset.then_some("marginal");
        let mut command = self.reading(trust);
        command.args(["verify-commit", revision.as_str()]);
        let verdict = ran(&mut command, &[]).map_err(failed)?;
        if verdict.status.success() {
            return Ok(None);
        }
        let mut command = self.reading(trust);
        command.args(["log", "-1", "--no-show-signature", "--format=%G?", revision.as_str()]);
        let letter = ran(&mut command, &[]).map_err(failed)?.said;
        // git-log(1), `%G?`. Where nothing can be checked it says N, although there is a signature.
        let what = match String::from_utf8_lossy(&letter).trim() {
            "G" | "N" if self.is_signed(revision)? => "its signature cannot be checked",
            "N" => return Ok(Some("it is not signed".to_owned())),
            "B" => "its signature is not for what it says now",
            "U" if !self.is_of_ssh(revision)? => {
                "the key that signed it is not trusted as `gpg.minTrustLevel` asks, marginal where it is not set"
            }
            "U" => "none of the allowed signers signed it",
            "X" | "Y" => "its signature, or the key, has expired",
            "R" => "the key that signed it was revoked",
            _ => "its signature cannot be checked",
        };
        let words = last_line(&verdict.words);
        Ok(Some(if words.is_empty() { what.to_owned() } else { format!("{what} ({words})") }))
    }

    fn is_signed(&self, revision: &Revision) -> Result<bool, GitError> {
        self.with(|handles| Ok(is_signed(&self.commit_of(handles, revision)?)))
    }

    fn is_of_ssh(&self, revision: &Revision) -> Result<bool, GitError> {
        self.with(|handles| {
            let commit = self.commit_of(handles, revision)?;
            let signature = commit.header_field_bytes("gpgsig");
            Ok(signature.is_ok_and(|text| text.starts_with(b"-----BEGIN SSH SIGNATURE")))
        })
    }

    /// `git` on the objects of both repositories, without anything that puts another object in the place of one.
    fn reading(&self, trust: Option<&str>) -> Command {
        let mut environment = Environment::new(&self.places);
        if let Some(trust) = trust {
            environment.setting(TRUST, trust);
        }
        if let Some(file) = &self.places.allowed_signers {
            environment.setting("gpg.ssh.allowedSignersFile", file);
        }
        let mut command = environment.git(&self.outbox);
        let objects = self.mirror.join("objects").display().to_string();
        let quoted = format!("\"{}\"", objects.replace('\\', "\\\\").replace('"', "\\\""));
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted).env("GIT_NO_REPLACE_OBJECTS", "1");
        command
    }
}

/// The last words of a program, which tell the reason.
fn last_line(words: &str) -> &str {
    words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}
