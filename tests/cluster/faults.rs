//! What a sync does when the server does not play along; in the sandbox, where that can be arranged.

use super::world::{Journal, World, config, manifests, sandboxed};
use gitdeck::cluster::{Cluster, Notice, WatchState};
use gitdeck::domain::{Manifest, Revision};
use gitdeck::sandbox::{Effect, Latch, Options, Sandbox, When};
use serde_json::json;
use std::time::Duration;

fn configs(names: &[&str], value: &str) -> Vec<Manifest> {
    manifests(names.iter().map(|name| config(name, value)))
}

fn real_patch() -> When {
    When { dry_run: Some(false), ..When::verb("patch", "configmaps") }
}

/// Patches of config maps that were carried out or refused, dry runs aside.
fn patches(sandbox: &Sandbox) -> usize {
    sandbox
        .traffic()
        .count(|one| one.verb == "patch" && one.resource == "configmaps" && !one.dry_run)
}

#[tokio::test]
async fn an_overloaded_server_is_waited_for() {
    let (sandbox, world) = sandboxed("throttled", Options::default()).await;
    sandbox.faults().strike(real_patch(), 3, Effect::Status { code: 429, retry_after: Some(0) });
    sandbox.faults().strike(
        When::verb("get", "configmaps"),
        1,
        Effect::Status { code: 503, retry_after: Some(0) },
    );
    let applied = world.sync("r1", &configs(&["a", "b", "c", "d"], "1")).await.expect("a sync");
    assert!(applied.complete, "{applied:?}");
    assert_eq!(patches(&sandbox), 4 + 3, "a delay brings one more attempt, no more");
}

#[tokio::test]
async fn a_write_without_an_answer_is_read_back_not_repeated() {
    for effect in [Effect::StatusAfterCommit { code: 504 }, Effect::Cut { after: 10 }] {
        let (sandbox, world) = sandboxed("silent", Options::default()).await;
        assert!(world.sync("r1", &configs(&["a"], "1")).await.expect("a sync").complete);
        let before = patches(&sandbox);
        sandbox.faults().strike(real_patch(), 1, effect.clone());
        let applied = world.sync("r2", &configs(&["a"], "2")).await.expect("a sync");
        assert!(applied.complete, "{effect:?}: {applied:?}");
        assert_eq!(patches(&sandbox) - before, 1, "{effect:?}");
        assert_eq!(world.data("a").await, "2");
    }
}

#[tokio::test]
async fn a_failed_group_blocks_every_deletion_and_nothing_else() {
    let (sandbox, mut world) = sandboxed("halfblind", Options::default()).await;
    let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {
        "schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": "example.com/job:1"}]}}}}}});
    let all = manifests([config("a", "1"), config("b", "1"), job]);
    assert!(world.sync("r1", &all).await.expect("a sync").complete);
    sandbox.faults().break_group("batch");
    world.cluster = Cluster::from_client(sandbox.client(None), "test", "default");
    let kept = configs(&["a"], "2");
    let plan = world.plan("r2", &kept).await.expect("a plan");
    let names: Vec<_> = plan.operations.iter().map(|one| one.object.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert!(
        plan.prune_blocked.as_ref().is_some_and(|why| why.contains("batch")),
        "{:?}",
        plan.prune_blocked
    );
    assert!(world.sync("r2", &kept).await.expect("a sync").complete);
    assert_eq!(world.members().await, ["a", "b", "nightly"]);
    // No number releases what is not known in full.
    world.options.allow_delete = Some(2);
    assert!(world.sync("r2", &kept).await.expect("a sync").complete);
    assert_eq!(world.members().await, ["a", "b", "nightly"]);
    world.options.allow_delete = None;
    sandbox.faults().clear();
    assert!(world.sync("r2", &kept).await.expect("a sync").complete);
    assert_eq!(world.members().await, ["a"]);
}

