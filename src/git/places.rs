//! Where Git data lives on this machine, and what `git` gets to know beside its own settings.

use crate::domain::Signing;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Folders and trust files of all repositories.
#[derive(Debug, Clone)]
pub struct Places {
    /// Cache folder of the bare mirrors; may be deleted at any time.
    pub mirrors: PathBuf,
    /// Data folder of the outbox repositories: commits that are not on a remote yet, and the locks.
    pub outbox: PathBuf,
    /// A file in the form of `known_hosts` (see sshd(8)) that replaces those of ssh for the hosts of remotes. Hosts on
    /// the way to them (`ProxyJump`) stay with what ssh is set up to use.
    pub known_hosts: Option<PathBuf>,
    /// Variables that `git` gets beside those of this process, and those that it does not get.
    pub environment: Vec<(String, Option<OsString>)>,
    /// What one conversation may take.
    pub limits: Limits,
    /// Who may sign commits with ssh, in the form of ssh-keygen(1), where it is not git's own file.
    pub allowed_signers: Option<PathBuf>,
    /// Whether commits are signed, and with what.
    pub signing: Signing,
}

/// What one conversation with a remote may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that are received or sent.
    pub bytes: u64,
    /// How long it may last.
    pub time: Duration,
}

impl Limits {
    /// 8 GiB and an hour; `GITDECK_FETCH_BYTES` and `GITDECK_FETCH_SECONDS` say otherwise.
    fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.trim().parse().ok());
        Self {
            bytes: number("GITDECK_FETCH_BYTES").unwrap_or(8 << 30),
            time: Duration::from_secs(number("GITDECK_FETCH_SECONDS").unwrap_or(3600)),
        }
    }

    /// The limit that so many bytes and so much time went over.
    pub(super) fn exceeded(&self, bytes: u64, time: Duration) -> Option<String> {
        if bytes > self.bytes {
            return Some(format!("more than {} bytes were sent (GITDECK_FETCH_BYTES)", self.bytes));
        }
        (time > self.time).then(|| {
            let seconds = self.time.as_secs();
            format!("it took more than {seconds} seconds (GITDECK_FETCH_SECONDS)")
        })
    }
}

impl Places {
    /// The given folders, with what `git` and ssh of the user trust. `GITDECK_KNOWN_HOSTS` names another file of known
    /// hosts.
    pub fn new(mirrors: impl Into<PathBuf>, outbox: impl Into<PathBuf>) -> Self {
        Self {
            mirrors: mirrors.into(),
            outbox: outbox.into(),
            known_hosts: std::env::var_os("GITDECK_KNOWN_HOSTS").map(PathBuf::from),
            environment: Vec::new(),
            limits: Limits::from_environment(),
            allowed_signers: None,
            signing: Signing::default(),
        }
    }
}
