//! Applies to objects whose field managers are recorded in an earlier version of their kind.

use super::Cluster;
use super::live::Live;
use super::resource::Resource;
use super::wire::{Call, Failure, JSON_PATCH};
use super::write::read;
use crate::domain::earlier::{laid_over, restamped};
use crate::domain::prove::MANAGER;
use kube::core::Status;
use serde_json::{Map, Value, json};

/// What the server says of a version that is not served any more, before the version.
const GONE: &str = "request to convert CR to an invalid group/version: ";
/// What it says where a field is not in the version in which another field manager, or gitdeck earlier, recorded its own.
const UNDECLARED: [&str; 2] = ["failed to prune fields: ", "failed to merge config: "];

/// The managers of a live object as they have to be recorded before an apply in this version can succeed, where it was
/// refused because they name an earlier one.
pub(super) fn earlier(status: &Status, live: &Value, version: &str) -> Option<Value> {
    if status.code != 500 {
        return None;
    }
    let gone = status.message.split_once(GONE).map(|(_, rest)| {
        rest.split_whitespace().next().unwrap_or_default().trim_end_matches([',', '.', ')'])
    });
    let undeclared = UNDECLARED.iter().any(|words| status.message.starts_with(words));
    if gone.is_none() && !undeclared {
        return None;
    }
    restamped(live, version, gone)
}

impl Cluster {
    /// What an apply would make of a live object whose managers have to be moved first. The server tries the result out,
    /// but cannot try the apply itself, since nothing may be moved before somebody agreed to it.
    pub(super) async fn foresee(
        &self,
        resource: &Resource,
        sent: &Value,
        live: &Value,
        managed: &Value,
    ) -> Result<Value, Failure> {
        self.try_result(resource, live, &laid_over(live, sent), managed).await
    }

    /// Tries out whether a live object may become this, with its managers recorded so; the answer has the defaults.
    pub(super) async fn try_result(
        &self,
        resource: &Resource,
        live: &Value,
        result: &Value,
        managed: &Value,
    ) -> Result<Value, Failure> {
        let mut patch =
            vec![json!({"op": "replace", "path": "/metadata/managedFields", "value": managed})];
        steps("", (live, result), &["metadata", "status"], &mut patch);
        steps(
            "/metadata",
            (&live["metadata"], &result["metadata"]),
            &["managedFields", "resourceVersion", "generation"],
            &mut patch,
        );
        let address = format!(
            "{}?fieldManager={MANAGER}&fieldValidation=Strict&dryRun=All",
            item(resource, live)
        );
        self.wire().json(&Call::patch(address, JSON_PATCH, &Value::Array(patch))).await
    }

    /// Records the managers of a live object anew; the answer is the object after that.
    pub(super) async fn restamp(
        &self,
        resource: &Resource,
        live: &Live,
        managed: &Value,
    ) -> Result<Live, Failure> {
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": *live.uid},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": *live.resource_version},
            {"op": "replace", "path": "/metadata/managedFields", "value": managed},
        ]);
        let address = format!("{}?fieldManager={MANAGER}", item(resource, &live.value()));
        read(&self.wire().json(&Call::patch(address, JSON_PATCH, &patch)).await?, resource)
    }
}

fn item(resource: &Resource, object: &Value) -> String {
    let metadata = &object["metadata"];
    resource.item(metadata["namespace"].as_str(), metadata["name"].as_str().unwrap_or_default())
}

/// One step for each member that differs.
fn steps(at: &str, (before, after): (&Value, &Value), but: &[&str], patch: &mut Vec<Value>) {
    let nothing = Map::new();
    let (before, after) =
        (before.as_object().unwrap_or(&nothing), after.as_object().unwrap_or(&nothing));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let path = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    patch.extend(gone.map(|name| json!({"op": "remove", "path": path(name)})));
    let changed = after
        .iter()
        .filter(|(name, value)| !but.contains(&name.as_str()) && before.get(*name) != Some(*value));
    patch.extend(
        changed.map(|(name, value)| json!({"op": "add", "path": path(name), "value": value})),
    );
}
