//! Credentials that a server refused: nothing asks again with the same one by itself, since that is how accounts get
//! locked.

use crate::domain::Credential;
use crate::engine::world::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// After what time the same credential is tried once more: a refusal may have been the server's own fault, and what a
/// helper or an agent knows by now is not seen from here.
const AGAIN: Duration = Duration::from_secs(3600);

/// What was refused last, by the name of the repository, and when.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<HashMap<String, (Credential, Instant)>>);

impl Refused {
    /// Whether the server refused this very credential lately.
    pub fn holds(&self, repository: &str, credential: &Credential) -> bool {
        let refused = lock(&self.0);
        refused.get(repository).is_some_and(|(one, at)| one == credential && at.elapsed() < AGAIN)
    }

    /// Notes a refusal.
    pub fn note(&self, repository: &str, credential: Credential) {
        lock(&self.0).insert(repository.to_owned(), (credential, Instant::now()));
    }

    /// Notes that the server takes the credential.
    pub fn forget(&self, repository: &str) {
        lock(&self.0).remove(repository);
    }
}
