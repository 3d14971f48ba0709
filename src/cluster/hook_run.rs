//! The object of one hook: what is left of the last one goes, and it is made, once in a sync.

use super::Cluster;
use super::desired::Desired;
use super::ground::ours;
use super::hook_plan::{KEPT, runs_once};
use super::live::{Live, types_of};
use super::patience::back_off;
use super::resource::Resource;
use super::said::Said;
use super::wire::{Call, Failure};
use super::write::Written;
use crate::domain::hook::{HOOK_OF, HOOK_RUN, Progress, told_end};
use crate::domain::normalize::as_sent;
use crate::domain::prove::MANAGER;
use crate::domain::{Inventory, ObjectRef};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Attempts at a write whose outcome stays open, or whose object moves.
const TRIES: u32 = 5;
/// Events carry whole seconds, and clocks differ a little.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// Said of an object that an earlier process made.
const LOST: &str = "it vanished while nobody looked, and whether it did its work cannot be told; sync again to run it anew";

/// What is to be made.
pub(super) struct Making {
    /// The object, under the name that it gets in this sync.
    pub(super) desired: Desired,
    /// Whether an object of before makes way.
    pub(super) makes_way: bool,
    /// Whether an object that is not ours may be taken.
    pub(super) take_over: bool,
    /// The mapping's mark.
    pub(super) set_id: String,
    /// The sync and the phase, as the object carries them.
    pub(super) mark: String,
    /// Where an earlier process of the same sync may have made it: when that began.
    pub(super) resumed: Option<Timestamp>,
}

/// What became of it.
pub(super) enum Made {
    /// It is there.
    There(Live),
    /// It was there, ended, and is gone.
    Over(Progress),
}

impl Cluster {
    /// Makes the object of a hook. One that this very sync made already is left to go on.
    pub(super) async fn make_hook(&self, making: &Making) -> Result<Made, String> {
        let desired = &making.desired;
        let Some(resource) = &desired.resource else {
            return Err("its kind is not served".to_owned());
        };
        let reference = &desired.reference;
        let live = self.read_one(resource, reference).await.map_err(|error| error.to_string())?;
        match live {
            Some(live) if making.is_mine(&live) => return Ok(Made::There(live)),
            Some(live) => {
                if let Some(live) = self.make_way(resource, making, live).await? {
                    return Ok(Made::There(live));
                }
            }
            None => {
                if let Some(since) = making.resumed {
                    match self.epitaph(reference, since).await {
                        (Some(end), _) => return Ok(Made::Over(end)),
                        (None, true) => return Err(LOST.to_owned()),
                        (None, false) => {}
                    }
                }
            }
        }
        self.create_hook(resource, making).await.map(Made::There)
    }

    /// Removes the object of before. Where its policy keeps it, it is applied over, if its kind can be.
    async fn make_way(
        &self,
        resource: &Resource,
        making: &Making,
        live: Live,
    ) -> Result<Option<Live>, String> {
        let reference = &making.desired.reference;
        let ours = ours(&live, &Inventory::default(), &reference.key(), &making.set_id);
        if !ours && !making.take_over {
            return Err("somebody else made an object of its name; plan again".to_owned());
        }
        if making.makes_way {
            return self.remove_hook(resource, reference, &live.uid).await.map(|()| None);
        }
        if runs_once(reference) {
            return Err(KEPT.to_owned());
        }
        match self.put(resource, &making.body(), Some(&live)).await {
            Written::Done(live) => Ok(Some(live)),
            // Perhaps our own write, whose answer was lost: the mark tells.
            Written::Moved(Some(now)) if making.is_mine(&now) => Ok(Some(now)),
            Written::Moved(_) => Err("it changed meanwhile; plan again".to_owned()),
            Written::Failed(failure) => Err(self.failed(&failure, "patch", &making.desired)),
        }
    }

