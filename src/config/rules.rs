//! Rules that give credentials and polling to repositories by their address: which there are, and which wins.

use super::address::Address;
use super::fault::{Place, Sited};
use super::reader::Reader;
use crate::domain::{Authentication, SecretRef};
use std::time::Duration;

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matches {
    /// One repository.
    Exactly(Address),
    /// Everything below an address.
    Below(Address),
    /// Everything below a path on a host, whatever the protocol: provider rules.
    OnHost {
        /// Lowercase.
        host: String,
        /// Segments of the path.
        segments: Vec<String>,
        /// Whether it names one repository.
        whole: bool,
    },
}

/// `[[github]]`, `[[gitlab]]` or `[[auth]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// `[[github]] acme/fleet`, for people.
    pub label: String,
    pub place: Place,
    pub matches: Matches,
    pub authentication: Option<Sited<Authentication>>,
    pub polling_interval: Option<Sited<Duration>>,
    /// Keys that are understood but not used yet.
    pub later: Vec<Sited<&'static str>>,
}

impl Matches {
    /// Whether a rule is about an address.
    pub(super) fn covers(&self, address: &Address) -> bool {
        match self {
            Self::Exactly(only) => address.is_same(only),
            Self::Below(prefix) => address.is_below(prefix),
            Self::OnHost { host, segments, whole } => {
                address.host() == host
                    && address.segments().starts_with(segments)
                    && (!whole || address.segments().len() == segments.len())
            }
        }
    }

    /// Whether everything that `other` is about is covered.
    fn covers_all(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exactly(only)) => self.covers(only),
            (Self::Below(wide), Self::Below(narrow)) => narrow.is_below(wide),
            (
                Self::OnHost { host, segments, whole },
                Self::OnHost { host: other_host, segments: narrow, whole: one },
            ) => {
                host == other_host
                    && narrow.starts_with(segments)
                    && (!whole || (*one && narrow.len() == segments.len()))
            }
            _ => false,
        }
    }
}

/// The rules that an address gets: the first provider rule and the first generic one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Winners<'a> {
    pub specific: Option<&'a Rule>,
    pub generic: Option<&'a Rule>,
}

/// Finds the rules of an address.
pub(super) fn winners<'a>(
    specific: &'a [Rule],
    generic: &'a [Rule],
    address: &Address,
) -> Winners<'a> {
    let first = |rules: &'a [Rule]| rules.iter().find(|rule| rule.matches.covers(address));
    Winners { specific: first(specific), generic: first(generic) }
}

/// Rules that can never win, each with the rule before it that takes everything.
pub(super) fn shadowed(rules: &[Rule]) -> Vec<(&Rule, &Rule)> {
    rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| {
            let before = rules.get(..index)?;
            let wide = before.iter().find(|other| other.matches.covers_all(&rule.matches))?;
            Some((rule, wide))
        })
        .collect()
}

/// The keys of an access method. `token_user` stands beside a token where no user name is written.
pub(super) fn authentication(
    table: &mut Reader<'_>,
    token_user: &str,
) -> Option<Sited<Authentication>> {
    let username = table.text("username");
    let password = table.secret("password");
    let token = table.secret("access_token");
    let key = table.secret("private_key");
    let passphrase = table.secret("passphrase");
    let user = username.as_ref().map(|user| user.value.clone());
    let (chosen, rest) = match (password, token, key) {
        (Some(one), None, None) | (None, Some(one), None) => (one, false),
        (None, None, Some(key)) => (key, true),
        (None, None, None) => {
            if let Some(user) = username {
                let message = "a `username` alone is no access method; add `password`, `access_token` or `private_key`";
                table.fault(user.place, message);
            }
            return None;
        }
        (password, token, key) => {
            let second = key.or(token).or(password)?;
            let message = "name one of `password`, `access_token` and `private_key`";
            table.fault(second.place, message);
            return None;
        }
    };
    Some(chosen.map(|secret| match secret {
        SecretRef::GitCredential => Authentication::GitCredential { username: user },
        SecretRef::SshAgent => Authentication::SshAgent { username: user },
        private_key if rest => Authentication::SshKey {
            username: user,
            private_key,
            passphrase: passphrase.map(|passphrase| passphrase.value),
        },
        password => Authentication::Basic {
            username: user.unwrap_or_else(|| token_user.to_owned()),
            password,
        },
    }))
}

