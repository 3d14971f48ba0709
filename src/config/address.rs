//! Addresses of repositories: which are allowed, and how rules match them.

use std::fmt;

/// An address in parts, in which `git@host:path` and `ssh://git@host/path` are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: String,
    user: Option<String>,
    /// Lowercase, with the port where one is written; empty for `file`.
    host: String,
    segments: Vec<String>,
}

/// Why an address is refused. The address is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Another protocol, or a relative path.
    #[error(
        "not an address of a repository; write https://, ssh://, git@host:path or file:///path"
    )]
    Scheme,
    /// A password in the address would end up in logs and process lists.
    #[error(
        "the address holds a password; take it out and name a reference to it (`password = \"env:NAME\"`)"
    )]
    Password,
    /// What stands before the host of an `https://` address is often a token.
    #[error(
        "the address has a user in it, which may be a token; take it out: the name goes to `username` of an [[auth]] rule or of the repository, beside `password = \"env:NAME\"` or another reference"
    )]
    User,
    /// Git sends no query; what stands there may be a token.
    #[error(
        "the address has a `?` or `#`, which no repository needs and which may hold a token; take it out, with what follows"
    )]
    Query,
    /// Nothing to connect to, or characters that no host or path has.
    #[error(
        "the address is malformed: it needs a host and a path, without spaces or control characters"
    )]
    Malformed,
    /// A password sent over plain HTTP is public.
    #[error("http:// is only allowed to this machine; write https://")]
    Plaintext,
}

impl Address {
    /// Takes an address apart.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadAddress::Malformed);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest.to_owned()),
            None => ("ssh".to_owned(), scp_form(text).ok_or(BadAddress::Scheme)?),
        };
        if !matches!(scheme.as_str(), "https" | "http" | "ssh" | "file") {
            return Err(BadAddress::Scheme);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((&rest, ""));
        let is_web = matches!(scheme.as_str(), "https" | "http");
        if is_web && rest.contains(['?', '#']) {
            return Err(BadAddress::Query);
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some(_) if is_web => return Err(BadAddress::User),
            Some((user, _)) if user.contains(':') => return Err(BadAddress::Password),
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let host = host.to_ascii_lowercase();
        if (scheme == "file") != host.is_empty() || !is_host(&host) {
            return Err(BadAddress::Malformed);
        }
        let address = Self { scheme, user, host, segments: segments(path) };
        if address.scheme == "http" && !address.is_loopback() {
            return Err(BadAddress::Plaintext);
        }
        Ok(address)
    }

    /// Whether this address is `prefix` or lies below it, segment by segment. A user that only one of both names does
    /// not count.
    pub fn is_below(&self, prefix: &Self) -> bool {
        self.scheme == prefix.scheme
            && self.host == prefix.host
            && (prefix.user.is_none() || self.user.is_none() || self.user == prefix.user)
            && self.segments.starts_with(&prefix.segments)
    }

    /// Whether both name the same repository.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_below(other) && self.segments.len() == other.segments.len()
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, port)| {
            if port.chars().all(|c| c.is_ascii_digit()) { name } else { &self.host }
        });
        name.trim_start_matches('[').trim_end_matches(']')
    }

    /// `https`, `http`, `ssh` or `file`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Segments of the path; the last one without `.git`.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host == "::1" || host.starts_with("127.")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}/{}", self.host, self.segments.join("/"))
    }
}

/// Whether a text can be a host, perhaps with a port: a password with a slash in it would end here.
fn is_host(text: &str) -> bool {
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    };
    let inside = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let sound = match inside {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    sound && is_port(port) && !name.starts_with('-')
}

/// `git@host:path` as the rest of an `ssh://` URL.
fn scp_form(text: &str) -> Option<String> {
    let (authority, path) = text.split_once(':')?;
    let (user, host) = authority.split_once('@')?;
    let plain = !user.is_empty() && !host.is_empty() && !authority.contains('/');
    (plain && !path.is_empty()).then(|| format!("{authority}/{}", path.trim_start_matches('/')))
}

fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> =
        path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if let Some(last) = segments.last_mut()
        && let Some(stem) = last.strip_suffix(".git")
        && !stem.is_empty()
    {
        *last = stem.to_owned();
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn prefixes_match_whole_segments() {
        let prefix = address("https://git.example.com/platform");
        assert!(address("https://GIT.example.com/platform/fleet.git").is_below(&prefix));
        assert!(address("https://git.example.com/platform.git").is_below(&prefix));
        assert!(!address("https://git.example.com/platform2/fleet").is_below(&prefix));
        assert!(!address("https://git.example.com:8443/platform/fleet").is_below(&prefix));
        assert!(!address("ssh://git.example.com/platform/fleet").is_below(&prefix));
    }

    #[test]
    fn ssh_has_two_spellings() {
        let url = address("ssh://git@git.example.com/acme/fleet.git");
        assert!(address("git@git.example.com:acme/fleet").is_same(&url));
        assert!(
            address("git@git.example.com:acme/fleet").is_below(&address("ssh://git.example.com"))
        );
        assert_eq!(address("ssh://git@[::1]:2222/a").host(), "::1");
    }

    #[test]
    fn unsafe_addresses_are_refused_without_being_repeated() {
        for (text, why) in [
            ("https://bot:hunter2@git.example.com/a", BadAddress::User),
            ("https://hunter2@git.example.com/a", BadAddress::User),
            ("HTTPS://@git.example.com/a", BadAddress::User),
            ("https://bot:hun/ter2@git.example.com/a", BadAddress::Malformed),
            ("https://hunter2%40git.example.com/a", BadAddress::Malformed),
            ("https://git.example.com/a?private_token=hunter2", BadAddress::Query),
            ("https://git.example.com/a#hunter2", BadAddress::Query),
            ("ssh://git:hunter2@git.example.com/a", BadAddress::Password),
            ("git:hunter2@git.example.com:a", BadAddress::Scheme),
            ("http://git.example.com/a", BadAddress::Plaintext),
            ("ext::sh -c true", BadAddress::Malformed),
            ("ext::sh", BadAddress::Scheme),
            ("--upload-pack=x", BadAddress::Malformed),
            ("ssh://-oProxyCommand=x/a", BadAddress::Malformed),
            ("https:///a", BadAddress::Malformed),
            ("../fleet", BadAddress::Scheme),
            ("https://a\r\n/b", BadAddress::Malformed),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert!(Address::parse("http://127.0.0.1:8080/a.git").is_ok());
        assert!(Address::parse("file:///srv/git/a.git").is_ok());
    }
}
