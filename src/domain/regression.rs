//! When a mapping that was healthy is ill: noticed once, and not again each time it wavers.

use crate::domain::{Health, Revision};
use jiff::{SignedDuration, Timestamp};

/// How long something may be on its way, without any sync, before it counts as ill: a pod that is moved takes a moment.
pub const HOLD: SignedDuration = SignedDuration::from_secs(30);
/// How long nothing more is said of a mapping after something was.
pub const QUIET: SignedDuration = SignedDuration::from_secs(300);

/// What was seen of the health of one mapping so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    /// Revision at which it was healthy last.
    healthy: Option<Revision>,
    /// Since when it is not, without a sync in between.
    left_at: Option<Timestamp>,
    /// Whether it is known to be ill.
    ill: bool,
    told_at: Option<Timestamp>,
}

impl Trail {
    /// Begins with what is on record.
    pub fn new(healthy: Option<Revision>) -> Self {
        Self { healthy, ..Self::default() }
    }

    /// Takes in a look; whether it has to be told that the mapping was healthy and is not any more.
    pub fn see(&mut self, revision: Option<&Revision>, health: Health, now: Timestamp) -> bool {
        match health {
            Health::Healthy | Health::Suspended => {
                self.healthy = revision.cloned();
                (self.left_at, self.ill) = (None, false);
                false
            }
            Health::Unknown => false,
            Health::Degraded => self.falls(now),
            Health::Progressing | Health::Missing => {
                // After a sync it is on its way as it should be.
                if self.healthy.as_ref() != revision {
                    self.left_at = None;
                    return false;
                }
                let left = *self.left_at.get_or_insert(now);
                now.duration_since(left) >= HOLD && self.falls(now)
            }
        }
    }

    fn falls(&mut self, now: Timestamp) -> bool {
        if self.healthy.is_none() || std::mem::replace(&mut self.ill, true) {
            return false;
        }
        let quiet = self.told_at.is_some_and(|told| now.duration_since(told) < QUIET);
        if !quiet {
            self.told_at = Some(now);
        }
        !quiet
    }
}

#[cfg(test)]
mod tests {
    use super::Trail;
    use crate::domain::{Health, Revision};
    use jiff::Timestamp;

    /// Looks of a second, revision and health each; the seconds at which something was told.
    fn told(trail: Option<&str>, looks: &[(i64, &str, Health)]) -> Vec<i64> {
        let mut trail = Trail::new(trail.map(Revision::new));
        let mut told = Vec::new();
        for (second, revision, health) in looks {
            let now = Timestamp::from_second(*second).unwrap();
            if trail.see(Some(&Revision::new(*revision)), *health, now) {
                told.push(*second);
            }
        }
        told
    }

    #[test]
    fn ready_and_then_not_ready_is_told_once() {
        use Health::{Degraded, Healthy, Progressing, Unknown};
        let looks =
            [(0, "a", Healthy), (1, "a", Degraded), (2, "a", Progressing), (3, "a", Degraded)];
        assert_eq!(told(None, &looks), [1]);
        assert_eq!(
            told(None, &[(0, "a", Progressing), (9, "a", Degraded)]),
            [0_i64; 0],
            "never was healthy"
        );
        assert_eq!(told(Some("a"), &[(0, "a", Unknown), (9, "a", Degraded)]), [9], "on record");
    }

    #[test]
    fn pods_that_go_are_told_after_a_while_and_a_rollout_is_not() {
        use Health::{Degraded, Healthy, Progressing};
        let gone = [
            (0, "a", Healthy),
            (10, "a", Progressing),
            (39, "a", Progressing),
            (40, "a", Progressing),
        ];
        assert_eq!(told(None, &gone), [40]);
        let rollout = [
            (0, "a", Healthy),
            (10, "b", Progressing),
            (99, "b", Progressing),
            (120, "b", Degraded),
        ];
        assert_eq!(told(None, &rollout), [120]);
    }

    #[test]
    fn what_wavers_is_not_told_each_time() {
        use Health::{Degraded, Healthy};
        let looks: Vec<_> =
            (0..400).map(|s| (s, "a", if s % 2 == 0 { Healthy } else { Degraded })).collect();
        assert_eq!(told(None, &looks), [1, 301]);
    }
}
