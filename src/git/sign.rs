//! Signatures of commits, made by the programs that the user's own Git would run.

use super::transport::{Environment, alone};
use super::{GitError, Places};
use crate::domain::{SignatureFormat, Signing};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a program may take; a key in hardware waits for a touch.
const LIMIT: Duration = Duration::from_secs(120);
/// Bytes of a signature, and of a program's words, that are read.
const OUTPUT: u64 = 64 << 10;

/// What makes a signature.
#[derive(Debug)]
pub(super) struct Signer {
    format: SignatureFormat,
    program: String,
    /// File or id of the key.
    key: String,
}

impl Signer {
    /// What signs the commits of this committer (`Name <address>`), if anything does.
    pub(super) fn of(places: &Places, committer: &str) -> Result<Option<Self>, GitError> {
        if places.signing == Signing::Off {
            return Ok(None);
        }
        Self::configured(&places.signing, &settings(places)?, committer)
    }

    fn configured(
        signing: &Signing,
        settings: &HashMap<String, String>,
        committer: &str,
    ) -> Result<Option<Self>, GitError> {
        let text = |name: &str| settings.get(name).cloned();
        let (format, key) = match signing {
            Signing::Off => return Ok(None),
            Signing::With { format, key } => (*format, key.clone()),
            Signing::AsGit => {
                if !is_on(settings.get("commit.gpgsign"))? {
                    return Ok(None);
                }
                (format_of(settings.get("gpg.format"))?, None)
            }
        };
        let key = key.or_else(|| text("user.signingkey"));
        let (program, key) = match format {
            SignatureFormat::Ssh => {
                let program = text("gpg.ssh.program").unwrap_or_else(|| "ssh-keygen".to_owned());
                let key = key.ok_or_else(|| refused(&program, NO_KEY))?;
                (program, key)
            }
            SignatureFormat::OpenPgp => {
                let program = text("gpg.openpgp.program").or_else(|| text("gpg.program"));
                (program.unwrap_or_else(|| "gpg".to_owned()), key.unwrap_or(committer.to_owned()))
            }
        };
        Ok(Some(Self { format, program, key }))
    }

    /// The signature of a commit as it will be stored.
    pub(super) fn sign(&self, commit: &[u8]) -> Result<String, GitError> {
        let mut command = Command::new(&self.program);
        // Lives until the program has ended.
        let mut written = None;
        match self.format {
            SignatureFormat::Ssh => {
                command.args(["-Y", "sign", "-n", "git", "-f"]);
                match literal(&self.key) {
                    Some(public) => {
                        let file = public_key(public).map_err(|error| {
                            refused(&self.program, &format!("no temporary file: {error}"))
                        })?;
                        command.arg(file.path()).arg("-U");
                        written = Some(file);
                    }
                    None => {
                        command.arg(expanded(&self.key));
                    }
                }
            }
            SignatureFormat::OpenPgp => {
                command.args(["--batch", "--no-tty", "-bsau"]).arg(&self.key);
            }
        }
        let signature = run(&mut command, commit).map_err(|why| refused(&self.program, &why))?;
        drop(written);
        let begins = match self.format {
            SignatureFormat::Ssh => "-----BEGIN SSH SIGNATURE-----",
            SignatureFormat::OpenPgp => "-----BEGIN PGP SIGNATURE-----",
        };
        if signature.starts_with(begins) {
            Ok(signature)
        } else {
            Err(refused(&self.program, "its answer is no signature"))
        }
    }
}

const NO_KEY: &str =
    "no key is named; set `key` in [signing], or `git config --global user.signingKey`";

fn refused(program: &str, reason: &str) -> GitError {
    GitError::Signing { program: program.to_owned(), reason: reason.to_owned() }
}

