//! The environment that `git` runs in: the user's own, without what would reach other repositories or show secrets,
//! and with the settings that are not the user's to choose.

use crate::git::Places;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// Variables that point `git` at another repository, trace what it sends, or turn verification off.
const REMOVED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_QUARANTINE_PATH",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_SSL_NO_VERIFY",
    "GIT_CURL_VERBOSE",
    // `git -c` of a caller, which would win over the settings below.
    "GIT_CONFIG_PARAMETERS",
    "GITDECK_PROMPT",
    "GITDECK_WORD",
    "GITDECK_HOST_KEY",
    "GIT_TRACE_REDACT",
    "LANGUAGE",
];

/// Settings of every run. Repositories are hostile: nothing of theirs is run, and no other transport is used.
const FIXED: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.askPass", ""),
    ("core.fsmonitor", "false"),
    ("protocol.allow", "never"),
    ("protocol.https.allow", "always"),
    ("protocol.http.allow", "always"),
    ("protocol.ssh.allow", "always"),
    ("fetch.fsckObjects", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.prune", "false"),
    ("fetch.pruneTags", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.bundleURI", ""),
    ("transfer.bundleURI", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("color.ui", "false"),
    ("http.followRedirects", "false"),
    ("http.sslVerify", "true"),
    // One byte a second: only a server that says nothing at all is given up.
    ("http.lowSpeedLimit", "1"),
];

/// A prepared environment.
#[derive(Clone)]
pub(in crate::git) struct Environment {
    /// Variables that are set or, where nothing is given, removed.
    own: BTreeMap<OsString, Option<OsString>>,
    settings: Vec<(String, OsString)>,
}

impl Environment {
    pub(in crate::git) fn new(places: &Places) -> Self {
        let own = places.environment.iter().map(|(name, value)| (name.into(), value.clone()));
        let settings =
            FIXED.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        Self { own: own.collect(), settings: settings.collect() }
    }

    /// What the variable will be.
    pub(in crate::git) fn variable(&self, name: &str) -> Option<OsString> {
        self.own.get(OsStr::new(name)).cloned().unwrap_or_else(|| std::env::var_os(name))
    }

    /// Adds a variable.
    pub(super) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.own.insert(name.into(), Some(value.into()));
    }

    /// Adds a setting; a later one of the same name wins or, where Git knows lists, is added.
    pub(in crate::git) fn setting(&mut self, name: impl Into<String>, value: impl Into<OsString>) {
        self.settings.push((name.into(), value.into()));
    }

    /// `git` in the bare repository `folder`. Settings go through the environment: arguments can be read by everybody
    /// on the machine.
    pub(in crate::git) fn git(&self, folder: &Path) -> Command {
        let mut command = self.program("git");
        command.current_dir(folder).env("GIT_DIR", folder);
        let before = self.variable("GIT_CONFIG_COUNT").and_then(|text| text.to_str()?.parse().ok());
        let before: usize = before.unwrap_or(0);
        for (at, (name, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{}", before + at), name);
            command.env(format!("GIT_CONFIG_VALUE_{}", before + at), value);
        }
        command.env("GIT_CONFIG_COUNT", (before + self.settings.len()).to_string());
        command
    }

    /// Another program in this environment.
    pub(in crate::git) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in REMOVED {
            command.env_remove(name);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("GIT_TRACE")) {
                command.env_remove(name);
            }
        }
        for (name, value) in &self.own {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("LC_ALL", "C")
            .env("GITDECK_PID", std::process::id().to_string())
            .env("GIT_TERMINAL_PROMPT", "0")
            // Set but empty: neither core.askPass nor SSH_ASKPASS may open a prompt of git's own.
            .env("GIT_ASKPASS", "");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;
    use crate::git::Places;
    use std::path::Path;

    #[test]
    fn settings_of_a_caller_do_not_win_over_the_fixed_ones() {
        let command = Environment::new(&Places::new("cache", "data")).git(Path::new("/none"));
        let removed = command
            .get_envs()
            .any(|(name, value)| name == "GIT_CONFIG_PARAMETERS" && value.is_none());
        assert!(removed, "git -c of a caller comes last, and the last one counts");
    }
}
