//! One conversation with a remote: credentials, host keys, and what errors of the transport mean.

use super::address::{Address, Scheme};
use super::credential::{self, Filled};
use super::handles::is_damage;
use super::{GitError, Places, authorities, hosts};
use crate::domain::Credential;
use git2::{
    CertificateCheckStatus, Cred, CredentialType, ErrorClass, ErrorCode, ProxyOptions,
    RemoteCallbacks,
};
use std::cell::RefCell;

/// Bytes of the server's words that are kept.
const WORDS_LIMIT: usize = 16 << 10;

/// A conversation. It offers each credential once, so that a wrong password does not lock an account.
pub(super) struct Session<'a> {
    places: &'a Places,
    credential: &'a Credential,
    /// Where it really goes, after the `insteadOf` rules of the user's Git.
    pub(super) address: Address,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    offers: usize,
    failure: Option<GitError>,
    filled: Option<Filled>,
    words: Vec<u8>,
}

impl<'a> Session<'a> {
    /// Prepares a conversation with the address, using the user's Git configuration as `repository` sees it.
    pub(super) fn new(
        places: &'a Places,
        address: &Address,
        credential: &'a Credential,
        repository: &git2::Repository,
    ) -> Result<Self, GitError> {
        authorities::set_limits();
        let fault = |error: git2::Error| GitError::Git {
            doing: "connecting",
            remote: address.to_string(),
            reason: error.message().to_owned(),
        };
        let rewritten = repository.remote_anonymous(&address.for_transport(None)).map_err(fault)?;
        let mut real = Address::parse(rewritten.url().map_err(fault)?)?;
        real.user = real.user.or_else(|| address.user.clone());
        if real.scheme == Scheme::Https {
            authorities::trust(places, &repository.config().map_err(fault)?, &real)?;
        }
        Ok(Self { places, credential, address: real, state: RefCell::default() })
    }

