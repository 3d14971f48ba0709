//! One engine, several clusters: one that answers, one that is cut off, one that never answers. Each takes its own
//! mappings with it, and no others.

use crate::incidents::fleet::{Fleet, config};
use crate::support::clusters::World;
use gitdeck::config::{Environment, Overrides, load};
use gitdeck::domain::SyncState;
use gitdeck::engine::event::ClusterState;
use gitdeck::engine::{Command, Engine, Store};
use gitdeck::yaml::documents;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

fn read(world: &World) -> Value {
    let text = fs::read(&world.kubeconfig).expect("a kubeconfig");
    documents(&text).expect("a document").swap_remove(0).value
}

/// One kubeconfig with the contexts `here`, `cut` and `silent`, where the first world's was.
fn join(here: &World, cut: &World, silent: &TcpListener) {
    let address = format!("https://{}", silent.local_addr().expect("an address"));
    let mut joined = read(here);
    let (mut clusters, mut users, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
    for (name, mut part) in
        [("here", joined.clone()), ("cut", read(cut)), ("silent", joined.clone())]
    {
        let namespace = part["contexts"][0]["context"]["namespace"].clone();
        if name == "silent" {
            part["clusters"][0]["cluster"]["server"] = address.as_str().into();
        }
        clusters.push(json!({"name": name, "cluster": part["clusters"][0]["cluster"]}));
        users.push(json!({"name": name, "user": part["users"][0]["user"]}));
        contexts.push(json!({"name": name,
            "context": {"cluster": name, "user": name, "namespace": namespace}}));
    }
    joined["clusters"] = clusters.into();
    joined["users"] = users.into();
    joined["contexts"] = contexts.into();
    joined["current-context"] = "here".into();
    fs::write(&here.kubeconfig, joined.to_string()).expect("a kubeconfig");
}

/// Follows what is told until it is enough.
async fn until(
    engine: &mut Engine,
    store: &mut Store,
    what: &str,
    enough: impl Fn(&Store) -> bool,
) {
    let followed = async {
        while !enough(store) {
            store.apply(engine.next().await.expect("an event"));
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(120), followed).await;
    assert!(told.is_ok(), "{what} never came: {:?}", store.clusters);
}

fn state(store: &Store, mapping: &str) -> (SyncState, String) {
    let status = &store.mappings[mapping].status;
    (status.sync, status.message.clone().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cluster_takes_its_own_mappings_and_no_others() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let cut = World::sandbox("many").await;
    let here = World::sandbox("many").await;
    join(&here, &cut, &silent);
    let names = ["here", "cut", "silent"];
    let fleet = Fleet::new(here, &names);
    fleet.configure(|mut text| {
        for name in names {
            let table = format!("[mappings.{name}]\n");
            text = text.replace(&table, &format!("{table}context = \"{name}\"\n"));
        }
        text
    });
    let file = config("a");
    let files = ["here/a.yaml", "cut/a.yaml", "silent/a.yaml"];
    fleet.push(&files.map(|path| (path, Some(file.as_str()))));
    fleet.ok(&["sync", "here", "cut", "--yes"]);
    drop(cut);

    let overrides = Overrides { config: Some(fleet.config()), ..Overrides::default() };
    let settings =
        Arc::new(load(&overrides, &Environment::of_process()).expect("settings").settings);
    let mut store = Store::new(&settings);
    let mut engine = Engine::start(settings).expect("an engine");
    engine.send(Command::Watch);
    let settled = |store: &Store| {
        state(store, "here").0 == SyncState::Synced
            && matches!(store.clusters["here"], ClusterState::Live { .. })
            && matches!(store.clusters["cut"], ClusterState::Stale { .. })
    };
    until(&mut engine, &mut store, "the cluster that answers", settled).await;
    // The one that does not answer has held up nobody, and nobody knows yet what is with it.
    assert!(!matches!(store.clusters["silent"], ClusterState::Live { .. }), "{:?}", store.clusters);
    let told = |store: &Store| {
        state(store, "cut").0 == SyncState::Unknown && !state(store, "cut").1.is_empty()
    };
    until(&mut engine, &mut store, "the state of what is cut off", told).await;
    let ClusterState::Stale { since, reason } = &store.clusters["cut"] else {
        panic!("{:?}", store.clusters)
    };
    assert!(*since <= jiff::Timestamp::now() && reason.contains("cannot reach"), "{reason}");
    assert!(state(&store, "cut").1.contains("cannot reach"), "{:?}", state(&store, "cut"));
    // Work goes on where it can, in this process and in others.
    fleet.push(&[("here/b.yaml", Some(&config("b")))]);
    fleet.ok(&["sync", "here", "--yes"]);
    assert_eq!(fleet.marked().await, ["a", "b"]);
    // The connection that never came about ends, and says so.
    drop(silent);
    let lost = |store: &Store| {
        matches!(store.clusters["silent"], ClusterState::Stale { .. })
            && state(store, "silent").0 == SyncState::Unknown
    };
    until(&mut engine, &mut store, "the end of the silent connection", lost).await;
    assert_eq!(state(&store, "here").0, SyncState::Synced, "{:?}", state(&store, "here"));
    engine.stop().await;
}
