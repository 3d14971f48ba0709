//! How ssh is run: as the user's `git` would run it, with the options that a credential needs.

use super::environment::Environment;
use super::private::Private;
use super::run::alone;
use crate::domain::Secret;
use crate::git::Places;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

/// The command that the user's `git` would run: `GIT_SSH_COMMAND`, `core.sshCommand`, `GIT_SSH` or `ssh`.
pub(super) fn base(environment: &Environment, configured: Option<&str>) -> String {
    let variable = |name| environment.variable(name)?.into_string().ok();
    variable("GIT_SSH_COMMAND")
        .or_else(|| configured.map(str::to_owned))
        .or_else(|| variable("GIT_SSH").map(|program| quoted(&program)))
        .filter(|command| !command.trim().is_empty())
        .unwrap_or_else(|| "ssh".to_owned())
}

/// Whether the command takes the options of OpenSSH.
pub(super) fn is_openssh(command: &str, variant: Option<&str>) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default().trim_matches(['\'', '"']);
    let name = Path::new(program).file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    match variant {
        Some(variant) => matches!(variant, "ssh" | "auto"),
        None => !matches!(name.as_str(), "plink" | "tortoiseplink" | "putty"),
    }
}

/// Options of every connection. What the command itself says comes first, and the first one counts for ssh.
pub(super) fn options(places: &Places) -> Vec<String> {
    let mut options = vec![
        "ConnectTimeout=60".to_owned(),
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=4".to_owned(),
        // `no` and `accept-new` of the settings would accept a key that nobody compared.
        "StrictHostKeyChecking=ask".to_owned(),
    ];
    if let Some(file) = &places.known_hosts {
        options.push(file_option("UserKnownHostsFile", file));
        options.push("GlobalKnownHostsFile=/dev/null".to_owned());
    }
    options
}

/// Options of a connection that belongs to one credential: one that is shared was opened with another.
pub(super) fn unshared() -> [String; 2] {
    ["ControlMaster=no".to_owned(), "ControlPath=none".to_owned()]
}

/// The question for the password of the host of `target`, word for word as ssh will ask it. The error says why there is
/// none: what runs on the way to a host could ask for its password too.
pub(super) fn question(
    environment: &Environment,
    command: &str,
    (target, port): (&str, Option<u16>),
) -> Result<String, String> {
    let mut shell = environment.program("/bin/sh");
    shell.args(["-c", &format!("{command} \"$@\""), "ssh", "-G"]);
    if let Some(port) = port {
        shell.args(["-p", &port.to_string()]);
    }
    shell.arg(target).stdin(Stdio::null());
    let output = alone(&mut shell).output();
    let output = output.map_err(|error| format!("ssh cannot be run: {error}"))?;
    if !output.status.success() {
        return Err("ssh does not tell where it would go (ssh -G), and a password is sent to a known place only".to_owned());
    }
    asked_as(&String::from_utf8_lossy(&output.stdout))
}

/// The question that follows from what `ssh -G` prints.
fn asked_as(settings: &str) -> Result<String, String> {
    let setting = |wanted: &str| {
        let pairs = settings.lines().filter_map(|line| line.split_once(' '));
        let mut values = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value.trim());
        values.find(|value| !value.is_empty() && *value != "none")
    };
    if setting("proxyjump").is_some() || setting("proxycommand").is_some() {
        return Err(
            "ssh reaches the host through a jump host or a proxy command, which could ask for the password: use a key"
                .to_owned(),
        );
    }
    let host = setting("hostkeyalias").or_else(|| setting("hostname"));
    match (setting("user"), host) {
        // As long as ssh itself writes them.
        (Some(user), Some(host)) => Ok(format!("{user:.30}@{host:.128}'s password: ")),
        _ => Err("ssh does not tell where it would go (ssh -G)".to_owned()),
    }
}

/// The command with its options, for `git`, which gives it to a shell.
pub(super) fn with_options(command: &str, options: &[String]) -> OsString {
    let mut command = command.to_owned();
    for option in options {
        command.push_str(" -o ");
        command.push_str(&quoted(option));
    }
    command.into()
}

