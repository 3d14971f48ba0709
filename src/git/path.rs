//! Paths inside a repository: bytes there, text here.

use super::GitError;
use std::fmt::Write;

/// Shows a path: bytes that are not UTF-8, and backslashes that could be taken for such an escape, become `\xNN`.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&chunk.valid().replace("\\x", "\\x5cx"));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The bytes that [`shown`] showed.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let byte = rest.get(at + 2..at + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(b'\\'));
        rest = &rest[if byte.is_some() { at + 4 } else { at + 1 }..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// A folder or file to read: slashes around it are dropped, `.` and nothing mean the root.
pub(super) fn to_read(path: &str) -> Result<String, GitError> {
    let trimmed = path.trim_start_matches("./").trim_matches('/');
    if trimmed.is_empty() || trimmed == "." {
        return Ok(String::new());
    }
    if trimmed.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(GitError::path(
            path,
            "a path of a repository has no empty, \".\" or \"..\" parts",
        ));
    }
    Ok(trimmed.to_owned())
}

/// Files and folders to read; where none is given, all of the tree.
pub(super) fn all_to_read<P: AsRef<str>>(paths: &[P]) -> Result<Vec<String>, GitError> {
    if paths.is_empty() {
        return Ok(vec![String::new()]);
    }
    paths.iter().map(|path| to_read(path.as_ref())).collect()
}

/// Refuses paths that a checkout elsewhere could turn against its user (git-update-index(1), CVE-2014-9390,
/// CVE-2025-48384), or that are no file.
pub(super) fn check_writable(path: &str) -> Result<(), GitError> {
    if path.is_empty() || path.starts_with('/') || path.ends_with('/') {
        return Err(GitError::path(
            path,
            "it must name a file, from the root of the repository, without a leading slash",
        ));
    }
    if path.chars().any(char::is_control) {
        return Err(GitError::path(path, "it has a control character"));
    }
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err(GitError::path(path, "it has empty, \".\" or \"..\" parts"));
        }
        let plain: String = part.to_lowercase().chars().filter(|c| !is_ignorable(*c)).collect();
        let plain = plain.trim_end_matches(['.', ' ']);
        let stream = plain.split(':').next().unwrap_or_default();
        if stream == ".git" || plain.starts_with("git~") || plain == ".gitmodules" {
            return Err(GitError::path(path, "names of Git's own files are not written"));
        }
    }
    Ok(())
}

/// Code points that HFS+ ignores in file names.
fn is_ignorable(c: char) -> bool {
    matches!(c as u32, 0x200C..=0x200F | 0x202A..=0x202E | 0x206A..=0x206F | 0xFEFF)
}

#[cfg(test)]
mod tests {
    use super::{bytes, check_writable, shown, to_read};

    #[test]
    fn bytes_are_shown_and_found_again() {
        for raw in [&b"a/b.yaml"[..], b"Gr\xf6\xdfe.yaml", b"a\\xzz", b"a\\x41", "größe".as_bytes()]
        {
            assert_eq!(bytes(&shown(raw)), raw, "{}", shown(raw));
        }
        assert_eq!(shown(b"Gr\xf6"), "Gr\\xf6");
    }

    #[test]
    fn folders_to_read() {
        assert_eq!(to_read("./a/b/").unwrap(), "a/b");
        assert_eq!(to_read(".").unwrap(), "");
        assert_eq!(to_read("/").unwrap(), "");
        assert!(to_read("a/../b").is_err());
    }

    #[test]
    fn hostile_paths_are_not_written() {
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/..",
            ".git/config",
            "a/.GIT/x",
            ".g\u{200c}it/x",
            "git~1/x",
            ".git. /x",
            ".git::$INDEX_ALLOCATION/x",
            "a\rb",
            ".gitmodules",
        ] {
            assert!(check_writable(path).is_err(), "{path:?}");
        }
        check_writable("apps/.github/x.yaml").unwrap();
        check_writable(".gitignore").unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_survive(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            proptest::prop_assert_eq!(bytes(&shown(&raw)), raw);
        }
    }
}
