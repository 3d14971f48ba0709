//! What gitdeck owns in a cluster for one mapping; kept in the cluster, so that every console sees it.

use crate::domain::{ObjectKey, Revision};
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

/// The record of one mapping in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Owned objects, keyed without version.
    pub members: BTreeMap<ObjectKey, Member>,
    /// Revision that was applied completely last.
    pub synced_revision: Option<Revision>,
    /// When that was.
    pub synced_at: Option<Timestamp>,
    /// Suspension, if any; it may have expired.
    pub suspension: Option<Suspension>,
    /// When drift was first seen, if there is any.
    pub drift_since: Option<Timestamp>,
}
