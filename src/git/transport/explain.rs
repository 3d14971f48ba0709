//! What the words of `git` and ssh mean in its plain language (`LC_ALL=C`), as one of our errors.

use super::progress::Told;
use super::{Session, hosts};
use crate::git::address::{Address, Scheme};
use crate::git::{Flow, GitError};

/// Words of a server, or of ssh, that mean: not with this credential.
const REFUSED: &[&str] = &[
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied (",
    "permission denied, please",
    "too many authentication failures",
    "returned error: 401",
    "returned error: 403",
    "access denied",
    "no supported authentication methods",
    "unauthorized",
];
const CERTIFICATE: &[&str] = &["certificate", "ssl:", "ssl_", "gnutls_", "tls"];
const FULL: &[&str] = &[
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "unable to create temporary file",
    "read-only file system",
];
/// Words about objects and refs of the mirror, not of the remote.
const DAMAGED: &[&str] = &[
    "is corrupt",
    "is empty",
    "bad object",
    "broken ref",
    "does not point to a valid object",
    "did not send all necessary objects",
    "unable to parse object",
    "could not parse",
    "unable to read tree",
    "unable to read sha1",
    "failed to read object",
    "inflate: data stream error",
    "garbage at end",
    "loose object",
    "not a git repository: '/",
    "bad config line",
    "bad signature",
    "unresolved delta",
    "packfile",
    "unable to resolve reference",
    "cannot lock ref",
];
const UNREACHABLE: &[&str] = &[
    "could not resolve",
    "couldn't resolve",
    "connection",
    "timed out",
    "unable to access",
    "could not read from remote",
    "early eof",
    "rpc failed",
    "hung up",
    "not found",
    "does not appear to be a git repository",
    "host key verification failed",
    "no route to host",
    "unreachable",
    "returned error",
    "not valid: is this a git repository",
];

impl Session<'_> {
    /// What a run that failed means.
    pub(super) fn explain(&self, doing: &'static str, told: &Told) -> GitError {
        let asked = self.asked();
        if self.real.scheme == Scheme::Ssh
            && told.own.contains("Host key verification failed")
            && let Some(error) = hosts::changed(&told.own).or_else(|| hosts::unknown(&asked))
        {
            return error;
        }
        let remote = self.shown();
        let reason = self.reason(told);
        let said = self.without_names(&told.own).to_lowercase();
        let heard = format!("{said}{}", self.without_names(&told.error).to_lowercase());
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        // What the server alone says may tell of itself, and never of the mirror.
        let hears = |words: &[&str]| words.iter().any(|word| heard.contains(word));
        if has(FULL) {
            return GitError::storage(&self.folder, reason);
        }
        if hears(REFUSED) {
            return self.unauthorised(&self.refusal(&reason, &asked));
        }
        if ["301", "302", "303", "307", "308"]
            .iter()
            .any(|code| said.contains(&format!("returned error: {code}")))
            || said.contains("redirect")
        {
            let reason = match self.moved_to() {
                Some(place) => format!("the server says that it is at {place} now"),
                None => reason,
            };
            return GitError::Redirected { remote, reason };
        }
        if said.contains("mismatched algorithms") || said.contains("object format") {
            let reason =
                format!("its format is not supported ({reason}): only SHA-1 repositories are");
            return GitError::Unsupported { remote, reason };
        }
        if said.contains("shallow roots") || said.contains("shallow update not allowed") {
            return GitError::shallow(&remote);
        }
        if let Some(fault) = said.contains("fsck").then(|| fsck(&told.own)).flatten() {
            let reason = format!(
                "its objects do not pass the check of git ({reason}): where that is known and harmless, \
                 `git config --global fetch.fsck.{fault} warn` lets them in"
            );
            return GitError::Unsupported { remote, reason };
        }
        if self.real.scheme != Scheme::Ssh && said.contains("unable to access") && has(CERTIFICATE)
        {
            return GitError::Certificate { remote, reason };
        }
        if hears(UNREACHABLE) && !has(DAMAGED) {
            return GitError::Unreachable { remote, reason };
        }
        if has(DAMAGED) {
            return GitError::Damaged { remote, reason };
        }
        GitError::Git { doing, remote, reason }
    }

    /// The words without the names of the repository and of its folder, which may look like any other word.
    fn without_names(&self, words: &str) -> String {
        let names = [
            self.url(),
            self.real.for_transport(None),
            self.written.for_transport(None),
            self.folder.display().to_string(),
            self.real.path.clone(),
            self.real.host.clone(),
        ];
        // A shorter one could be a part of any word.
        let names = names.iter().filter(|name| name.len() > 8);
        names.fold(words.to_owned(), |words, name| words.replace(name.as_str(), "/"))
    }

    /// Where a server says that the repository is now. Nobody goes there, and no credential is sent to find out.
    fn moved_to(&self) -> Option<String> {
        let mut environment = self.environment.clone();
        environment.setting("credential.helper", "");
        environment.setting(format!("{}.helper", self.server()), "");
        let trace = self.private.path().join("trace");
        let mut command = environment.git(&self.folder);
        command.env("GIT_TRACE_CURL", &trace).env("GIT_TRACE_CURL_NO_DATA", "1");
        command.args(["ls-remote", "--heads", "--", &self.url()]);
        self.run(&mut command, &mut |_| Flow::Continue).ok()?;
        let text = std::fs::read(trace).ok()?;
        let text = String::from_utf8_lossy(&text);
        let place = text.lines().find_map(|line| {
            let (name, value) = line.split_once("Recv header: ")?.1.split_once(':')?;
            name.trim().eq_ignore_ascii_case("location").then(|| value.trim())
        })?;
        let place = place.split(['?', '#']).next()?;
        let place = place.strip_suffix("/info/refs").unwrap_or(place);
        let whole = if place.starts_with('/') {
            let scheme = if self.real.scheme == Scheme::Http { "http" } else { "https" };
            format!("{scheme}://{}{place}", self.real.host_with_port())
        } else {
            place.to_owned()
        };
        // A sound address only, and without a user, who may be a secret.
        Address::parse(&whole).ok().map(|address| address.to_string())
    }

    /// Why a credential was refused, with what can be done about it.
    fn refusal(&self, reason: &str, asked: &str) -> String {
        if self.withheld {
            return "credentials are not sent over plain http; use https".to_owned();
        }
        if reason.contains("terminal prompts disabled") {
            return if self.has_credential() {
                "no helper knows a user name and a password".to_owned()
            } else {
                "the server wants a credential".to_owned()
            };
        }
        if let Some(key) = asked.lines().rev().find(|line| line.contains("nter passphrase for")) {
            let key = key.trim().trim_end_matches(':');
            return format!(
                "{reason}; ssh asked \"{key}\": give the key to the agent with ssh-add"
            );
        }
        reason.to_owned()
    }

    /// The words that matter, without what every message repeats, and without the secret.
    fn reason(&self, told: &Told) -> String {
        let url = format!("unable to access '{}", self.real);
        let lines = told.own.lines().filter_map(|line| {
            let line = ["fatal: ", "error: "]
                .iter()
                .find_map(|prefix| line.strip_prefix(prefix))
                .unwrap_or(line)
                .trim();
            let line = match line.strip_prefix(&url) {
                Some(rest) => rest.split_once("': ").map_or(line, |(_, rest)| rest),
                None => line,
            };
            let repeated = line.is_empty()
                || line.starts_with("Please make sure you have the correct access rights")
                || line.starts_with("and the repository exists")
                || line.starts_with("warning: ")
                || line.starts_with("Warning: ");
            (!repeated).then_some(line)
        });
        let mut lines: Vec<&str> = lines.collect();
        if lines.len() > 1 {
            lines.retain(|line| !line.starts_with("Could not read from remote repository"));
        }
        lines.truncate(8);
        let mut reason = lines.join("; ");
        let error = told
            .error
            .lines()
            .map(|line| line.strip_prefix("fatal: remote error: ").unwrap_or(line));
        for words in told.server.lines().take(8).chain(error.take(8)) {
            reason.push_str("; the server says: ");
            reason.push_str(words);
        }
        if reason.is_empty() {
            "git gave no reason".clone_into(&mut reason);
        }
        self.redacted(&reason)
    }
}

/// The name of the check that objects did not pass: `error: object ID: zeroPaddedFilemode: words`.
fn fsck(said: &str) -> Option<&str> {
    said.lines().find_map(|line| {
        let name = line.split_once("object ")?.1.split(": ").nth(1)?.trim();
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
        sound.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::fsck;

    #[test]
    fn the_failed_check_is_named() {
        let said = "error: object 0123: zeroPaddedFilemode: contains zero-padded file modes\n\
                    fatal: fsck error in packed object\n";
        assert_eq!(fsck(said), Some("zeroPaddedFilemode"));
        assert_eq!(fsck("fatal: fsck error in packed object"), None);
    }
}
