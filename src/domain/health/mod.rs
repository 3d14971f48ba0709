//! Health of objects and its roll-up.
//!
//! The rules are those of kstatus (sigs.k8s.io/cli-utils); for autoscalers, disruption budgets, cron jobs, ingresses,
//! services and failed pods those of Argo CD, which sees more there.

mod assess;
mod conditions;
mod others;
mod workloads;

pub use assess::{
    GRACE, assess, assess_at, assess_written, holds_up, is_provisional, may_await_consumer,
};
pub use conditions::is_behind;

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

impl HealthReport {
    /// A report without replicas.
    pub fn new(health: Health, message: impl Into<String>) -> Self {
        Self { health, message: message.into(), replicas: None }
    }

    fn with_replicas(self, ready: u64, wanted: u64) -> Self {
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self { replicas: Some((count(ready), count(wanted))), ..self }
    }
}

/// The worst of several; of none it cannot be told.
pub fn roll_up(parts: impl IntoIterator<Item = Health>) -> Health {
    parts.into_iter().max().unwrap_or(Health::Unknown)
}
