//! What grew until something gave way.

use crate::cluster::records::many;
use crate::cluster::world::{config, manifests, sandboxed};
use crate::proof::server::Dice;
use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use crate::support::services::{lay_out, sync_all};
use crate::support::terminal::Terminal;
use futures::StreamExt;
use gitdeck::cluster::{Cluster, NAMESPACE};
use gitdeck::domain::SyncState;
use gitdeck::sandbox::Options;
use kube::api::PostParams;
use rustix::process::{Pid, Signal};
use serde_json::json;
use std::fmt::Write;

/// config-sync#2019: the record of many objects became larger than etcd takes.
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

/// config-sync#2018: the same, by the size of the members and not by their number: names and namespaces as long as they may
/// be. The most of a shard in bytes is what has to hold.
#[tokio::test]
async fn config_sync_2018_long_names_fill_a_record_before_their_number_does() {
    let options = Options { controllers: false, ..Options::default() };
    let (_sandbox, world) = sandboxed(&"n".repeat(63), options).await;
    let long = |index: usize| config(&format!("{index:0>4}{}", "x".repeat(249)), "1");
    let desired = manifests((0..1900).map(long));
    assert!(world.sync("r1", &desired).await.expect("a sync").complete);
    let shards = world.shards().await;
    for name in &shards {
        let shard = world.get(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")).await;
        assert!(shard.to_string().len() < 1 << 20, "{name}");
    }
    let record = gitdeck::cluster::parent_name(&world.mapping.name);
    let record = world.get(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{record}")).await;
    assert!(record.to_string().len() < 1 << 20, "the parent");
    let whole: usize = desired.iter().map(|one| one.reference.name.len()).sum();
    assert!(shards.len() > 1, "{whole} bytes of names in {shards:?}");
    assert_eq!(world.members().await.len(), 1900);
}

/// argo-cd#28539: each change of one object was a search through everything that is known, once for each
/// application. Here nobody looks but who claims the object.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cd_28539_a_change_is_looked_at_by_its_claimants() {
    const MAPPINGS: usize = 8;
    const CHANGES: usize = 10;
    for world in worlds("claimants").await {
        let name = |index: usize| format!("{}-{index}", world.namespace);
        let table = (0..MAPPINGS).fold(String::new(), |mut text, index| {
            let (name, path) = (name(index), format!("apps/{index}"));
            let rule = "repository = \"fleet\"\nsync = { auto = true }";
            let _ = writeln!(text, "[mappings.{name}]\npath = \"{path}\"\n{rule}");
            text
        });
        let origin = Origin::new(&world, &table);
        let files: Vec<(String, String)> = (0..MAPPINGS)
            .map(|index| (format!("apps/{index}/a.yaml"), config_map(&format!("m{index}"), "1")))
            .collect();
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        origin.commit("begin", &files);
        let mut running = Running::watch(origin.settings("one"));
        let states = |running: &Running, wanted: SyncState| {
            running.store.mappings.values().filter(|view| view.status.sync == wanted).count()
        };
        running
            .until("all in sync", |running| states(running, SyncState::Synced) == MAPPINGS)
            .await;
        let before = running.looked_at.clone();
        let maps = config_maps(&world).await;
        for value in 2..2 + CHANGES {
            let seen = running.looked_at[&name(3)];
            set(&maps, "m3", &value.to_string(), "kubectl-edit").await;
            running.until("a look", |running| running.looked_at[&name(3)] > seen).await;
        }
        let more = |one: usize| running.looked_at[&name(one)] - before[&name(one)];
        let others = (0..MAPPINGS).filter(|one| *one != 3).map(more).max().unwrap_or_default();
        // Each may still have had a look or two at its own first sync to come.
        assert!(more(3) >= CHANGES && others < CHANGES / 2, "{before:?} {:?}", running.looked_at);
        running.stop().await;
    }
}

/// kustomize-controller#801: the whole cluster was kept in memory for the sake of a few objects.
#[tokio::test(flavor = "multi_thread")]
async fn kustomize_controller_801_what_others_have_is_not_kept() {
    /// Objects of others: more than a page of a list either time, so that reading them costs the same.
    const FEWER: usize = 600;
    const MORE: usize = 2600;
    /// Bytes in each of them.
    const EACH: usize = 8 << 10;
    let peak = async |others: usize| {
        let world = World::sandbox("others").await;
        let place = tempfile::tempdir().expect("a place");
        let config = lay_out(place.path(), &world);
        crowd(&world, others, EACH).await;
        let measured = tokio::task::spawn_blocking(move || {
            sync_all(&config);
            let look = |_| {
                let size = (120, 36);
                let mut console = Terminal::start(&["--config".as_ref(), config.as_os_str()], size);
                console.see("2 in sync").see("cluster live");
                let peak = peak(console.pid());
                console.signal(Signal::KILL);
                peak
            };
            // On a busy machine answers pile up now and then; what is kept is there each time.
            (0..3).map(look).min().expect("three consoles")
        });
        measured.await.expect("a console")
    };
    let (fewer, more) = (peak(FEWER).await, peak(MORE).await);
    let (grown, theirs) = (more.saturating_sub(fewer), (MORE - FEWER) * EACH);
    println!("{} KiB of others more: {} KiB", theirs >> 10, grown >> 10);
    assert!(grown < theirs / 2, "{grown} bytes more for {theirs} of others");
}

/// Configuration of others in the namespace of a world; its kind is watched, because records are of that kind, too.
async fn crowd(world: &World, count: usize, bytes: usize) {
    let maps = config_maps(world).await;
    let create = async |index: usize| {
        // What repeats itself would be packed to nothing, kept or not.
        let mut dice = Dice(index as u64);
        let text: String = (0..bytes).map(|_| char::from(b'!' + dice.roll(90) as u8)).collect();
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": text},
            "metadata": {"name": format!("other-{index}")}});
        let object = serde_json::from_value(object).expect("an object");
        maps.create(&PostParams::default(), &object).await.expect("an object of others");
    };
    futures::stream::iter(0..count).for_each_concurrent(8, create).await;
}

/// The most memory that a process had, in bytes.
pub fn peak(process: Pid) -> usize {
    let place = format!("/proc/{}/status", process.as_raw_nonzero());
    let status = std::fs::read_to_string(place).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}
