//! How a mapping's record is written: the ApplySet parent, and the shards beside it where the members are many.

use crate::domain::digest::applyset_id;
use crate::domain::{
    Automation, Healthy, Holder, HookRecord, Inventory, Member, Members, ObjectKey, Revision,
    Suspension,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Label of a parent: its ApplySet id.
pub(super) const ID: &str = "applyset.kubernetes.io/id";
/// Annotation of a parent and its shards: the mapping.
pub(super) const MAPPING: &str = "gitdeck.dev/mapping";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
/// Label of a shard: the name of its parent.
pub(super) const SHARD_OF: &str = "gitdeck.dev/shard-of";
/// Annotation of a shard: the parent's `resourceVersion` that it was written on.
pub(super) const FOLLOWS: &str = "gitdeck.dev/follows";
const MEMBERS: &str = "members";
const SHARDS: &str = "shards";
const STATE: &str = "state";
/// Bytes of members in one ConfigMap. The server takes 1 MiB of data, and etcd 1.5 MiB with everything around it.
const ROOM: usize = 700 << 10;
/// Bytes of one annotation; all of an object's together may have 256 KiB.
const ANNOTATION: usize = 100 << 10;

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

impl Record {
    fn of(key: &ObjectKey, member: &Member) -> Self {
        Self {
            group: key.group.clone(),
            version: member.version.clone(),
            kind: key.kind.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            uid: member.uid.clone(),
        }
    }

    fn read(self) -> (ObjectKey, Member) {
        let (kind, namespace, name) = (self.kind, self.namespace, self.name);
        let key = ObjectKey { group: self.group, kind, namespace, name };
        (key, Member { version: self.version, uid: self.uid })
    }
}

#[expect(clippy::borrowed_box, reason = "serde's signature")]
fn is_idle(automation: &Box<Automation>) -> bool {
    automation.is_idle()
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    healthy: Option<Healthy>,
    #[serde(default, skip_serializing_if = "is_idle")]
    automation: Box<Automation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Holder>,
    #[serde(default, skip_serializing_if = "HookState::is_empty")]
    hooks: HookState,
}

/// What is known of hooks, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct HookState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ran: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<Record>,
}

impl HookState {
    fn of(hooks: &HookRecord) -> Self {
        let left = hooks.left.iter().map(|(key, member)| Record::of(key, member)).collect();
        Self { ran: hooks.ran.clone(), run: hooks.run.clone(), left }
    }

    fn is_empty(&self) -> bool {
        self.ran.is_none() && self.run.is_none() && self.left.is_empty()
    }

    fn read(self) -> HookRecord {
        let left = self.left.into_iter().map(Record::read).collect();
        HookRecord { ran: self.ran, run: self.run, left }
    }
}

/// A ConfigMap with a part of the members, as the parent names it. Shards never change: other members are other shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shard {
    pub(super) name: String,
    /// SHA-256 of its text.
    pub(super) digest: String,
}

/// A parent as it was read.
#[derive(Debug, Default)]
pub(super) struct Parent {
    /// Without the members that are in shards.
    pub(super) inventory: Inventory,
    pub(super) shards: Vec<Shard>,
    pub(super) resource_version: Option<String>,
}

/// The name of a mapping's parent: `gitdeck-` and the mapping where that is a DNS name, else with a hash instead of
/// what does not fit, so that two mappings never share one.
pub fn parent_name(mapping: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = mapping.len() <= 50 && !mapping.is_empty() && mapping.chars().all(plain);
    // Two hyphens keep the hashed names apart from plain ones that end alike.
    if fits && !mapping.ends_with('-') && !looks_hashed(mapping) {
        return format!("gitdeck-{mapping}");
    }
    let digest = Sha256::digest(mapping.as_bytes());
    let (head, _) = digest.split_at(8);
    let hash = head.iter().fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    let kept: String = mapping.chars().map(|c| if plain(c) { c } else { '-' }).take(30).collect();
    format!("gitdeck-{}--{hash:016x}", kept.trim_matches('-'))
}

/// Whether a plain name could be taken for the hashed name of another mapping.
fn looks_hashed(mapping: &str) -> bool {
    let tail = mapping.rsplit_once("--").map(|(_, tail)| tail);
    tail.is_some_and(|tail| tail.len() == 16 && tail.chars().all(|c| c.is_ascii_hexdigit()))
}

