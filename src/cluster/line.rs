//! The client of a connection, made anew from the kubeconfig when the server refuses its credentials.

use super::access::Access;
use super::wire::cause;
use kube::Client;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// How soon after one attempt the next is worth it: credential plugins are slow and may ask a person.
const AGAIN: Duration = Duration::from_secs(5);

/// A client that can be exchanged.
pub(super) struct Line {
    /// The client, and how often it was made.
    client: RwLock<(Client, u64)>,
    renewal: Option<Renewal>,
}

/// How a client is made again.
struct Renewal {
    access: Access,
    /// Only the same server: what was confirmed for one cluster is never sent to another.
    server: String,
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Line {
    /// A line; it can be renewed where it is known how it was made, and to which server it leads.
    pub(super) fn new(client: Client, origin: Option<(Access, String)>) -> Self {
        let renewal = origin.map(|(access, server)| Renewal {
            access,
            server,
            last: tokio::sync::Mutex::default(),
        });
        Self { client: RwLock::new((client, 0)), renewal }
    }

    /// The client of now, and its age for [`Line::renewed`].
    pub(super) fn client(&self) -> (Client, u64) {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is a client that is newer than the one of this age: somebody made it meanwhile, or it is made now
    /// from the kubeconfig as it is now, which runs credential plugins and reads token files.
    pub(super) async fn renewed(&self, age: u64) -> bool {
        let Some(renewal) = &self.renewal else { return false };
        let mut last = renewal.last.lock().await;
        if self.client().1 > age {
            return true;
        }
        if last.is_some_and(|at| at.elapsed() < AGAIN) {
            return false;
        }
        let made = Box::pin(renewal.access.client()).await;
        *last = Some(Instant::now());
        match made {
            Ok(reached) if reached.server == renewal.server => {
                let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
                *client = (reached.client, age + 1);
                true
            }
            Ok(reached) => {
                tracing::warn!(server = %reached.server, "the context leads to another server now");
                false
            }
            Err(error) => {
                tracing::warn!(error = %cause(&error), "the credentials cannot be read again");
                false
            }
        }
    }
}
