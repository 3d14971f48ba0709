//! Pure vocabulary and rules: no clock, no files, no waiting, no foreign types but JSON values.

pub mod attribute;
pub mod automation;
#[cfg(test)]
mod automation_tests;
pub mod blame;
pub mod cause;
pub mod clean;
pub mod culprit;
pub mod defaults;
pub mod depends;
pub mod diff;
#[cfg(test)]
mod diff_tests;
pub mod digest;
pub mod earlier;
pub mod export;
#[cfg(test)]
pub(crate) mod fixture;
pub mod folder;
pub mod guard;
pub mod health;
pub mod hook;
pub mod ignore;
pub mod ignored;
pub mod image;
pub mod inventory;
pub mod labels;
mod list;
pub mod managed;
pub mod mapping;
pub mod migrate;
pub mod missing_rights;
pub mod noise;
pub mod normalize;
pub mod object;
pub mod order;
#[cfg(test)]
mod order_tests;
pub mod owner;
pub mod pack;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod prove;
pub mod pull_request;
pub mod query;
#[cfg(test)]
mod query_tests;
pub mod rank;
pub mod redact;
pub mod reference;
pub mod regression;
pub mod renamed;
pub mod rendered;
pub mod rendering;
pub mod repository;
pub mod revert;
pub mod risk;
pub mod saved;
pub mod secret;
pub mod sensitive;
pub mod signing;
pub mod stall;
pub mod status;
pub mod succession;
pub mod suspect;
pub mod template;
pub mod text;
pub mod vault_key;
pub mod verdict;

pub use automation::{Automation, Backoff};
pub use blame::{Blame, BlamedField, BlamedObject};
pub use depends::Wait;
pub use health::{Health, HealthReport};
pub use hook::{IdleHook, Phase, PlannedHook};
pub use ignore::IgnoreRule;
pub use inventory::{Healthy, Holder, HookRecord, Inventory, Member, Members, Suspension};
pub use mapping::{EngineKind, Mapping, Recording, Source, SyncPolicy, Target};
pub use missing_rights::MissingRights;
pub use noise::{LeftOut, RuleUse, Why};
pub use object::{Manifest, ObjectKey, ObjectRef, Origin};
pub use path::FieldPath;
pub use plan::{Change, Op, Operation, Plan, PlannedObject, Reason, Refusal, Summary};
pub use reference::{Authentication, SecretRef};
pub use rendered::RenderedCommit;
pub use rendering::{Decryption, HelmChart, RenderKind, Rendering, Substitution, ValuesFile};
pub use repository::{
    Author, Commit, CommitDetails, Credential, FileChange, FileEdit, HostKey, PushOutcome, Remote,
    Revision, Rewrite,
};
pub use risk::Risk;
pub use saved::{Released, SavedPlan, SavedPlans};
pub use secret::Secret;
pub use signing::{SignatureFormat, Signing};
pub use stall::Stall;
pub use status::{MappingStatus, ObjectCount, SyncState};
pub use suspect::Suspect;
pub use vault_key::VaultKey;
pub use verdict::{Belief, Verdict};
