//! Objects that were written in a version, or in a group, that the server does not know any more.

use crate::cluster::world::{World, config, in_every_world, manifests};
use gitdeck::cluster::Cluster;
use gitdeck::domain::plan::Op;
use gitdeck::domain::{Manifest, Revision};
use serde_json::{Value, json};
use std::time::Duration;

const MERGE: &str = "application/merge-patch+json";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A kind `Gadget` in a group of the test's own.
struct Gadgets {
    group: String,
    namespace: String,
}

impl Gadgets {
    fn of(world: &World) -> Self {
        let namespace = world.mapping.target.namespace.clone();
        Self { group: format!("{namespace}.example.com"), namespace }
    }

    fn address(&self) -> String {
        format!("{DEFINITIONS}/gadgets.{}", self.group)
    }

    fn objects(&self, version: &str) -> String {
        format!("/apis/{}/{version}/namespaces/{}/gadgets", self.group, self.namespace)
    }

    /// The cluster's administrator defines the kind with these versions, of which the last is stored, each with these
    /// fields in its specification; and waits until it is served so.
    async fn define(&self, world: &World, versions: &[(&str, &[&str])]) {
        let version = |(index, (name, fields)): (usize, &(&str, &[&str]))| {
            let field = |field: &&str| ((*field).to_owned(), json!({"type": "string"}));
            let fields: serde_json::Map<String, Value> = fields.iter().map(field).collect();
            let spec = json!({"type": "object", "properties": fields});
            json!({"name": name, "served": true, "storage": index + 1 == versions.len(),
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}})
        };
        let written: Vec<Value> = versions.iter().enumerate().map(version).collect();
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets.{}", self.group)}, "spec": {"group": self.group,
                "scope": "Namespaced", "versions": written,
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}}});
        let address = format!("{}?fieldManager=admin&force=true", self.address());
        send(world, "PATCH", &address, "application/apply-patch+yaml", &definition).await;
        for _ in 0..600 {
            let group = world.try_get(&format!("/apis/{}", self.group)).await;
            let mut served = group["versions"].as_array().map_or(0, Vec::len) == versions.len();
            for (version, fields) in versions {
                served &= self.takes(world, version, fields).await;
            }
            if served {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} is not served as defined", self.group);
    }

    /// Whether the server takes these fields in this version by now.
    async fn takes(&self, world: &World, version: &str, fields: &[&str]) -> bool {
        let spec: serde_json::Map<String, Value> =
            fields.iter().map(|field| ((*field).to_owned(), json!("x"))).collect();
        let mut probe = self.gadget(version, &Value::Object(spec));
        probe["metadata"]["name"] = "probe".into();
        let address = format!("{}?dryRun=All&fieldValidation=Strict", self.objects(version));
        let request = http::Request::post(address).header("content-type", "application/json");
        let request = request.body(probe.to_string().into_bytes()).expect("a request");
        world.client.request::<Value>(request).await.is_ok()
    }

    fn gadget(&self, version: &str, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/{version}", self.group), "kind": "Gadget",
            "metadata": {"name": "g"}, "spec": spec})
    }

    async fn live(&self, world: &World, version: &str) -> Value {
        world.get(&format!("{}/g", self.objects(version))).await
    }

    async fn write(&self, world: &World, method: &str, version: &str, body: &Value) {
        let address = format!("{}/g?fieldManager=somebody", self.objects(version));
        let media = if method == "PUT" { "application/json" } else { MERGE };
        send(world, method, &address, media, body).await;
    }

    /// The plan shows this path and refuses nothing; afterwards there is no difference, and nothing is asked for.
    async fn differs_and_syncs(&self, world: &World, desired: &[Manifest], path: &str) {
        let plan = world.plan("r2", desired).await.expect("a plan");
        let changes = plan.operations.iter().flat_map(|operation| &operation.changes);
        let paths: Vec<&str> = changes.map(|change| change.path.as_str()).collect();
        assert!(paths.contains(&path) && plan.refusals.is_empty(), "{plan:#?}");
        let applied = world.sync("r2", desired).await.expect("a sync");
        assert!(applied.complete, "{applied:#?}");
        // Definitions of other tests on the same server are a reason to ask meanwhile.
        for _ in 0..20 {
            let fresh = Cluster::from_client(world.client.clone(), "test", "default");
            let revision = Revision::new("r2");
            let plan = fresh.plan(&world.request(&revision, desired)).await.expect("a plan");
            assert!(plan.is_empty(), "{plan:#?}");
            if plan.dry_runs == 0 {
                return;
            }
        }
        panic!("every process asks");
    }

    async fn forget(&self, world: &World) {
        send(world, "DELETE", &self.address(), "application/json", &json!({})).await;
    }
}

async fn send(world: &World, method: &str, address: &str, media: &str, body: &Value) -> Value {
    let request = http::Request::builder().method(method).uri(address);
    let request = request.header("content-type", media);
    world.send(request.body(body.to_string().into_bytes()).expect("a request")).await
}

