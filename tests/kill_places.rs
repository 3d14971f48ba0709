//! `kill -9` at random moments of what hands objects over from one mapping to another, and a record from one place to
//! another: nothing is lost or deleted. On the sandbox and on a real API server.

use crate::kill::{Moments, finish_interrupted, kill_at};
use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, said};
use crate::support::running::{Origin, config_map, config_maps, get};
use kube::Api;
use kube::api::DynamicObject;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Kills of each kind in each world.
const KILLS: usize = 10;

/// The built binary on a configuration that says where its data is.
fn command(origin: &Origin, arguments: &[&str]) -> Command {
    let mut command = gitdeck(&origin.config);
    command.args(arguments);
    command
}

fn succeed(origin: &Origin, arguments: &[&str]) -> (Duration, String) {
    let began = Instant::now();
    let output = command(origin, arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    (began.elapsed(), said(&output))
}

/// Everything stays in the folder of the test, for every process the same.
pub fn settled(world: &World, tables: &str) -> Origin {
    let origin = Origin::new(world, tables);
    let text = fs::read_to_string(&origin.config).unwrap();
    let place = origin.place().display();
    let own = format!("cache_dir = \"{place}/cache\"\ndata_dir = \"{place}/data\"\n{text}");
    fs::write(&origin.config, own).unwrap();
    origin
}

async fn uid(maps: &Api<DynamicObject>, name: &str) -> Option<String> {
    maps.get_opt(name).await.expect("an answer").and_then(|map| map.metadata.uid)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_moves_between_mappings_outlives_every_kill() {
    for world in worlds("kill-moves").await {
        let table = |name: &str| {
            format!("[mappings.kill-{name}]\nrepository = \"fleet\"\npath = \"{name}\"\n")
        };
        let origin = settled(&world, &(table("left") + &table("right")));
        let (stays, moves) = (config_map("stays", "1"), config_map("moves", "1"));
        let beside = config_map("beside", "1");
        let files = [
            ("left/stays.yaml", Some(&stays[..])),
            ("left/moves.yaml", Some(&moves)),
            ("right/beside.yaml", Some(&beside)),
        ];
        origin.commit("begin", &files);
        let sync = ["sync", "kill-left", "kill-right", "--yes"];
        succeed(&origin, &sync);
        let maps = config_maps(&world).await;
        let before = uid(&maps, "moves").await;
        assert!(before.is_some());
        let shift = |to_right: bool| {
            let (from, to) = if to_right { ("left", "right") } else { ("right", "left") };
            let (from, to) = (format!("{from}/moves.yaml"), format!("{to}/moves.yaml"));
            origin.commit("move", &[(&from, None), (&to, Some(&moves))]);
        };
        shift(true);
        let mut moments = Moments::new(succeed(&origin, &sync).0);
        for number in 0..KILLS {
            shift(number % 2 == 1);
            kill_at(&mut command(&origin, &sync), moments.next());
            assert_eq!(uid(&maps, "moves").await, before, "it was deleted and made anew");
            finish_interrupted(&origin.config);
            succeed(&origin, &sync);
            assert_eq!(uid(&maps, "moves").await, before, "it was deleted and made anew");
            succeed(&origin, &["status", "kill-left", "kill-right", "--exit-code"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_is_put_elsewhere_keeps_its_record_through_every_kill() {
    for world in worlds("kill-places").await {
        let table = "[mappings.kill-rook]\nrepository = \"fleet\"\npath = \"old\" # for now\n";
        let origin = settled(&world, table);
        let map = config_map("rook", "black");
        origin.commit("begin", &[("old/a.yaml", Some(&map)), ("new/a.yaml", Some(&map))]);
        succeed(&origin, &["sync", "kill-rook", "--yes"]);
        let maps = config_maps(&world).await;
        let before = uid(&maps, "rook").await;
        let place = || {
            let text = fs::read_to_string(&origin.config).unwrap();
            let is_old = text.contains("path = \"old\" # for now");
            assert_ne!(is_old, text.contains("path = \"new\" # for now"), "{text}");
            if is_old { "old" } else { "new" }
        };
        let edit = |to: &'static str| ["mapping", "edit", "kill-rook", "--path", to, "--yes"];
        let mut moments = Moments::new(succeed(&origin, &edit("new")).0);
        let mut changed = 0;
        for _ in 0..KILLS {
            let was = place();
            let to = if was == "old" { "new" } else { "old" };
            kill_at(&mut command(&origin, &edit(to)), moments.next());
            finish_interrupted(&origin.config);
            changed += usize::from(place() != was);
            // The record is that of the place that is configured, whichever it is.
            succeed(&origin, &["status", "kill-rook", "--exit-code"]);
            assert_eq!(
                (uid(&maps, "rook").await, get(&maps, "rook").await),
                (before.clone(), "black".into())
            );
        }
        assert!(changed > 0, "the kills came too early to prove anything");
    }
}