#[tokio::test]
async fn a_failure_skips_its_dependents_and_prunes_nothing() {
    let (sandbox, world) = sandboxed("dependents", Options::default()).await;
    assert!(world.sync("r1", &configs(&["old"], "1")).await.expect("a sync").complete);
    let mut late = config("late", "1");
    late["metadata"]["annotations"]["config.kubernetes.io/depends-on"] =
        "/namespaces/dependents/ConfigMap/first".into();
    let desired = manifests([config("first", "1"), late, config("other", "1")]);
    let deny = Effect::Deny { webhook: "guard".to_owned(), message: "no".to_owned() };
    let first = When {
        dry_run: Some(false),
        verb: Some("patch".to_owned()),
        ..When::object("configmaps", "first")
    };
    sandbox.faults().strike(first, 1, deny);
    let mut journal = Journal::default();
    let applied = world.sync_with("r2", &desired, &mut journal).await.expect("a sync");
    assert!(!applied.complete);
    let ends: Vec<_> = journal
        .lines
        .iter()
        .filter(|line| line.starts_with("after") && !line.contains("gitdeck-"))
        .collect();
    let expect = |text: &str| {
        assert!(ends.iter().any(|line| line.contains(text)), "{text} not in {ends:#?}");
    };
    expect("dependents/first failed");
    expect("dependents/late skipped");
    expect("dependents/other done");
    expect("dependents/old skipped");
    assert_eq!(world.data("old").await, "1");
}

#[tokio::test]
async fn a_sync_that_stops_anywhere_is_finished_by_the_next() {
    let desired = configs(&["a", "b", "c"], "1");
    for stop_at in 0..6 {
        let (_sandbox, world) = sandboxed("stopped", Options::default()).await;
        assert!(world.sync("r0", &configs(&["gone"], "1")).await.expect("a sync").complete);
        let mut journal = Journal { stop_at: Some(stop_at), ..Journal::default() };
        let applied = world.sync_with("r1", &desired, &mut journal).await.expect("a sync");
        assert!(!applied.complete && applied.stopped.is_some(), "{stop_at}: {applied:?}");
        assert!(
            world.sync("r1", &desired).await.expect("a sync").complete,
            "after {stop_at} steps"
        );
        assert_eq!(world.members().await, ["a", "b", "c"]);
        assert_eq!(world.data("gone").await, json!(null));
        let inventory = world.cluster.inventory("stopped").await.expect("a record");
        assert_eq!(inventory.synced_revision, Some(Revision::new("r1")));
    }
}

impl World {
    async fn watch_all(&self, desired: &[Manifest]) {
        let mut changes = self.cluster.changes();
        let objects = self
            .cluster
            .references(desired, &self.mapping.target.namespace)
            .await
            .expect("references");
        self.cluster.watch(&objects, &[&self.mapping.name]).await.expect("watches");
        while self.cluster.watch_state() != WatchState::Live {
            changes.next().await.expect("news");
        }
    }
}

#[tokio::test]
async fn dropped_and_expired_watches_lose_nothing() {
    let (sandbox, world) = sandboxed("expired", Options::default()).await;
    let desired = configs(&["a", "b"], "1");
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.watch_all(&desired).await;
    for (round, compacted) in [(1, false), (2, true), (3, true)] {
        let mut changes = world.cluster.changes();
        // The next watch is refused once, so that the change falls into the gap.
        sandbox.faults().strike(
            When::verb("watch", "configmaps"),
            1,
            Effect::Status { code: 500, retry_after: None },
        );
        sandbox.faults().drop_watches("configmaps");
        world.set("a", &format!("changed {round}")).await;
        if compacted {
            sandbox.api().compact("configmaps");
        }
        while changes.next().await.expect("news") != Notice::Object(world.key("a")) {}
        assert_eq!(world.plan("r1", &desired).await.expect("a plan").operations.len(), 1);
    }
}

