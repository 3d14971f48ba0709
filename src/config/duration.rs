//! Durations as people write them: `20s`, `3m`, `1h30m`.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;
use std::time::Duration;

/// Reads a duration. Nothing when it is not one, or is zero.
pub fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let part = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = next;
    }
    (!total.is_zero()).then_some(total)
}

/// Reads when something ends: a time (`2026-01-31T18:00:00Z`), or a duration from now. Nothing when it is neither.
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.trim().parse() {
        return Some(time);
    }
    now.checked_add(SignedDuration::try_from(parse(text)?).ok()?).ok()
}

/// Writes a duration the way [`parse`] reads it, in the largest units that fit.
pub fn show(duration: Duration) -> String {
    let mut text = String::new();
    let mut left = duration.as_secs();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if left >= seconds {
            let _ = write!(text, "{}{unit}", left / seconds);
            left %= seconds;
        }
    }
    if duration.subsec_millis() > 0 {
        let _ = write!(text, "{}ms", duration.subsec_millis());
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write() {
        for (text, seconds) in [("20s", 20), ("3m", 180), ("1h30m", 5400), ("2d", 172_800)] {
            let duration = parse(text).unwrap();
            assert_eq!(duration.as_secs(), seconds);
            assert_eq!(show(duration), text);
        }
        for wrong in ["", "3", "m", "3 m", "-3m", "0s", "99999999999999999999s", "3x"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_times_or_from_now() {
        let now: Timestamp = "2026-01-31T18:00:00Z".parse().unwrap();
        let show = |text: &str| moment(text, now).map(|time| time.to_string());
        assert_eq!(show("2h").as_deref(), Some("2026-01-31T20:00:00Z"));
        assert_eq!(show(" 2026-02-01T08:00:00+02:00 ").as_deref(), Some("2026-02-01T06:00:00Z"));
        for wrong in ["", "tomorrow", "2", "18:00"] {
            assert_eq!(show(wrong), None, "{wrong}");
        }
    }
}
