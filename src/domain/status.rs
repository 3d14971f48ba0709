//! The state of a mapping in one line: what `status` prints and the console lists.

use crate::domain::automation::Fight;
use crate::domain::{
    EngineKind, Health, Healthy, Mapping, Revision, Source, Suspect, Suspension, Target, Wait,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a mapping stands, worst first: the first that holds is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// It cannot be rendered or planned, or the last sync failed.
    Error,
    /// Not looked at yet, or the cluster or repository cannot be reached.
    Unknown,
    /// Suspended by somebody.
    Suspended,
    /// The cluster differs from the commit it was synced to.
    Drifted,
    /// Git has commits that were not applied.
    OutOfSync,
    /// The cluster is as Git says.
    Synced,
    /// Taken out of gitdeck's care: nobody looks.
    Disconnected,
}

impl SyncState {
    /// The word of the JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unknown => "unknown",
            Self::Suspended => "suspended",
            Self::Drifted => "drifted",
            Self::OutOfSync => "out-of-sync",
            Self::Synced => "synced",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Number of objects of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectCount {
    /// Desired objects.
    pub total: usize,
    /// Those that a sync would touch.
    pub differing: usize,
}

/// One row of `gitdeck status`; its JSON form is stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingStatus {
    /// Mapping.
    pub name: String,
    /// Project.
    pub project: Option<String>,
    /// Repository.
    pub repository: String,
    /// Path from the root of the repository.
    pub path: String,
    /// Who applies it.
    pub engine: EngineKind,
    /// Which side wins.
    pub source: Source,
    /// Where it goes.
    pub target: Target,
    /// How it stands.
    pub sync: SyncState,
    /// Commits touching the path between the synced and the desired revision.
    pub behind: usize,
    /// Live fields that differ from the synced commit.
    pub drifted_fields: usize,
    /// Roll-up of the objects' health.
    pub health: Health,
    /// Tip of the branch.
    pub desired_revision: Option<Revision>,
    /// Revision that was applied last.
    pub synced_revision: Option<Revision>,
    /// Objects.
    pub objects: ObjectCount,
    /// Why, in one sentence (may hold foreign text).
    pub message: Option<String>,
    /// The suspension that holds; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Why nothing is done unasked although the settings ask for it (may hold foreign text); absent where nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Mappings that it waits for although something is to be synced; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// The fight that drift is not corrected any more for; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fight: Option<Box<Fight>>,
    /// Since when the cluster differs; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_since: Option<Timestamp>,
    /// Since when it was healthy at the revision where it was so last; absent where it never was seen so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_healthy: Option<Healthy>,
    /// What may have made it ill, the likeliest first; absent where it is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<Suspect>,
    /// What its render reads from elsewhere and no commit pins (foreign text): it may move at the same revision; absent
    /// where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote: Vec<String>,
    /// When this was true.
    pub observed_at: Option<Timestamp>,
}

impl MappingStatus {
    /// The status of a mapping that nobody has looked at yet, or looks at at all.
    pub fn unseen(mapping: &Mapping) -> Self {
        let (sync, message) = if mapping.connected {
            (SyncState::Unknown, None)
        } else {
            let words = format!(
                "disconnected: nothing is watched, synced or recorded; `gitdeck mapping connect {}` connects it",
                mapping.name
            );
            (SyncState::Disconnected, Some(words))
        };
        Self {
            name: mapping.name.clone(),
            project: mapping.project.clone(),
            repository: mapping.repository.clone(),
            path: mapping.path.clone(),
            engine: mapping.engine,
            source: mapping.source,
            target: mapping.target.clone(),
            sync,
            behind: 0,
            drifted_fields: 0,
            health: Health::Unknown,
            desired_revision: None,
            synced_revision: None,
            objects: ObjectCount::default(),
            message,
            suspension: None,
            held: None,
            waits: Vec::new(),
            fight: None,
            drift_since: None,
            last_healthy: None,
            suspects: Vec::new(),
            remote: Vec::new(),
            observed_at: None,
        }
    }

    /// What is not done unasked where [`Self::held`] says why.
    pub fn held_words(&self) -> &'static str {
        match self.source {
            Source::Git => "not synced by itself",
            Source::Cluster => "not recorded yet",
        }
    }

    /// That it is rendered from what no commit pins, in one sentence; nothing where all of it is pinned.
    pub fn unpinned(&self) -> Option<String> {
        (!self.remote.is_empty()).then(|| {
            format!(
                "not pinned by the commit: {}; it is read again as often as the repository is fetched, and what moved there shows as a difference",
                self.remote.join(", ")
            )
        })
    }

    /// Whether there is something to resume: a suspension, or healing that was stopped for a fight.
    pub fn is_stopped(&self) -> bool {
        self.sync == SyncState::Suspended || self.fight.is_some()
    }
}
