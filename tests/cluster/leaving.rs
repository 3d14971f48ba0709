//! The order of deletion under failures: what others stand on goes when they are gone, and not before.

use super::world::{World, config, in_every_world, manifests, sandboxed};
use crate::incidents::deletions::deny_deletes;
use crate::support::control_plane::control_plane;
use gitdeck::cluster::{Applied, Cluster, Limits, Step, StepOutcome, Steps};
use gitdeck::domain::Manifest;
use gitdeck::sandbox::{Effect, Options, When};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A definition of its own for each namespace: they are shared by all tests of a server.
fn group(world: &World) -> String {
    format!("{}.example.com", world.mapping.target.namespace)
}

fn definition_address(world: &World) -> String {
    let group = group(world);
    format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}")
}

fn gadget_address(world: &World) -> String {
    let (group, namespace) = (group(world), &world.mapping.target.namespace);
    format!("/apis/{group}/v1/namespaces/{namespace}/gadgets/g")
}

/// A definition, an object of it, and the operator that it names as needed; and what has to do with none of it.
fn stack(world: &World, finalizer: Option<&str>) -> Vec<Manifest> {
    let (group, namespace) = (group(world), &world.mapping.target.namespace);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("gadgets.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let operator = format!("/namespaces/{namespace}/ConfigMap/operator");
    let mut gadget = json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g",
        "annotations": {"config.kubernetes.io/depends-on": operator}}});
    if let Some(finalizer) = finalizer {
        gadget["metadata"]["finalizers"] = json!([finalizer]);
    }
    let mut late = config("late", "1");
    late["metadata"]["annotations"] = json!({"argocd.argoproj.io/sync-wave": "-1"});
    manifests([definition, gadget, config("operator", "1"), config("other", "1"), late])
}

/// What became of the object of this name.
fn outcome<'a>(applied: &'a Applied, name: &str) -> &'a StepOutcome {
    let found = applied.outcomes.iter().find(|(_, object, _)| object.name.starts_with(name));
    found.map_or_else(|| panic!("{name}: {applied:#?}"), |(_, _, outcome)| outcome)
}

/// What stands on the object of the definition is still there, each with the reason; the rest is gone.
async fn the_rest_waits(world: &World, applied: &Applied, why: &str) {
    assert!(!applied.complete);
    let StepOutcome::Failed { error } = outcome(applied, "g") else {
        panic!("{:#?}", applied.outcomes)
    };
    assert!(error.contains(why), "{error}");
    for name in ["gadgets.", "operator", "late"] {
        let StepOutcome::Skipped { because } = outcome(applied, name) else {
            panic!("{:#?}", applied.outcomes)
        };
        assert!(because.contains("Gadget ") && because.ends_with(" was not deleted"), "{because}");
    }
    assert!(world.try_get(&definition_address(world)).await["metadata"]["uid"].is_string());
    assert_eq!((world.data("operator").await, world.data("late").await), (json!("1"), json!("1")));
    assert_eq!(world.data("other").await, Value::Null);
    let left: Vec<String> = world.members().await;
    assert!(!left.contains(&"other".to_owned()) && left.len() == 4, "{left:?}");
}

/// Deletes everything, until nothing is left.
async fn all_goes(world: &World) {
    for _ in 0..600 {
        if world.sync("r2", &[]).await.is_ok_and(|applied| applied.complete) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.members().await.is_empty());
    assert!(world.try_get(&gadget_address(world)).await.is_null());
    assert_eq!(world.data("operator").await, Value::Null);
}

