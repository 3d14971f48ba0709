#![doc = include_str!("README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::disallowed_methods
    )
)]

pub mod agent;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod delegates;
pub mod domain;
pub mod engine;
pub mod git;
pub mod providers;
pub mod render;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod secrets;
#[cfg(feature = "console")]
pub mod tui;
pub mod yaml;
