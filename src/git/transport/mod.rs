//! One conversation with a server through the user's own `git`: whatever that honours (the settings of ssh, jump hosts,
//! agents, known hosts, credential helpers, proxies, authorities) works here as well.

mod environment;
mod explain;
mod hosts;
mod named;
mod netrc;
mod private;
mod progress;
mod rewrite;
mod run;
mod ssh;
mod talk;
mod version;

pub(super) use environment::Environment;
pub(super) use run::alone;
pub(super) use talk::Pushed;
pub use version::{git_ssh_fault, git_version_fault};

use super::address::{Address, Scheme};
use super::{FetchProgress, Flow, GitError, Places};
use crate::domain::{Credential, Secret};
use private::Private;
use rewrite::Rules;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether something is fetched or pushed; the user's Git may go to different addresses for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Fetch,
    Push,
}

/// A conversation. The credential is bound to the scheme, host and port of the address.
pub(super) struct Session<'a> {
    places: &'a Places,
    credential: &'a Credential,
    /// As it is written in the configuration; `git` rewrites it itself.
    written: Address,
    /// Where it really goes.
    real: Address,
    /// The bare repository that `git` runs in.
    folder: PathBuf,
    environment: Environment,
    private: Private,
    agent: Option<ssh::Agent>,
    /// The credential is kept back, because it would go over the network in clear.
    withheld: bool,
}

impl<'a> Session<'a> {
    /// Prepares a conversation for the bare repository `folder`. `host_key` is the fingerprint of a host key that the
    /// user accepted just now.
    pub(super) fn new(
        places: &'a Places,
        address: &Address,
        credential: &'a Credential,
        (folder, way): (&Path, Way),
        host_key: Option<&str>,
    ) -> Result<Self, GitError> {
        let mut environment = Environment::new(places);
        let remote = address.to_string();
        version::check(&environment)?;
        let rules = rules(&environment, folder, &remote)?;
        let real = rules.apply(&address.for_transport(None), way);
        let mut real = Address::parse(&real)?;
        let login = real.user.clone();
        real.user = real.user.or_else(|| address.user.clone());
        let private = Private::new(&places.mirrors)?;
        let silence = if way == Way::Push { "300" } else { "60" };
        environment.setting("http.lowSpeedTime", silence);
        let mut session = Self {
            places,
            credential,
            written: address.clone(),
            withheld: real.scheme == Scheme::Http
                && !real.is_loopback()
                && !matches!(credential, Credential::Anonymous),
            real,
            folder: folder.to_owned(),
            environment,
            private,
            agent: None,
        };
        match session.real.scheme {
            Scheme::Ssh => session.prepare_ssh(&rules, host_key, login.as_deref())?,
            Scheme::Https | Scheme::Http => session.prepare_http()?,
            Scheme::File => {
                return Err(GitError::Address {
                    reason:
                        "an insteadOf rule of Git leads it to a folder; write the folder itself"
                            .to_owned(),
                });
            }
        }
        Ok(session)
    }

    /// How the remote is shown.
    pub(super) fn shown(&self) -> String {
        self.real.to_string()
    }

    fn prepare_http(&mut self) -> Result<(), GitError> {
        // Settings of the user for this very address would win over general ones.
        let address = self.real.to_string();
        for (name, value) in [("followRedirects", "false"), ("sslVerify", "true")] {
            self.environment.setting(format!("http.{address}.{name}"), value);
        }
        let server = self.server();
        if self.withheld || !matches!(self.credential, Credential::GitCredential { .. }) {
            // Helpers of the user are asked only where that is wanted; for a proxy they stay.
            self.environment.setting(format!("{server}.helper"), "");
        }
        if (self.withheld || matches!(self.credential, Credential::Basic { .. }))
            && netrc::knows(&self.environment, &self.real.host)
        {
            return Err(self.unauthorised(
                "git would send what ~/.netrc has for this host instead: remove that entry, or let git find the credential",
            ));
        }
        if self.withheld {
            return Ok(());
        }
        match self.credential {
            Credential::Basic { username, password } => {
                if username.contains(['\n', '\r']) || password.reveal().contains(['\n', '\r', '\0'])
                {
                    return Err(self.unauthorised("it contains a line break"));
                }
                let pair = Secret::new(format!("{username}\n{}", password.reveal()));
                self.private.offer(&pair)?;
                self.environment.set("GITDECK_ANSWERS", self.private.pipe());
                self.environment.setting(format!("{server}.helper"), HELPER);
                Ok(())
            }
            Credential::GitCredential { username } => {
                if let Some(user) = username.as_ref().or(self.real.user.as_ref()) {
                    self.environment.setting(format!("{server}.username"), user);
                }
                Ok(())
            }
            Credential::Anonymous => Ok(()),
            _ => Err(self.unauthorised("keys of ssh do not open https addresses")),
        }
    }

    /// The settings of Git that hold for credentials of this server alone.
    fn server(&self) -> String {
        let scheme = if self.real.scheme == Scheme::Http { "http" } else { "https" };
        format!("credential.{scheme}://{}", self.real.host_with_port())
    }

