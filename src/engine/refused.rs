//! Credentials that a server refused: nothing asks again with the same one by itself, since that is how accounts get
//! locked.

use crate::domain::Credential;
use crate::engine::world::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// After what times the same credential is tried once more, one after the other: a refusal may have been the server's own
/// fault, and what a helper or an agent knows by now is not seen from here.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(300), Duration::from_secs(900), Duration::from_secs(3600)];

/// What was refused last.
#[derive(Debug)]
struct Refusal {
    credential: Credential,
    at: Instant,
    /// How often before, one time after the other.
    before: usize,
}

/// What was refused last, by the name of the repository.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<String, Refusal>>);

impl Refused {
    /// Whether the server refused this very credential lately.
    pub fn holds(&self, repository: &str, credential: &Credential) -> bool {
        let refused = lock(&self.0);
        refused
            .get(repository)
            .is_some_and(|one| one.credential == *credential && one.at.elapsed() < rest(one.before))
    }

    /// Notes a refusal, and says how long the credential rests.
    pub fn note(&self, repository: &str, credential: Credential) -> Duration {
        let mut refused = lock(&self.0);
        let before = refused.get(repository).filter(|one| one.credential == credential);
        let before = before.map_or(0, |one| one.before + 1);
        let refusal = Refusal { credential, at: Instant::now(), before };
        refused.insert(repository.to_owned(), refusal);
        rest(before)
    }

    /// Notes that the server takes the credential, or that there is another reason by now.
    pub fn forget(&self, repository: &str) {
        lock(&self.0).remove(repository);
    }
}

fn rest(before: usize) -> Duration {
    AGAIN[before.min(AGAIN.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::{Credential, Refused};
    use std::time::Duration;

    #[test]
    fn the_same_credential_rests_longer_each_time() {
        let (refused, minutes) =
            (Refused::default(), |minutes: u64| Duration::from_secs(60 * minutes));
        let rests = [(); 4].map(|()| refused.note("fleet", Credential::Anonymous));
        assert_eq!(rests, [5, 15, 60, 60].map(minutes));
        assert!(refused.holds("fleet", &Credential::Anonymous));
        refused.forget("fleet");
        assert!(!refused.holds("fleet", &Credential::Anonymous));
        assert_eq!(refused.note("fleet", Credential::Anonymous), minutes(5));
    }
}
