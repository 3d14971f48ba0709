//! `~/.netrc`, which curl reads for `git` before it asks anybody for a credential, and which no setting turns off.

use super::environment::Environment;
use std::path::Path;

/// Whether the file has an entry that holds for the host.
pub(super) fn knows(environment: &Environment, host: &str) -> bool {
    let Some(home) = environment.variable("HOME") else { return false };
    let bytes = std::fs::read(Path::new(&home).join(".netrc")).unwrap_or_default();
    has(&String::from_utf8_lossy(&bytes), host.trim_matches(['[', ']']))
}

/// Words in comments and passwords count as well: a refusal too much can be mended, a password that went to the wrong
/// place cannot.
fn has(text: &str, host: &str) -> bool {
    let mut words = text.split_whitespace().map(|word| word.trim_matches('"'));
    let mut before = "";
    words.any(|word| {
        let fits = word == "default" || (before == "machine" && word.eq_ignore_ascii_case(host));
        before = word;
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn entries_are_found() {
        let text = "machine other login x password y\nmachine Git.example.com\n  login x\n";
        assert!(has(text, "git.example.com") && !has(text, "example.com"));
        assert!(has("default login anonymous", "git.example.com"));
    }
}
