//! The records of mappings: spread over several objects when there are many members, and never with one forgotten.

use super::world::{Journal, World, config, in_every_world, manifests, sandboxed};
use gitdeck::cluster::{Cluster, ClusterError, Limits, NAMESPACE, parent_name, set_id};
use gitdeck::domain::{Holder, Manifest, Refusal, Revision};
use gitdeck::sandbox::{Effect, Options, When};
use serde_json::{Value, json};

/// Three members fill one object of a record.
const LIMITS: (usize, usize) = (3, 10);

pub fn many(count: usize) -> Vec<Manifest> {
    manifests((0..count).map(|index| config(&format!("c{index}"), "1")))
}

fn names(count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
    names.sort();
    names
}

impl World {
    /// Another process, whose records are full with three members.
    fn cramped(&self) -> Cluster {
        let limits = Limits { shard: LIMITS.0, ..Limits::default() };
        Cluster::with_limits(self.client.clone(), "test", "default", limits)
    }

    async fn record(&self) -> Value {
        let name = parent_name(&self.mapping.name);
        self.get(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")).await
    }

    /// Names of the objects that hold a part of the record.
    pub async fn shards(&self) -> Vec<String> {
        let list = self
            .get(&format!(
                "/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector=gitdeck.dev%2Fshard-of%3D{}",
                parent_name(&self.mapping.name)
            ))
            .await;
        let items = list["items"].as_array().expect("items").iter();
        let mut names: Vec<String> =
            items.map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }

    /// Names that the parent refers to.
    async fn named_shards(&self) -> Vec<String> {
        let record = self.record().await;
        let text = record["data"]["shards"].as_str().unwrap_or("[]");
        let shards: Vec<Value> = serde_json::from_str(text).expect("a list");
        let mut names: Vec<String> =
            shards.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }

    /// Names of all objects that carry the mapping's mark.
    async fn marked(&self) -> Vec<String> {
        let id = set_id(&self.mapping.name, NAMESPACE);
        let list = self
            .get(&format!(
                "/api/v1/configmaps?labelSelector=applyset.kubernetes.io%2Fpart-of%3D{id}"
            ))
            .await;
        let items = list["items"].as_array().expect("items").iter();
        let mut names: Vec<String> =
            items.map(|one| one["metadata"]["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn many_members_are_kept_in_several_objects() {
    in_every_world("sharded", async |mut world| {
        world.cluster = world.cramped();
        assert!(world.sync("r1", &many(LIMITS.1)).await.expect("a sync").complete);
        assert_eq!(world.record().await["data"]["members"], "in shards");
        assert!(world.shards().await.len() > 2, "{:?}", world.shards().await);
        assert_eq!(world.shards().await, world.named_shards().await);
        assert_eq!(world.marked().await, names(LIMITS.1));
        // Whoever comes next reads all of them, whatever fits into one object there.
        world.cluster = Cluster::from_client(world.client.clone(), "test", "default");
        assert_eq!(world.members().await, names(LIMITS.1));
        let plan = world.plan("r1", &many(LIMITS.1)).await.expect("a plan");
        assert!(plan.is_empty() && plan.dry_runs == 0, "{plan:#?}");
        assert!(world.sync("r2", &many(7)).await.expect("a sync").complete);
        assert_eq!((world.members().await, world.marked().await), (names(7), names(7)));
        assert!(world.shards().await.is_empty(), "{:?}", world.shards().await);
    })
    .await;
}

#[tokio::test]
async fn a_record_of_before_is_spread_when_it_is_written_next() {
    in_every_world("unsharded", async |mut world| {
        assert!(world.sync("r1", &many(5)).await.expect("a sync").complete);
        assert!(world.shards().await.is_empty());
        world.cluster = world.cramped();
        assert_eq!(world.members().await, names(5));
        assert!(world.sync("r2", &many(6)).await.expect("a sync").complete);
        assert!(!world.shards().await.is_empty());
        assert_eq!(world.members().await, names(6));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_dies_between_any_two_requests_forgets_no_member() {
    let here = When { namespace: Some(NAMESPACE.to_owned()), ..When::default() };
    let mut survived = 0;
    for spared in 0.. {
        let (sandbox, mut world) = sandboxed("dying", Options::default()).await;
        world.cluster = world.cramped();
        assert!(world.sync("r1", &many(4)).await.expect("a sync").complete);
        sandbox.faults().later(
            here.clone(),
            spared,
            Effect::Status { code: 500, retry_after: None },
        );
        let ended = world.sync("r2", &many(LIMITS.1)).await;
        sandbox.faults().clear();
        world.cluster = world.cramped();
        let members = world.members().await;
        let forgotten: Vec<String> =
            world.marked().await.into_iter().filter(|name| !members.contains(name)).collect();
        assert!(forgotten.is_empty(), "after {spared} requests: {forgotten:?}");
        assert!(world.sync("r3", &many(5)).await.expect("a sync").complete, "after {spared}");
        assert_eq!((world.members().await, world.marked().await), (names(5), names(5)));
        assert_eq!(world.shards().await, world.named_shards().await, "after {spared} requests");
        if ended.is_ok_and(|applied| applied.complete) {
            survived += 1;
            // Sweeping comes last, and its faults harm nobody.
            if survived > 6 {
                assert!(spared > 8, "there were only {spared} requests");
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_record_that_lost_a_part_deletes_nothing() {
    in_every_world("mutilated", async |mut world| {
        world.cluster = world.cramped();
        assert!(world.sync("r1", &many(LIMITS.1)).await.expect("a sync").complete);
        let lost = world.shards().await.remove(0);
        let address = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{lost}");
        world.send(http::Request::delete(address).body(Vec::new()).expect("a request")).await;
        world.cluster = world.cramped();
        let error = world.sync("r2", &many(1)).await.expect_err("a sync");
        assert!(matches!(error, ClusterError::Inventory { .. }), "{error}");
        assert!(error.to_string().contains(&lost), "{error}");
        assert_eq!(world.marked().await, names(LIMITS.1));
    })
    .await;
}

#[tokio::test]
async fn writers_of_one_record_lose_nothing_of_each_other() {
    in_every_world("racing", async |mut world| {
        world.cluster = world.cramped();
        assert!(world.sync("r1", &many(5)).await.expect("a sync").complete);
        let (one, two) = (world.cramped(), world.cramped());
        let name = world.mapping.name.clone();
        let now = jiff::Timestamp::now();
        let desired = many(LIMITS.1);
        let (synced, noted, again) = tokio::join!(
            world.sync("r2", &desired),
            one.note_drift(&name, Some(now)),
            two.note_drift(&name, Some(now)),
        );
        assert!(synced.expect("a sync").complete);
        noted.expect("a note");
        again.expect("a note");
        assert_eq!(world.members().await, names(LIMITS.1));
        assert_eq!(world.cramped().inventory(&name).await.expect("a record").members.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn records_can_be_kept_in_a_namespace_of_ones_own() {
    in_every_world("elsewhere", async |world| {
        let namespace = world.mapping.target.namespace.clone();
        world.cluster.keep_records_in(&namespace);
        assert!(world.sync("r1", &many(2)).await.expect("a sync").complete);
        let name = parent_name(&world.mapping.name);
        let record = world.get(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}")).await;
        let id = &record["metadata"]["labels"]["applyset.kubernetes.io/id"];
        assert_eq!(id.as_str(), Some(set_id(&world.mapping.name, &namespace).as_str()));
        let live = world.get(&format!("{}/c0", world.configs())).await;
        assert_eq!(&live["metadata"]["labels"]["applyset.kubernetes.io/part-of"], id);
        assert!(world.sync("r2", &many(1)).await.expect("a sync").complete);
        assert_eq!(world.members().await, names(1));
    })
    .await;
}

/// Syncs for a configuration.
async fn sync_as(
    world: &World,
    holder: &Holder,
    desired: &[Manifest],
) -> Result<gitdeck::cluster::Applied, ClusterError> {
    let revision = Revision::new("r1");
    let mut request = world.request(&revision, desired);
    request.holder = Some(holder);
    let plan = world.cluster.plan(&request).await?;
    world.cluster.apply(&request, &plan, &mut Journal::default()).await
}

#[tokio::test]
async fn two_configurations_with_one_name_do_not_share_a_record() {
    in_every_world("held", async |mut world| {
        // A record of before, which nobody holds yet, goes to the first that syncs.
        assert!(world.sync("r0", &many(3)).await.expect("a sync").complete);
        let ours = Holder::new("https://git.example.com/acme/fleet.git", "apps/web", "shop");
        let same = Holder::new("git@git.example.com:acme/fleet", "apps/web", "shop");
        let theirs = Holder::new("https://git.example.com/acme/other.git", "apps/web", "shop");
        for holder in [&ours, &same] {
            assert!(sync_as(&world, holder, &many(3)).await.expect("a sync").complete);
        }
        let error = sync_as(&world, &theirs, &many(2)).await.expect_err("a sync");
        let ClusterError::Refused { refusals, .. } = &error else { panic!("{error}") };
        let [Refusal::Held { holder }, Refusal::Deletions { count: 1, .. }] = &refusals[..] else {
            panic!("{refusals:?}")
        };
        assert!(holder.contains("acme/fleet") && holder.contains("apps/web"), "{holder}");
        assert_eq!(world.marked().await, names(3));
        // Taken over, it asks for the number of what would go, however few.
        world.options.take_over = true;
        let error = sync_as(&world, &theirs, &many(2)).await.expect_err("a sync");
        assert!(
            error.to_string().contains("another configuration applied what would go"),
            "{error}"
        );
        world.options.allow_delete = Some(1);
        assert!(sync_as(&world, &theirs, &many(2)).await.expect("a sync").complete);
        world.options = gitdeck::cluster::PlanOptions { prune: true, ..Default::default() };
        assert!(sync_as(&world, &theirs, &many(1)).await.expect("a sync").complete);
        assert!(sync_as(&world, &ours, &many(1)).await.is_err());
        assert_eq!((world.data("c0").await, world.data("c2").await), (json!("1"), Value::Null));
    })
    .await;
}