#[tokio::test]
async fn a_refused_deletion_keeps_what_the_object_stands_on() {
    let (sandbox, mut world) = sandboxed("refused-deletion", Options::default()).await;
    world.options.allow_delete = Some(5);
    assert!(world.sync("r1", &stack(&world, None)).await.expect("a sync").complete);
    let deny = Effect::Deny { webhook: "guard".to_owned(), message: "not today".to_owned() };
    sandbox.faults().strike(When::verb("delete", "gadgets"), 1, deny);
    the_rest_waits(&world, &world.sync("r2", &[]).await.expect("a sync"), "not today").await;
    world.options.allow_delete = Some(4);
    all_goes(&world).await;
    let Some(plane) = control_plane() else { return };
    let namespace = plane.namespace("refused-deletion").await;
    let mut world = World::new(plane.client().await, &namespace, &namespace);
    world.options.allow_delete = Some(5);
    assert!(world.sync("r1", &stack(&world, None)).await.expect("a sync").complete);
    let guard = deny_deletes(&world, &group(&world), "gadgets", &gadget_address(&world)).await;
    the_rest_waits(&world, &world.sync("r2", &[]).await.expect("a sync"), "not today").await;
    world.send(http::Request::delete(&guard).body(Vec::new()).expect("a request")).await;
    world.options.allow_delete = Some(4);
    all_goes(&world).await;
}

/// Sets the finalizers of an object as their controller does.
fn hold(world: &World, address: &str, finalizers: &Value) -> impl Future<Output = ()> + use<> {
    let body = json!({"metadata": {"finalizers": finalizers}}).to_string().into_bytes();
    let request = http::Request::patch(address)
        .header("content-type", "application/merge-patch+json")
        .body(body)
        .expect("a request");
    let client = world.client.clone();
    async move {
        let _ = client.request::<Value>(request).await;
    }
}

/// What happens while something is waited for.
struct Meanwhile<'a> {
    world: &'a World,
    /// Of what the finalizer is taken away.
    held: String,
    /// At the first word of a wait somebody stops the apply.
    stops: bool,
    /// At which word the finalizer goes, if it does.
    goes_at: Option<usize>,
    stop: CancellationToken,
    said: Vec<String>,
}

impl<'a> Meanwhile<'a> {
    fn new(world: &'a World, held: String, stops: bool, goes_at: Option<usize>) -> Self {
        Self { world, held, stops, goes_at, stop: CancellationToken::new(), said: Vec::new() }
    }
}

impl Steps for Meanwhile<'_> {
    fn before(&mut self, _: &Step) -> Result<(), String> {
        Ok(())
    }

    fn after(&mut self, _: &Step, _: &StepOutcome) {}

    fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    fn waiting(&mut self, for_what: &str) -> bool {
        if self.stops {
            self.stop.cancel();
        }
        if self.goes_at == Some(self.said.len()) {
            tokio::spawn(hold(self.world, &self.held, &Value::Null));
        }
        self.said.push(for_what.to_owned());
        !self.stops
    }
}

/// Carries out what is planned for a revision.
async fn apply(
    world: &mut World,
    revision: &str,
    desired: &[Manifest],
    held: String,
    (stops, goes_at): (bool, Option<usize>),
) -> (Applied, Vec<String>) {
    let revision = gitdeck::domain::Revision::new(revision);
    let plan = world.cluster.plan(&world.request(&revision, desired)).await.expect("a plan");
    world.options.allow_delete = Some(plan.summary.delete);
    let request = world.request(&revision, desired);
    let plan = world.cluster.plan(&request).await.expect("a plan");
    let mut steps = Meanwhile::new(world, held, stops, goes_at);
    let applied = world.cluster.apply(&request, &plan, &mut steps).await.expect("an end");
    (applied, steps.said)
}