/// What the user's own Git says about signing; names in lower case. What Git itself cannot read is an error: commits
/// that should be signed are never made without.
fn settings(places: &Places) -> Result<HashMap<String, String>, GitError> {
    let failed = |reason: String| refused("git config", &reason);
    let output = Environment::new(places)
        .program("git")
        .args(["config", "--null", "--get-regexp", r"^(commit\.gpgsign|user\.signingkey|gpg\..*)$"])
        // Not in a repository, whose settings would count.
        .current_dir(&places.outbox)
        .env("GIT_CEILING_DIRECTORIES", &places.outbox)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("it cannot be run: {error}")))?;
    match output.status.code() {
        Some(0) => {}
        // Nothing is set.
        Some(1) => return Ok(HashMap::new()),
        _ => return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
    let text = String::from_utf8(output.stdout).map_err(|_| failed("it is no text".to_owned()))?;
    let lines = text.split_terminator('\0');
    // A name without a value means yes.
    let pair = |line: &str| {
        let (name, value) = line.split_once('\n').unwrap_or((line, "true"));
        (name.to_owned(), value.to_owned())
    };
    Ok(lines.map(pair).collect())
}

/// A yes or no as git-config(1) writes them.
fn is_on(value: Option<&String>) -> Result<bool, GitError> {
    let Some(value) = value else { return Ok(false) };
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err(refused("git config", &format!("commit.gpgSign = {value} is neither yes nor no"))),
    }
}

fn format_of(name: Option<&String>) -> Result<SignatureFormat, GitError> {
    match name.map(String::as_str) {
        None | Some("openpgp") => Ok(SignatureFormat::OpenPgp),
        Some("ssh") => Ok(SignatureFormat::Ssh),
        Some(other) => Err(refused(
            "git",
            &format!("gpg.format = {other} is not supported; \"ssh\" and \"openpgp\" are"),
        )),
    }
}

/// A public key that is written out instead of named (git-config(1), `user.signingKey`); its private half is with the
/// agent.
fn literal(key: &str) -> Option<&str> {
    key.strip_prefix("key::").or_else(|| key.starts_with("ssh-").then_some(key))
}

fn public_key(text: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".pub").tempfile()?;
    writeln!(file, "{text}")?;
    Ok(file)
}

pub(super) fn expanded(file: &str) -> OsString {
    let home = directories::BaseDirs::new();
    match (file.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.home_dir().join(rest).into(),
        _ => PathBuf::from(file).into(),
    }
}

/// What a program that ended has said.
pub(super) struct Ran {
    pub status: ExitStatus,
    /// Its answer.
    pub said: Vec<u8>,
    /// What it said beside it.
    pub words: String,
}

/// Runs a program with something to read, and returns what it says.
fn run(command: &mut Command, input: &[u8]) -> Result<String, String> {
    let Ran { status, said, words } = ran(command, input)?;
    if status.success() {
        return String::from_utf8(said).map_err(|_| "its answer is no text".to_owned());
    }
    let words = words.trim();
    Err(if words.is_empty() { status.to_string() } else { words.to_owned() })
}

/// Runs a program to its end, with something to read. It cannot ask on our terminal: it has none.
pub(super) fn ran(command: &mut Command, input: &[u8]) -> Result<Ran, String> {
    let mut child = alone(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // ssh-keygen would ask for a passphrase on the terminal, in the middle of a frame.
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("SSH_ASKPASS", "false")
        .env("LC_ALL", "C")
        .env_remove("GPG_TTY")
        .spawn()
        .map_err(|error| format!("it cannot be run: {error}"))?;
    let (answer, heard) = (listen(child.stdout.take()), listen(child.stderr.take()));
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        // A program that does not read has something to say.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let said = answer.recv_timeout(LIMIT).map_err(|_| {
        end(&mut child);
        format!("no answer within {} s", LIMIT.as_secs())
    })?;
    let status = child.wait().map_err(|error| error.to_string())?;
    // What it started may keep the pipe open.
    let words = if status.success() {
        Vec::new()
    } else {
        heard.recv_timeout(Duration::from_millis(500)).unwrap_or_default()
    };
    Ok(Ran { status, said, words: String::from_utf8_lossy(&words).into_owned() })
}

