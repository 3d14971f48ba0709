//! The record of a mapping in the cluster: an ApplySet parent that holds the members, the synced revision and more.

use super::live::{Live, types_of};
use super::patience::back_off;
use super::record::{
    self, FOLLOWS, Parent, SHARD_OF, Shard, decode_shard, encode_shard, parent_name, shard,
};
use super::resource::{Resource, segment};
use super::unit::SLIM_LIST;
use super::watch::{Sight, lock};
use super::wire::{Call, Failure};
use super::{Cluster, ClusterError};

use crate::domain::{
    Automation, Healthy, Holder, Inventory, Members, ObjectKey, Revision, Suspension,
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Namespace of the records where nothing else is configured.
pub const NAMESPACE: &str = "gitdeck-system";
/// Attempts at a write that others race with.
const TRIES: u32 = 8;

/// How a write of a record ended.
enum Recorded {
    /// Written; the answer.
    Done(Vec<u8>),
    /// Others wrote, or the outcome is not known: to be read and done again.
    Again(Failure),
}

impl Cluster {
    /// Keeps the records of all mappings in another namespace than [`NAMESPACE`]. Every console of a cluster must name
    /// the same one: members are found by it.
    pub fn keep_records_in(&self, namespace: &str) {
        // What was set first stays: there may be watches on it.
        let _ = self.inner.records.set(namespace.to_owned());
    }

    /// The namespace of the records.
    pub fn records(&self) -> &str {
        self.inner.records.get_or_init(|| NAMESPACE.to_owned())
    }

    /// The ApplySet id that the members of a mapping carry.
    pub fn set_id(&self, mapping: &str) -> String {
        record::set_id(mapping, self.records())
    }

    /// Reads the record of a mapping; an empty one where nothing was synced yet.
    pub async fn inventory(&self, mapping: &str) -> Result<Inventory, ClusterError> {
        let live = match self.watches().find(&config_maps(), &self.record_key(mapping)) {
            Sight::Present(live) => live,
            Sight::Absent => return Ok(Inventory::default()),
            Sight::Unwatched => return Ok(self.parent(mapping).await?.inventory),
        };
        let mut parent = self.decoded(mapping, &live.value())?;
        if self.fill(mapping, &mut parent).await?.is_some() {
            // The shards were replaced, and the watch did not bring it yet.
            parent = self.parent(mapping).await?;
        }
        Ok(parent.inventory)
    }

    /// The mapping whose members carry this ApplySet id, if there is a record of it.
    pub(super) async fn mapping_of(&self, set_id: &str) -> Option<String> {
        let address = format!(
            "{}?labelSelector={}%3D{}",
            config_maps().collection(Some(self.records())),
            record::ID,
            segment(set_id)
        );
        let list = self.wire().json(&Call::get(address).accepting(SLIM_LIST)).await.ok()?;
        let mapping = &list["items"][0]["metadata"]["annotations"][record::MAPPING];
        mapping.as_str().map(str::to_owned)
    }

    /// Records a suspension, or ends it.
    pub async fn suspend(
        &self,
        mapping: &str,
        suspension: Option<Suspension>,
    ) -> Result<(), ClusterError> {
        self.record(mapping, |inventory| {
            if suspension.is_none() {
                // Whoever resumes says that the fight is settled, too.
                *inventory.automation = Automation::default();
            }
            inventory.suspension.clone_from(&suspension);
        })
        .await
        .map(|_| ())
    }

    /// Records since when a mapping drifts, or that it does not any more.
    pub async fn note_drift(
        &self,
        mapping: &str,
        since: Option<Timestamp>,
    ) -> Result<(), ClusterError> {
        self.record(mapping, |inventory| inventory.drift_since = since).await.map(|_| ())
    }

    /// Records at which revision a mapping was healthy last. The record of another configuration, or of another revision by
    /// now, stays as it is.
    pub async fn note_healthy(&self, mapping: &str, healthy: &Healthy) -> Result<(), ClusterError> {
        let note = |inventory: &mut Inventory| {
            let known = inventory.healthy.as_ref().map(|known| &known.revision);
            let here = inventory.synced_revision.as_ref() == Some(&healthy.revision);
            if here && known != Some(&healthy.revision) {
                inventory.healthy = Some(healthy.clone());
            }
        };
        self.record(mapping, note).await.map(|_| ())
    }

    /// Records up to which revision Git has what is live, where live changes become commits.
    pub async fn note_recorded(
        &self,
        mapping: &str,
        revision: &Revision,
        holder: &Holder,
    ) -> Result<(), ClusterError> {
        let now = Timestamp::now();
        let note = |inventory: &mut Inventory| {
            if inventory.synced_revision.as_ref() != Some(revision) {
                inventory.synced_revision = Some(revision.clone());
                inventory.synced_at = Some(now);
            }
            inventory.holder.get_or_insert_with(|| holder.clone());
            inventory.drift_since = None;
        };
        self.record(mapping, note).await.map(|_| ())
    }

    /// Gives the record of a mapping to another holder, where it is still that of the one who had it.
    pub async fn hand_over(
        &self,
        mapping: &str,
        from: &Holder,
        to: &Holder,
    ) -> Result<(), ClusterError> {
        let give = |inventory: &mut Inventory| {
            if inventory.holder.as_ref() == Some(from) {
                inventory.holder = Some(to.clone());
            }
        };
        self.record(mapping, give).await.map(|_| ())
    }

    /// Records what is done unasked, and returns what is on record then.
    pub async fn automate(
        &self,
        mapping: &str,
        change: impl Fn(&mut Automation),
    ) -> Result<Automation, ClusterError> {
        let changed = self.record(mapping, |inventory| change(&mut inventory.automation)).await?;
        Ok(*changed.automation)
    }

    /// Changes the record: reads, applies `change`, writes where the result differs, and starts again where somebody
    /// else wrote in between.
    pub(super) async fn record(
        &self,
        mapping: &str,
        change: impl Fn(&mut Inventory),
    ) -> Result<Inventory, ClusterError> {
        let subject = self.subject(mapping);
        let mut last = None;
        for attempt in 0..TRIES {
            let parent = self.parent(mapping).await?;
            let mut inventory = parent.inventory.clone();
            change(&mut inventory);
            if inventory == parent.inventory {
                return Ok(inventory);
            }
            match self.write_record(mapping, &parent, &inventory).await {
                Ok(Recorded::Done(body)) => {
                    self.learn_record(mapping, &body);
                    return Ok(inventory);
                }
                Ok(Recorded::Again(failure)) => {
                    let stopped = failure.is_ambiguous() && !back_off(attempt).await;
                    last = Some(failure);
                    if stopped {
                        break;
                    }
                }
                Err(failure) => return Err(self.explain(&failure, "update", &subject, false)),
            }
        }
        Err(last.map_or_else(
            || ClusterError::Conflict {
                subject: subject.clone(),
                reason: "it never settled".to_owned(),
            },
            |failure| self.explain(&failure, "update", &subject, false),
        ))
    }

    fn learn_record(&self, mapping: &str, body: &[u8]) {
        let (maps, key) = (config_maps(), self.record_key(mapping));
        let read =
            std::str::from_utf8(body).ok().map(|text| Live::read(text, &maps, &types_of(&maps)));
        if let Some(Ok((_, live))) = read {
            self.watches().learn(&maps, &key, &live);
        }
    }

    /// Writes a record. New shards come first, then the parent that names them, then the old shards go: whenever a
    /// process dies, the parent names shards that hold all members as of before or as of after.
    async fn write_record(
        &self,
        mapping: &str,
        parent: &Parent,
        inventory: &Inventory,
    ) -> Result<Recorded, Failure> {
        let texts = record::split(&inventory.members, self.wire().limits().shard);
        let version = parent.resource_version.as_deref();
        let Some(follows) = version.or(texts.is_empty().then_some("")) else {
            // Shards are named after a state of the parent, so it has to be there first.
            let written = self.write_parent(mapping, &Inventory::default(), (&[], None)).await?;
            return Ok(match written {
                Recorded::Done(_) => Recorded::Again(Failure::Silent("lost a race".to_owned())),
                again @ Recorded::Again(_) => again,
            });
        };
        let mut shards = Vec::new();
        for text in &texts {
            let digest = record::digest(text);
            if let Some(kept) = parent.shards.iter().find(|one| one.digest == digest) {
                shards.push(kept.clone());
                continue;
            }
            let new = shard(mapping, text, follows);
            let body = encode_shard(mapping, self.records(), (&new, text, follows));
            let address =
                format!("{}?fieldManager=gitdeck", config_maps().collection(Some(self.records())));
            match self.wire().bytes(&Call::write(Method::POST, address, &body)).await {
                // Written by us, when the answer was lost, or by somebody who writes the same: it holds the same text.
                Err(failure) if failure.code() != 409 => return again(failure),
                _ => shards.push(new),
            }
        }
        let written = self.write_parent(mapping, inventory, (&shards, version)).await?;
        if let Recorded::Done(body) = &written
            && !(shards.is_empty() && parent.shards.is_empty())
        {
            self.sweep(mapping, &shards, body).await;
        }
        Ok(written)
    }

    async fn write_parent(
        &self,
        mapping: &str,
        inventory: &Inventory,
        parent: (&[Shard], Option<&str>),
    ) -> Result<Recorded, Failure> {
        let body = record::encode(mapping, self.records(), inventory, parent);
        let (maps, namespace) = (config_maps(), Some(self.records()));
        let query = "fieldManager=gitdeck";
        let call = if parent.1.is_some() {
            let address = format!("{}?{query}", maps.item(namespace, &parent_name(mapping)));
            Call::write(Method::PUT, address, &body)
        } else {
            Call::write(Method::POST, format!("{}?{query}", maps.collection(namespace)), &body)
        };
        let written = match self.wire().bytes(&call).await {
            Err(failure) if failure.code() == 404 && parent.1.is_none() => {
                self.create_namespace().await?;
                self.wire().bytes(&call).await
            }
            other => other,
        };
        written.map(Recorded::Done).or_else(again)
    }

    async fn create_namespace(&self) -> Result<(), Failure> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.records(),
            "labels": {"app.kubernetes.io/managed-by": "gitdeck"}}});
        match self
            .wire()
            .bytes(&Call::write(Method::POST, "/api/v1/namespaces?fieldManager=gitdeck", &body))
            .await
        {
            // Where it was not made after all, the next write says so.
            Err(failure) if failure.code() != 409 && !failure.is_ambiguous() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Removes shards that no record names: replaced now, or left by a process that died. One that was written on the
    /// parent as it is now may be named in a moment and stays. What cannot be removed harms nobody.
    async fn sweep(&self, mapping: &str, named: &[Shard], parent: &[u8]) {
        let parent: Value = serde_json::from_slice(parent).unwrap_or_default();
        let now = &parent["metadata"]["resourceVersion"];
        let maps = config_maps();
        let address = format!(
            "{}?labelSelector={SHARD_OF}%3D{}",
            maps.collection(Some(self.records())),
            parent_name(mapping)
        );
        let Ok(list) = self.wire().json(&Call::get(address).accepting(SLIM_LIST)).await else {
            return;
        };
        for one in list["items"].as_array().into_iter().flatten() {
            let metadata = &one["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            if metadata["annotations"][FOLLOWS] == *now
                || named.iter().any(|shard| shard.name == name)
            {
                continue;
            }
            let body = json!({"apiVersion": "v1", "kind": "DeleteOptions",
                "preconditions": {"uid": metadata["uid"]}});
            let item = maps.item(Some(self.records()), name);
            if let Err(failure) = self.wire().bytes(&Call::write(Method::DELETE, item, &body)).await
                && failure.code() != 404
            {
                tracing::debug!(shard = name, code = failure.code(), "an old shard stays");
            }
        }
    }

    async fn parent(&self, mapping: &str) -> Result<Parent, ClusterError> {
        let address = config_maps().item(Some(self.records()), &parent_name(mapping));
        let mut missing = String::new();
        for _ in 0..TRIES {
            let object = match self.wire().json(&Call::get(address.as_str())).await {
                Ok(object) => object,
                Err(failure) if failure.code() == 404 => return Ok(Parent::default()),
                Err(failure) => {
                    return Err(self.explain(&failure, "get", &self.subject(mapping), false));
                }
            };
            let mut parent = self.decoded(mapping, &object)?;
            match self.fill(mapping, &mut parent).await? {
                None => return Ok(parent),
                // Replaced between the two reads, or lost for good.
                Some(again) if again == missing => break,
                Some(again) => missing = again,
            }
        }
        let reason = format!(
            "is incomplete: its part {missing} is gone; restore it from a backup, or delete the record, and gitdeck begins anew and prunes nothing that left Git before"
        );
        Err(ClusterError::Inventory { subject: self.subject(mapping), reason })
    }

    fn decoded(&self, mapping: &str, object: &Value) -> Result<Parent, ClusterError> {
        record::decode(object)
            .map_err(|reason| ClusterError::Inventory { subject: self.subject(mapping), reason })
    }

    /// Adds the members that are in shards. A shard that is gone is named.
    async fn fill(
        &self,
        mapping: &str,
        parent: &mut Parent,
    ) -> Result<Option<String>, ClusterError> {
        let mut found = Vec::new();
        for shard in &parent.shards {
            let known = lock(&self.inner.shards).get(&shard.name).cloned();
            let members = match known {
                Some(members) => members,
                None => match self.read_shard(mapping, shard).await? {
                    Some(members) => Arc::new(members),
                    None => return Ok(Some(shard.name.clone())),
                },
            };
            found.push((shard.name.clone(), members));
        }
        let mut known = lock(&self.inner.shards);
        if !(found.is_empty() && known.is_empty()) {
            let ours = format!("{}.", parent_name(mapping));
            known.retain(|name, _| !name.starts_with(&ours));
        }
        for (name, members) in found {
            parent.inventory.members.extend(members.iter().map(|(k, m)| (k.clone(), m.clone())));
            known.insert(name, members);
        }
        Ok(None)
    }

    async fn read_shard(
        &self,
        mapping: &str,
        shard: &Shard,
    ) -> Result<Option<Members>, ClusterError> {
        let address = config_maps().item(Some(self.records()), &shard.name);
        let object = match self.wire().json(&Call::get(address)).await {
            Ok(object) => object,
            Err(failure) if failure.code() == 404 => return Ok(None),
            Err(failure) => {
                return Err(self.explain(&failure, "get", &self.subject(mapping), false));
            }
        };
        decode_shard(&object, shard)
            .map(Some)
            .map_err(|reason| ClusterError::Inventory { subject: self.subject(mapping), reason })
    }

    /// The identity of a mapping's parent.
    pub(super) fn record_key(&self, mapping: &str) -> ObjectKey {
        ObjectKey {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: Some(self.records().to_owned()),
            name: parent_name(mapping),
        }
    }

    fn subject(&self, mapping: &str) -> String {
        format!("ConfigMap {}/{}", self.records(), parent_name(mapping))
    }
}

fn again(failure: Failure) -> Result<Recorded, Failure> {
    if failure.is_ambiguous() || failure.code() == 409 {
        Ok(Recorded::Again(failure))
    } else {
        Err(failure)
    }
}

fn config_maps() -> Resource {
    Resource::fixed("v1", "ConfigMap", "configmaps", true)
}
