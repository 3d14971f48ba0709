//! Host keys of ssh, checked against `known_hosts` files (their format is in sshd(8)).

use super::GitError;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// One line of a `known_hosts` file.
struct Line {
    revoked: bool,
    hosts: String,
    key: Vec<u8>,
    place: String,
}

/// Accepts the key that a host showed, or says why not. A file that cannot be read knows nobody. A key of another
/// type than the known ones is unknown, not changed: servers have several.
pub(super) fn check(files: &[PathBuf], host: &str, port: u16, key: &[u8]) -> Result<(), GitError> {
    let name = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
    let lines: Vec<Line> = files.iter().flat_map(|file| read(file)).collect();
    let own: Vec<&Line> = lines.iter().filter(|line| names_host(&line.hosts, &name)).collect();
    let changed = |line: &Line| GitError::HostChanged {
        host: name.clone(),
        presented: fingerprint(key),
        expected: if line.revoked {
            "nothing: this key is revoked".to_owned()
        } else {
            fingerprint(&line.key)
        },
        place: line.place.clone(),
    };
    if let Some(line) = own.iter().find(|line| line.revoked && line.key == key) {
        return Err(changed(line));
    }
    let mut valid = own.iter().filter(|line| !line.revoked);
    if valid.clone().any(|line| line.key == key) {
        return Ok(());
    }
    if let Some(line) = valid.find(|line| key_type(&line.key) == key_type(key)) {
        return Err(changed(line));
    }
    // As ssh does: a key that is known for the host without the port is accepted on every port.
    if port != 22
        && lines
            .iter()
            .any(|line| !line.revoked && line.key == key && names_host(&line.hosts, host))
    {
        return Ok(());
    }
    Err(GitError::HostUnknown {
        fingerprint: fingerprint(key),
        file: files.first().cloned().unwrap_or_else(|| PathBuf::from("~/.ssh/known_hosts")),
        line: format!("{name} {} {}", key_type(key).unwrap_or("unknown"), STANDARD.encode(key)),
        host: name,
    })
}

/// The SHA-256 of a key in the form that `ssh-keygen -l` shows behind `SHA256:`.
fn fingerprint(key: &[u8]) -> String {
    STANDARD_NO_PAD.encode(Sha256::digest(key))
}

