//! Commands in, events out: the one engine behind every face.

mod alike;
mod alteration;
pub mod cache;
mod causes;
mod claim;
pub mod command;
#[cfg(test)]
mod command_tests;
mod effect;
pub mod error;
pub mod event;
pub mod export;
mod handle;
pub mod intent;
pub mod job;
mod jobs;
pub mod journal;
mod line;
pub mod message;
mod options;
pub mod outlook;
pub mod outside;
pub mod programs;
mod quiet;
mod refused;
mod remote;
mod renew;
pub mod revert;
mod sickness;
mod standings;
mod status;
pub mod store;
mod tree;
mod tried;
mod turn;
mod verdicts;
mod world;

pub use alteration::{Alteration, Proposal};
pub use command::{Branch, Command, Subject, SyncOptions};
pub use event::{Event, Failure, Outcome, Progress};
pub use handle::{CONFIGURE, Engine};
pub use job::JobId;
pub use revert::{Confirmed, Wish};
pub use store::Store;
pub use tried::Tried;

pub use crate::secrets::{ClosedVault, NewKey, SecretError, Secrets};