/// The ApplySet id that the members of a mapping carry, whose record is in this namespace.
pub fn set_id(mapping: &str, namespace: &str) -> String {
    applyset_id(&parent_name(mapping), namespace, "ConfigMap", "")
}

/// The texts of the shards that these members need; none where the parent has room for all of them. Members stay in
/// their shard while others come and go.
pub(super) fn split(members: &Members, most: usize) -> Vec<String> {
    let fits = |parts: &[Vec<String>]| {
        parts.iter().all(|part| {
            part.len() <= most && part.iter().map(|one| one.len() + 2).sum::<usize>() <= ROOM
        })
    };
    let mut count = 1;
    loop {
        let mut parts = vec![Vec::new(); count];
        for (key, member) in members {
            let part = if count == 1 { 0 } else { hash(key) & (count - 1) };
            parts[part].push(line(key, member));
        }
        // One member of more than the room would never fit; the names of Kubernetes do not allow one.
        if fits(&parts) || count >= 4096 {
            let kept = parts.iter().filter(|part| !part.is_empty());
            return if count == 1 { Vec::new() } else { kept.map(|part| listed(part)).collect() };
        }
        count *= 2;
    }
}

fn hash(key: &ObjectKey) -> usize {
    let digest = Sha256::digest(key.to_string());
    digest.iter().take(4).fold(0, |hash, byte| hash << 8 | usize::from(*byte))
}

/// The digest of a shard's text.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The shard of a parent for a text, written on this version of the parent. The name is of this version alone, so that
/// no writer refers to a shard that another one is about to remove.
pub(super) fn shard(mapping: &str, text: &str, follows: &str) -> Shard {
    let digest = digest(text);
    let name = self::digest(&format!("{follows} {digest}"));
    Shard { name: format!("{}.{}", parent_name(mapping), &name[..20]), digest }
}

/// A shard as it is stored.
pub(super) fn encode_shard(
    mapping: &str,
    namespace: &str,
    (shard, text, follows): (&Shard, &str, &str),
) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": {MEMBERS: text}, "metadata": {
        "name": shard.name, "namespace": namespace,
        "labels": {"app.kubernetes.io/managed-by": "gitdeck", SHARD_OF: parent_name(mapping)},
        "annotations": {MAPPING: mapping, FOLLOWS: follows}}})
}

/// Reads the members of a shard; the error completes the sentence "the inventory X ...".
pub(super) fn decode_shard(object: &Value, shard: &Shard) -> Result<Members, String> {
    let text = object["data"][MEMBERS].as_str().unwrap_or_default();
    if digest(text) != shard.digest {
        return Err(format!(
            "is damaged: its part {} was changed by somebody; restore it from a backup",
            shard.name
        ));
    }
    members(text)
}

/// A parent as it is stored. Its members are in the shards where there are any.
pub(super) fn encode(
    mapping: &str,
    namespace: &str,
    inventory: &Inventory,
    parent: (&[Shard], Option<&str>),
) -> Value {
    let (shards, resource_version) = parent;
    let kinds: BTreeSet<String> = inventory.members.keys().map(ObjectKey::group_kind).collect();
    let namespaces: BTreeSet<&str> =
        inventory.members.keys().filter_map(|key| key.namespace.as_deref()).collect();
    let state = State {
        synced_revision: inventory.synced_revision.clone(),
        synced_at: inventory.synced_at,
        suspension: inventory.suspension.clone(),
        drift_since: inventory.drift_since,
        healthy: inventory.healthy.clone(),
        automation: inventory.automation.clone(),
        holder: inventory.holder.clone(),
        hooks: HookState::of(&inventory.hooks),
    };
    let mut metadata = json!({
        "name": parent_name(mapping),
        "namespace": namespace,
        "labels": {"app.kubernetes.io/managed-by": "gitdeck", ID: set_id(mapping, namespace)},
        "annotations": {
            MAPPING: mapping,
            TOOLING: concat!("gitdeck/v", env!("CARGO_PKG_VERSION")),
            GROUP_KINDS: join(kinds.iter().map(String::as_str)),
            NAMESPACES: join(namespaces.into_iter().filter(|name| *name != namespace)),
        },
    });
    if let (Some(version), Some(metadata)) = (resource_version, metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version.into());
    }
    let mut data = Map::new();
    if shards.is_empty() {
        let lines: Vec<String> =
            inventory.members.iter().map(|(key, member)| line(key, member)).collect();
        data.insert(MEMBERS.to_owned(), listed(&lines).into());
    } else {
        // No list: what reads records without knowing of shards must stop, not believe that nothing is owned.
        data.insert(MEMBERS.to_owned(), "in shards".into());
        let shards = serde_json::to_string(shards).unwrap_or_default();
        data.insert(SHARDS.to_owned(), shards.into());
    }
    data.insert(STATE.to_owned(), serde_json::to_string(&state).unwrap_or_default().into());
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
}

