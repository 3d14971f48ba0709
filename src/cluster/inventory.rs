//! The record of a mapping in the cluster: an ApplySet parent that holds the members, the synced revision and more.

use super::live::{Live, types_of};
use super::resource::Resource;
use super::watch::Sight;
use super::wire::{Call, Failure};
use super::{Cluster, ClusterError};

use crate::domain::digest::applyset_id;
use crate::domain::{Inventory, Member, ObjectKey, Revision, Suspension};
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Namespace of the parents.
pub const NAMESPACE: &str = "gitdeck-system";
const ID: &str = "applyset.kubernetes.io/id";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
const MEMBERS: &str = "members";
const STATE: &str = "state";
/// Attempts at a write that others race with.
const TRIES: usize = 8;

/// One member as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group: String,
    version: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
}

/// Everything but the members, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct State {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synced_revision: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synced_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<Suspension>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift_since: Option<Timestamp>,
}

/// The name of a mapping's parent: `gitdeck-` and the mapping where that is a DNS name, else with a hash instead of
/// what does not fit, so that two mappings never share one.
pub fn parent_name(mapping: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if mapping.len() <= 50
        && !mapping.is_empty()
        && mapping.chars().all(plain)
        && !mapping.ends_with('-')
    {
        return format!("gitdeck-{mapping}");
    }
    let digest = Sha256::digest(mapping.as_bytes());
    let (head, _) = digest.split_at(8);
    let hash = head.iter().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    let kept: String = mapping.chars().map(|c| if plain(c) { c } else { '-' }).take(30).collect();
    // Two hyphens keep the hashed names apart from plain ones that end alike.
    format!("gitdeck-{}--{hash:016x}", kept.trim_matches('-'))
}

/// The ApplySet id that the members of a mapping carry.
pub fn set_id(mapping: &str) -> String {
    applyset_id(&parent_name(mapping), NAMESPACE, "ConfigMap", "")
}

/// A parent as it was read, with what a write needs.
struct Parent {
    inventory: Inventory,
    resource_version: Option<String>,
}

impl Cluster {
    /// Reads the record of a mapping; an empty one where nothing was synced yet.
    pub async fn inventory(&self, mapping: &str) -> Result<Inventory, ClusterError> {
        let maps = config_maps();
        let live = match self.watches().find(&maps, &record_key(mapping)) {
            Sight::Present(live) => live,
            Sight::Absent => return Ok(Inventory::default()),
            Sight::Unwatched => return Ok(self.parent(mapping).await?.inventory),
        };
        decode(&live.value())
            .map_err(|reason| ClusterError::Inventory { subject: subject(mapping), reason })
    }

    /// Records a suspension, or ends it.
    pub async fn suspend(
        &self,
        mapping: &str,
        suspension: Option<Suspension>,
    ) -> Result<(), ClusterError> {
        self.record(mapping, |inventory| inventory.suspension.clone_from(&suspension))
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

    /// Changes the record: reads, applies `change`, writes where the result differs, and starts again where somebody
    /// else wrote in between.
    pub(super) async fn record(
        &self,
        mapping: &str,
        change: impl Fn(&mut Inventory),
    ) -> Result<Inventory, ClusterError> {
        let subject = subject(mapping);
        let mut last = None;
        for _ in 0..TRIES {
            let parent = self.parent(mapping).await?;
            let mut inventory = parent.inventory.clone();
            change(&mut inventory);
            if inventory == parent.inventory {
                return Ok(inventory);
            }
            let body = encode(mapping, &inventory, parent.resource_version.as_deref());
            match self.write_parent(mapping, &body, parent.resource_version.is_some()).await {
                Ok(body) => {
                    let (maps, key) = (config_maps(), record_key(mapping));
                    let read = std::str::from_utf8(&body)
                        .ok()
                        .map(|text| Live::read(text, &maps, &types_of(&maps)));
                    if let Some(Ok((_, live))) = read {
                        self.watches().learn(&maps, &key, &live);
                    }
                    return Ok(inventory);
                }
                // Lost a race, or the outcome is not known: read again and see.
                Err(failure) if failure.is_ambiguous() || failure.code() == 409 => {
                    last = Some(failure);
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

    async fn write_parent(
        &self,
        mapping: &str,
        body: &Value,
        exists: bool,
    ) -> Result<Vec<u8>, Failure> {
        let maps = config_maps();
        let query = "fieldManager=gitdeck";
        if exists {
            let address = format!("{}?{query}", maps.item(Some(NAMESPACE), &parent_name(mapping)));
            return self.wire().bytes(&Call::write(Method::PUT, address, body)).await;
        }
        let address = format!("{}?{query}", maps.collection(Some(NAMESPACE)));
        let call = Call::write(Method::POST, address, body);
        match self.wire().bytes(&call).await {
            Err(failure) if failure.code() == 404 => {
                self.create_namespace().await?;
                self.wire().bytes(&call).await
            }
            other => other,
        }
    }

    async fn create_namespace(&self) -> Result<(), Failure> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "gitdeck"}}});
        match self
            .wire()
            .bytes(&Call::write(Method::POST, "/api/v1/namespaces?fieldManager=gitdeck", &body))
            .await
        {
            Err(failure) if failure.code() != 409 => Err(failure),
            _ => Ok(()),
        }
    }

    async fn parent(&self, mapping: &str) -> Result<Parent, ClusterError> {
        let address = config_maps().item(Some(NAMESPACE), &parent_name(mapping));
        let object = match self.wire().json(&Call::get(address)).await {
            Ok(object) => object,
            Err(failure) if failure.code() == 404 => {
                return Ok(Parent { inventory: Inventory::default(), resource_version: None });
            }
            Err(failure) => return Err(self.explain(&failure, "get", &subject(mapping), false)),
        };
        decode(&object)
            .map(|inventory| Parent {
                inventory,
                resource_version: object["metadata"]["resourceVersion"].as_str().map(str::to_owned),
            })
            .map_err(|reason| ClusterError::Inventory { subject: subject(mapping), reason })
    }
}

