//! What grew until something gave way.

use crate::cluster::records::many;
use crate::cluster::world::sandboxed;
use gitdeck::cluster::{Cluster, NAMESPACE};
use gitdeck::sandbox::Options;

#[tokio::test]
async fn config_sync_2019_an_inventory_of_five_thousand_fits_etcd() {
    let options = Options { controllers: false, ..Options::default() };
    let (_sandbox, world) = sandboxed("thousands", options).await;
    assert!(world.sync("r1", &many(5000)).await.expect("a sync").complete);
    let shards = world.shards().await;
    assert!(shards.len() > 1, "{shards:?}");
    for name in &shards {
        let shard = world.get(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")).await;
        // etcd takes 1.5 MiB.
        assert!(shard.to_string().len() < 3 << 19, "{name}");
    }
    let fresh = Cluster::from_client(world.client.clone(), "test", "default");
    assert_eq!(fresh.inventory("thousands").await.expect("a record").members.len(), 5000);
    // The parts never change, so they are read once.
    let before = fresh.traffic().reads;
    fresh.inventory("thousands").await.expect("a record");
    assert_eq!(fresh.traffic().reads - before, 1);
}
