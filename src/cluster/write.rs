//! One write to one object: apply, create anew, delete; each safe to be asked for twice.

use super::Cluster;
use super::desired::Desired;
use super::earlier::earlier;
use super::explain::{is_undeclared, words};
use super::live::{Live, types_of};
use super::patience::back_off;
use super::resource::Resource;
use super::said::Said;
use super::wire::{APPLY, Call, Failure, JSON_PATCH};
use crate::domain::prove::{MANAGER, Proof, prove};
use crate::domain::succession::Succession;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What became of a write.
pub(super) enum Written {
    /// It is as wanted now.
    Done(Live),
    /// The object changed since it was looked at; nothing was written.
    Moved(Option<Live>),
    /// Refused or failed.
    Failed(Failure),
}

/// Whether a write is tried out or carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Tried out; nothing is stored.
    DryRun,
    /// Carried out.
    Real,
}

/// Attempts after answers that leave the outcome open.
const TRIES: u32 = 5;

impl Cluster {
    /// One server-side apply; the answer is the object as it is, or as it would be.
    pub(super) async fn send_apply(
        &self,
        resource: &Resource,
        sent: &Value,
        force: bool,
        mode: Mode,
    ) -> Result<Value, Failure> {
        let metadata = &sent["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let item = resource.item(metadata["namespace"].as_str(), name);
        let dry = if mode == Mode::DryRun { "&dryRun=All" } else { "" };
        let address =
            format!("{item}?fieldManager={MANAGER}&force={force}&fieldValidation=Strict{dry}");
        self.wire().json(&Call::patch(address, APPLY, sent)).await
    }

    /// Applies one object. With `live` the write counts only for exactly that state of the object; without, it must
    /// not exist yet, and an object that somebody else made meanwhile with other values is left alone.
    pub(super) async fn put(
        &self,
        resource: &Resource,
        sent: &Value,
        live: Option<&Live>,
    ) -> Written {
        let mut body = sent.clone();
        if let Some(live) = live {
            body["metadata"]["uid"] = (*live.uid).into();
            body["metadata"]["resourceVersion"] = (*live.resource_version).into();
        }
        let mut last = Failure::Silent("not tried".to_owned());
        let mut moved_on = live.cloned();
        for attempt in 0..TRIES {
            let live = moved_on.as_ref();
            let answer = self.send_apply(resource, &body, live.is_some(), Mode::Real).await;
            if let (Err(Failure::Status(status)), Some(before)) = (&answer, live)
                && let Some(managed) = earlier(status, &before.value(), &resource.api_version())
                && let Ok(now) = self.restamp(resource, before, &managed).await
            {
                body["metadata"]["resourceVersion"] = (*now.resource_version).into();
                moved_on = Some(now);
                continue;
            }
            match answer {
                Ok(answer) => return landed(&answer, resource),
                Err(failure) if failure.is_ambiguous() || failure.code() == 409 => {
                    // Perhaps our own write, perhaps somebody else's: only the object itself can tell.
                    let now = match self.read_again(resource, sent).await {
                        Ok(now) => now,
                        Err(unread) => return Written::Failed(unread),
                    };
                    if let Some(now) = &now
                        && prove(sent, &now.value()) == Proof::Unchanged
                    {
                        return Written::Done(now.clone());
                    }
                    if moved(live, now.as_ref()) {
                        return Written::Moved(now);
                    }
                    last = failure;
                }
                // A kind that was defined a moment ago may not be served by every server yet.
                Err(failure) if failure.code() == 404 && attempt + 1 < TRIES => last = failure,
                Err(failure) => return Written::Failed(failure),
            }
            if !back_off(attempt).await {
                break;
            }
        }
        Written::Failed(last)
    }

    /// Moves the fields of those whom we succeed to our manager, so that what left Git since can be removed, and takes away
    /// marks that nobody owns. The answer
    /// is the object after that; the same object where nothing had to be moved.
    pub(super) async fn migrate(
        &self,
        resource: &Resource,
        live: &Live,
        succession: &Succession,
    ) -> Result<Live, Failure> {
        let value = live.value();
        let changes = succession.patch(&value);
        if changes.is_empty() {
            return Ok(live.clone());
        }
        let mut patch = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": *live.uid}),
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": *live.resource_version}),
        ];
        patch.extend(changes);
        let patch = Value::Array(patch);
        let metadata = &value["metadata"];
        let item = resource
            .item(metadata["namespace"].as_str(), metadata["name"].as_str().unwrap_or_default());
        let call = Call::patch(format!("{item}?fieldManager={MANAGER}"), JSON_PATCH, &patch);
        let answer = self.wire().json(&call).await?;
        read(&answer, resource)
    }

