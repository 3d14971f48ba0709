//! When to paint: at once after a key, at most sixty times a second after facts, and when an age is another one.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(16);
/// Between two frames of the spinner.
const SPIN: Duration = Duration::from_millis(125);
/// The longest time between two frames, should the clock be set meanwhile.
const STILL: Duration = Duration::from_secs(60);
/// The shortest time between two frames for the sake of ages.
const AGES: Duration = Duration::from_millis(50);
/// Between two frames while nobody looks.
const UNSEEN: Duration = Duration::from_secs(15);

/// The clock of the loop.
#[derive(Debug)]
pub struct Pace {
    painted_at: Instant,
    /// When the next frame is due, if one is wanted.
    due: Option<Instant>,
    /// How long the painted frame is as it should be.
    lasts: Duration,
    looked_at: bool,
    beats: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl Pace {
    /// A clock that wants a frame now.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { painted_at: now, due: Some(now), lasts: STILL, looked_at: true, beats: 0 }
    }

    /// Wants a frame at once.
    pub fn now(&mut self) {
        self.due = Some(Instant::now());
    }

    /// Wants a frame, not too soon after the last one.
    pub fn soon(&mut self) {
        let earliest = self.painted_at + FRAME;
        self.due = Some(self.due.map_or(earliest, |due| due.min(earliest)));
    }

    /// Whether somebody looks at the terminal.
    pub fn look(&mut self, yes: bool) {
        self.looked_at = yes;
        self.now();
    }

    /// Whether a frame is due.
    pub fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    /// A frame was painted, and how long it is as it should be, as far as that depends on time.
    pub fn painted(&mut self, lasts: Option<Duration>) {
        self.painted_at = Instant::now();
        self.lasts = lasts.map_or(STILL, |lasts| lasts.clamp(AGES, STILL));
        self.due = None;
    }

    /// Time went on: a frame is due.
    pub fn beat(&mut self) {
        self.beats += 1;
        self.now();
    }

    /// Counts the beats.
    pub fn beats(&self) -> usize {
        self.beats
    }

    /// Ends when the screen may have changed by time alone.
    pub async fn wake(&self, animated: bool) {
        let rest = match (self.looked_at, animated) {
            (false, _) => UNSEEN,
            (true, true) => SPIN,
            (true, false) => self.lasts,
        };
        let wake = self.due.unwrap_or(self.painted_at + rest);
        sleep_until(wake).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;
    use tokio::time::{Instant, advance};

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_facts_is_one_frame() {
        let mut pace = Pace::new();
        pace.painted(None);
        for _ in 0..100 {
            pace.soon();
        }
        assert!(!pace.is_due());
        advance(Duration::from_millis(16)).await;
        assert!(pace.is_due());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_a_frame_at_once() {
        let mut pace = Pace::new();
        pace.painted(None);
        pace.now();
        assert!(pace.is_due());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_painted_before_an_age_is_another_one() {
        let mut pace = Pace::new();
        pace.painted(Some(Duration::from_secs(41)));
        let before = Instant::now();
        pace.wake(false).await;
        assert_eq!(before.elapsed().as_secs(), 41);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_moves_fast_while_nobody_looks() {
        let mut pace = Pace::new();
        pace.look(false);
        pace.painted(None);
        let before = Instant::now();
        pace.wake(true).await;
        assert!(before.elapsed() >= Duration::from_secs(15));
    }
}
