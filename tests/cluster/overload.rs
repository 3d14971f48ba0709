//! A server with too much to do: one budget for everybody, patience together, and no longer than somebody wants.

use super::world::{Journal, World, config, manifests, mapping, sandboxed};
use gitdeck::cluster::ClusterError;
use gitdeck::domain::Manifest;
use gitdeck::sandbox::{Effect, Latch, Options, Sandbox, When};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const IN_FLIGHT: usize = 16;

fn quiet() -> Options {
    Options { controllers: false, ..Options::default() }
}

fn real_patch() -> When {
    When { dry_run: Some(false), ..When::verb("patch", "configmaps") }
}

fn many(prefix: &str, count: usize) -> Vec<Manifest> {
    manifests((0..count).map(|index| config(&format!("{prefix}-{index}"), "1")))
}

/// Another mapping on the same connection.
fn beside(world: &World, name: &str) -> World {
    World {
        cluster: world.cluster.clone(),
        client: world.client.clone(),
        mapping: mapping(name, &world.mapping.target.namespace),
        options: world.options,
    }
}

/// Real patches of config maps, by name: how many there were, and how many of them were carried out.
fn patched(sandbox: &Sandbox) -> BTreeMap<String, (usize, usize)> {
    let mut found = BTreeMap::<String, (usize, usize)>::new();
    for one in sandbox.traffic().requests() {
        if one.verb == "patch" && one.resource == "configmaps" && !one.dry_run {
            let (sent, done) = found.entry(one.name).or_default();
            *sent += 1;
            *done += usize::from(one.status.is_some_and(|status| status < 300));
        }
    }
    found
}

/// kustomize-controller#816: more at once was slower, not faster.
#[tokio::test(start_paused = true)]
async fn kustomize_controller_816_fifty_mappings_share_one_budget() {
    let (sandbox, world) = sandboxed("budget", quiet()).await;
    let latch = Latch::default();
    sandbox.faults().always(real_patch(), Effect::Hold(latch.clone()));
    let worlds: Vec<World> = (0..50).map(|index| beside(&world, &format!("m{index}"))).collect();
    let syncs = worlds.iter().enumerate().map(async |(index, world)| {
        let desired = many(&format!("m{index}"), 4);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    });
    let watch = async {
        latch.arrived(IN_FLIGHT).await;
        // Time goes on only when nobody has anything left to do.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sandbox.traffic().count(|one| one.status.is_none()), IN_FLIGHT);
        latch.open();
    };
    tokio::join!(futures::future::join_all(syncs), watch);
    assert_eq!(patched(&sandbox).len(), 200);
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_of_refusals_end_well() {
    let (sandbox, world) = sandboxed("busy", quiet()).await;
    let desired = many("c", 40);
    let other = beside(&world, "other");
    let refuse = Effect::Status { code: 429, retry_after: Some(1) };
    sandbox.faults().always(real_patch(), refuse);
    let begun = Instant::now();
    let (applied, ()) = tokio::join!(world.sync("r1", &desired), async {
        tokio::time::sleep(Duration::from_millis(9_500)).await;
        // Whoever else wants something waits as well.
        let before = sandbox.traffic().count(|_| true);
        let waiting = other.cluster.version();
        let soon = tokio::time::timeout(Duration::from_millis(400), waiting).await;
        assert!(soon.is_err(), "it was asked in spite of the rest");
        assert_eq!(sandbox.traffic().count(|_| true), before);
        sandbox.faults().clear();
    });
    assert!(applied.expect("a sync").complete);
    assert!(begun.elapsed() >= Duration::from_secs(10));
    let patched = patched(&sandbox);
    assert!(patched.len() == 40 && patched.values().all(|(_, done)| *done == 1), "{patched:?}");
    let refused: usize = patched.values().map(|(sent, done)| sent - done).sum();
    assert!(refused <= IN_FLIGHT + 10, "{refused} requests were refused in ten delays");
}

#[tokio::test(start_paused = true)]
async fn a_long_rest_ends_when_somebody_stops() {
    let (sandbox, world) = sandboxed("stopped-rest", quiet()).await;
    let desired = many("c", 3);
    sandbox.faults().always(real_patch(), Effect::Status { code: 429, retry_after: Some(60) });
    let mut journal = Journal::default();
    let (stop, begun) = (journal.stop.clone(), Instant::now());
    let (applied, ()) = tokio::join!(world.sync_with("r1", &desired, &mut journal), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stop.cancel();
    });
    assert_eq!(begun.elapsed().as_secs(), 5);
    if let Ok(applied) = applied {
        assert!(!applied.complete, "{applied:?}");
    }
    assert!(patched(&sandbox).values().all(|(_, done)| *done == 0));
    // The next one finds what was left.
    sandbox.faults().clear();
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
}

#[tokio::test(start_paused = true)]
async fn the_error_says_how_long_the_server_refused() {
    let (sandbox, world) = sandboxed("overloaded", quiet()).await;
    let get = When::verb("get", "configmaps");
    sandbox.faults().always(get.clone(), Effect::Status { code: 503, retry_after: Some(20) });
    let error = world.plan("r1", &many("c", 2)).await.expect_err("a plan");
    let ClusterError::Throttled { seconds, asked, .. } = &error else { panic!("{error}") };
    assert!((60..=90).contains(seconds) && *asked == 20, "{error}");
    assert!(error.to_string().contains("asks to wait 20 s"), "{error}");
    // What nobody would wait for is told at once.
    sandbox.faults().clear();
    assert!(world.plan("r1", &many("c", 2)).await.is_ok());
    sandbox.faults().always(get, Effect::Status { code: 429, retry_after: Some(3600) });
    let begun = Instant::now();
    let error = world.plan("r1", &many("c", 2)).await.expect_err("a plan");
    assert!(error.to_string().contains("asks to wait 3600 s"), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 0);
}

/// A webhook that is not up yet: the server says 500, and nothing was stored.
#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_what_does_not_is_told_at_once() {
    let (sandbox, world) = sandboxed("passing", quiet()).await;
    sandbox.faults().strike(real_patch(), 2, Effect::Status { code: 500, retry_after: None });
    assert!(world.sync("r1", &many("c", 1)).await.expect("a sync").complete);
    assert_eq!(patched(&sandbox)["c-0"], (3, 1));
    let deny = Effect::Deny { webhook: "guard".to_owned(), message: "no".to_owned() };
    sandbox.faults().always(real_patch(), deny);
    let applied = world.sync("r1", &many("d", 1)).await.expect("a sync");
    assert!(!applied.complete);
    assert_eq!(patched(&sandbox)["d-0"], (1, 0), "a refusal was tried again");
}
