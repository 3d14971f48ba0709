//! What gitdeck owns in a cluster for one mapping; kept in the cluster, so that every console sees it.

use crate::domain::{Automation, ObjectKey, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One owned object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Version under which it was applied last.
    pub version: String,
    /// UID that the server gave; nothing before the first apply succeeded (superset entry).
    pub uid: Option<String>,
}

/// Owned objects, keyed without version.
pub type Members = BTreeMap<ObjectKey, Member>;

/// What a record belongs to: two configurations may give the same name to different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Host and path of the repository, so that all ways to reach it are the same. Never with credentials.
    pub repository: String,
    /// Path of the mapping in the repository.
    pub path: String,
    /// Namespace that the mapping goes to.
    pub namespace: String,
}

impl Holder {
    /// The holder of a mapping from a repository's address.
    pub fn new(url: &str, path: &str, namespace: &str) -> Self {
        Self { repository: place(url), path: path.to_owned(), namespace: namespace.to_owned() }
    }
}

/// `repository git.example.com/acme/fleet, path apps/web, namespace shop`.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "repository {}, path {}", self.repository, self.path)?;
        if self.namespace.is_empty() { Ok(()) } else { write!(f, ", namespace {}", self.namespace) }
    }
}

/// An address without scheme, user, port and `.git`: `git@host:a/b.git` and `https://host/a/b` are one place.
fn place(url: &str) -> String {
    let (local, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme == "file", rest.to_owned()),
        // The short form of ssh has a colon before its path.
        None => (false, url.replacen(':', "/", 1)),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((&rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if local { format!("/{path}") } else { format!("{host}/{path}") }
}

/// Why and until when a mapping is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Who suspended it.
    pub owner: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Suspension {
    /// Whether it still holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// By whom, until when and why: `suspended by ana until 2026-01-31 18:00 UTC: month end`. Owner and reason are foreign text.
impl std::fmt::Display for Suspension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "suspended by {}", self.owner)?;
        if let Some(until) = self.until {
            write!(f, " until {}", until.strftime("%Y-%m-%d %H:%M UTC"))?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// When a mapping was seen in sync and healthy last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthy {
    /// Revision that it was at.
    pub revision: Revision,
    /// When it was seen so at that revision first.
    pub at: Timestamp,
}

/// What is known of a mapping's hooks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HookRecord {
    /// Digest of the hooks that ran to the end of a sync last; nothing while a sync with hooks runs, and after one that
    /// did not succeed, so that they are due again.
    pub ran: Option<String>,
    /// The sync that runs them, or that ran them and did not end.
    pub run: Option<String>,
    /// Objects of hooks that may be there: made, and not deleted by their policy.
    pub left: Members,
}

/// The record of one mapping in one cluster.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Owned objects.
    pub members: Members,
    /// Revision that was applied completely last.
    pub synced_revision: Option<Revision>,
    /// When that was.
    pub synced_at: Option<Timestamp>,
    /// Suspension, if any; it may have expired.
    pub suspension: Option<Suspension>,
    /// When drift was first seen, if there is any.
    pub drift_since: Option<Timestamp>,
    /// When it was healthy last, at another revision than before.
    #[serde(default)]
    pub healthy: Option<Healthy>,
    /// Whose record it is; nothing in records of earlier versions.
    #[serde(default)]
    pub holder: Option<Holder>,
    /// What gitdeck did unasked, if anything.
    #[serde(default)]
    pub automation: Box<Automation>,
    /// What is known of its hooks.
    #[serde(default)]
    pub hooks: HookRecord,
}

impl Inventory {
    /// Who holds the record, if it is somebody else than this.
    pub fn held_by_other(&self, holder: &Holder) -> Option<&Holder> {
        self.holder.as_ref().filter(|one| *one != holder)
    }
}

#[cfg(test)]
mod tests {
    use super::Holder;

    #[test]
    fn one_repository_is_one_place_however_it_is_reached() {
        for url in [
            "https://git.example.com/acme/fleet.git",
            "https://GIT.example.com:8443/acme/fleet/",
            "git@git.example.com:acme/fleet.git",
            "ssh://ana@git.example.com:2222/acme/fleet",
        ] {
            let holder = Holder::new(url, "apps/web", "shop");
            assert_eq!(
                holder.to_string(),
                "repository git.example.com/acme/fleet, path apps/web, namespace shop",
                "{url}"
            );
        }
        assert_eq!(Holder::new("file:///srv/fleet.git", "", "").repository, "/srv/fleet");
    }
}
