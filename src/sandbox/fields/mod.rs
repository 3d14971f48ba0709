//! What the API server does to the fields of an object: ownership, merging, defaults, validation.

mod apply;
mod atom;
mod collect;
mod compare;
mod custom;
mod element;
mod managers;
mod merge;
mod quantity;
mod remove;
mod schema;
mod set;
mod settle;
mod unknown;

pub use apply::{ApplyError, Conflict, Writer, apply, conflict_message, keep_times, track_update};
pub use schema::{Schema, Schemas};
pub use settle::settle;
pub use unknown::{prune_unknown, unknown_fields};
