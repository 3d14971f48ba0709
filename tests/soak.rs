//! Status churn costs nothing: no write, no dry run, no growth, and a real change is seen among it.
//!
//! The full size, on the real API server where there is one (`KUBEBUILDER_ASSETS`):
//! `cargo test --release --test main soak -- --ignored --nocapture`; `GITDECK_SOAK=120` makes it two minutes.

mod asked;
mod shown;

use crate::support::clusters::{Kind, World, worlds};
use crate::support::fake_node::kind;
use crate::support::running::{Origin, Running};
use gitdeck::domain::SyncState;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use asked::asked;
use shown::Shown;

/// How much, and for how long.
struct Size {
    objects: usize,
    /// Before anything is counted.
    settle: Duration,
    /// After that, before memory is compared.
    warm: Duration,
    counted: Duration,
    /// Between two updates of a status.
    pause: Duration,
    /// Whether the rate has to be kept: 80 % of it on average. Where it need not, on machines that are busy with other
    /// tests, the counted time goes on until all updates were made.
    is_paced: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn status_churn_costs_no_write_and_no_dry_run() {
    let (warm, settle) = (Duration::from_secs(1), Duration::from_secs(2));
    let (counted, pause) = (Duration::from_secs(4), Duration::from_millis(10));
    let size = Size { objects: 60, settle, warm, counted, pause, is_paced: false };
    for world in worlds("soak-small").await {
        soak(&world, &size, "soak-small").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes for each cluster"]
async fn two_thousand_objects_and_a_hundred_updates_a_second_for_ten_minutes() {
    let asked = std::env::var("GITDECK_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    let whole = Duration::from_secs(asked.unwrap_or(600));
    let settle = Duration::from_secs(60).min(whole / 3);
    let (counted, pause) = (whole.saturating_sub(settle * 2), Duration::from_millis(10));
    let size = Size { objects: 2_000, settle, warm: settle, counted, pause, is_paced: true };
    for world in worlds("soak-full").await {
        soak(&world, &size, "soak-full").await;
    }
}

async fn soak(world: &World, size: &Size, name: &str) {
    let table = format!(
        "[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps\"\nsync = {{ auto = true, self_heal = true }}\n"
    );
    let origin = Origin::new(world, &table);
    origin.commit("begin", &[("apps/all.yaml", Some(&manifests(size.objects)))]);
    let mut running = Running::watch(origin.settings("one"));
    running.see(name, "everything is in sync", |status| status.sync == SyncState::Synced).await;
    let churn = Churn::start(world, size).await;
    // Once every status has come, that it is healthy is put on record, and never again at this revision.
    running.see(name, "health on record", |status| status.last_healthy.is_some()).await;
    running.pass(size.settle).await;
    let (looks, updates) = (running.looks, churn.updates());
    let (journal, record) = (running.journal().await.len(), record(world, name).await);
    let before = asked(world).await;
    running.pass(size.warm).await;
    let memory = resident();
    running.pass(size.counted).await;
    let aim = ((size.warm + size.counted).as_millis() / size.pause.as_millis()) as usize;
    while !size.is_paced && churn.updates() - updates < aim {
        running.pass(size.pause).await;
    }
    let (grown, updates) = (resident(), churn.updates() - updates);
    let after = asked(world).await;
    // The premise of all that follows, and no claim about speed.
    assert!(updates * 10 >= aim * 8, "{updates} updates of a status instead of {aim}");
    assert_eq!(running.looks.1, looks.1, "dry runs were asked for");
    assert_eq!(running.journal().await.len(), journal, "something was written");
    assert_eq!(self::record(world, name).await, record, "the record was written");
    // The server's own count; on one that other tests use as well it is not about this one alone.
    if size.is_paced || world.kind == Kind::Sandbox {
        assert_eq!(after, before, "the server was asked for single objects");
    }
    assert_eq!(running.store.mappings[name].status.sync, SyncState::Synced);
    let growth = 100.0 * (grown as f64 - memory as f64) / memory as f64;
    // The sandbox lives in this process, and its history grows.
    if world.kind == Kind::Real && size.counted > Duration::from_secs(30) {
        assert!(growth < 5.0, "{memory} became {grown} pages");
    }
    let at = Instant::now();
    let all = ingresses(world).await;
    all.patch("i0", &by("kubectl-edit"), &backend("other")).await.expect("drift");
    // Noticed, and corrected, because this mapping asks for it.
    running.see(name, "the drift", |status| status.drifted_fields > 0).await;
    let latency = at.elapsed();
    running
        .see(name, "the correction", |status| {
            status.sync == SyncState::Synced && status.drift_since.is_none()
        })
        .await;
    let looks = running.looks.0 - looks.0;
    running.stop().await;
    let (screen, status) = seen(world, &origin, name).await;
    println!(
        "soak {:?}: {} objects, {updates} status updates in {:?}, {} looks, 0 dry runs, 0 writes, memory {growth:+.1} %, \
         a change was seen after {latency:?}, was on the screen of a console after {screen:?}, and `status` told it in {status:?}",
        world.kind,
        size.objects,
        size.warm + size.counted,
        looks
    );
    drop(churn);
}

/// How long a change takes to a console's screen, and `status` to tell it.
async fn seen(world: &World, origin: &Origin, name: &str) -> (Duration, Duration) {
    let shown = Shown::start(&origin.config, name).await;
    let at = Instant::now();
    let all = ingresses(world).await;
    all.patch("i1", &by("kubectl-edit"), &backend("other")).await.expect("drift");
    shown.see(at).await
}

fn manifests(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i{index}\nspec:\n  \
             defaultBackend:\n    service:\n      name: web\n      port:\n        number: 80\n"
        );
        text
    })
}

async fn ingresses(world: &World) -> Api<DynamicObject> {
    let mut resource = kind("networking.k8s.io", "v1", "Ingress");
    "ingresses".clone_into(&mut resource.plural);
    Api::namespaced_with(world.client().await, &world.namespace, &resource)
}

fn by(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
}

fn backend(name: &str) -> Patch<serde_json::Value> {
    Patch::Merge(json!({"spec": {"defaultBackend": {"service": {"name": name}}}}))
}

/// The version of a mapping's record, which every write of it changes.
async fn record(world: &World, mapping: &str) -> Option<String> {
    let maps: Api<DynamicObject> = Api::namespaced_with(
        world.client().await,
        gitdeck::cluster::NAMESPACE,
        &kind("", "v1", "ConfigMap"),
    );
    let found = maps.get(&format!("gitdeck-{mapping}")).await.expect("a record");
    found.metadata.resource_version
}

/// Pages of this process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(1)
}

/// A controller that writes one status after the other, until it is dropped.
struct Churn(tokio::task::JoinHandle<()>, Arc<AtomicUsize>);

impl Churn {
    async fn start(world: &World, size: &Size) -> Self {
        let (objects, pause) = (size.objects, size.pause);
        let (all, done) = (ingresses(world).await, Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&done);
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(pause);
            loop {
                beat.tick().await;
                let turn = count.load(Ordering::Relaxed);
                let ip = format!("10.0.{}.{}", turn / 250 % 250, turn % 250);
                let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": ip}]}}});
                let name = format!("i{}", turn % objects);
                let written = all.patch_status(&name, &by("balancer"), &Patch::Merge(status)).await;
                written.expect("an updated status");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self(task, done)
    }

    fn updates(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.0.abort();
    }
}
