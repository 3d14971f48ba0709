//! Health of objects and its roll-up.

use serde::{Deserialize, Serialize};

/// Health, from best to worst in the order of the roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Does its work.
    Healthy,
    /// Deliberately stopped (paused, suspended job).
    Suspended,
    /// On its way.
    Progressing,
    /// Desired, but not in the cluster.
    Missing,
    /// Failed, or will not come up.
    Degraded,
    /// Cannot be told.
    Unknown,
}

impl Health {
    /// The word of the JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Suspended => "suspended",
            Self::Progressing => "progressing",
            Self::Missing => "missing",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
        }
    }
}

/// Health of one object with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The verdict.
    pub health: Health,
    /// Why, in a few words (may hold foreign text from a condition).
    pub message: String,
    /// Ready and wanted replicas, where the kind has them.
    pub replicas: Option<(u32, u32)>,
}
