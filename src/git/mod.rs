//! Git: mirrors, fetch, log, files at a revision, commits without a work tree, push, host keys.
//!
//! [`Repository`] is one remote. What was fetched lies in a bare mirror in the cache, which may be deleted at any
//! time; what was committed and not pushed lies in an outbox repository in the data folder. Every function blocks.

mod accept;
mod address;
mod author;
mod blame;
mod check;
mod commit;
mod content;
mod deliver;
mod describe;
mod details;
mod edit;
mod error;
mod fetch;
mod folder;
mod follow;
mod followed;
mod handles;
mod history;
mod index;
mod index_build;
mod index_chunk;
mod index_trees;
mod listing;
mod local;
mod lock;
mod lookup;
mod nodes;
mod offer;
mod outbox;
mod path;
mod places;
mod push;
mod range;
mod rebuild;
mod repository;
mod revert;
mod revision;
mod sign;
mod sound;
mod transport;
mod verdicts;
mod verify;
mod walk;
mod write;

pub use author::configured_author;
pub use check::{RemoteCheck, check, trust};
pub use commit::CommitRequest;
pub use content::{FILE_LIMIT, TreeFile, TreeFileKind};
pub use error::GitError;
pub use fetch::{FetchProgress, Fetched, Flow, Upstream};
pub use history::{LogPage, LogQuery};
pub use index_build::Indexed;
pub use outbox::Fate;
pub use places::{Limits, Places};
pub use repository::Repository;
pub use revert::{Drafted, Ground, Undoing, Undone};
pub use transport::{git_ssh_fault, git_version_fault};
pub use verdicts::Signers;