/// One member per line, so that the record can be read and compared.
fn listed(lines: &[String]) -> String {
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn line(key: &ObjectKey, member: &Member) -> String {
    serde_json::to_string(&Record::of(key, member)).unwrap_or_default()
}

/// The names, one after the other; nothing where the server would not take as much.
fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let joined = items.collect::<Vec<_>>().join(",");
    if joined.len() > ANNOTATION { String::new() } else { joined }
}

/// Reads a parent; the error completes the sentence "the inventory X ...".
pub(super) fn decode(object: &Value) -> Result<Parent, String> {
    let tooling = object["metadata"]["annotations"][TOOLING].as_str().unwrap_or_default();
    if !tooling.starts_with("gitdeck/") {
        return Err(format!(
            "is not gitdeck's (tooling `{tooling}`); rename the mapping or remove the object"
        ));
    }
    let data = &object["data"];
    let shards: Vec<Shard> =
        data[SHARDS].as_str().map_or(Ok(Vec::new()), serde_json::from_str).map_err(damaged)?;
    let own = if shards.is_empty() { data[MEMBERS].as_str().unwrap_or("[]") } else { "[]" };
    let members = members(own)?;
    let state: State =
        serde_json::from_str(data[STATE].as_str().unwrap_or("{}")).map_err(damaged)?;
    let inventory = Inventory {
        members,
        synced_revision: state.synced_revision,
        synced_at: state.synced_at,
        suspension: state.suspension,
        drift_since: state.drift_since,
        healthy: state.healthy,
        automation: state.automation,
        holder: state.holder,
        hooks: state.hooks.read(),
    };
    let resource_version = object["metadata"]["resourceVersion"].as_str().map(str::to_owned);
    Ok(Parent { inventory, shards, resource_version })
}

fn damaged(error: serde_json::Error) -> String {
    format!("cannot be read ({error}); restore it from a backup")
}

fn members(text: &str) -> Result<Members, String> {
    let records: Vec<Record> = serde_json::from_str(text).map_err(damaged)?;
    Ok(records.into_iter().map(Record::read).collect())
}

#[cfg(test)]
mod tests {
    use super::{decode, decode_shard, encode, encode_shard, parent_name, shard, split};
    use crate::domain::{Holder, Inventory, Member, Members, ObjectKey, Revision};
    use std::collections::HashMap;

