//! How long ago something was, as people read it.

use jiff::Timestamp;
use serde_json::Value;

/// Time since an RFC 3339 moment: `5s`, `3m10s`, `2d`.
pub fn since(moment: Option<&Value>) -> String {
    match moment.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(moment) => human(Timestamp::now().duration_since(moment).as_secs()),
        None => "<unknown>".to_owned(),
    }
}

/// Time between two moments; the second may be missing, which is now.
pub fn between(start: Option<&Value>, end: Option<&Value>) -> String {
    let read = |moment: Option<&Value>| moment.and_then(Value::as_str)?.parse::<Timestamp>().ok();
    match read(start) {
        Some(start) => {
            human(read(end).unwrap_or_else(Timestamp::now).duration_since(start).as_secs())
        }
        None => String::new(),
    }
}

/// A duration in at most two units, coarser the longer it is; kubectl's rule.
fn human(seconds: i64) -> String {
    let two = |large: i64, first: &str, small: i64, second: &str| {
        if small == 0 {
            format!("{large}{first}")
        } else {
            format!("{large}{first}{small}{second}")
        }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let years = days / 365;
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (190, "3m10s"),
            (3_600, "60m"),
            (12_000, "3h20m"),
            (100_000, "27h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (70_000_000, "2y80d"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }
}
