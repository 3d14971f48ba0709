//! The user's own credential helpers, asked through `git credential` (git-credential(1)).

use super::address::{Address, Scheme};
use crate::domain::Secret;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a helper gave. Kept until it is known whether the server takes it.
pub(super) struct Filled {
    pub(super) username: String,
    pub(super) password: Secret,
    /// The whole answer, which `approve` and `reject` want back.
    answer: Secret,
}

/// Asks the helpers, for one user where a name is given. Nobody is prompted; what nobody knows is an error. `folder` is where Git runs: it must not lie
/// in a repository, whose configuration would be honoured.
pub(super) fn fill(
    address: &Address,
    username: Option<&str>,
    folder: &Path,
) -> Result<Filled, String> {
    let answer = run("fill", &question(address, username), folder)?;
    let field = |name: &str| {
        answer
            .reveal()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    let password = field("password").map(Secret::new);
    match (field("username"), password) {
        (Some(username), Some(password)) => Ok(Filled { username, password, answer }),
        _ => Err("no helper knows a user name and a password".to_owned()),
    }
}

/// Tells the helpers that the server took the credential.
pub(super) fn approve(filled: &Filled, folder: &Path) {
    tell("approve", filled, folder);
}

/// Tells the helpers that the server refused the credential, so that they forget it.
pub(super) fn reject(filled: &Filled, folder: &Path) {
    tell("reject", filled, folder);
}

fn tell(verb: &'static str, filled: &Filled, folder: &Path) {
    if let Err(error) = run(verb, &filled.answer, folder) {
        tracing::warn!(verb, error, "git credential failed");
    }
}

fn question(address: &Address, username: Option<&str>) -> Secret {
    let protocol = if address.scheme == Scheme::Http { "http" } else { "https" };
    let mut text = format!(
        "protocol={protocol}\nhost={}\npath={}\n",
        address.host_with_port(),
        address.path.trim_start_matches('/')
    );
    if let Some(user) = username {
        text.push_str("username=");
        text.push_str(user);
        text.push('\n');
    }
    text.push('\n');
    Secret::new(text)
}

fn run(verb: &'static str, input: &Secret, folder: &Path) -> Result<Secret, String> {
    let mut child = Command::new("git")
        .args(["credential", verb])
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        // Set but empty: neither core.askPass nor SSH_ASKPASS may open a prompt.
        .env("GIT_ASKPASS", "")
        .env_remove("GIT_DIR")
        .env_remove("GIT_TRACE")
        .env("GIT_CEILING_DIRECTORIES", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("git cannot be run: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper may not read at all; its answer counts.
        let _ = stdin.write_all(input.reveal().as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| format!("git cannot be run: {error}"))?;
    if !output.status.success() {
        return Err("no helper knows a credential (git credential failed)".to_owned());
    }
    String::from_utf8(output.stdout)
        .map(Secret::new)
        .map_err(|_| "the helper's answer is not UTF-8".to_owned())
}