    fn key(kind: &str, namespace: Option<&str>, name: &str) -> ObjectKey {
        ObjectKey {
            group: "apps".to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    fn member(uid: Option<&str>) -> Member {
        Member { version: "v1".to_owned(), uid: uid.map(str::to_owned) }
    }

    fn inventory() -> Inventory {
        Inventory {
            members: [
                (key("Deployment", Some("shop"), "a"), member(Some("u1"))),
                (key("Thing", None, "a"), member(None)),
            ]
            .into(),
            synced_revision: Some(Revision::new("3f2a91c")),
            holder: Some(Holder::new("https://git.example.com/acme/fleet.git", "apps/a", "shop")),
            ..Inventory::default()
        }
    }

    /// Members with the longest names that Kubernetes takes.
    fn many(count: usize) -> Members {
        let name = |index: usize| format!("{index:06}{}", "x".repeat(247));
        let uid = "0b5b1c6e-9a5d-4e0e-8a60-1f6a8d5d1b11";
        let namespace = "n".repeat(63);
        (0..count)
            .map(|index| (key("Deployment", Some(&namespace), &name(index)), member(Some(uid))))
            .collect()
    }

    #[test]
    fn a_record_survives_the_round_trip() {
        let object = encode("checkout", "gitdeck-system", &inventory(), (&[], Some("7")));
        let parent = decode(&object).unwrap();
        assert_eq!(parent.inventory, inventory());
        assert_eq!((parent.resource_version.as_deref(), parent.shards.len()), (Some("7"), 0));
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(
            annotations["applyset.kubernetes.io/contains-group-kinds"],
            "Deployment.apps,Thing.apps"
        );
        assert_eq!(annotations["applyset.kubernetes.io/additional-namespaces"], "shop");
    }

    #[test]
    fn a_record_without_holder_and_shards_is_read() {
        let mut object = encode("checkout", "gitdeck-system", &inventory(), (&[], None));
        object["data"]["state"] = r#"{"synced_revision":"3f2a91c"}"#.into();
        let parent = decode(&object).unwrap();
        assert_eq!(parent.inventory, Inventory { holder: None, ..inventory() });
    }

    #[test]
    fn many_members_are_spread_and_come_back() {
        for count in [0, 1, 1400, 2001, 5000] {
            let members = many(count);
            let texts = split(&members, 2000);
            assert_eq!(texts.len() > 1, count > 1400, "{count}");
            let mut back = Members::new();
            for text in &texts {
                let shard = shard("big", text, "41");
                let object = encode_shard("big", "gitdeck-system", (&shard, text, "41"));
                assert!(object.to_string().len() < 1 << 20, "{}", object.to_string().len());
                back.extend(decode_shard(&object, &shard).unwrap());
            }
            assert!(texts.is_empty() || back == members, "{count}");
        }
    }

    #[test]
    fn one_more_member_changes_one_shard() {
        let (before, after) = (split(&many(5000), 2000), split(&many(5001), 2000));
        assert_eq!(after.iter().filter(|text| !before.contains(text)).count(), 1);
    }

    #[test]
    fn a_changed_shard_is_found_out() {
        let texts = split(&many(2001), 2000);
        let shard = shard("big", &texts[0], "41");
        let mut object = encode_shard("big", "gitdeck-system", (&shard, &texts[0], "41"));
        object["data"]["members"] = "[]".into();
        assert!(decode_shard(&object, &shard).unwrap_err().contains("was changed"));
    }

    #[test]
    fn another_tools_parent_is_refused() {
        let mut object = encode("checkout", "gitdeck-system", &inventory(), (&[], None));
        object["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] =
            "kubectl/v1.36".into();
        assert!(decode(&object).unwrap_err().contains("kubectl/v1.36"));
    }

    /// fleet#523: a long name was cut, another was expected, and what it named was deleted and installed for ever.
    #[test]
    fn fleet_523_long_names_have_ids_of_their_own() {
        let long = "x".repeat(300);
        let mut names: Vec<String> =
            ["Check out", "Check/out", "check.out", "größe", "", "a-", "a"]
                .map(str::to_owned)
                .into();
        for length in 40..90 {
            names.push(long[..length].to_owned());
            names.push(format!("{}y", &long[..length]));
            names.push(format!("{}.", &long[..length]));
        }
        // The hashed name of one mapping is the plain name of another.
        let hashed: Vec<String> = names
            .iter()
            .map(|name| parent_name(name).trim_start_matches("gitdeck-").to_owned())
            .collect();
        names.extend(hashed);
        let mut dice = 7_u64;
        for _ in 0..20_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            let alphabet = b"ab-._A";
            let length = 1 + (dice >> 60) as usize * 6;
            let letter = |index: usize| alphabet[(dice >> (index % 50)) as usize % 6] as char;
            names.push((0..length).map(letter).collect());
        }
        names.sort();
        names.dedup();
        let mut seen = HashMap::new();
        for name in &names {
            let parent = parent_name(name);
            assert!(parent.len() <= 63 && !parent.ends_with('-'), "{parent}");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(parent.chars().all(plain), "{parent}");
            if let Some(other) = seen.insert(parent.clone(), name) {
                panic!("{name} and {other} share {parent}");
            }
        }
    }

    #[test]
    fn plain_names_stay_as_they_were() {
        assert_eq!(parent_name("checkout"), "gitdeck-checkout");
        assert_eq!(parent_name("a--b"), "gitdeck-a--b");
    }
}
