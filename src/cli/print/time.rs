//! Ages in a few characters.

use jiff::Timestamp;

/// The time since then in its largest unit: `12s`, `4m`, `3h`, `2d`; `now` for less than a second and for the future.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    match seconds {
        ..1 => "now".to_owned(),
        1..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (seconds, text) in [(0, "now"), (59, "59s"), (240, "4m"), (7200, "2h"), (400_000, "4d")]
        {
            assert_eq!(age(at(1_000_000), at(1_000_000 + seconds)), text);
        }
    }
}
