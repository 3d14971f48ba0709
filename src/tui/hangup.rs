//! Notices that the terminal is gone, whatever became of SIGHUP, and ends the process in time.
//!
//! crossterm's reader spins on a dead terminal and never returns; so a thread of our own watches for the hangup.

use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// What the loop and the writing jobs have to finish their step in.
const GRACE: Duration = Duration::from_millis(2500);

/// Exit code of a process that its terminal left: 128 + SIGHUP.
const EXIT: i32 = 129;

/// The watch over a terminal.
#[derive(Debug, Clone, Default)]
pub struct Hangup {
    seen: Arc<Notify>,
    over: Arc<AtomicBool>,
}

impl Hangup {
    /// Begins to watch the terminal at standard input.
    pub fn watch() -> std::io::Result<Self> {
        let hangup = Self::default();
        let terminal = rustix::io::dup(rustix::stdio::stdin())?;
        let watch = hangup.clone();
        std::thread::Builder::new()
            .name("hangup".to_owned())
            .spawn(move || watch.wait(&terminal))?;
        Ok(hangup)
    }

    /// Ends when the terminal is gone.
    pub async fn seen(&self) {
        self.seen.notified().await;
    }

    /// The console is left in order; the process may live on.
    pub fn over(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn wait(&self, terminal: &OwnedFd) {
        loop {
            // No event is asked for: only hangup and error are reported, and they always are.
            let mut fds = [PollFd::new(terminal, PollFlags::empty())];
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        self.seen.notify_one();
        std::thread::sleep(GRACE);
        if !self.over.load(Ordering::SeqCst) {
            leave();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the terminal is gone and the loop is stuck in its reader: there is nothing to restore, and the journal \
              knows what was begun"
)]
fn leave() {
    std::process::exit(EXIT);
}
