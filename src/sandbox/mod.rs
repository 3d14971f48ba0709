//! The embedded world: a Kubernetes API and Git repositories in process, with fault injection.

pub mod api;
pub mod controllers;
pub mod fields;
pub mod fleet;
