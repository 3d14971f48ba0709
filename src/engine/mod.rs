//! Commands in, events out: the one engine behind every face.

pub mod cache;
pub mod command;
pub mod error;
pub mod event;
pub mod job;
pub mod journal;
pub mod message;
pub mod store;

pub use command::{Command, Subject, SyncOptions};
pub use event::{Event, Failure, Outcome, Progress};
pub use job::JobId;
pub use store::Store;
