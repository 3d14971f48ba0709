//! Incidents of other tools, each as a test that would have caught it, named after its thread.
//!
//! fleet#523 is in `src/cluster/record.rs`, where names are made.

mod deletions;
mod diffs;
pub mod fleet;
mod gate;
mod health_lies;
mod hooks;
mod loops;
mod moves;
mod otherwise;
mod scopes;
mod size;
mod throttling;
mod unrest;
mod versions;