fn end(child: &mut Child) {
    // It may have ended by now. It leads a group of its own.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Reads a stream to its end beside whoever writes.
fn listen(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until a fault is all there is.
        let _ = stream.map(|stream| stream.take(OUTPUT).read_to_end(&mut bytes));
        // Nobody listens after the limit.
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::{Signer, settings};
    use crate::domain::{SignatureFormat, Signing};
    use crate::git::Places;
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn git_says_whether_and_with_what() {
        let folder = tempfile::tempdir().unwrap();
        let mut places = Places::new(folder.path(), folder.path());
        let file = folder.path().join("gitconfig");
        places.environment = vec![
            ("GIT_CONFIG_GLOBAL".to_owned(), Some(file.clone().into())),
            ("GIT_CONFIG_NOSYSTEM".to_owned(), Some("1".into())),
        ];
        let signer = |signing: &Signing, text: &str| {
            std::fs::write(&file, text).unwrap();
            let found = settings(&places)?;
            Signer::configured(signing, &found, "Ana <ana@example.com>")
        };
        let ssh = "[commit]\ngpgSign\n[gpg]\nformat = ssh\n[user]\nsigningKey = ~/.ssh/id.pub\n";
        let found = signer(&Signing::AsGit, ssh).unwrap().unwrap();
        assert_eq!((found.program.as_str(), found.key.as_str()), ("ssh-keygen", "~/.ssh/id.pub"));
        assert!(signer(&Signing::Off, ssh).unwrap().is_none());
        assert!(signer(&Signing::AsGit, "[user]\nsigningKey = x\n").unwrap().is_none());
        assert!(signer(&Signing::AsGit, "").unwrap().is_none());
        let found = signer(&Signing::AsGit, "[commit]\ngpgSign = yes\n").unwrap().unwrap();
        assert_eq!((found.program.as_str(), found.key.as_str()), ("gpg", "Ana <ana@example.com>"));
        let other = signer(&Signing::AsGit, "[commit]\ngpgSign = yes\n[gpg]\nformat = x509\n");
        assert!(other.unwrap_err().to_string().contains("x509 is not supported"));
        let keyless = Signing::With { format: SignatureFormat::Ssh, key: None };
        let error = signer(&keyless, "").unwrap_err().to_string();
        assert!(error.contains("user.signingKey"), "{error}");
        for broken in ["[commit]\ngpgSign = maybe\n", "[commit\n"] {
            let error = signer(&Signing::AsGit, broken).unwrap_err().to_string();
            assert!(error.contains("nothing was committed"), "{error}");
        }
    }

    #[test]
    fn a_signature_of_ssh_verifies_and_a_locked_key_asks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let generate = |passphrase: &str, file: &Path| {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
                .arg(file)
                .status();
            assert!(made.unwrap().success());
        };
        generate("", &key);
        let signer = |key: &Path| Signer {
            format: SignatureFormat::Ssh,
            program: "ssh-keygen".to_owned(),
            key: key.display().to_string(),
        };
        let signature = signer(&key).sign(b"tree 1\n").unwrap();
        let (public, signed) = (folder.path().join("key.pub"), folder.path().join("signature"));
        std::fs::write(&signed, signature).unwrap();
        let allowed = folder.path().join("allowed");
        let public = std::fs::read_to_string(public).unwrap();
        std::fs::write(&allowed, format!("ana@example.com {public}")).unwrap();
        let verified = Command::new("sh")
            .arg("-c")
            .arg("printf 'tree 1\\n' | ssh-keygen -q -Y verify -n git -I ana@example.com -f \"$0\" -s \"$1\"")
            .args([&allowed, &signed])
            .status();
        assert!(verified.unwrap().success());

        let locked = folder.path().join("locked");
        generate("a passphrase", &locked);
        let error = signer(&locked).sign(b"tree 1\n").unwrap_err().to_string();
        assert!(error.contains("passphrase") && error.contains("ssh-add"), "{error}");
        let missing = signer(&folder.path().join("missing")).sign(b"").unwrap_err().to_string();
        assert!(missing.contains("ssh-keygen"), "{missing}");
    }
}
