//! Whether the server would take objects as they are written, by a dry run of each. Nothing is stored.

use super::desired::{Desired, place};
use super::explain::{is_undeclared, words};
use super::judge::immutable_fields;
use super::wire::Failure;
use super::write::Mode;
use super::{Cluster, ClusterError};
use crate::domain::Manifest;
use crate::domain::normalize::as_sent;
use futures::StreamExt;

/// Dry runs that are in flight at once.
const AT_ONCE: usize = 8;

/// What the server says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It would take it.
    Taken,
    /// It is not valid: the server's words with the fields (foreign text; values of Secrets removed).
    Refused(String),
    /// It cannot be told, and why (may hold foreign text).
    Untold(String),
}

impl Cluster {
    /// Tries every object by itself, as it is written, whoever owns it; the answers are in the same order. Values that
    /// cannot be changed in place are valid: what to do about them is for a plan to say.
    ///
    /// # Errors
    /// Where the server does not say what it serves.
    pub async fn try_out(
        &self,
        manifests: &[Manifest],
        namespace: &str,
    ) -> Result<Vec<Answer>, ClusterError> {
        let namespace = self.namespace_of(namespace);
        let known = self.with_catalogue(|known| place(known, manifests, namespace).map(|_| ()));
        let catalogue = match known.await {
            Ok((catalogue, ())) => catalogue,
            // What is not known by itself is told of each.
            Err(ClusterError::UnknownKind { .. } | ClusterError::Duplicate { .. }) => {
                self.catalogue().await?
            }
            Err(error) => return Err(error),
        };
        let one = |manifest: &Manifest| {
            let placed = place(&catalogue, std::slice::from_ref(manifest), namespace);
            async move {
                match placed {
                    Ok(placed) => self.try_one(&placed[0]).await,
                    Err(error) => Answer::Untold(error.to_string()),
                }
            }
        };
        let tried: Vec<_> = manifests.iter().map(one).collect();
        Ok(futures::stream::iter(tried).buffered(AT_ONCE).collect().await)
    }

    async fn try_one(&self, desired: &Desired) -> Answer {
        let untold = |why: &str| Answer::Untold(format!("{}: {why}", desired.reference));
        let Some(resource) = &desired.resource else {
            return untold("its kind is not there yet");
        };
        if desired.reference.name.is_empty() {
            return untold("the server makes up its name");
        }
        let sent = as_sent(&desired.object, &[]);
        // Whoever has the fields now: the question is whether they are sound.
        let status = match self.send_apply(resource, &sent, true, Mode::DryRun).await {
            Ok(_) => return Answer::Taken,
            Err(Failure::Status(status)) => status,
            Err(failure) => {
                let secret = resource.is_secret();
                let subject = desired.reference.to_string();
                return Answer::Untold(
                    self.explain(&failure, "patch", &subject, secret).to_string(),
                );
            }
        };
        let said = words(&status, resource.is_secret());
        match status.code {
            400 | 413 | 422 if !immutable_fields(&status).is_empty() => Answer::Taken,
            400 | 413 | 422 => Answer::Refused(said),
            _ if is_undeclared(&status) => Answer::Refused(said),
            _ => untold(&said),
        }
    }
}
