//! The watch cache: news within moments, no requests in the steady state, nothing lost by faults.

use super::world::{World, config, in_every_world, manifests};
use gitdeck::cluster::{Notice, WatchState};
use gitdeck::domain::ObjectKey;

impl World {
    async fn watch(&self, desired: &[gitdeck::domain::Manifest]) {
        let namespace = &self.mapping.target.namespace;
        let mut changes = self.cluster.changes();
        let objects = self.cluster.references(desired, namespace).await.expect("references");
        self.cluster.watch(&objects, &[&self.mapping.name]).await.expect("watches");
        while self.cluster.watch_state() != WatchState::Live {
            changes.next().await.expect("news");
        }
    }
}

async fn until_told(changes: &mut gitdeck::cluster::Changes, key: &ObjectKey) {
    while changes.next().await.expect("news") != Notice::Object(key.clone()) {}
}

#[tokio::test]
async fn the_steady_state_needs_no_request_and_drift_is_told() {
    in_every_world("watched", async |world| {
        let desired = manifests((0..20).map(|index| config(&format!("c{index}"), "a")));
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.watch(&desired).await;
        let before = world.cluster.traffic();
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.is_empty(), plan.summary.unchanged, plan.dry_runs), (true, 20, 0));
        assert_eq!(world.cluster.traffic(), before, "a plan of what is watched sent requests");

        let mut changes = world.cluster.changes();
        world.set("c7", "b").await;
        until_told(&mut changes, &world.key("c7")).await;
        let plan = world.plan("r1", &desired).await.expect("a plan");
        assert_eq!((plan.operations.len(), plan.summary.unchanged, plan.dry_runs), (1, 19, 1));
        let change = &plan.operations[0].changes[0];
        assert_eq!(
            (change.path.as_str(), change.live_manager.as_deref()),
            ("/data/key", Some("kubectl-edit"))
        );
        assert!(change.live_time.is_some());
        assert_eq!(
            world.plan("r1", &desired).await.expect("a plan").dry_runs,
            0,
            "a verdict was forgotten"
        );
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        assert!(
            world.plan("r1", &desired).await.expect("a plan").is_empty(),
            "our own write was not seen"
        );
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_newly_wanted_is_seen() {
    in_every_world("widened", async |world| {
        let desired = manifests([config("a", "1"), config("b", "1")]);
        assert!(world.sync("r1", &desired).await.expect("a sync").complete);
        world.watch(&desired[..1]).await;
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        world.watch(&desired).await;
        let before = world.cluster.traffic();
        assert!(world.plan("r1", &desired).await.expect("a plan").is_empty());
        assert_eq!(world.cluster.traffic(), before);
    })
    .await;
}