#[tokio::test]
async fn what_an_object_stands_on_goes_when_the_object_is_gone() {
    in_every_world("held", async |mut world| {
        let limits = Limits { ready: Duration::from_millis(300), ..Limits::default() };
        let patient = world.cluster.clone();
        world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
        world.options.allow_delete = Some(5);
        let hold = "example.com/hold";
        assert!(world.sync("r1", &stack(&world, Some(hold))).await.expect("a sync").complete);
        the_rest_waits(&world, &world.sync("r2", &[]).await.expect("a sync"), hold).await;
        assert!(
            world.get(&gadget_address(&world)).await["metadata"]["deletionTimestamp"].is_string()
        );
        // The next sync waits again, says so, and goes on once it is gone.
        world.cluster = patient;
        let held = gadget_address(&world);
        let (applied, said) = apply(&mut world, "r2", &[], held, (false, Some(0))).await;
        assert!(applied.complete, "{:#?}", applied.outcomes);
        let words = said.first().expect("words");
        assert!(words.contains("until Gadget") && words.contains(hold), "{words}");
        all_goes(&world).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_held_when_somebody_stops_is_waited_for_by_the_next_sync() {
    in_every_world("held-stopped", async |mut world| {
        let hold = "example.com/hold";
        assert!(world.sync("r1", &stack(&world, Some(hold))).await.expect("a sync").complete);
        let (new, held) = (manifests([config("new", "1")]), gadget_address(&world));
        let (applied, said) = apply(&mut world, "r2", &new, held.clone(), (true, None)).await;
        assert!(said.first().is_some_and(|words| words.contains("until Gadget")), "{said:?}");
        assert!(applied.stopped.is_some() && !applied.complete, "{applied:#?}");
        assert!(outcome(&applied, "new").is_done());
        let StepOutcome::Skipped { because } = outcome(&applied, "g") else {
            panic!("{applied:#?}")
        };
        assert!(because.contains("stopped") && because.contains("not gone yet"), "{because}");
        let limits = Limits { ready: Duration::from_millis(300), ..Limits::default() };
        let patient = world.cluster.clone();
        world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
        let (again, _) = apply(&mut world, "r2", &new, held.clone(), (false, None)).await;
        assert!(again.failures().any(|(_, error)| error.contains(hold)), "{again:#?}");
        let definition = world.get(&definition_address(&world)).await;
        assert!(definition["metadata"]["deletionTimestamp"].is_null(), "{definition}");
        assert_eq!(world.data("operator").await, "1");
        world.cluster = patient;
        let (end, _) = apply(&mut world, "r3", &[], held, (false, Some(0))).await;
        assert!(end.complete, "{:#?}", end.outcomes);
        all_goes(&world).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_to_be_made_anew_is_made_also_when_somebody_stops() {
    in_every_world("anew-stopped", async |mut world| {
        let fixed = |value: &str| {
            let mut object = config("fixed", value);
            object["immutable"] = true.into();
            manifests([object])
        };
        assert!(world.sync("r1", &fixed("1")).await.expect("a sync").complete);
        let held = format!("{}/fixed", world.configs());
        hold(&world, &held, &json!(["example.com/hold"])).await;
        world.options.recreate = true;
        // Stopped at the first word, and let go at the next.
        let (applied, said) =
            apply(&mut world, "r2", &fixed("2"), held.clone(), (true, Some(1))).await;
        assert!(said.len() > 1 && said[0].contains("until ConfigMap fixed"), "{said:?}");
        assert!(outcome(&applied, "fixed").is_done(), "{applied:#?}");
        assert!(world.get(&held).await["metadata"]["deletionTimestamp"].is_null());
        assert_eq!(world.data("fixed").await, "2");
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_in_use_does_not_wait_for_its_user_to_go() {
    // The sandbox lets a claim go at once.
    let Some(plane) = control_plane() else { return };
    let namespace = plane.namespace("in-use").await;
    let mut world = World::new(plane.client().await, &namespace, &namespace);
    let limits = Limits { ready: Duration::from_millis(300), ..Limits::default() };
    world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data",
            "annotations": {"argocd.argoproj.io/sync-wave": "1"}}, "spec": {"storageClassName": "none",
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let both = manifests([claim, config("user", "1")]);
    assert!(world.sync("r1", &both).await.expect("a sync").complete);
    let held = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/data");
    // That of volumes has the same meaning, and on a claim nobody takes it away.
    hold(&world, &held, &json!(["kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"]))
        .await;
    let (applied, _) = apply(&mut world, "r2", &[], held.clone(), (false, None)).await;
    assert!(applied.complete, "{:#?}", applied.outcomes);
    assert_eq!(world.data("user").await, Value::Null);
    assert!(world.get(&held).await["metadata"]["deletionTimestamp"].is_string());
    hold(&world, &held, &Value::Null).await;
    assert!(world.try_get(&held).await.is_null());
}
