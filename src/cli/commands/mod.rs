//! The subcommands: each file is one, its doc comment its help and its manual.

pub mod accept;
pub mod activity;
pub mod adopt;
pub mod commit;
pub mod completions;
pub mod config;
pub mod demo;
pub mod diff;
pub mod doctor;
mod export;
pub mod log;
pub mod man;
pub mod mapping;
pub mod plan;
mod proposal;
pub mod push;
pub mod release;
pub mod repo;
pub mod resume;
pub mod revert;
mod rounds;
mod saved;
pub mod set;
pub mod show;
pub mod status;
pub mod suspend;
pub mod sync;