    /// Deletes exactly this object, in the background. An object that is gone, or is another one by now, is done; see
    /// [`lingers`].
    pub(super) async fn remove(&self, resource: &Resource, item: &str, live: &Live) -> Written {
        let mut last = Failure::Silent("not tried".to_owned());
        for attempt in 0..TRIES {
            let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
                "preconditions": {"uid": *live.uid, "resourceVersion": *live.resource_version}});
            let failure = match self.wire().bytes(&Call::write(Method::DELETE, item, &body)).await {
                // A server that has to wait for somebody answers with the object.
                Ok(body) => {
                    let left = serde_json::from_slice(&body).ok();
                    let left = left.and_then(|value: Value| read(&value, resource).ok());
                    let left = left.filter(|left| left.uid == live.uid);
                    return Written::Done(left.unwrap_or_else(|| live.clone()));
                }
                Err(failure) if failure.code() == 404 => return Written::Done(live.clone()),
                Err(failure) if failure.is_ambiguous() || failure.code() == 409 => failure,
                Err(failure) => return Written::Failed(failure),
            };
            match self.wire().json(&Call::get(item)).await.and_then(|value| read(&value, resource))
            {
                Ok(now) if now.uid != live.uid => return Written::Done(live.clone()),
                Ok(now) if lingers(&now) => return Written::Done(now),
                // Whose it is by now, nobody looked.
                Ok(now)
                    if failure.code() == 409 || now.resource_version != live.resource_version =>
                {
                    return Written::Moved(Some(now));
                }
                Ok(_) => {}
                Err(gone) if gone.code() == 404 => return Written::Done(live.clone()),
                Err(unread) => return Written::Failed(unread),
            }
            last = failure;
            if !back_off(attempt).await {
                break;
            }
        }
        Written::Failed(last)
    }

    /// Waits until an object that was deleted is gone. It does not end sooner when somebody stops the apply: what comes
    /// next may need the object's place.
    pub(super) async fn wait_gone(
        &self,
        item: &str,
        uid: &str,
        (limit, said): (Duration, &Said),
    ) -> Result<(), String> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let value = match self.wire().json(&Call::get(item)).await {
                Err(failure) if failure.code() == 404 => return Ok(()),
                Ok(value) if value["metadata"]["uid"].as_str() != Some(uid) => return Ok(()),
                Ok(value) => value,
                Err(failure) => {
                    return Err(self
                        .explain(&failure, "get", "the deleted object", true)
                        .to_string());
                }
            };
            let finalizers = value["metadata"]["finalizers"].to_string();
            if begun.elapsed() > limit {
                return Err(format!("it is deleted but not gone; its finalizers are {finalizers}"));
            }
            let name = value["metadata"]["name"].as_str().unwrap_or_default();
            let kind = value["kind"].as_str().unwrap_or_default();
            said.say(format!("waiting until {kind} {name} is gone; finalizers: {finalizers}"));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// A failed write in words.
    pub(super) fn failed(&self, failure: &Failure, verb: &str, desired: &Desired) -> String {
        let secret = desired.resource.as_ref().is_some_and(Resource::is_secret);
        match failure {
            Failure::Status(status)
                if matches!(status.code, 400 | 422) || is_undeclared(status) =>
            {
                words(status, secret)
            }
            other => self.explain(other, verb, &desired.reference.to_string(), secret).to_string(),
        }
    }

    async fn read_again(&self, resource: &Resource, sent: &Value) -> Result<Option<Live>, Failure> {
        let metadata = &sent["metadata"];
        let item = resource
            .item(metadata["namespace"].as_str(), metadata["name"].as_str().unwrap_or_default());
        match self.wire().json(&Call::get(item)).await {
            Ok(value) => read(&value, resource).map(Some),
            Err(failure) if failure.code() == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Whether an object that was deleted is still there: something holds it.
pub(super) fn lingers(live: &Live) -> bool {
    !live.value()["metadata"]["deletionTimestamp"].is_null()
}

/// Whether an object that was deleted is still there because something works on its end. A volume that is in use is let
/// go by those who use it, and these may be what is deleted next.
pub(super) fn is_ending(live: &Live) -> bool {
    let value = live.value();
    let finalizers = value["metadata"]["finalizers"].as_array().map_or(&[][..], Vec::as_slice);
    let in_use = !finalizers.is_empty()
        && finalizers.iter().all(|one| {
            matches!(
                one.as_str(),
                Some("kubernetes.io/pvc-protection" | "kubernetes.io/pv-protection")
            )
        });
    lingers(live) && !in_use
}

fn landed(answer: &Value, resource: &Resource) -> Written {
    match read(answer, resource) {
        Ok(live) => Written::Done(live),
        Err(failure) => Written::Failed(failure),
    }
}

pub(super) fn read(answer: &Value, resource: &Resource) -> Result<Live, Failure> {
    Live::read(&answer.to_string(), resource, &types_of(resource)).map(|(_, live)| live)
}

fn moved(before: Option<&Live>, now: Option<&Live>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before.resource_version != now.resource_version,
        (None, None) => false,
        _ => true,
    }
}
