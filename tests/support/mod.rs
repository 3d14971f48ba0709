//! What the tests share.

pub mod control_plane;
#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "console")]
pub mod driver;
pub mod fake_node;
pub mod git_http;
pub mod git_ssh;
pub mod paths;
#[cfg(feature = "console")]
pub mod terminal;
#[cfg(feature = "console")]
pub mod world;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Mutex;

/// Says once for the suite of the running test that it is skipped, past the capture of the test's output.
pub fn skipped(why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let current = std::thread::current();
    let suite = current.name().and_then(|name| name.split("::").next()).unwrap_or("a suite");
    let line = format!("skipped: {suite}: {why}\n");
    if SAID.lock().is_ok_and(|mut said| said.insert(line.clone())) {
        let _ = io::stderr().write_all(line.as_bytes());
    }
}
