//! What the tests share.

#[cfg(feature = "sandbox")]
pub mod clusters;
pub mod control_plane;
#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "console")]
pub mod driver;
pub mod fake_node;
pub mod git_http;
pub mod git_ssh;
pub mod lossy;
pub mod paths;
pub mod proxy;
pub mod renderers;
#[cfg(feature = "sandbox")]
pub mod running;
#[cfg(all(feature = "console", feature = "sandbox"))]
pub mod services;
#[cfg(feature = "sandbox")]
pub mod shell;
#[cfg(feature = "console")]
pub mod terminal;
#[cfg(feature = "sandbox")]
pub mod wire;
#[cfg(feature = "console")]
pub mod world;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
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

/// Says that a program is missing, without which a test is skipped: a failure where everything has to be there, as in
/// CI (`GITDECK_REQUIRE_CONTROL_PLANE`).
pub fn missing(why: &str) {
    assert!(std::env::var_os("GITDECK_REQUIRE_CONTROL_PLANE").is_none(), "missing: {why}");
    skipped(why);
}

/// The data that is shared beside the checkout, or `None`, said on standard error, where there is none. Where
/// `GITDECK_REQUIRE_CONTROL_PLANE` is set, as in CI, its absence is a failure.
pub fn shared_data() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !folder.is_dir() {
        missing("no shared data");
        return None;
    }
    Some(folder)
}
