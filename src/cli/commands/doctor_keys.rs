//! What `gitdeck doctor` says of the vault, which it does not open, and of those who may sign.

use super::doctor::{Check, version};
use crate::config::Settings;
use crate::domain::SecretRef;
use crate::engine::{ClosedVault, Secrets, programs};
use std::path::{Path, PathBuf};

/// The vault, where there is one or the configuration names one.
pub(super) fn vault(settings: &Settings) -> Option<Check> {
    let secrets = Secrets::new(&settings.data_dir, &settings.vault);
    let path = secrets.vault().display().to_string();
    let check = |result, message: String| Some(Check::new("vault", &path, result, message));
    let users = settings.secrets().into_iter();
    let mut users = users.filter(|(one, _)| matches!(one, SecretRef::Vault(_)));
    match (secrets.closed_vault(), users.next()) {
        (Ok(None), None) => None,
        (Ok(None), Some((reference, user))) => check(
            "failed",
            format!(
                "it is not there, and {user} needs {reference}; `gitdeck secret set {reference}` makes it"
            ),
        ),
        (Err(error), _) => check("failed", error.to_string()),
        (Ok(Some(closed)), _) if closed.mode & 0o077 != 0 => {
            let mode = closed.mode;
            check("warning", format!("others may open the file (mode {mode:o}); `chmod 600` it"))
        }
        (Ok(Some(closed)), _) => check("ok", opens(settings, &closed)),
    }
}

/// For whom it opens.
fn opens(settings: &Settings, closed: &ClosedVault) -> String {
    if !closed.by_passphrase {
        let keys = closed.keys.join(", ");
        let named = match &settings.vault.identity {
            Some(file) => file.display().to_string(),
            None => "the usual SSH keys".to_owned(),
        };
        return format!("opens for a key ({keys}), looked for in {named}");
    }
    match &settings.vault.passphrase {
        Some(reference) => format!("opens for a passphrase, read from {reference}"),
        None => "opens for a passphrase, which somebody types".to_owned(),
    }
}

/// The allowed signers, where a mapping wants its commits signed.
pub(super) async fn signers(settings: &Settings) -> Vec<Check> {
    let mut wanting = settings.mappings.values().filter(|mapping| mapping.require_signed);
    let Some(first) = wanting.next() else { return Vec::new() };
    let mut checks = Vec::new();
    let said = version("git", "signatures").await.message;
    if let Some(fault) = programs::git_ssh_fault(&said) {
        let message = format!("{fault} to verify signatures of ssh");
        checks.push(Check::new("signers", "git", "failed", message));
    }
    let file = match &settings.allowed_signers {
        Some(file) => Some(file.clone()),
        None => of_git().await,
    };
    let Some(file) = file else {
        let message = format!(
            "no file of allowed signers is named, so that only OpenPGP keys that you trust count; `allowed_signers` of [signing], or `gpg.ssh.allowedSignersFile` of Git, names one for {}",
            first.name
        );
        checks.push(Check::new("signers", "-", "warning", message));
        return checks;
    };
    let (result, message) = match std::fs::read_to_string(&file) {
        Ok(text) => read(&text),
        Err(error) => ("failed", format!("cannot be read: {error}")),
    };
    checks.push(Check::new("signers", &file.display().to_string(), result, message));
    checks
}

/// The file that Git is set up with.
async fn of_git() -> Option<PathBuf> {
    let mut git = tokio::process::Command::new("git");
    let asked = git.args(["config", "--path", "--get", "gpg.ssh.allowedSignersFile"]).output();
    let said = String::from_utf8(asked.await.ok()?.stdout).ok()?;
    let path = said.trim_end_matches('\n');
    (!path.is_empty()).then(|| Path::new(path).to_owned())
}

/// What the lines come to, as `ssh-keygen`(1) defines them: principals, options, a kind of key, the key.
fn read(text: &str) -> (&'static str, String) {
    let (mut signers, mut faulty) = (0, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        // The key of a kind begins with the kind itself, after the four bytes of its length.
        let is_key = |pair: &[&str]| {
            let kinds = ["ssh-", "ecdsa-", "sk-"];
            kinds.iter().any(|kind| pair[0].starts_with(kind)) && pair[1].starts_with("AAAA")
        };
        if words.windows(2).any(is_key) { signers += 1 } else { faulty.push(number.to_string()) }
    }
    match (signers, faulty.as_slice()) {
        (0, []) => ("failed", "it names nobody, so that no signature of ssh counts".to_owned()),
        (count, []) => ("ok", format!("keys that may sign: {count}")),
        (_, lines) => ("failed", format!("names no key in line {}", lines.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn lines_of_allowed_signers_are_held_to_their_form() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample";
        let text = format!("# ours\n\nana@x {key} note\n*@y namespaces=\"git\" {key}\n");
        assert_eq!(read(&text), ("ok", "keys that may sign: 2".to_owned()));
        let slip = format!("{text}{key}\n");
        assert_eq!(read(&slip), ("failed", "names no key in line 5".to_owned()));
        assert_eq!(read("# nobody\n").0, "failed");
    }
}
