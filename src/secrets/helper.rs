//! Whether the user's Git has a credential helper.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Asks `git` once per process. Without `git` there is none.
pub(super) fn is_configured() -> bool {
    static CONFIGURED: OnceLock<bool> = OnceLock::new();
    *CONFIGURED.get_or_init(|| {
        Command::new("git")
            .args(["config", "--get-regexp", r"^credential\.(.*\.)?helper$"])
            // Not inside a repository: its own configuration is not the user's.
            .current_dir("/")
            .env_remove("GIT_DIR")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    })
}
