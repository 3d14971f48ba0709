//! A running `gitdeck demo --headless`, and the built binary pointed at a configuration.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The demo as a process of its own. It ends with this value, and its directory goes with it.
pub struct Demo {
    child: Child,
    /// Path of the configuration.
    pub config: PathBuf,
    /// Path of the kubeconfig.
    #[expect(dead_code, reason = "for tests with kubectl")]
    pub kubeconfig: PathBuf,
    /// The announcement.
    pub announcement: Value,
}

impl Demo {
    /// Starts the demo and waits until it announces itself.
    pub fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gitdeck"))
            .args(["demo", "--headless"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it announces itself");
        let announcement: Value = serde_json::from_str(&line).expect("one JSON object");
        let path = |key: &str| PathBuf::from(announcement[key].as_str().expect("a path"));
        Self { config: path("config"), kubeconfig: path("kubeconfig"), child, announcement }
    }

    /// The directory of a repository, for the user's own `git`.
    pub fn repository(&self, name: &str) -> PathBuf {
        let url = self.announcement["repositories"][name].as_str().expect("a URL");
        PathBuf::from(url.strip_prefix("file://").expect("a file URL"))
    }

    /// `gitdeck` with this demo's configuration.
    pub fn gitdeck(&self) -> Command {
        gitdeck(&self.config)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Asked first, so that it removes its directory; it has nothing that would keep it.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// `gitdeck` with a configuration and an environment of its own.
pub fn gitdeck(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.arg("--config").arg(config).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs to the end and takes the JSON from its output; shows both streams where there is none.
pub fn json(command: &mut Command) -> Value {
    let output = command.args(["-o", "json"]).output().expect("the binary runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON ({error}): {}", said(&output)))
}

/// What a run said, for the message of a failed test.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
