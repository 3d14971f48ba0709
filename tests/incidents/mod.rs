//! Incidents of other tools, each as a test that would have caught it, named after its thread.
//!
//! `threads.txt` lists the threads, and `tidy` looks for a test of each. Those of keys, names and retries are beside what
//! they test, in `src/` and elsewhere in `tests/`.

mod ceiling;
pub mod deletions;
mod diffs;
pub mod fleet;
mod gate;
mod health_lies;
mod hooks;
mod loops;
mod memory;
mod moves;
mod otherwise;
mod outages;
mod scopes;
mod size;
mod throttling;
mod unrest;
mod versions;