/// An option with a file; ssh takes `%` for a placeholder, and blanks for the next file.
fn file_option(name: &str, file: &Path) -> String {
    format!("{name}=\"{}\"", file.display().to_string().replace('%', "%%"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// An ssh-agent with one key, which lies nowhere else. It ends when dropped, and also when this process is killed: it
/// lives as long as the pipe to it.
pub(super) struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    socket: PathBuf,
    public: PathBuf,
}

impl Agent {
    /// Starts one in the private folder and gives it the key. The error says why in words for the user.
    pub(super) fn start(
        environment: &Environment,
        private: &mut Private,
        key: &Secret,
        passphrase: Option<&Secret>,
    ) -> Result<Self, String> {
        let socket = private.path().join("agent");
        let public = private.path().join("key.pub");
        let mut command = environment.program("ssh-agent");
        command.arg("-a").arg(&socket);
        // The shell ends the agent when its input ends.
        command.args(["/bin/sh", "-c", "echo up; read -r end; kill \"$SSH_AGENT_PID\""]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let cannot = |error: std::io::Error| format!("ssh-agent cannot be run: {error}");
        let mut child = alone(&mut command).spawn().map_err(cannot)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let agent = Self { child, stdin, socket, public };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line).map_err(cannot)?;
        }
        if line.trim() != "up" {
            return Err("ssh-agent does not start".to_owned());
        }
        if let Some(passphrase) = passphrase {
            private.offer(passphrase).map_err(|error| error.to_string())?;
        }
        agent.add(environment, private, key)?;
        Ok(agent)
    }

    fn add(
        &self,
        environment: &Environment,
        private: &Private,
        key: &Secret,
    ) -> Result<(), String> {
        let cannot = |error: std::io::Error| format!("ssh-add cannot be run: {error}");
        let mut command = environment.program("ssh-add");
        command.args(["-q", "-"]).env("SSH_AUTH_SOCK", &self.socket);
        asking(&mut command, private).env("GITDECK_WORD", "assphrase");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = alone(&mut command).spawn().map_err(cannot)?;
        if let Some(mut stdin) = child.stdin.take() {
            let end = if key.reveal().ends_with('\n') { "" } else { "\n" };
            // A failure to write shows in its exit status.
            let _ = stdin.write_all(key.reveal().as_bytes());
            let _ = stdin.write_all(end.as_bytes());
        }
        let output = child.wait_with_output().map_err(cannot)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("ssh-add refused it").to_owned();
            return Err(format!("{said} (is the key whole, and its passphrase right?)"));
        }
        let mut command = environment.program("ssh-add");
        command.arg("-L").env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null());
        let listed = alone(&mut command).output().map_err(cannot)?;
        std::fs::write(&self.public, listed.stdout).map_err(cannot)
    }

    /// The options that make ssh use this key first (it has no way to leave out an `IdentityFile` of the settings,
    /// which is tried after it), and leave the user's agent to the hosts that it jumps through.
    pub(super) fn options(&self) -> Vec<String> {
        vec![
            file_option("IdentityAgent", &self.socket),
            file_option("IdentityFile", &self.public),
            "IdentitiesOnly=yes".to_owned(),
        ]
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Lets ssh and ssh-add ask through the script.
pub(super) fn asking<'a>(
    command: &'a mut std::process::Command,
    private: &Private,
) -> &'a mut std::process::Command {
    command
        .env("SSH_ASKPASS", private.script())
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("GITDECK_ASK", private.path())
}

#[cfg(test)]
mod tests {
    use super::asked_as;

    #[test]
    fn a_password_is_asked_for_by_its_own_host_alone() {
        let direct = "host f\nuser ada\nhostname git.example.com\nport 22\n";
        assert_eq!(asked_as(direct).unwrap(), "ada@git.example.com's password: ");
        let alias = format!("{direct}hostkeyalias forge\nproxycommand none\n");
        assert_eq!(asked_as(&alias).unwrap(), "ada@forge's password: ");
        for way in ["proxyjump bastion", "proxycommand nc %h %p"] {
            let error = asked_as(&format!("{direct}{way}\n")).unwrap_err();
            assert!(error.contains("jump host"), "{error}");
        }
    }
}