#[tokio::test]
async fn half_a_list_is_no_deletion() {
    let (sandbox, world) = sandboxed("half", Options::default()).await;
    let desired = configs(&["a", "b"], "1");
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.watch_all(&desired).await;
    let mut changes = world.cluster.changes();
    sandbox.faults().always(When::verb("list", "configmaps"), Effect::Cut { after: 200 });
    sandbox.api().compact("configmaps");
    world.set("a", "2").await;
    sandbox.api().compact("configmaps");
    sandbox.faults().drop_watches("configmaps");
    loop {
        match changes.next().await.expect("news") {
            Notice::State(WatchState::Stale { .. }) => break,
            Notice::Object(key) => assert_eq!(key.name, "a", "an object vanished"),
            _ => {}
        }
    }
    sandbox.faults().clear();
    while world.cluster.watch_state() != WatchState::Live {
        if let Notice::Object(key) = changes.next().await.expect("news") {
            assert_eq!(key.name, "a", "an object vanished");
        }
    }
    assert_eq!(world.plan("r1", &desired).await.expect("a plan").operations.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_recovers_ends_the_call() {
    let (sandbox, world) =
        sandboxed("hopeless", Options { controllers: false, ..Options::default() }).await;
    sandbox.faults().always(
        When::verb("get", "configmaps"),
        Effect::Status { code: 429, retry_after: Some(20) },
    );
    let begun = tokio::time::Instant::now();
    let error =
        world.plan("r1", &configs(&["a", "b", "c", "d", "e"], "1")).await.expect_err("a plan");
    assert!(matches!(error, gitdeck::cluster::ClusterError::Throttled { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_stale_within_fifteen_seconds_and_recovers() {
    let options = Options { controllers: false, ..Options::default() };
    let (sandbox, world) = sandboxed("half-open", options).await;
    let desired = configs(&["a"], "1");
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.watch_all(&desired).await;
    let mut changes = world.cluster.changes();
    // The peer is gone without a word: requests get no answer, open watches bring nothing.
    let latch = Latch::default();
    sandbox.faults().always(When::default(), Effect::Hold(latch.clone()));
    sandbox.faults().silence_watches(latch.clone());
    let (lost, begun) = (jiff::Timestamp::now(), tokio::time::Instant::now());
    let (since, reason) = loop {
        let news = changes.next().await.expect("news");
        if let Notice::State(WatchState::Stale { since, reason }) = news {
            break (since, reason);
        }
    };
    assert!(begun.elapsed() <= Duration::from_secs(15), "after {:?}", begun.elapsed());
    assert!(reason.contains("/livez"), "{reason}");
    assert!(since <= lost, "stale since {since}, silent before {lost}");
    // The link is back, and what changed meanwhile is seen.
    sandbox.faults().clear();
    latch.open();
    world.set("a", "2").await;
    while world.cluster.watch_state() != WatchState::Live {
        changes.next().await.expect("news");
    }
    assert_eq!(world.plan("r1", &desired).await.expect("a plan").operations.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_cluster_stays_live() {
    let options = Options { controllers: false, ..Options::default() };
    let (_sandbox, world) = sandboxed("quiet", options).await;
    let desired = configs(&["a"], "1");
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    world.watch_all(&desired).await;
    let mut changes = world.cluster.changes();
    let hour = tokio::time::timeout(Duration::from_secs(3600), async {
        loop {
            let news = changes.next().await.expect("news");
            assert!(!matches!(news, Notice::State(_)), "{news:?}");
        }
    });
    assert!(hour.await.is_err());
    let traffic = world.cluster.traffic();
    assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
    assert_eq!(world.cluster.traffic(), traffic, "the watch was not live");
}

#[tokio::test]
async fn a_refused_credential_is_read_again_and_else_named() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let local = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let served = sandbox.serve(local).await.expect("a listener");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kubeconfig");
    let good = sandbox.kubeconfig(&served, &[("prod", "default")]);
    let bad = good.replace(sandbox.api().token(), "expired-token");
    assert_ne!(good, bad);
    std::fs::write(&path, &bad).expect("a kubeconfig");
    let access =
        gitdeck::cluster::Access { kubeconfig: Some(path.clone()), context: "prod".to_owned() };
    let refused = Cluster::connect(&access).await.expect("a client");
    let error = refused.inventory("shop").await.expect_err("let in");
    assert!(matches!(error, gitdeck::cluster::ClusterError::Unauthorized { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("`prod`") && text.contains("log in again"), "{text}");
    assert!(!text.contains("expired-token"), "{text}");
    // The same connection goes on once somebody has logged in.
    let cluster = Cluster::connect(&access).await.expect("a client");
    std::fs::write(&path, &good).expect("a kubeconfig");
    cluster.inventory("shop").await.expect("let in after the kubeconfig was read again");
    // Never to another server, whatever the file says by then.
    std::fs::write(&path, &bad).expect("a kubeconfig");
    let cluster = Cluster::connect(&access).await.expect("a client");
    let other = Sandbox::start(Options::default()).await.expect("a sandbox");
    let elsewhere = other.serve(local).await.expect("a listener");
    std::fs::write(&path, other.kubeconfig(&elsewhere, &[("prod", "default")])).expect("a file");
    assert!(cluster.inventory("shop").await.is_err());
    assert_eq!(other.traffic().count(|_| true), 0, "a request went to another server");
}
