//! `gitdeck demo`: only its flags; `main` starts the sandbox.

use clap::Args;
use std::path::PathBuf;

/// Flags of the demo.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Keep repositories, configuration and kubeconfig in this directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Open no console: print where everything is as one JSON object and serve until interrupted
    #[arg(long)]
    pub headless: bool,
}
