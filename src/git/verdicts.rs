//! What the user's own `git` says of signatures, of several commits at a time.

use super::sign::{expanded, ran};
use super::transport::Environment;
use super::{GitError, Repository};
use crate::domain::verdict::{Belief, Verdict};
use crate::domain::{Revision, SignatureFormat};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// Characters of a program's words that are kept.
const WORDS: usize = 200;
/// Files in which `gpg` keeps keys and how far they are trusted.
const KEYRINGS: [&str; 4] =
    ["pubring.kbx", "pubring.gpg", "trustdb.gpg", "public-keys.d/pubring.db"];
/// How far keys of `OpenPGP` are trusted, in the words of `%GT`, the least first.
const LEVELS: [&str; 5] = ["undefined", "never", "marginal", "fully", "ultimate"];

/// Whose signatures count on this machine: what an answer was given by. Keys end by themselves as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    stamp: u64,
    /// What `gpg.minTrustLevel` asks for.
    least: Option<String>,
}

/// What git says of one commit.
struct Answer {
    letter: String,
    key: String,
    signer: String,
    words: String,
}

impl Repository {
    /// Whose signatures count now, by the settings of git and the files of keys.
    ///
    /// # Errors
    /// Where `git` cannot be run.
    pub fn signers(&self) -> Result<Signers, GitError> {
        let mut command = self.reading(None);
        command.args(["config", "--null", "--get-regexp", r"^gpg\."]);
        let settings =
            ran(&mut command, &[]).map_err(|reason| GitError::Verification { reason })?.said;
        let settings = String::from_utf8_lossy(&settings).into_owned();
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        let mut least = None;
        for (name, value) in settings.split('\0').filter_map(|line| line.split_once('\n')) {
            match name {
                "gpg.ssh.allowedsignersfile" | "gpg.ssh.revocationfile" => {
                    // Small files of text, whose time may stay when they change within a tick.
                    std::fs::read(expanded(value)).ok().hash(&mut hasher);
                }
                "gpg.mintrustlevel" => least = Some(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        let home = Environment::new(&self.places).variable("GNUPGHOME").map(PathBuf::from);
        let home = home.unwrap_or_else(|| expanded("~/.gnupg").into());
        for file in KEYRINGS {
            stamp(&home.join(file)).hash(&mut hasher);
        }
        Ok(Signers { stamp: hasher.finish(), least })
    }

    /// What git says of the signatures of commits, as `git log --show-signature` does; nothing of those that have none or
    /// are not there. An `OpenPGP` key is trusted as `gpg.minTrustLevel` asks, marginal where it is not set.
    ///
    /// # Errors
    /// Where the repository cannot be read. What cannot be checked is no error.
    pub fn verdicts(
        &self,
        revisions: &[Revision],
        signers: &Signers,
    ) -> Result<Vec<(Revision, Verdict)>, GitError> {
        let mut verdicts = Vec::new();
        let mut open = Vec::new();
        for revision in revisions {
            match self.form_of(revision)? {
                Form::None => {}
                // git ends at the first such commit, and says nothing of the others.
                Form::Unknown => {
                    let why = "its signature has no form that git knows";
                    verdicts.push((revision.clone(), Verdict::without(Belief::Bad, why)));
                }
                Form::Of(format) => open.push((revision, format)),
            }
        }
        let ids: Vec<&Revision> = open.iter().map(|(revision, _)| *revision).collect();
        let mut answers = self.answers(&ids).unwrap_or_default();
        for (revision, format) in open {
            let answer = answers.remove(revision.as_str()).map_or_else(
                || self.answers(&[revision]).map(|mut one| one.remove(revision.as_str())),
                |answer| Ok(Some(answer)),
            );
            let verdict = match answer {
                Ok(Some(answer)) => self.judged(revision, format, answer, signers),
                Ok(None) => Verdict::without(Belief::Unchecked, "git says nothing of it"),
                Err(why) => Verdict::without(Belief::Unchecked, why),
            };
            verdicts.push((revision.clone(), verdict));
        }
        Ok(verdicts)
    }

    fn form_of(&self, revision: &Revision) -> Result<Form, GitError> {
        self.with(|handles| {
            let Ok(commit) = self.commit_of(handles, revision) else { return Ok(Form::None) };
            let Ok(text) = commit.header_field_bytes("gpgsig") else { return Ok(Form::None) };
            Ok(Form::of(&text))
        })
    }

    fn answers(&self, revisions: &[&Revision]) -> Result<HashMap<String, Answer>, String> {
        let format = "%H%x00%G?%x00%GK%x00%GS%x00%GG";
        let mut answers = HashMap::new();
        for fields in self.asked(revisions, format)?.chunks_exact(5) {
            let [id, letter, key, signer, words] = fields else { continue };
            let [letter, key, signer, words] = [letter, key, signer, words].map(String::clone);
            answers.insert(id.clone(), Answer { letter, key, signer, words });
        }
        Ok(answers)
    }

    /// Fields of commits, one after the other.
    fn asked(&self, revisions: &[&Revision], format: &str) -> Result<Vec<String>, String> {
        if revisions.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.reading(None);
        command
            .args(["log", "--no-walk=unsorted", "--stdin", "--no-show-signature", "-s", "-z"])
            .arg(format!("--format={format}"));
        let ids: Vec<&str> = revisions.iter().map(|revision| revision.as_str()).collect();
        let ran = ran(&mut command, ids.join("\n").as_bytes())?;
        let said = String::from_utf8_lossy(&ran.said).into_owned();
        if said.is_empty() && !ran.status.success() {
            return Err(last_words(&ran.words));
        }
        Ok(said.split('\0').map(str::to_owned).collect())
    }

    fn judged(
        &self,
        revision: &Revision,
        format: SignatureFormat,
        answer: Answer,
        signers: &Signers,
    ) -> Verdict {
        let is_ssh = format == SignatureFormat::Ssh;
        let Answer { letter, key, signer, words } = answer;
        let (state, what) = match letter.as_str() {
            "G" | "U" if self.is_trusted(revision, is_ssh, &letter, signers) => {
                (Belief::Verified, "")
            }
            "G" | "U" if is_ssh => (Belief::Untrusted, "none of the allowed signers signed it"),
            "G" | "U" => (
                Belief::Untrusted,
                "the key that signed it is not trusted as `gpg.minTrustLevel` asks, marginal where it is not set",
            ),
            "X" | "Y" => (Belief::Untrusted, "its signature, or the key, has expired"),
            "R" => (Belief::Untrusted, "the key that signed it was revoked"),
            "E" if words.contains("No public key") => {
                (Belief::Untrusted, "the key that signed it is not known")
            }
            // Without a word the program did not run.
            "B" | "N" if words.trim().is_empty() => {
                let why = self.refusal(revision);
                return Verdict::without(Belief::Unchecked, why);
            }
            "B" if !is_ssh || words.contains("incorrect signature") => {
                (Belief::Bad, "its signature is not for what it says now")
            }
            "B" | "N" => (Belief::Bad, "its signature cannot be read"),
            _ => (Belief::Unchecked, "its signature cannot be checked"),
        };
        let why = (state != Belief::Verified).then(|| with_words(what, &last_words(&words)));
        let some = |text: String| (!text.is_empty()).then_some(text);
        Verdict { state, signer: some(signer), key: some(key), why }
    }

    /// Whether a signature that is right is by somebody who is trusted.
    fn is_trusted(
        &self,
        revision: &Revision,
        is_ssh: bool,
        letter: &str,
        signers: &Signers,
    ) -> bool {
        let Some(least) = signers.least.as_ref().filter(|_| !is_ssh) else { return letter == "G" };
        let level = |word: &str| LEVELS.iter().position(|one| *one == word);
        // `%G?` tells only whether it is marginal at least. Asked for a signature that is none, git ends.
        let said = self.asked(&[revision], "%GT").unwrap_or_default();
        let found = said.first().and_then(|word| level(word.trim()));
        matches!((found, level(least)), (Some(found), Some(least)) if found >= least)
    }

    /// Why the signature of a commit cannot be checked, in the words of `git verify-commit`.
    fn refusal(&self, revision: &Revision) -> String {
        let mut command = self.reading(None);
        command.args(["verify-commit", revision.as_str()]);
        let words = match ran(&mut command, &[]) {
            Ok(ran) => ran.words,
            Err(why) => why,
        };
        with_words("its signature cannot be checked", &last_words(&words))
    }
}

/// What a commit has of a signature.
enum Form {
    None,
    Unknown,
    Of(SignatureFormat),
}

impl Form {
    /// As gpg-interface.c of git has it. One of X.509 is judged as those of `OpenPGP` are.
    fn of(text: &[u8]) -> Self {
        const PGP: [&[u8]; 3] = [
            b"-----BEGIN PGP SIGNATURE-----",
            b"-----BEGIN PGP MESSAGE-----",
            b"-----BEGIN SIGNED MESSAGE-----",
        ];
        if text.starts_with(b"-----BEGIN SSH SIGNATURE-----") {
            Self::Of(SignatureFormat::Ssh)
        } else if PGP.iter().any(|begin| text.starts_with(begin)) {
            Self::Of(SignatureFormat::OpenPgp)
        } else {
            Self::Unknown
        }
    }
}

fn with_words(what: &str, words: &str) -> String {
    if words.is_empty() { what.to_owned() } else { format!("{what} ({words})") }
}

/// The last words of a program, which tell the reason.
pub(super) fn last_words(words: &str) -> String {
    let last = words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    last.chars().take(WORDS).collect()
}

/// What changes with a file.
fn stamp(file: &Path) -> Option<(u64, Option<std::time::SystemTime>)> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.len(), found.modified().ok()))
}
