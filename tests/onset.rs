//! Since when a mapping drifts is found out once, and every other process says the same.

use crate::support::clusters::worlds;
use crate::support::demo::{gitdeck, json};
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use gitdeck::cluster::Cluster;
use gitdeck::domain::SyncState;
use serde_json::Value;

/// The first process sees the drift begin; a second one, with a store and directories of its own, and the command line
/// after it, read when that was from the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_says_since_when_a_mapping_drifts() {
    for world in worlds("onset").await {
        let name = world.namespace.clone();
        let table = format!(
            "[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps\"\nsync = {{ auto = true }}\n"
        );
        let origin = Origin::new(&world, &table);
        origin.commit("begin", &[("apps/a.yaml", Some(&config_map("a", "1")))]);
        let mut first = Running::watch(origin.settings("one"));
        first.see(&name, "in sync", |status| status.sync == SyncState::Synced).await;
        let maps = config_maps(&world).await;
        set(&maps, "a", "somebody's", "kubectl-edit").await;
        first.see(&name, "drift", |status| status.drift_since.is_some()).await;
        let onset = first.store.mappings[&name].status.drift_since.expect("an onset");
        let recorded = async || {
            let cluster = Cluster::from_client(world.client().await, "other", "default");
            cluster.inventory(&name).await.expect("a record").drift_since
        };
        while recorded().await.is_none() {
            tokio::task::yield_now().await;
        }
        // More drift is no new beginning.
        set(&maps, "a", "somebody else's", "kubectl-edit").await;
        let looks = first.looked_at[&name];
        first.until("another look", |running| running.looked_at[&name] > looks).await;
        first.stop().await;
        assert_eq!(recorded().await, Some(onset), "{:?}", world.kind);

        let mut second = Running::watch(origin.settings("two"));
        second.see(&name, "the drift", |status| status.sync == SyncState::Drifted).await;
        second.see(&name, "since when", |status| status.drift_since.is_some()).await;
        assert_eq!(second.store.mappings[&name].status.drift_since, Some(onset));
        second.stop().await;

        let config = origin.config.clone();
        let place = origin.place().join("three");
        let mapping = name.clone();
        let status: Value = tokio::task::spawn_blocking(move || {
            let mut command = gitdeck(&config);
            command
                .env("XDG_CACHE_HOME", place.join("cache"))
                .env("XDG_DATA_HOME", place.join("data"));
            json(command.args(["status", &mapping]))
        })
        .await
        .expect("a command");
        let said = status["mappings"][0]["drift_since"].as_str().expect("since when");
        assert_eq!(said.parse::<jiff::Timestamp>().expect("a time"), onset, "{status}");
        assert_eq!(recorded().await, Some(onset));
    }
}
