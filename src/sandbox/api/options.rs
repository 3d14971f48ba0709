//! How a sandbox is set up.

use std::time::Duration;

use super::access::User;

/// Settings of a sandbox; [`Options::default`] is what tests want.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the small controllers run.
    pub controllers: bool,
    /// How many changes per resource a watch can go back before it gets 410.
    pub window: usize,
    /// How long a pod takes to end; zero removes it at once.
    pub termination: Duration,
    /// How often watches that want them get bookmarks.
    pub bookmark_interval: Duration,
    /// Users beside the administrator, with their tokens and rules.
    pub users: Vec<User>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            controllers: true,
            window: 4_096,
            termination: Duration::ZERO,
            bookmark_interval: Duration::from_secs(60),
            users: Vec::new(),
        }
    }
}
