//! Whether the `git` of this machine is new enough.

use super::environment::Environment;
use super::run::{Unfinished, alone};
use crate::git::GitError;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

/// The oldest version of `git` that carries connections: the first one that takes settings from the environment,
/// where other users of the machine cannot read them.
pub const NEEDED: (u32, u32) = (2, 31);

/// The first one that verifies signatures of ssh.
const VERIFIES_SSH: (u32, u32) = (2, 34);

/// What is wrong with a `git` that says this of its version; nothing where it is new enough.
pub fn git_version_fault(said: &str) -> Option<String> {
    older(said, NEEDED)
}

/// Why a `git` that says this of its version cannot verify signatures of ssh; nothing where it can.
pub fn git_ssh_fault(said: &str) -> Option<String> {
    older(said, VERIFIES_SSH)
}

fn older(said: &str, needed: (u32, u32)) -> Option<String> {
    let number = said.split_whitespace().nth(2).unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    (found < needed)
        .then(|| format!("it is {} and has to be {}.{} or newer", said.trim(), needed.0, needed.1))
}

/// Looks once per process and search path.
pub(super) fn check(environment: &Environment) -> Result<(), GitError> {
    static SEEN: Mutex<Vec<Option<OsString>>> = Mutex::new(Vec::new());
    let path = environment.variable("PATH");
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.contains(&path) {
        return Ok(());
    }
    let mut command = environment.program("git");
    let output = alone(command.arg("version")).output();
    let output = output.map_err(|error| Unfinished::NotRun(error).explain("git"))?;
    if let Some(reason) = git_version_fault(&String::from_utf8_lossy(&output.stdout)) {
        return Err(GitError::Program { reason });
    }
    seen.push(path);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::git_version_fault;

    #[test]
    fn old_versions_are_named() {
        assert_eq!(git_version_fault("git version 2.31.0\n"), None);
        assert_eq!(git_version_fault("git version 2.39.5 (Apple Git-154)"), None);
        assert_eq!(git_version_fault("git version 3.0"), None);
        assert!(git_version_fault("git version 2.30.9").unwrap().contains("2.31 or newer"));
        assert!(git_version_fault("something else").is_some());
    }
}