    /// The remote to talk to.
    pub(super) fn remote<'r>(
        &self,
        repository: &'r git2::Repository,
    ) -> Result<git2::Remote<'r>, GitError> {
        repository
            .remote_anonymous(&self.address.for_transport(self.login().as_deref()))
            .map_err(|error| self.explain("connecting", error))
    }

    /// The name that ssh logs in with.
    fn login(&self) -> Option<String> {
        let given = match self.credential {
            Credential::SshAgent { username } | Credential::SshKey { username, .. } => {
                username.clone()
            }
            _ => None,
        };
        let own = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok();
        (self.address.scheme == Scheme::Ssh).then(|| {
            given
                .or_else(|| self.address.user.clone())
                .or_else(own)
                .unwrap_or_else(|| "git".to_owned())
        })
    }

    /// Callbacks that answer for this conversation.
    pub(super) fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(|url, username, allowed| self.offer(url, username, allowed));
        callbacks.certificate_check(|certificate, _| {
            let Some(key) = certificate.as_hostkey() else {
                // TLS: what OpenSSL found stands.
                return Ok(CertificateCheckStatus::CertificatePassthrough);
            };
            let bare = self.address.host.trim_start_matches('[').trim_end_matches(']');
            let verdict = hosts::check(
                &self.places.known_hosts,
                bare,
                self.address.effective_port(),
                key.hostkey().unwrap_or_default(),
            );
            verdict
                .map(|()| CertificateCheckStatus::CertificateOk)
                .map_err(|error| self.refuse(error))
        });
        callbacks.sideband_progress(|bytes| {
            let mut state = self.state.borrow_mut();
            let room = WORDS_LIMIT.saturating_sub(state.words.len());
            state.words.extend_from_slice(&bytes[..bytes.len().min(room)]);
            true
        });
        callbacks
    }

    /// What the server said beside its answer (foreign text).
    pub(super) fn words(&self) -> String {
        String::from_utf8_lossy(&self.state.borrow().words).trim().to_owned()
    }

    /// Proxies as the user's Git configuration and the environment name them.
    pub(super) fn proxy() -> ProxyOptions<'static> {
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        proxy
    }

    fn offer(
        &self,
        url: &str,
        username: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, git2::Error> {
        if !self.is_our_server(url) {
            return Err(self.refuse(GitError::Redirected {
                remote: self.address.to_string(),
                reason: "another server, or a proxy, asks for the credential".to_owned(),
            }));
        }
        let login = username
            .map(str::to_owned)
            .or_else(|| self.login())
            .unwrap_or_else(|| "git".to_owned());
        if allowed == CredentialType::USERNAME {
            return Cred::username(&login);
        }
        let offers = {
            let mut state = self.state.borrow_mut();
            state.offers += 1;
            state.offers
        };
        if offers > 1 {
            return Err(self.refuse(self.unauthorised("the server does not accept it")));
        }
        if self.address.scheme == Scheme::Http
            && !self.address.is_loopback()
            && !matches!(self.credential, Credential::Anonymous)
        {
            return Err(self
                .refuse(self.unauthorised("credentials are not sent over plain http; use https")));
        }
        let ssh = self.address.scheme == Scheme::Ssh;
        match self.credential {
            Credential::Basic { username, password } => {
                Cred::userpass_plaintext(if ssh { &login } else { username }, password.reveal())
            }
            Credential::SshKey { private_key, passphrase, .. } if ssh => Cred::ssh_key_from_memory(
                &login,
                None,
                private_key.reveal(),
                passphrase.as_ref().map(crate::domain::Secret::reveal),
            ),
            // Without a key of its own, ssh always tries the agent.
            _ if ssh => Cred::ssh_key_from_agent(&login),
            Credential::GitCredential { username } => self.ask_helpers(username.as_deref()),
            Credential::Anonymous => {
                Err(self.refuse(self.unauthorised("the server wants a credential")))
            }
            _ => Err(self.refuse(self.unauthorised("keys of ssh do not open https addresses"))),
        }
    }

    /// Whether the server that asks is the one of the address. libgit2 follows redirects to other ports of the same
    /// host, whatever it is told; a credential is bound to scheme, host and port.
    fn is_our_server(&self, url: &str) -> bool {
        let Ok(asking) = Address::parse(url) else { return false };
        asking.scheme == self.address.scheme
            && asking.host.eq_ignore_ascii_case(&self.address.host)
            && asking.effective_port() == self.address.effective_port()
    }

    fn ask_helpers(&self, username: Option<&str>) -> Result<Cred, git2::Error> {
        let username = username.or(self.address.user.as_deref());
        let filled = credential::fill(&self.address, username, &self.places.mirrors)
            .map_err(|reason| self.refuse(self.unauthorised(&reason)))?;
        let cred = Cred::userpass_plaintext(&filled.username, filled.password.reveal());
        self.state.borrow_mut().filled = Some(filled);
        cred
    }

    /// Tells the user's helpers that their credential was good.
    pub(super) fn approve(&self) {
        if let Some(filled) = self.state.borrow_mut().filled.take() {
            credential::approve(&filled, &self.places.mirrors);
        }
    }

    fn unauthorised(&self, reason: &str) -> GitError {
        let ssh = self.address.scheme == Scheme::Ssh;
        let credential = match self.credential {
            Credential::Basic { .. } => "the user name and password (or token)",
            Credential::SshKey { .. } => "the ssh key",
            Credential::Anonymous if !ssh => "access without a credential",
            Credential::GitCredential { .. } if !ssh => "the credential of git's helpers",
            _ => "the keys of the ssh-agent",
        };
        GitError::Authentication {
            remote: self.address.to_string(),
            credential,
            reason: reason.to_owned(),
        }
    }

    /// Keeps the true error, which libgit2 cannot carry, for [`Session::explain`].
    fn refuse(&self, error: GitError) -> git2::Error {
        self.state.borrow_mut().failure.get_or_insert(error);
        git2::Error::new(ErrorCode::User, ErrorClass::Callback, "refused")
    }

    /// What an error of the transport means.
    pub(super) fn explain(&self, doing: &'static str, error: git2::Error) -> GitError {
        let mut state = self.state.borrow_mut();
        let failure = state.failure.take();
        let filled = state.filled.take();
        drop(state);
        let explained = failure.unwrap_or_else(|| self.translated(doing, &error));
        if let (GitError::Authentication { .. }, Some(filled)) = (&explained, filled) {
            credential::reject(&filled, &self.places.mirrors);
        }
        explained
    }

    fn translated(&self, doing: &'static str, error: &git2::Error) -> GitError {
        let remote = self.address.to_string();
        let reason = error.message().to_owned();
        let status = |code: &str| error.class() == ErrorClass::Http && reason.ends_with(code);
        match (error.code(), error.class()) {
            (ErrorCode::User, _) => GitError::Stopped,
            (ErrorCode::Auth, _) => self.unauthorised(&reason),
            (_, ErrorClass::Ssh) if reason.contains("authenticate") => self
                .unauthorised(&format!("{reason} (is the key whole, and its passphrase right?)")),
            _ if status("401") || status("403") => self.unauthorised(&reason),
            (ErrorCode::Certificate, _) | (_, ErrorClass::Ssl) => {
                GitError::Certificate { remote, reason }
            }
            _ if reason.contains("redirect") => GitError::Redirected { remote, reason },
            _ if reason.contains("object format")
                || reason.contains("extension")
                || reason.contains("reftable") =>
            {
                GitError::Unsupported {
                    remote,
                    reason: format!(
                        "its format is not supported ({reason}): only SHA-1 repositories with the files backend are"
                    ),
                }
            }
            (ErrorCode::Owner, _) => GitError::Unsupported {
                remote,
                reason: format!(
                    "{reason}: it belongs to another user; `git config --global --add safe.directory` allows it"
                ),
            },
            (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssh | ErrorClass::Os)
            | (ErrorCode::NotFound | ErrorCode::Timeout | ErrorCode::Eof, _) => {
                GitError::Unreachable { remote, reason }
            }
            _ if is_damage(error) => GitError::Damaged { remote, reason },
            _ => GitError::Git { doing, remote, reason },
        }
    }
}