/// The type that a key blob begins with (RFC 4253, section 6.6). The type that libgit2 tells is wrong for P-521.
fn key_type(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let name = rest.get(..u32::from_be_bytes(*length) as usize)?;
    std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn read(file: &Path) -> Vec<Line> {
    let Ok(bytes) = fs::read(file) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        // Certificates of hosts are not supported by libssh2, so their authorities say nothing here.
        if marker.is_some_and(|marker| marker != "@revoked") {
            continue;
        }
        let (Some(hosts), Some(_), Some(key)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if hosts.starts_with('#') {
            continue;
        }
        let Ok(key) = STANDARD.decode(key) else { continue };
        let place = format!("{}:{}", file.display(), number + 1);
        lines.push(Line { revoked: marker.is_some(), hosts: hosts.to_owned(), key, place });
    }
    lines
}

/// Whether the first field of a line names the host.
fn names_host(field: &str, name: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        return hashed.split_once('|').is_some_and(|(salt, hash)| hash_matches(salt, hash, name));
    }
    let mut named = false;
    for pattern in field.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if glob(pattern.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => named |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    named
}

fn hash_matches(salt: &str, hash: &str, name: &str) -> bool {
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
    let digest = || {
        let key = PKey::hmac(&salt)?;
        let mut signer = Signer::new(MessageDigest::sha1(), &key)?;
        signer.sign_oneshot_to_vec(name.to_ascii_lowercase().as_bytes())
    };
    digest().is_ok_and(|digest| digest == hash)
}

/// `*` and `?`, ignoring case.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text) || (!text.is_empty() && glob(pattern, &text[1..]))
        }
        (Some((b'?', rest)), Some((_, text))) => glob(rest, text),
        (Some((a, rest)), Some((b, text))) => a.eq_ignore_ascii_case(b) && glob(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::git::GitError;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::fs;
    use std::path::PathBuf;

    fn key(kind: &str, seed: u8) -> Vec<u8> {
        let mut key = (kind.len() as u32).to_be_bytes().to_vec();
        key.extend_from_slice(kind.as_bytes());
        key.extend_from_slice(&[seed; 36]);
        key
    }

    fn verdict(lines: &str, host: &str, port: u16, key: &[u8]) -> &'static str {
        let folder = tempfile::tempdir().unwrap();
        let file: PathBuf = folder.path().join("known_hosts");
        fs::write(&file, lines).unwrap();
        match check(&[file], host, port, key) {
            Ok(()) => "known",
            Err(GitError::HostUnknown { .. }) => "unknown",
            Err(GitError::HostChanged { .. }) => "changed",
            Err(_) => "else",
        }
    }

    #[test]
    fn keys_are_compared_per_host_and_type() {
        let (good, evil, other) =
            (key("ssh-ed25519", 1), key("ssh-ed25519", 2), key("ecdsa-sha2-nistp256", 3));
        let line =
            format!("# comment\nexample.com,10.0.0.1 ssh-ed25519 {} me\n", STANDARD.encode(&good));
        assert_eq!(verdict(&line, "example.com", 22, &good), "known");
        assert_eq!(verdict(&line, "EXAMPLE.com", 22, &good), "known");
        assert_eq!(verdict(&line, "10.0.0.1", 22, &good), "known");
        assert_eq!(verdict(&line, "example.com", 22, &evil), "changed");
        assert_eq!(verdict(&line, "example.com", 22, &other), "unknown");
        assert_eq!(verdict(&line, "example.org", 22, &good), "unknown");
        assert_eq!(verdict(&line, "example.com", 2222, &good), "known");
        assert_eq!(verdict(&line, "example.com", 2222, &evil), "unknown");
        assert_eq!(verdict("", "example.com", 22, &good), "unknown");
    }

    #[test]
    fn ports_patterns_and_markers() {
        let good = key("ssh-ed25519", 1);
        let text = STANDARD.encode(&good);
        assert_eq!(verdict(&format!("[h]:2222 ssh-ed25519 {text}"), "h", 2222, &good), "known");
        assert_eq!(verdict(&format!("[h]:2222 ssh-ed25519 {text}"), "h", 22, &good), "unknown");
        assert_eq!(
            verdict(
                &format!("*.example.com,!bad.* ssh-ed25519 {text}"),
                "a.example.com",
                22,
                &good
            ),
            "known"
        );
        assert_eq!(
            verdict(
                &format!("*.example.com,!bad.* ssh-ed25519 {text}"),
                "bad.example.com",
                22,
                &good
            ),
            "unknown"
        );
        assert_eq!(verdict(&format!("@revoked * ssh-ed25519 {text}"), "h", 22, &good), "changed");
        assert_eq!(
            verdict(&format!("@cert-authority * ssh-ed25519 {text}"), "h", 22, &good),
            "unknown"
        );
    }

    #[test]
    fn hashed_hosts_are_found() {
        // Made with `ssh-keygen -H` for "example.com".
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        let good = key("ssh-ed25519", 1);
        fs::write(&file, format!("example.com ssh-ed25519 {}\n", STANDARD.encode(&good))).unwrap();
        let hashed =
            std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&file).output();
        if !hashed.is_ok_and(|output| output.status.success()) {
            println!("skipped: ssh-keygen cannot hash here");
            return;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("|1|"), "{text}");
        assert_eq!(verdict(&text, "example.com", 22, &good), "known");
        assert_eq!(verdict(&text, "example.com", 22, &key("ssh-ed25519", 9)), "changed");
        assert_eq!(verdict(&text, "example.org", 22, &good), "unknown");
    }
}
