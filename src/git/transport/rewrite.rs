//! Where an address really goes: the `insteadOf` rules of the user's Git, and which ssh it runs.

use super::Way;

/// What the user's Git is set up to do with addresses.
#[derive(Default)]
pub(super) struct Rules {
    /// Base, what is written instead of it, and whether for pushes only.
    instead: Vec<(String, String, bool)>,
    /// `core.sshCommand`.
    pub(super) ssh_command: Option<String>,
    /// `ssh.variant`.
    pub(super) ssh_variant: Option<String>,
}

/// The settings that are read, as `git config --get-regexp` wants them.
pub(super) const WANTED: &str = "^(url\\..*\\.(push)?insteadof|core\\.sshcommand|ssh\\.variant)$";

impl Rules {
    /// Reads what `git config -z --get-regexp` prints.
    pub(super) fn read(listed: &[u8]) -> Self {
        let mut rules = Self::default();
        for entry in String::from_utf8_lossy(listed).split('\0') {
            let Some((name, value)) = entry.split_once('\n') else { continue };
            match name {
                "core.sshcommand" => rules.ssh_command = Some(value.to_owned()),
                "ssh.variant" => rules.ssh_variant = Some(value.to_owned()),
                _ => {
                    let Some(rest) = name.strip_prefix("url.") else { continue };
                    if let Some(base) = rest.strip_suffix(".pushinsteadof") {
                        rules.instead.push((base.to_owned(), value.to_owned(), true));
                    } else if let Some(base) = rest.strip_suffix(".insteadof") {
                        rules.instead.push((base.to_owned(), value.to_owned(), false));
                    }
                }
            }
        }
        rules
    }

    /// The address that git goes to; the longest match counts, and rules for pushes come first.
    pub(super) fn apply(&self, url: &str, way: Way) -> String {
        let longest = |push: bool| {
            let fitting = self.instead.iter().filter(|(_, instead, for_push)| {
                *for_push == push && !instead.is_empty() && url.starts_with(instead.as_str())
            });
            // Of two that are as long, the first one counts for git.
            fitting.rev().max_by_key(|(_, instead, _)| instead.len())
        };
        let rule = (way == Way::Push).then(|| longest(true)).flatten().or_else(|| longest(false));
        rule.map_or_else(
            || url.to_owned(),
            |(base, instead, _)| format!("{base}{}", &url[instead.len()..]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Rules, Way};

    #[test]
    fn addresses_are_rewritten_as_git_does() {
        let rules = Rules::read(
            b"url.https://mirror/.insteadof\nhttps://git.example.com/\0\
              url.https://team/.insteadof\nhttps://git.example.com/team/\0\
              url.git@git.example.com:.pushinsteadof\nhttps://git.example.com/\0\
              core.sshcommand\nssh -v\0ssh.variant\nssh\0",
        );
        let url = "https://git.example.com/team/a.git";
        assert_eq!(rules.apply(url, Way::Fetch), "https://team/a.git");
        assert_eq!(rules.apply(url, Way::Push), "git@git.example.com:team/a.git");
        assert_eq!(rules.apply("https://git.example.com/b", Way::Fetch), "https://mirror/b");
        assert_eq!(rules.apply("https://else/b", Way::Fetch), "https://else/b");
        assert_eq!(
            (rules.ssh_command.as_deref(), rules.ssh_variant.as_deref()),
            (Some("ssh -v"), Some("ssh"))
        );
    }
}
