//! Whether the server would take objects as they are written, by a dry run of each. Nothing is stored.

use super::desired::{Desired, definitions, place};
use super::explain::{is_undeclared, words};
use super::fixed::immutable_fields;
use super::probe::probe_of;
use super::resource::Resource;
use super::wire::Failure;
use super::write::Mode;
use super::{Cluster, ClusterError};
use crate::domain::Manifest;
use crate::domain::normalize::as_sent;
use futures::StreamExt;
use kube::core::Status;
use serde_json::Value;

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
    /// cannot be changed in place are valid: what to do about them is for a plan to say. Nor is an object refused whose
    /// CustomResourceDefinition is among the manifests: the server still has the one before.
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
        let defined = definitions(manifests);
        let one = |manifest: &Manifest| {
            let placed = place(&catalogue, std::slice::from_ref(manifest), namespace);
            let reference = manifest.reference.clone();
            let kind = (reference.group.as_str(), reference.kind.as_str());
            let redefined = defined.contains_key(&kind);
            async move {
                let placed = match placed {
                    Ok(placed) => placed,
                    Err(error) => return Answer::Untold(error.to_string()),
                };
                match self.try_one(&placed[0]).await {
                    Answer::Refused(said) if redefined => {
                        let why = "its definition changes in the same commit";
                        Answer::Untold(format!("{reference}: {why}; before that, {said}"))
                    }
                    answer => answer,
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
            _ if is_policy(&status) => untold(&said),
            422 if !immutable_fields(&status).is_empty() => Answer::Taken,
            422 => self.try_anew(desired, resource, &sent, said).await,
            400 if is_malformed(&status) => Answer::Refused(said),
            413 => Answer::Refused(said),
            _ if is_undeclared(&status) => Answer::Refused(said),
            _ => untold(&said),
        }
    }

    /// Whether it is only the live object that cannot become what is desired: many kinds say so in words of their own, and
    /// rules of a CustomResourceDefinition in those of its author. Then a new one is taken, tried under another name.
    async fn try_anew(
        &self,
        desired: &Desired,
        resource: &Resource,
        sent: &Value,
        said: String,
    ) -> Answer {
        let untold = |why: &str| Answer::Untold(format!("{}: {why}", desired.reference));
        match self.read_one(resource, &desired.reference).await {
            Ok(Some(_)) => {}
            Ok(None) => return Answer::Refused(said),
            Err(_) => return untold(&said),
        }
        match self.send_apply(resource, &probe_of(sent), true, Mode::DryRun).await {
            Ok(_) => untold(&format!("the live one cannot become that in place: {said}")),
            Err(Failure::Status(status))
                if !is_policy(&status) && matches!(status.code, 400 | 413 | 422) =>
            {
                Answer::Refused(said)
            }
            Err(_) => untold(&said),
        }
    }
}

/// Whether a webhook or a policy says no. It may mean us and not who deploys, or dry runs altogether; its code is whatever
/// its author chose. The words are those of the API server's admission plugins.
fn is_policy(status: &Status) -> bool {
    ["admission webhook \"", "AdmissionPolicy '"].iter().any(|sign| status.message.contains(sign))
}

/// Whether the object cannot even be read as one of its kind: unknown fields, and values of another type or form.
fn is_malformed(status: &Status) -> bool {
    ["strict decoding error", "cannot be handled as a"]
        .iter()
        .any(|sign| status.message.contains(sign))
}