/// The versions in which the managers of an object are recorded.
fn versions(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().expect("entries").iter();
    let mut found: Vec<String> =
        entries.map(|entry| entry["apiVersion"].as_str().expect("a version").to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

/// flux2#5715: the fields of an object were recorded in a version that the definition lost, and no apply of it, nor a
/// dry run, succeeded any more. Somebody else's entry in that version stands in the way just as well.
#[tokio::test]
async fn flux2_5715_managed_fields_in_a_version_that_is_gone() {
    const FIELDS: &[&str] = &["size", "color", "edited"];
    in_every_world("version-gone", async |mut world| {
        let kind = Gadgets::of(&world);
        kind.define(&world, &[("v1beta1", FIELDS)]).await;
        let gadget = |version: &str, size: &str| {
            let gadget = kind.gadget(version, &json!({"size": size, "color": "red"}));
            manifests([gadget, config("a", size)])
        };
        assert!(world.sync("r1", &gadget("v1beta1", "s")).await.expect("a sync").complete);
        let edit = json!({"spec": {"edited": "yes"}});
        kind.write(&world, "PATCH", "v1beta1", &edit).await;
        // As a migration of the storage does it: stored anew in the new version, and the old one removed.
        kind.define(&world, &[("v1beta1", FIELDS), ("v1", FIELDS)]).await;
        let stored = kind.live(&world, "v1").await;
        kind.write(&world, "PUT", "v1", &stored).await;
        let only = json!({"status": {"storedVersions": ["v1"]}});
        let status = format!("{}/status", kind.address());
        send(&world, "PATCH", &status, MERGE, &only).await;
        kind.define(&world, &[("v1", FIELDS)]).await;
        world.cluster = Cluster::from_client(world.client.clone(), "test", "default");
        kind.differs_and_syncs(&world, &gadget("v1", "l"), "/spec/size").await;
        let live = kind.live(&world, "v1").await;
        assert_eq!(live["spec"], json!({"size": "l", "color": "red", "edited": "yes"}));
        assert_eq!(versions(&live), [format!("{}/v1", kind.group)]);
        // And what leaves Git afterwards goes.
        let bare = manifests([kind.gadget("v1", &json!({"size": "l"})), config("a", "l")]);
        kind.differs_and_syncs(&world, &bare, "/spec/color").await;
        kind.forget(&world).await;
    })
    .await;
}

/// flux2#5715 in its other form, which the thread quotes: "field not declared in schema", because the version in which
/// the fields were recorded is still served, but lacks one that the new version brought.
#[tokio::test]
async fn flux2_5715_a_field_that_the_recorded_version_lacks() {
    in_every_world("version-new", async |mut world| {
        let kind = Gadgets::of(&world);
        kind.define(&world, &[("v1beta1", &["size", "shape"])]).await;
        let old = manifests([kind.gadget("v1beta1", &json!({"size": "s", "shape": "round"}))]);
        assert!(world.sync("r1", &old).await.expect("a sync").complete);
        kind.define(
            &world,
            &[("v1beta1", &["size", "shape"]), ("v1", &["size", "shape", "color"])],
        )
        .await;
        world.cluster = Cluster::from_client(world.client.clone(), "test", "default");
        let new = manifests([kind.gadget("v1", &json!({"size": "s", "color": "red"}))]);
        kind.differs_and_syncs(&world, &new, "/spec/color").await;
        // What left Git in the same commit went with it.
        let live = kind.live(&world, "v1").await;
        assert_eq!(live["spec"], json!({"size": "s", "color": "red"}));
        kind.forget(&world).await;
    })
    .await;
}

/// Not a thread of its own: engines.md 1.6 asks for a kind that moved its group, `extensions` to `networking.k8s.io`.
/// The object of both is one, and to delete it under its old name is to delete what was applied a moment ago. Events
/// are the one kind that servers of today still serve in two groups.
#[tokio::test]
async fn a_kind_that_moved_its_group_is_one_object() {
    in_every_world("moved-group", async |world| {
        let namespace = &world.mapping.target.namespace;
        let metadata = json!({"name": "e", "namespace": namespace});
        let about = json!({"kind": "Namespace", "name": "x", "namespace": namespace});
        let old = json!({"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about,
            "reason": "Moved", "message": "m", "type": "Normal", "action": "Move",
            "reportingComponent": "test.example.com/x", "reportingInstance": "y",
            "eventTime": "2026-11-20T12:00:00.000000Z"});
        let new = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata, "regarding": about,
            "reason": "Moved", "note": "m", "type": "Normal", "action": "Move",
            "reportingController": "test.example.com/x", "reportingInstance": "y",
            "eventTime": "2026-11-20T12:00:00.000000Z"});
        let address = format!("/api/v1/namespaces/{namespace}/events/e");
        assert!(world.sync("r1", &manifests([old, config("a", "1")])).await.expect("a sync").complete);
        let uid = world.get(&address).await["metadata"]["uid"].clone();
        let moved = manifests([new, config("a", "1")]);
        for _ in 0..3 {
            let plan = world.plan("r2", &moved).await.expect("a plan");
            assert!(plan.operations.iter().all(|one| one.op != Op::Delete), "{plan:#?}");
            let applied = world.sync("r2", &moved).await.expect("a sync");
            assert!(applied.complete, "{applied:#?}");
            assert_eq!(world.try_get(&address).await["metadata"]["uid"], uid);
        }
        // It is the mapping's still, under its new name alone.
        let groups: Vec<String> = world.cluster.inventory(&world.mapping.name).await.expect("a record")
            .members.into_keys().map(|key| key.group_kind()).collect();
        assert_eq!(groups, ["ConfigMap", "Event.events.k8s.io"]);
        let left = manifests([config("a", "1")]);
        assert!(world.sync("r3", &left).await.expect("a sync").complete);
        assert!(world.try_get(&address).await.is_null());
    })
    .await;
}
