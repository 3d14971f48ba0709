//! Waves and dependencies on what was applied before and does not do its work.

use super::world::{Journal, World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::{Applied, Cluster, Limits, Step, StepOutcome, Steps};
use gitdeck::domain::Manifest;
use gitdeck::sandbox::Options;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A Deployment that comes up unless its image is broken, which its controller says after a second.
fn deployment(image: &str) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": image}]}}}});
    if image.contains("broken") {
        object["spec"]["progressDeadlineSeconds"] = 1.into();
    }
    object
}

/// The Deployment in the first wave, what follows in the next, what names it as needed, and what does neither.
fn stack(world: &World, image: &str) -> Vec<Manifest> {
    let noted = |name: &str, annotation: &str, text: &str| {
        let mut object = config(name, "1");
        object["metadata"]["annotations"] = json!({annotation: text});
        object
    };
    let web = format!("apps/namespaces/{}/Deployment/web", world.mapping.target.namespace);
    manifests([
        deployment(image),
        config("free", "1"),
        noted("late", "argocd.argoproj.io/sync-wave", "1"),
        noted("needy", "config.kubernetes.io/depends-on", &web),
    ])
}

fn skipped<'a>(applied: &'a Applied, name: &str) -> &'a str {
    let of = applied.outcomes.iter().find(|(_, object, _)| object.name == name);
    match of {
        Some((_, _, StepOutcome::Skipped { because })) => because,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn what_follows_a_failing_object_waits_for_it_at_every_sync() {
    in_every_world("failing", async |world| {
        let broken = stack(&world, "example.com/broken:1");
        let first = world.sync("r1", &broken).await.expect("a sync");
        assert!(!first.complete);
        assert_eq!(first.failures().next().map(|(object, _)| object.name.as_str()), Some("web"));
        for round in 0..2 {
            let again = world.sync("r1", &broken).await.expect("a sync");
            assert!(!again.complete, "{round}");
            assert_eq!(again.outcomes.len(), 2, "{round}: {:#?}", again.outcomes);
            let because = skipped(&again, "needy");
            assert!(because.starts_with("Deployment "), "{because}");
            assert!(because.contains("it is applied, but fails: "), "{because}");
            assert_eq!(again.failed.as_deref(), Some(because));
            assert!(skipped(&again, "late").ends_with("needy was not applied"));
            for name in ["late", "needy"] {
                assert_eq!(world.data(name).await, Value::Null, "{round}: {name}");
            }
        }
        // A later wave alone, without anything in between that failed.
        let mut alone = broken.clone();
        alone.retain(|one| one.reference.name != "needy");
        let again = world.sync("r1", &alone).await.expect("a sync");
        assert!(skipped(&again, "late").contains("it is applied, but fails: "));
        assert_eq!(world.data("late").await, Value::Null);
        assert_eq!(world.data("free").await, "1");
        let synced = world.cluster.inventory(&world.mapping.name).await.expect("a record");
        assert_eq!(synced.synced_revision, None);
        let healed = world.sync("r2", &stack(&world, "example.com/web:1")).await.expect("a sync");
        assert!(healed.complete, "{:#?}", healed.outcomes);
        assert_eq!((world.data("late").await, world.data("needy").await), (json!("1"), json!("1")));
    })
    .await;
}

#[tokio::test]
async fn what_may_wait_for_a_later_wave_does_not_hold_it_up() {
    in_every_world("standing", async |mut world| {
        let limits = Limits { ready: Duration::from_millis(300), ..Limits::default() };
        world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
        let mut desired = manifests([
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
                "storageClassName": "none", "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}}),
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
                "spec": {"minReplicas": 1, "maxReplicas": 2, "scaleTargetRef":
                    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
                "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}),
        ]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        let mut late = config("late", "1");
        late["metadata"]["annotations"] = json!({"argocd.argoproj.io/sync-wave": "1"});
        desired.extend(manifests([late]));
        let applied = world.sync("r2", &desired).await.expect("a sync");
        assert!(applied.complete, "{applied:#?}");
        assert_eq!(world.data("late").await, "1");
    })
    .await;
}

/// A claim of a class that binds with the first consumer, and that consumer two waves later.
#[tokio::test]
async fn a_claim_of_an_earlier_wave_does_not_wait_for_its_consumer() {
    in_every_world("consumed", async |mut world| {
        let limits = Limits { ready: Duration::from_secs(30), ..Limits::default() };
        world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
        let namespace = world.mapping.target.namespace.clone();
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": namespace},
            "provisioner": "example.com/volumes", "volumeBindingMode": "WaitForFirstConsumer"});
        let request = http::Request::post("/apis/storage.k8s.io/v1/storageclasses")
            .header("content-type", "application/json");
        world.send(request.body(class.to_string().into_bytes()).expect("a request")).await;
        let waved = |mut object: Value, wave: &str| {
            object["metadata"]["annotations"] = json!({"argocd.argoproj.io/sync-wave": wave});
            object
        };
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
            "storageClassName": namespace, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}});
        let mut web = deployment("example.com/web:1");
        web["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        let desired = manifests([claim, waved(config("between", "1"), "1"), waved(web, "2"), waved(config("late", "1"), "3")]);
        let applied = world.sync("r1", &desired).await.expect("a sync");
        assert!(applied.complete, "{applied:#?}");
        assert_eq!(world.data("late").await, "1");
        let address = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/data");
        while world.get(&address).await["status"]["phase"] != "Bound" {}
        let class = format!("/apis/storage.k8s.io/v1/storageclasses/{namespace}");
        world.send(http::Request::delete(class).body(Vec::new()).expect("a request")).await;
    })
    .await;
}

