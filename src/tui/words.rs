//! Ages, counts and states in words.

use crate::domain::{Health, MappingStatus, SyncState};
use crate::tui::style::Role;
use crate::tui::widgets::text::safe;
use jiff::Timestamp;

/// A text with the whole ids of commits in it cut to what people read.
pub fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, id) = rest.split_at(at);
        let end = id.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(id.len());
        let cut = if end == 40 { 7 } else { end };
        out.extend([before, &id[..cut]]);
        rest = &id[end..];
    }
    out + rest
}

/// The age of a fact in at most four cells: `12s`, `3m`, `2h`, `5d`.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let (number, unit) = split_age(then, now);
    format!("{number}{}", &unit[..1])
}

/// The age of a fact in words: `4 min ago`, `1 day ago`, `just now`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let (number, unit) = split_age(then, now);
    match (number, unit) {
        (0, _) => "just now".to_owned(),
        (n, "sec" | "min") => format!("{n} {unit} ago"),
        (1, unit) => format!("1 {unit} ago"),
        (n, unit) => format!("{n} {unit}s ago"),
    }
}

/// The second from which on the age of a fact is another one.
pub fn older_at(then: Timestamp, now: Timestamp) -> i64 {
    let seconds = (now.as_second() - then.as_second()).max(0);
    let unit = unit_of(seconds);
    now.as_second() + unit - seconds % unit
}

/// The second from which on the time that is left until something is another one.
pub fn nearer_at(until: Timestamp, now: Timestamp) -> i64 {
    let seconds = (until.as_second() - now.as_second()).max(0);
    now.as_second() + seconds % unit_of(seconds) + 1
}

/// Seconds of the unit in which an age is told.
fn unit_of(seconds: i64) -> i64 {
    match seconds {
        0..60 => 1,
        60..3600 => 60,
        3600..86_400 => 3600,
        86_400..31_536_000 => 86_400,
        _ => 31_536_000,
    }
}

/// A clock that was set back makes facts of the future; they count as new.
fn split_age(then: Timestamp, now: Timestamp) -> (i64, &'static str) {
    let seconds = (now.as_second() - then.as_second()).max(0);
    let unit = unit_of(seconds);
    let word = match unit {
        1 => "sec",
        60 => "min",
        3600 => "hour",
        86_400 => "day",
        _ => "year",
    };
    (seconds / unit, word)
}

/// `1 object`, `3 objects`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let plural = match noun.strip_suffix('y') {
        Some(stem) if !noun.ends_with("ay") && !noun.ends_with("ey") => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{number} {plural}")
}

/// How a mapping stands, as the table of mappings says it.
pub fn sync(status: &MappingStatus) -> String {
    if let Some(wait) = waits(status) {
        return wait;
    }
    match status.sync {
        SyncState::Error => "failed".to_owned(),
        SyncState::Unknown if status.observed_at.is_none() => "loading".to_owned(),
        SyncState::Unknown => "unknown".to_owned(),
        SyncState::Suspended => "suspended".to_owned(),
        SyncState::Disconnected => "disconnected".to_owned(),
        SyncState::Drifted => format!("{} drifted", status.drifted_fields.max(1)),
        SyncState::OutOfSync if status.synced_revision.is_none() => "new".to_owned(),
        SyncState::OutOfSync => format!("{} behind", status.behind.max(1)),
        SyncState::Synced => "in sync".to_owned(),
    }
}

/// `waits for infra`, where a mapping that is out of sync waits for others.
fn waits(status: &MappingStatus) -> Option<String> {
    let first = status.waits.first().filter(|_| status.sync == SyncState::OutOfSync)?;
    let more = match status.waits.len() {
        1 => String::new(),
        many => format!(" +{}", many - 1),
    };
    Some(format!("waits for {}{more}", safe(&first.mapping)))
}

/// The name of a state for counts of several mappings.
pub fn sync_state(state: SyncState) -> &'static str {
    match state {
        SyncState::Error => "failed",
        SyncState::Unknown => "unknown",
        SyncState::Suspended => "suspended",
        SyncState::Disconnected => "disconnected",
        SyncState::Drifted => "drifted",
        SyncState::OutOfSync => "behind",
        SyncState::Synced => "in sync",
    }
}

/// The meaning of a sync state.
pub fn sync_role(state: SyncState) -> Role {
    match state {
        SyncState::Error => Role::Bad,
        SyncState::Unknown => Role::Unknown,
        SyncState::Suspended => Role::Suspended,
        SyncState::Disconnected => Role::Muted,
        SyncState::Drifted => Role::Drift,
        SyncState::OutOfSync => Role::Behind,
        SyncState::Synced => Role::Good,
    }
}

/// The meaning of a health.
pub fn health_role(health: Health) -> Role {
    match health {
        Health::Healthy => Role::Good,
        Health::Suspended => Role::Suspended,
        Health::Progressing => Role::Busy,
        Health::Missing => Role::Drift,
        Health::Degraded => Role::Bad,
        Health::Unknown => Role::Unknown,
    }
}

/// A number of bytes in words.
pub fn bytes(number: u64) -> String {
    match number {
        0..1024 => format!("{number} B"),
        1024..1_048_576 => format!("{} KiB", number / 1024),
        _ => format!("{:.1} MiB", number as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{age, ago, bytes, count, nearer_at, older_at};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn ages_are_short_and_never_negative() {
        assert_eq!(age(at(0), at(12)), "12s");
        assert_eq!(age(at(0), at(180)), "3m");
        assert_eq!(age(at(0), at(7200)), "2h");
        assert_eq!(age(at(0), at(86_400 * 5)), "5d");
        assert_eq!(age(at(10), at(0)), "0s");
    }

    #[test]
    fn ages_in_words() {
        assert_eq!(ago(at(0), at(0)), "just now");
        assert_eq!(ago(at(0), at(240)), "4 min ago");
        assert_eq!(ago(at(0), at(86_400)), "1 day ago");
        assert_eq!(ago(at(0), at(86_400 * 2)), "2 days ago");
    }

    #[test]
    fn an_age_stays_as_it_is_until_it_is_older() {
        for (then, now) in
            [(0, 0), (0, 12), (0, 59), (0, 60), (0, 119), (7, 3_700), (9, 90_000), (20, 5)]
        {
            let (then, changes) = (at(then), older_at(at(then), at(now)));
            assert!(changes > now);
            for second in now..changes.min(now + 4_000) {
                assert_eq!(age(then, at(second)), age(then, at(now)));
            }
            let future = then > at(now);
            assert!(future || age(then, at(changes)) != age(then, at(now)));
        }
    }

    #[test]
    fn what_is_left_stays_as_it_is_until_it_is_less() {
        for (until, now) in [(3_540, 0), (59, 0), (60, 0), (7_199, 0), (90, 30), (5, 4)] {
            let changes = nearer_at(at(until), at(now));
            let left = |second: i64| age(at(second), at(until));
            assert!((now..changes).all(|second| left(second) == left(now)));
            assert_ne!(left(changes), left(now));
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count(1, "object"), "1 object");
        assert_eq!(count(0, "field"), "0 fields");
        assert_eq!(count(2, "repository"), "2 repositories");
        assert_eq!(bytes(3_000_000), "2.9 MiB");
    }
}
