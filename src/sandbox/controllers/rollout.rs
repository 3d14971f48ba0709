//! The arithmetic of a rolling update.

use serde_json::Value;

/// One generation of pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation {
    /// How many are wanted.
    pub wanted: i64,
    /// How many serve.
    pub available: i64,
}

/// The bounds of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many pods there shall be in the end.
    pub replicas: i64,
    /// How many more there may be meanwhile.
    pub surge: i64,
    /// How many fewer may serve meanwhile.
    pub unavailable: i64,
}

impl Bounds {
    /// The bounds of a strategy. Percentages of surplus are rounded up, those of absence down; both zero would be a
    /// standstill and become one absent.
    pub fn of(replicas: i64, strategy: &Value) -> Self {
        let part = |value: &Value, up: bool| match (value.as_i64(), value.as_str()) {
            (Some(number), _) => number,
            (None, Some(text)) => {
                let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
                (replicas * percent + if up { 99 } else { 0 }) / 100
            }
            _ => 0,
        };
        let surge = part(&strategy["rollingUpdate"]["maxSurge"], true);
        let unavailable = part(&strategy["rollingUpdate"]["maxUnavailable"], false);
        let unavailable =
            if surge == 0 && unavailable == 0 { 1 } else { unavailable.min(replicas) };
        Self { replicas, surge, unavailable }
    }
}

/// How many pods of the newest generation and of the older ones (oldest first) to want next.
pub fn step(bounds: Bounds, new: Generation, old: &[Generation]) -> (i64, Vec<i64>) {
    let all: i64 = new.wanted + old.iter().map(|generation| generation.wanted).sum::<i64>();
    let room = (bounds.replicas + bounds.surge - all).max(0);
    let grown = if new.wanted > bounds.replicas {
        bounds.replicas
    } else {
        (new.wanted + room).min(bounds.replicas)
    };
    let least = bounds.replicas - bounds.unavailable;
    let missing = (new.wanted - new.available).max(0);
    let mut may_go = (all - least - missing).max(0);
    let mut wanted: Vec<i64> = old.iter().map(|generation| generation.wanted).collect();
    // Those that do not serve go first.
    for (generation, wanted) in old.iter().zip(&mut wanted) {
        let idle = (generation.wanted - generation.available).max(0).min(may_go);
        *wanted -= idle;
        may_go -= idle;
    }
    let serving: i64 =
        new.available + old.iter().map(|generation| generation.available).sum::<i64>();
    let mut spare = (serving - least).max(0);
    for (generation, wanted) in old.iter().zip(&mut wanted) {
        let surplus = (*wanted).min(generation.available).min(spare);
        *wanted -= surplus;
        spare -= surplus;
    }
    (grown, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn percentages_are_rounded_as_the_server_rounds_them() {
        let quarter = json!({"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        let table = [(1, 1, 0), (3, 1, 0), (4, 1, 1), (10, 3, 2), (0, 0, 0)];
        for (replicas, surge, unavailable) in table {
            let bounds = Bounds::of(replicas, &quarter);
            let unavailable = if replicas == 0 { 1 } else { unavailable };
            assert_eq!(bounds, Bounds { replicas, surge, unavailable });
        }
    }

    proptest! {
        #[test]
        fn an_update_ends_and_stays_within_its_bounds(replicas in 1_i64..12, surge in 0_i64..4, unavailable in 0_i64..4, ready in any::<u64>()) {
            let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable }.min(replicas);
            let bounds = Bounds { replicas, surge, unavailable };
            let mut new = Generation::default();
            let mut old = Generation { wanted: replicas, available: replicas };
            for turn in 0..64 {
                let (grown, shrunk) = step(bounds, new, &[old]);
                new.wanted = grown;
                old.wanted = shrunk[0];
                old.available = old.available.min(old.wanted);
                prop_assert!(new.wanted + old.wanted <= replicas + surge);
                prop_assert!(new.available + old.available >= replicas - unavailable);
                // Pods of the new generation become ready in any order.
                if ready >> turn & 1 == 1 || turn > 40 {
                    new.available = (new.available + 1).min(new.wanted);
                }
            }
            prop_assert_eq!((new.wanted, old.wanted), (replicas, 0));
        }
    }
}
