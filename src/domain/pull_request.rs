//! Where a pull request of a branch is opened, as far as the address of the remote or the words of its server tell.

use std::fmt::Write;

/// The page on which a pull request of `branch` into `base` begins. The server's own words win where they name a page of
/// the same host; otherwise the forms of the known hosts are used.
pub fn address(url: &str, base: &str, branch: &str, said: &str) -> Option<String> {
    let (host, path) = place(url)?;
    let is_there = |word: &&str| {
        let rest = word.strip_prefix("https://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.eq_ignore_ascii_case(host)
    };
    if let Some(page) = said.split_whitespace().find(is_there) {
        return Some(page.to_owned());
    }
    let (base, branch) = (encoded(base), encoded(branch));
    match host.to_ascii_lowercase().as_str() {
        "github.com" => {
            Some(format!("https://github.com/{path}/compare/{base}...{branch}?expand=1"))
        }
        "gitlab.com" => Some(format!(
            "https://gitlab.com/{path}/-/merge_requests/new?merge_request%5Bsource_branch%5D={branch}&merge_request%5Btarget_branch%5D={base}"
        )),
        "bitbucket.org" => Some(format!(
            "https://bitbucket.org/{path}/pull-requests/new?source={branch}&dest={base}"
        )),
        "codeberg.org" | "gitea.com" => {
            Some(format!("https://{host}/{path}/compare/{base}...{branch}"))
        }
        "dev.azure.com" => Some(format!(
            "https://dev.azure.com/{path}/pullrequestcreate?sourceRef={branch}&targetRef={base}"
        )),
        _ => None,
    }
}

/// Host and path of a remote, without user, port and `.git`.
fn place(url: &str) -> Option<(&str, &str)> {
    let (authority, path) = match url.split_once("://") {
        Some(("https" | "http" | "ssh", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        // `git@host:path`
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let path = path.trim_matches('/');
    Some((host, path.strip_suffix(".git").unwrap_or(path)))
}

/// A name as a part of an address; slashes stay, as every one of these hosts takes them.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn known_hosts_have_their_pages_and_others_say_it_themselves() {
        let of = |url: &str, said: &str| address(url, "main", "fix/a b#", said);
        for (url, expected) in [
            (
                "https://github.com/acme/fleet.git",
                "https://github.com/acme/fleet/compare/main...fix/a%20b%23?expand=1",
            ),
            (
                "git@bitbucket.org:acme/fleet.git",
                "https://bitbucket.org/acme/fleet/pull-requests/new?source=fix/a%20b%23&dest=main",
            ),
            (
                "ssh://git@codeberg.org:22/acme/fleet",
                "https://codeberg.org/acme/fleet/compare/main...fix/a%20b%23",
            ),
        ] {
            assert_eq!(of(url, "").as_deref(), Some(expected), "{url}");
        }
        let said = "To create a merge request, visit:\n  https://git.example.com/a/-/merge_requests/new?x=y\n";
        let own = "https://git.example.com/platform/fleet.git";
        assert_eq!(
            of(own, said).as_deref(),
            Some("https://git.example.com/a/-/merge_requests/new?x=y")
        );
        // Whoever answers leads nobody elsewhere.
        assert_eq!(of(own, "visit https://git.example.com.evil.test/login"), None);
        assert_eq!(of(own, "visit https://evil.test@git.example.com/"), None);
        assert_eq!(of("file:///srv/fleet", said), None);
    }
}
