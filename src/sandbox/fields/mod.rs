//! What the API server does to the fields of an object: ownership, merging, defaults, validation.

mod apply;
mod atom;
mod collect;
mod compare;
mod custom;
mod decode;
mod defaults;
mod element;
mod managers;
mod merge;
mod openapi;
mod quantity;
mod remove;
mod schema;
mod set;
mod settle;
mod strategic;
mod unknown;
mod validate;

pub use apply::{ApplyError, Conflict, Writer, apply, conflict_message, keep_times, track_update};
pub use collect::check;
pub use decode::decode_error;
pub use defaults::default;
pub use schema::{Schema, Schemas};
pub use settle::settle;
pub use strategic::strategic_merge;
pub use unknown::{prune_unknown, unknown_fields};
pub use validate::{FieldError, FieldErrorKind, validate};

#[cfg(test)]
mod recorded;