    fn prepare_ssh(
        &mut self,
        rules: &Rules,
        host_key: Option<&str>,
        login: Option<&str>,
    ) -> Result<(), GitError> {
        let command = ssh::base(&self.environment, rules.ssh_command.as_deref());
        let mut options = ssh::options(self.places);
        let own = matches!(self.credential, Credential::SshKey { .. } | Credential::Basic { .. });
        if own || host_key.is_some() {
            options.extend(ssh::unshared());
        }
        match self.credential {
            Credential::SshKey { private_key, passphrase, .. } => {
                let agent = ssh::Agent::start(
                    &self.environment,
                    &mut self.private,
                    private_key,
                    passphrase.as_ref(),
                )
                .map_err(|reason| self.unauthorised(&self.redacted(&reason)))?;
                options.extend(agent.options());
                self.agent = Some(agent);
            }
            Credential::Basic { password, .. } => {
                if password.reveal().contains(['\n', '\r', '\0']) {
                    return Err(self.unauthorised("it contains a line break"));
                }
                self.private.offer(password)?;
                options.push("PreferredAuthentications=password".to_owned());
                options.push("NumberOfPasswordPrompts=1".to_owned());
                let host = self.real.host.trim_matches(['[', ']']);
                let target = login.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
                let place = (target.as_str(), self.real.port);
                let question = ssh::question(&self.environment, &command, place)
                    .map_err(|reason| self.unauthorised(&reason))?;
                self.environment.set("GITDECK_PROMPT", question);
            }
            _ => {}
        }
        if let Some(fingerprint) = host_key {
            self.environment.set("GITDECK_HOST_KEY", fingerprint);
        }
        self.environment.set("SSH_ASKPASS", self.private.script());
        self.environment.set("SSH_ASKPASS_REQUIRE", "force");
        self.environment.set("GITDECK_ASK", self.private.path());
        let variant = self.environment.variable("GIT_SSH_VARIANT");
        let variant = variant.and_then(|text| text.into_string().ok());
        if ssh::is_openssh(&command, variant.as_deref().or(rules.ssh_variant.as_deref())) {
            self.environment.set("GIT_SSH_COMMAND", ssh::with_options(&command, &options));
        } else if self.agent.is_some() {
            return Err(self.unauthorised(
                "a key can be given to OpenSSH only, and the Git of this machine runs another ssh",
            ));
        }
        Ok(())
    }

    /// The address that is given to `git`, with the login name where the credential has one.
    fn url(&self) -> String {
        let login = match self.credential {
            Credential::SshAgent { username } | Credential::SshKey { username, .. } => {
                username.as_deref()
            }
            _ => None,
        };
        self.written.for_transport(login)
    }

    fn git(&self) -> Command {
        self.environment.git(&self.folder)
    }

    /// Runs a command to its end.
    fn run(
        &self,
        command: &mut Command,
        watch: &mut dyn FnMut(FetchProgress) -> Flow,
    ) -> Result<run::Output, GitError> {
        run::run(command, &self.places.limits, watch)
            .map_err(|unfinished| unfinished.explain(&self.shown()))
    }

    fn asked(&self) -> String {
        self.private.asked()
    }

    fn has_credential(&self) -> bool {
        !matches!(self.credential, Credential::Anonymous)
    }

    fn redacted(&self, text: &str) -> String {
        let secrets = match self.credential {
            Credential::Basic { password, .. } => [Some(password), None],
            Credential::SshKey { passphrase, .. } => [passphrase.as_ref(), None],
            _ => [None, None],
        };
        let mut text = text.to_owned();
        for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.reveal(), "***");
        }
        text
    }

    fn unauthorised(&self, reason: &str) -> GitError {
        let ssh = self.real.scheme == Scheme::Ssh;
        let user = if ssh { self.real.user.as_deref() } else { None };
        let credential = named::credential(self.credential, ssh, user);
        GitError::Authentication { remote: self.shown(), credential, reason: reason.to_owned() }
    }
}

/// The helper that hands a given user name and password to `git`. It reads them from a pipe, and forgets nothing,
/// because it keeps nothing. `read` and `printf` are built into the shell: no process gets them as arguments.
const HELPER: &str = "!f() { test \"$1\" = get || exit 0; \
    kill -0 \"$GITDECK_PID\" || exit 1; { IFS= read -r u && IFS= read -r p; } < \"$GITDECK_ANSWERS\" || exit 1; test -n \"$u$p\" || exit 1; \
    printf 'username=%s\\npassword=%s\\n' \"$u\" \"$p\"; }; f";

/// What the user's Git is set up to do with addresses.
fn rules(environment: &Environment, folder: &Path, remote: &str) -> Result<Rules, GitError> {
    let mut command = environment.git(folder);
    command.args(["config", "-z", "--get-regexp", rewrite::WANTED]);
    let output = run::alone(&mut command).output();
    let output = output.map_err(|error| run::Unfinished::NotRun(error).explain(remote))?;
    // One: there are none.
    if matches!(output.status.code(), Some(0 | 1)) {
        return Ok(Rules::read(&output.stdout));
    }
    let (doing, remote) = ("reading the settings of git", remote.to_owned());
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GitError::Git { doing, remote, reason })
}
