//! Host keys that ssh does not know, or knows otherwise: read from its questions and its warnings.

use crate::git::GitError;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use std::io::Read;

/// The question of ssh about a key that it does not know.
pub(super) fn unknown(asked: &str) -> Option<GitError> {
    // With jumps there may be several; the last one was answered with no.
    let at = asked.rfind("The authenticity of host '")?;
    let question = &asked[at + "The authenticity of host '".len()..];
    let host = question.split(['\'', ' ']).next()?.to_owned();
    let line = question.lines().find(|line| line.contains("key fingerprint is"))?;
    let kind = line.split_whitespace().next()?.to_owned();
    let fingerprint = fingerprint_in(line)?;
    Some(GitError::HostUnknown { host, kind, fingerprint })
}

/// The warning of ssh about a key that is not the known one, or is revoked.
pub(super) fn changed(said: &str) -> Option<GitError> {
    let revoked = said.contains("REVOKED HOST KEY DETECTED");
    if !revoked && !said.contains("HOST IDENTIFICATION HAS CHANGED") {
        return None;
    }
    let host = between(said, "Host key for ", " has changed")
        .or_else(|| between(said, "host key for ", " is marked as revoked"))
        .or_else(|| between(said, "host key for ", " was revoked"))
        .unwrap_or("the server");
    let place = said
        .lines()
        .find_map(|line| line.strip_prefix("Offending ")?.split_once(" key in "))
        .map_or("known_hosts", |(_, place)| place.trim());
    let presented = said.lines().find_map(fingerprint_in).unwrap_or_else(|| "not told".to_owned());
    let expected = if revoked {
        "nothing: this key is revoked".to_owned()
    } else {
        known_at(place).unwrap_or_else(|| "another one".to_owned())
    };
    Some(GitError::HostChanged {
        host: host.to_owned(),
        presented,
        expected,
        place: place.to_owned(),
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.split_once(before)?.1.split_once(after)?.0))
}

fn fingerprint_in(line: &str) -> Option<String> {
    let word =
        line.split_whitespace().find(|w| w.starts_with("SHA256:") || w.starts_with("MD5:"))?;
    Some(word.trim_end_matches('.').to_owned())
}

/// The fingerprint of the key in the line of a file, `FILE:NUMBER`.
fn known_at(place: &str) -> Option<String> {
    let (file, number) = place.rsplit_once(':')?;
    // The name came over the network: neither a device nor a pipe is opened, and nothing endless is read.
    if !std::fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    let line = text.lines().nth(number.parse::<usize>().ok()?.checked_sub(1)?)?;
    let key = line
        .split_whitespace()
        .skip(1)
        .find_map(|word| STANDARD.decode(word).ok().filter(|key| key.starts_with(&[0, 0, 0])))?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

#[cfg(test)]
mod tests {
    use super::{changed, known_at, unknown};
    use crate::git::GitError;

    #[test]
    fn the_last_question_counts() {
        let asked = "The authenticity of host 'jump (10.0.0.1)' can't be established.\n\
            RSA key fingerprint is SHA256:first.\nAre you sure (yes/no/[fingerprint])? \n\
            The authenticity of host '[git.example.com]:2222 ([10.0.0.2]:2222)' can't be established.\n\
            ED25519 key fingerprint is SHA256:AbC+/9.\nThis key is not known by any other names.\n\
            Are you sure you want to continue connecting (yes/no/[fingerprint])? \n";
        let Some(GitError::HostUnknown { host, kind, fingerprint }) = unknown(asked) else {
            panic!("not understood")
        };
        assert_eq!(
            (host.as_str(), kind.as_str(), fingerprint.as_str()),
            ("[git.example.com]:2222", "ED25519", "SHA256:AbC+/9")
        );
        assert!(unknown("Enter passphrase for key 'x': ").is_none());
    }

    #[test]
    fn a_place_that_is_no_file_is_not_read() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let (sender, ended) = std::sync::mpsc::channel();
        let place = format!("{}:1", pipe.display());
        std::thread::spawn(move || sender.send(known_at(&place)));
        let found = ended.recv_timeout(std::time::Duration::from_secs(20));
        assert_eq!(found, Ok(None), "it waits for a pipe that nobody writes to");
    }

    #[test]
    fn warnings_are_told_apart() {
        let said = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
            The fingerprint for the ED25519 key sent by the remote host is\nSHA256:new.\n\
            Offending ED25519 key in /none/known_hosts:3\n\
            Host key for [h]:22 has changed and you have requested strict checking.\n";
        let Some(GitError::HostChanged { host, presented, place, .. }) = changed(said) else {
            panic!("not understood")
        };
        assert_eq!(
            (host.as_str(), presented.as_str(), place.as_str()),
            ("[h]:22", "SHA256:new", "/none/known_hosts:3")
        );
        let revoked = "@       WARNING: REVOKED HOST KEY DETECTED!               @\n\
            The ED25519 host key for h is marked as revoked.\n";
        assert!(
            matches!(changed(revoked), Some(GitError::HostChanged { host, .. }) if host == "h")
        );
        assert!(changed("Host key verification failed.").is_none());
    }
}