    /// Deletes exactly the object of this UID, and waits until it is gone.
    pub(super) async fn remove_hook(
        &self,
        resource: &Resource,
        reference: &ObjectRef,
        uid: &str,
    ) -> Result<(), String> {
        let item = resource.item(reference.namespace.as_deref(), &reference.name);
        for _ in 0..TRIES {
            let live =
                self.read_one(resource, reference).await.map_err(|error| error.to_string())?;
            let Some(live) = live.filter(|live| *live.uid == *uid) else { return Ok(()) };
            match self.remove(resource, &item, &live).await {
                Written::Done(_) => {
                    let limit = self.wire().limits().established;
                    return self.wait_gone(&item, uid, (limit, &Said::default())).await;
                }
                // A status that is written meanwhile moves it, and changes nothing.
                Written::Moved(_) => {}
                Written::Failed(failure) => {
                    let secret = resource.is_secret();
                    let error = self.explain(&failure, "delete", &reference.to_string(), secret);
                    return Err(error.to_string());
                }
            }
        }
        Err("it changes faster than it can be deleted".to_owned())
    }

    async fn create_hook(&self, resource: &Resource, making: &Making) -> Result<Live, String> {
        let (desired, body) = (&making.desired, making.body());
        let collection = resource.collection(desired.reference.namespace.as_deref());
        let address = format!("{collection}?fieldManager={MANAGER}&fieldValidation=Strict");
        let mut last = Failure::Silent("not tried".to_owned());
        for attempt in 0..TRIES {
            let failure =
                match self.wire().json(&Call::write(Method::POST, address.as_str(), &body)).await {
                    Ok(answer) => return read(&answer, resource),
                    Err(failure) => failure,
                };
            match failure.code() {
                // Perhaps our own write, whose answer was lost: the mark tells.
                code if failure.is_ambiguous() || code == 409 => {
                    let there = self.read_one(resource, &desired.reference).await;
                    match there.map_err(|error| error.to_string())? {
                        Some(live) if making.is_mine(&live) => return Ok(live),
                        Some(_) => return Err("somebody else made it meanwhile".to_owned()),
                        None => {}
                    }
                }
                // A kind that was defined a moment ago may not be served by every server yet.
                404 if attempt + 1 < TRIES => {}
                _ => return Err(self.failed(&failure, "create", desired)),
            }
            last = failure;
            if !back_off(attempt).await {
                break;
            }
        }
        Err(self.failed(&last, "create", desired))
    }

    /// How a Job that is gone ended, as far as its events since then tell; and whether there are any.
    pub(super) async fn epitaph(
        &self,
        reference: &ObjectRef,
        since: Timestamp,
    ) -> (Option<Progress>, bool) {
        if !runs_once(reference) {
            return (None, false);
        }
        let mut events = self.events(reference).await.unwrap_or_default();
        events.retain(|one| one.time.is_some_and(|at| at + SLACK >= since));
        let end = events.iter().find_map(|event| told_end(&event.reason, &event.message));
        (end, !events.is_empty())
    }
}

impl Making {
    /// Whether a live object was made by this very sync, for this phase.
    fn is_mine(&self, live: &Live) -> bool {
        let value = live.value();
        value["metadata"]["annotations"][HOOK_RUN] == self.mark.as_str()
            && value["metadata"]["labels"][HOOK_OF] == self.set_id.as_str()
    }

    /// The object as it is sent.
    fn body(&self) -> Value {
        let labels = [(HOOK_OF, self.set_id.as_str())];
        let mut body = as_sent(&self.desired.object, &labels);
        body["metadata"]["annotations"][HOOK_RUN] = self.mark.clone().into();
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.shift_remove("generateName");
        }
        body
    }
}

fn read(answer: &Value, resource: &Resource) -> Result<Live, String> {
    let read = Live::read(&answer.to_string(), resource, &types_of(resource));
    read.map(|(_, live)| live).map_err(|_| "the server's answer cannot be read".to_owned())
}
