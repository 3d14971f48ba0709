//! Where Git data lives on this machine, and which files say whom to trust.

use std::path::{Path, PathBuf};

/// Folders and trust files of all repositories.
#[derive(Debug, Clone)]
pub struct Places {
    /// Cache folder of the bare mirrors; may be deleted at any time.
    pub mirrors: PathBuf,
    /// Data folder of the outbox repositories: commits that are not on a remote yet, and the locks.
    pub outbox: PathBuf,
    /// Files in the form of `known_hosts` (see sshd(8)), the first one is where the user adds a key.
    pub known_hosts: Vec<PathBuf>,
    /// PEM files with certificate authorities to trust beside the system's.
    pub authorities: Vec<PathBuf>,
}

impl Places {
    /// The given folders, with the known hosts of the user's ssh and the authorities of the user's Git
    /// (`GIT_SSL_CAINFO`; `http.sslCAInfo` is read per address when connecting).
    ///
    /// `GITDECK_KNOWN_HOSTS` replaces the files of ssh.
    pub fn new(mirrors: impl Into<PathBuf>, outbox: impl Into<PathBuf>) -> Self {
        Self {
            mirrors: mirrors.into(),
            outbox: outbox.into(),
            known_hosts: default_known_hosts(),
            authorities: std::env::var_os("GIT_SSL_CAINFO")
                .map(PathBuf::from)
                .into_iter()
                .collect(),
        }
    }
}

fn default_known_hosts() -> Vec<PathBuf> {
    if let Some(file) = std::env::var_os("GITDECK_KNOWN_HOSTS") {
        return vec![PathBuf::from(file)];
    }
    let mut files = Vec::new();
    if let Some(directories) = directories::BaseDirs::new() {
        let folder = directories.home_dir().join(".ssh");
        files.push(folder.join("known_hosts"));
        files.push(folder.join("known_hosts2"));
    }
    files.push(Path::new("/etc/ssh/ssh_known_hosts").to_owned());
    files
}
