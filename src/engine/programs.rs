//! The programs that renders use, as `doctor` shows them.

pub use crate::git::{git_ssh_fault, git_version_fault};
pub use crate::render::Finding;

use super::world::tools;
use crate::config::Settings;

/// Which of them are installed, in which version, and whether they can be run without network.
pub async fn survey(settings: &Settings) -> Vec<Finding> {
    tools(settings).survey().await
}
