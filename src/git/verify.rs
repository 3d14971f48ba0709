//! Whether somebody who may has signed a commit, by the word of the user's own `git`.

use super::sign::ran;
use super::transport::Environment;
use super::verdicts::last_words;
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
        let said = ran(&mut command, &[]).map_err(failed)?;
        if said.status.success() {
            return Ok(None);
        }
        let verdicts = self.verdicts(std::slice::from_ref(revision), &self.signers()?)?;
        let why = match verdicts.into_iter().next() {
            None => "it is not signed".to_owned(),
            Some((_, verdict)) => verdict.why.unwrap_or_else(|| {
                // The two answers differ: what it rests on changed in between.
                format!("its signature cannot be checked ({})", last_words(&said.words))
            }),
        };
        Ok(Some(why))
    }

    /// `git` on the objects of both repositories, without anything that puts another object in the place of one.
    pub(super) fn reading(&self, trust: Option<&str>) -> Command {
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