/// Nobody asked to wait, but the next wave does: a node that pulls in vain ends that wait with its own words.
#[tokio::test]
async fn a_wave_ends_early_with_the_words_of_its_pod() {
    in_every_world("pulling", async |mut world| {
        let limits = Limits { ready: Duration::from_secs(60), ..Limits::default() };
        world.cluster = Cluster::with_limits(world.client.clone(), "test", "default", limits);
        let mut broken = stack(&world, "example.com/broken:1");
        let spec = broken[0].object["spec"].as_object_mut().expect("a spec");
        spec.shift_remove("progressDeadlineSeconds");
        for round in 0..2 {
            let applied = world.sync("r1", &broken).await.expect("a sync");
            let words = applied.failures().next().map(|(_, why)| why.to_owned());
            let words = words.or(applied.failed.clone()).expect("a reason");
            for part in [
                "it is applied, but fails: ",
                "container main: ",
                "example.com/broken:1",
                "pulls in vain",
            ] {
                assert!(words.contains(part), "{round}: {words}");
            }
            let stall = applied.stall.expect("what is known");
            assert_eq!(stall.object.name, "web");
            assert!(
                stall.pod.is_some_and(|pod| pod.starts_with("web-")) && stall.hopeless.is_some()
            );
            assert_eq!(world.data("late").await, Value::Null);
        }
    })
    .await;
}

/// The pods of before crash while the new ones come up.
#[tokio::test]
async fn a_fix_is_not_taken_for_what_it_mends() {
    let (_sandbox, world) = sandboxed("mended", Options::default()).await;
    let mut crashing = stack(&world, "example.com/crash:1");
    // Ready for a moment before each crash, which must not count.
    crashing[0].object["spec"]["minReadySeconds"] = 60.into();
    let applied = world.sync("r1", &crashing).await.expect("a sync");
    let stall = applied.stall.expect("what is known");
    assert!(stall.hopeless.is_some_and(|why| why.contains("in a row")), "{:#?}", stall.reason);
    assert!(!stall.events.is_empty() && !stall.log.is_empty());
    let applied = world.sync("r2", &stack(&world, "example.com/web:1")).await.expect("a sync");
    assert!(applied.complete, "{:#?}", applied.outcomes);
}

/// Steps that stop or are left alone at the first word about what is waited for.
#[derive(Default)]
struct Impatient {
    said: Vec<String>,
    steps: Journal,
}

impl Steps for Impatient {
    fn before(&mut self, step: &Step) -> Result<(), String> {
        if self.steps.stop.is_cancelled() {
            return Err("stopped".to_owned());
        }
        self.steps.before(step)
    }

    fn after(&mut self, step: &Step, outcome: &StepOutcome) {
        self.steps.after(step, outcome);
    }

    fn stop(&self) -> CancellationToken {
        self.steps.stop.clone()
    }

    fn waiting(&mut self, for_what: &str) -> bool {
        self.said.push(for_what.to_owned());
        self.steps.stop.cancel();
        false
    }
}

#[tokio::test]
async fn a_wait_is_told_and_ends_when_somebody_stops_it() {
    in_every_world("impatient", async |world| {
        let mut slow = stack(&world, "example.com/web:1");
        slow[0].object["spec"]["minReadySeconds"] = 500.into();
        let revision = gitdeck::domain::Revision::new("r1");
        let request = world.request(&revision, &slow);
        // After a write, and where it was written before.
        for operations in [4, 2] {
            let plan = world.cluster.plan(&request).await.expect("a plan");
            assert_eq!(plan.operations.len(), operations, "{:#?}", plan.operations);
            let mut steps = Impatient::default();
            let applied = world.cluster.apply(&request, &plan, &mut steps).await.expect("an end");
            assert!(applied.stopped.is_some() && !applied.complete, "{applied:#?}");
            assert!(applied.failures().next().is_none(), "{:#?}", applied.outcomes);
            let words = steps.said.first().map(String::as_str).unwrap_or_default();
            assert!(words.starts_with("waiting for Deployment"), "{words}");
            for name in ["late", "needy"] {
                assert_eq!(skipped(&applied, name), "the sync was stopped");
                assert_eq!(world.data(name).await, Value::Null, "{name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_does_its_work_costs_no_request() {
    let (sandbox, world) = sandboxed("steady", Options::default()).await;
    let desired = stack(&world, "example.com/web:1");
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    let reads =
        || sandbox.traffic().count(|one| one.verb == "get" && one.resource == "deployments");
    let before = reads();
    // Something to do in the later wave, and nothing to do at all.
    world.set("late", "2").await;
    for _ in 0..2 {
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    }
    // The look of each plan and of each apply.
    assert_eq!((world.data("late").await, reads() - before), (json!("1"), 4));
}
