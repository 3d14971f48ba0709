//! Addresses of remotes: which are allowed, and how they are shown without what may be secret in them.

use super::GitError;
use std::fmt;
use std::net::IpAddr;

/// How a remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    Http,
    Ssh,
    File,
}

/// A checked address. `Display` never shows a password; of user names only that of ssh is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) scheme: Scheme,
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// With its leading slash, except in the `host:path` form.
    pub(super) path: String,
    /// Written as `host:path`.
    short: bool,
}

impl Address {
    /// Reads an address. Only `https`, `http`, `ssh`, `host:path`, `file` and absolute paths are let through; what
    /// could be taken for an option or start another program (`-…`, `ext::…`) never is.
    pub(super) fn parse(text: &str) -> Result<Self, GitError> {
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        if text.starts_with('-') {
            return Err(refused("it begins with a dash"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refused("it contains a space or a control character"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::with_scheme(&scheme.to_ascii_lowercase(), rest);
        }
        if text.starts_with('/') {
            return Ok(Self::local(text));
        }
        if text.contains("::") && !text.contains('[') {
            return Err(refused("remote helpers (`name::…`) are not run"));
        }
        Self::short_form(text)
    }

    fn with_scheme(scheme: &str, rest: &str) -> Result<Self, GitError> {
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "ssh" => Scheme::Ssh,
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return Err(refused("file:// needs an absolute path"));
                }
                return Ok(Self::local(path));
            }
            _ => return Err(refused("only https, http, ssh and file are supported")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.is_empty() {
            return Err(refused("the path of the repository is missing"));
        }
        let (userinfo, place) =
            authority.rsplit_once('@').map_or((None, authority), |(u, p)| (Some(u), p));
        let (host, port) = split_port(place)?;
        Ok(Self {
            scheme,
            user: userinfo.map(|info| user_of(info, scheme)).transpose()?.flatten(),
            host: checked_host(host)?,
            port,
            path: format!("/{path}"),
            short: false,
        })
    }

    fn local(path: &str) -> Self {
        Self {
            scheme: Scheme::File,
            user: None,
            host: String::new(),
            port: None,
            path: path.to_owned(),
            short: false,
        }
    }

    fn short_form(text: &str) -> Result<Self, GitError> {
        let (place, path) = text.split_once(':').ok_or_else(|| {
            refused(
                "it is neither a URL nor host:path; a folder needs its absolute path or file://",
            )
        })?;
        if place.contains('/') {
            return Err(refused("it is neither a URL nor host:path"));
        }
        if path.is_empty() || path.starts_with('-') {
            return Err(refused("the path of the repository is missing or begins with a dash"));
        }
        if path.contains('@') && !place.contains('@') {
            return Err(refused("a password cannot be part of user@host:path"));
        }
        let (userinfo, host) = place.rsplit_once('@').map_or((None, place), |(u, h)| (Some(u), h));
        Ok(Self {
            scheme: Scheme::Ssh,
            user: userinfo.map(|info| user_of(info, Scheme::Ssh)).transpose()?.flatten(),
            host: checked_host(host)?,
            port: None,
            path: path.to_owned(),
            short: true,
        })
    }

    /// The address that is given to the transport, with the login name that ssh needs.
    pub(super) fn for_transport(&self, login: Option<&str>) -> String {
        let user = match self.scheme {
            Scheme::Ssh => login.or(self.user.as_deref()),
            _ => None,
        };
        self.written(user)
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// `host` or `host:port`, as `git credential` wants it.
    pub(super) fn host_with_port(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    fn written(&self, user: Option<&str>) -> String {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let (host, path) = (&self.host, &self.path);
        match self.scheme {
            _ if self.short => format!("{user}{host}:{path}"),
            Scheme::Https => format!("https://{user}{host}{port}{path}"),
            Scheme::Http => format!("http://{user}{host}{port}{path}"),
            Scheme::Ssh => format!("ssh://{user}{host}{port}{path}"),
            Scheme::File => format!("file://{path}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.for_transport(None))
    }
}

/// The user of `user:password`; a password in an address is never kept. In http(s) a lone user may be a token, so
/// that it is kept only as a hint for `git credential` and never shown.
fn user_of(userinfo: &str, scheme: Scheme) -> Result<Option<String>, GitError> {
    let user = userinfo.split(':').next().unwrap_or_default();
    if user.starts_with('-') {
        return Err(refused("the user begins with a dash"));
    }
    if scheme == Scheme::Ssh && user.contains(['%', '/', '\'', '"', '`', '$', ';']) {
        return Err(refused("the user has characters that no login has"));
    }
    Ok((!user.is_empty()).then(|| user.to_owned()))
}

fn split_port(place: &str) -> Result<(&str, Option<u16>), GitError> {
    let colon = place.rfind(':').filter(|at| !place[*at..].contains(']'));
    let Some(at) = colon else { return Ok((place, None)) };
    let port = &place[at + 1..];
    if port.is_empty() {
        return Ok((&place[..at], None));
    }
    let port = port.parse().map_err(|_| refused("the port is not a number between 0 and 65535"))?;
    Ok((&place[..at], Some(port)))
}

fn checked_host(host: &str) -> Result<String, GitError> {
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let sound = match bracketed {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    if host.is_empty() || host.starts_with('-') || !sound {
        return Err(refused("the host name is missing or has characters that no host has"));
    }
    Ok(host.to_owned())
}

fn refused(reason: &str) -> GitError {
    GitError::Address { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Address, Scheme};

    fn shown(text: &str) -> String {
        Address::parse(text)
            .map_or_else(|error| format!("refused: {error}"), |address| address.to_string())
    }

    #[test]
    fn allowed_forms_are_kept() {
        assert_eq!(shown("https://example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(shown("HTTPS://example.com:8443/a"), "https://example.com:8443/a");
        assert_eq!(shown("git@example.com:a/b.git"), "git@example.com:a/b.git");
        assert_eq!(shown("ssh://git@example.com:2222/a"), "ssh://git@example.com:2222/a");
        assert_eq!(shown("/srv/a.git"), "file:///srv/a.git");
        assert_eq!(shown("https://[::1]:8080/a"), "https://[::1]:8080/a");
    }

    #[test]
    fn secrets_in_addresses_are_dropped() {
        assert_eq!(shown("https://me:hunter2@example.com/a"), "https://example.com/a");
        assert_eq!(shown("https://token@example.com/a"), "https://example.com/a");
        assert_eq!(shown("ssh://git:hunter2@example.com/a"), "ssh://git@example.com/a");
        assert!(!shown("git:hunter2@example.com:a").contains("hunter2"));
        let address = Address::parse("https://me:hunter2@example.com/a").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn dangerous_forms_are_refused() {
        for text in [
            "",
            "-oProxyCommand=x",
            "ext::sh -c touch% x",
            "ext::sh",
            "git://example.com/a",
            "ssh://-oProxyCommand=x/a",
            "ssh://-x@example.com/a",
            "https://exa\nmple.com/a",
            "https:///a",
            "https://example.com",
            "file://relative",
            "host:-x",
            "relative/path",
            "https://example.com:99999/a",
            "fd::17/x",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?} was let through");
        }
    }

    #[test]
    fn loopback_is_recognised() {
        for text in ["http://127.0.0.1:1/a", "http://localhost/a", "http://[::1]/a"] {
            let address = Address::parse(text).unwrap();
            assert!(address.is_loopback() && address.scheme == Scheme::Http);
        }
        assert!(!Address::parse("http://localhost.example.com/a").unwrap().is_loopback());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_option_passes(text in "\\PC{0,40}") {
            if let Ok(address) = Address::parse(&text) {
                proptest::prop_assert!(!address.host.starts_with('-'));
                proptest::prop_assert!(!address.to_string().starts_with('-'));
            }
        }
    }
}