/// The identity of a mapping's parent.
pub(super) fn record_key(mapping: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: parent_name(mapping),
    }
}

fn subject(mapping: &str) -> String {
    format!("ConfigMap {NAMESPACE}/{}", parent_name(mapping))
}

fn config_maps() -> Resource {
    Resource::fixed("v1", "ConfigMap", "configmaps", true)
}

fn encode(mapping: &str, inventory: &Inventory, resource_version: Option<&str>) -> Value {
    let kinds: BTreeSet<String> = inventory.members.keys().map(ObjectKey::group_kind).collect();
    let namespaces: BTreeSet<&str> =
        inventory.members.keys().filter_map(|key| key.namespace.as_deref()).collect();
    let mut members = String::from("[");
    for (index, (key, member)) in inventory.members.iter().enumerate() {
        // One member per line, so that the record can be read and compared.
        members.push_str(if index == 0 { "\n" } else { ",\n" });
        members.push_str(&record(key, member));
    }
    members.push_str("\n]\n");
    let state = State {
        synced_revision: inventory.synced_revision.clone(),
        synced_at: inventory.synced_at,
        suspension: inventory.suspension.clone(),
        drift_since: inventory.drift_since,
    };
    let mut metadata = json!({
        "name": parent_name(mapping),
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/managed-by": "gitdeck", ID: set_id(mapping)},
        "annotations": {
            "gitdeck.dev/mapping": mapping,
            TOOLING: concat!("gitdeck/v", env!("CARGO_PKG_VERSION")),
            GROUP_KINDS: join(kinds.iter().map(String::as_str)),
            NAMESPACES: join(namespaces.into_iter().filter(|namespace| *namespace != NAMESPACE)),
        },
    });
    if let (Some(version), Some(metadata)) = (resource_version, metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version.into());
    }
    let mut data = Map::new();
    data.insert(MEMBERS.to_owned(), members.into());
    data.insert(STATE.to_owned(), serde_json::to_string(&state).unwrap_or_default().into());
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
}

fn record(key: &ObjectKey, member: &Member) -> String {
    let record = Record {
        group: key.group.clone(),
        version: member.version.clone(),
        kind: key.kind.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: member.uid.clone(),
    };
    serde_json::to_string(&record).unwrap_or_default()
}

fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Reads a parent; the error completes the sentence "the inventory X ...".
fn decode(object: &Value) -> Result<Inventory, String> {
    let tooling = object["metadata"]["annotations"][TOOLING].as_str().unwrap_or_default();
    if !tooling.starts_with("gitdeck/") {
        return Err(format!(
            "is not gitdeck's (tooling `{tooling}`); rename the mapping or remove the object"
        ));
    }
    let damaged =
        |error: serde_json::Error| format!("cannot be read ({error}); restore it from a backup");
    let members = object["data"][MEMBERS].as_str().unwrap_or("[]");
    let state = object["data"][STATE].as_str().unwrap_or("{}");
    let records: Vec<Record> = serde_json::from_str(members).map_err(damaged)?;
    let state: State = serde_json::from_str(state).map_err(damaged)?;
    let members: BTreeMap<ObjectKey, Member> = records
        .into_iter()
        .map(|record| {
            let key = ObjectKey {
                group: record.group,
                kind: record.kind,
                namespace: record.namespace,
                name: record.name,
            };
            (key, Member { version: record.version, uid: record.uid })
        })
        .collect();
    Ok(Inventory {
        members,
        synced_revision: state.synced_revision,
        synced_at: state.synced_at,
        suspension: state.suspension,
        drift_since: state.drift_since,
    })
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, parent_name};
    use crate::domain::{Inventory, Member, ObjectKey, Revision};

    fn inventory() -> Inventory {
        let key = |kind: &str, namespace: Option<&str>| ObjectKey {
            group: "apps".to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "a".to_owned(),
        };
        let member =
            |uid: Option<&str>| Member { version: "v1".to_owned(), uid: uid.map(str::to_owned) };
        Inventory {
            members: [
                (key("Deployment", Some("shop")), member(Some("u1"))),
                (key("Thing", None), member(None)),
            ]
            .into(),
            synced_revision: Some(Revision::new("3f2a91c")),
            ..Inventory::default()
        }
    }

    #[test]
    fn a_record_survives_the_round_trip() {
        let object = encode("checkout", &inventory(), Some("7"));
        assert_eq!(decode(&object).unwrap(), inventory());
        assert_eq!(object["metadata"]["resourceVersion"], "7");
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(
            annotations["applyset.kubernetes.io/contains-group-kinds"],
            "Deployment.apps,Thing.apps"
        );
        assert_eq!(annotations["applyset.kubernetes.io/additional-namespaces"], "shop");
    }

    #[test]
    fn another_tools_parent_is_refused() {
        let mut object = encode("checkout", &inventory(), None);
        object["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] =
            "kubectl/v1.36".into();
        assert!(decode(&object).unwrap_err().contains("kubectl/v1.36"));
    }

    #[test]
    fn names_are_safe_and_distinct() {
        assert_eq!(parent_name("checkout"), "gitdeck-checkout");
        let long = "x".repeat(300);
        let names =
            ["Check out", "Check/out", "check.out", &long, &format!("{long}y"), "größe", ""]
                .map(parent_name);
        for (index, name) in names.iter().enumerate() {
            assert!(name.len() <= 63 && !name.ends_with('-'), "{name}");
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert!(!names[..index].contains(name), "{name} twice");
        }
    }
}
