//! The pulse of a connection: while the watches are silent a small question tells a quiet cluster from a lost one.

use super::wire::Wire;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Silence of all watches after which the server is asked.
const QUIET: Duration = Duration::from_secs(8);
/// How long the answer may take. With [`QUIET`] it bounds how long a lost cluster counts as live.
const PATIENCE: Duration = Duration::from_secs(5);

/// When something was heard last, and how often the connection was found lost since.
pub(super) struct Pulse {
    heard: Mutex<Instant>,
    losses: watch::Sender<u64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { heard: Mutex::new(Instant::now()), losses: watch::Sender::new(0) }
    }
}

impl Pulse {
    /// Something arrived.
    pub(super) fn beat(&self) {
        *self.lock() = Instant::now();
    }

    /// How long nothing arrived.
    pub(super) fn silence(&self) -> Duration {
        self.lock().elapsed()
    }

    /// Tells when the connection is found lost from now on.
    pub(super) fn losses(&self) -> watch::Receiver<u64> {
        let mut losses = self.losses.subscribe();
        losses.mark_unchanged();
        losses
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks whenever nothing was heard for a while, until nobody watches any more.
pub(super) async fn keep(pulse: Weak<Pulse>, wire: Arc<Wire>) {
    loop {
        let Some(now) = pulse.upgrade() else { return };
        let silence = now.silence();
        drop(now);
        if silence < QUIET {
            tokio::time::sleep(QUIET.saturating_sub(silence)).await;
            continue;
        }
        let alive = tokio::time::timeout(PATIENCE, wire.answers()).await.unwrap_or(false);
        let Some(now) = pulse.upgrade() else { return };
        if alive {
            now.beat();
            continue;
        }
        // What arrived while the answer was waited for counts as one.
        if now.silence() >= QUIET {
            now.losses.send_modify(|losses| *losses += 1);
        }
        drop(now);
        tokio::time::sleep(QUIET).await;
    }
}

/// Why a watch ends when its connection is found lost.
pub(super) fn lost(silence: Duration) -> String {
    format!("nothing was heard for {} s, and /livez is not answered", silence.as_secs())
}
