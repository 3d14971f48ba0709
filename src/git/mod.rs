//! Git: mirrors, fetch, log, files at a revision, commits without a work tree, push, host keys.
//!
//! [`Repository`] is one remote. What was fetched lies in a bare mirror in the cache, which may be deleted at any
//! time; what was committed and not pushed lies in an outbox repository in the data folder. Every function blocks.

mod accept;
mod address;
mod author;
mod authorities;
mod blame;
mod check;
mod commit;
mod connect;
mod content;
mod credential;
mod details;
mod edit;
mod error;
mod fetch;
mod handles;
mod history;
mod hosts;
mod local;
mod lock;
mod outbox;
mod path;
mod places;
mod push;
mod rebuild;
mod repository;
mod revision;

pub use author::configured_author;
pub use check::{RemoteCheck, check};
pub use commit::CommitRequest;
pub use content::{TreeFile, TreeFileKind};
pub use error::GitError;
pub use fetch::{FetchProgress, Fetched, Flow, Upstream};
pub use history::{LogPage, LogQuery};
pub use outbox::Fate;
pub use places::Places;
pub use repository::Repository;