/// The three kinds of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    GitHub,
    GitLab,
    Generic,
}

/// Reads one rule.
pub(super) fn rule(mut table: Reader<'_>, kind: Kind) -> Option<Rule> {
    let place = table.place();
    let matched = match kind {
        Kind::Generic => generic_match(&mut table),
        Kind::GitHub => provider_match(&mut table, ("[[github]]", "org_repo", "github.com")),
        Kind::GitLab => provider_match(&mut table, ("[[gitlab]]", "groups_project", "gitlab.com")),
    };
    let (later, token_user): (&[&'static str], _) = match kind {
        Kind::GitHub => (&["app_id", "installation_id", "webhook_secret"], "x-access-token"),
        Kind::GitLab => (&["webhook_secret"], "oauth2"),
        Kind::Generic => (&["webhook_secret"], "git"),
    };
    let later = later_keys(&mut table, later);
    let is_app = later.iter().any(|key| key.value == "app_id");
    let authentication = if is_app {
        // The key of an App is no key for SSH; it is read so that it is not unknown, and used later.
        table.secret("private_key");
        None
    } else {
        authentication(&mut table, token_user)
    };
    let polling_interval = table.duration("polling_interval");
    table.finish();
    let (label, matches) = matched?;
    Some(Rule { label, place, matches, authentication, polling_interval, later })
}

fn later_keys(table: &mut Reader<'_>, keys: &[&'static str]) -> Vec<Sited<&'static str>> {
    keys.iter()
        .filter_map(|key| {
            let place = if key.ends_with("_id") {
                table.number(key)?.place
            } else {
                table.secret(key)?.place
            };
            Some(Sited { value: *key, place })
        })
        .collect()
}

fn generic_match(table: &mut Reader<'_>) -> Option<(String, Matches)> {
    let (url, prefix) = (table.text("url"), table.text("url_prefix"));
    let (text, exactly) = match (url, prefix) {
        (Some(url), None) => (url, true),
        (None, Some(prefix)) => (prefix, false),
        (Some(_), Some(second)) => {
            table.fault(second.place, "name either `url` or `url_prefix`");
            return None;
        }
        (None, None) => {
            table.fault(table.place(), "[[auth]] needs a `url` or a `url_prefix`");
            return None;
        }
    };
    match Address::parse(&text.value) {
        Ok(address) if exactly => Some((format!("[[auth]] {address}"), Matches::Exactly(address))),
        Ok(address) => Some((format!("[[auth]] {address}"), Matches::Below(address))),
        Err(error) => {
            table.fault(text.place, error.to_string());
            None
        }
    }
}

/// `org`, `org/repo`, `group/sub` or `group/sub:project`, on the provider's host or on `host`.
fn provider_match(
    table: &mut Reader<'_>,
    (label, key, host): (&str, &'static str, &str),
) -> Option<(String, Matches)> {
    let on = table.text("host").map(|host| host.value.to_ascii_lowercase());
    let Some(text) = table.text(key) else {
        table.fault(table.place(), format!("{label} needs `{key}`"));
        return None;
    };
    let (path, project) = match text.value.split_once(':') {
        Some((path, project)) if key == "groups_project" => (path, Some(project)),
        _ => (text.value.as_str(), None),
    };
    let segments: Vec<String> = path.split('/').chain(project).map(str::to_owned).collect();
    let is_repository = if key == "org_repo" { segments.len() == 2 } else { project.is_some() };
    let fits = segments.iter().all(|s| !s.is_empty() && !s.contains(':'))
        && (key != "org_repo" || segments.len() <= 2);
    if !fits {
        let form = if key == "org_repo" {
            "`org` or `org/repo`"
        } else {
            "`group/sub` or `group/sub:project`"
        };
        table.fault(text.place, format!("`{key}` is {form}"));
        return None;
    }
    let host = on.unwrap_or_else(|| host.to_owned());
    let matches = Matches::OnHost { host, segments, whole: is_repository };
    Some((format!("{label} {}", text.value), matches))
}
