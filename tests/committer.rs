//! `[committer]`: who makes commits, as git itself reads them; with the built binary.

use crate::connect::run;
use crate::support::clusters::World;
use crate::support::demo::{gitdeck, json as document};
use crate::support::running::{Origin, config_map};
use serde_json::json;
use std::fs;

const MAPPING: &str = "[mappings.lamp]\nrepository = \"fleet\"\npath = \"lamp\"\n";
const BOT: &str = "[committer]\nname = \"Bot\"\nemail = \"bot@example.com\"\n";
const WHO: [&str; 4] = ["log", "-1", "--format=%an <%ae> %cn <%ce>", "main"];

fn commit(origin: &Origin, value: &str) {
    let file = origin.place().join("map.yaml");
    fs::write(&file, config_map("lamp", value)).unwrap();
    let edit = format!("map.yaml={}", file.display());
    run(origin, &["commit", "lamp", "--file", &edit, "--no-validate", "--push"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_has_the_committer_that_is_configured() {
    let world = World::sandbox("committer").await;
    let origin = Origin::new(&world, &format!("{BOT}{MAPPING}"));
    origin.commit("begin", &[("lamp/map.yaml", Some(&config_map("lamp", "on")))]);
    let both = "Walker <walker@example.com> Bot <bot@example.com>";
    commit(&origin, "off");
    assert_eq!(origin.bare(&WHO), both);
    run(&origin, &["revert", "lamp", "--push", "--yes"], 0);
    assert_eq!((origin.bare(&WHO).as_str(), origin.count()), (both, 3));
    // A lost race makes the commit anew.
    run(&origin, &["revert", "lamp", "--no-push", "--yes"], 0);
    origin.pull();
    origin.commit("theirs", &[("other.yaml", Some("a: 1\n"))]);
    run(&origin, &["push", "fleet"], 0);
    assert_eq!((origin.bare(&WHO).as_str(), origin.count()), (both, 5));

    let tip = origin.bare(&["rev-parse", "main"]);
    let shown = run(&origin, &["show", &tip], 0);
    assert!(shown.contains("author: Walker <walker@example.com>"), "{shown}");
    assert!(shown.contains("committer: Bot <bot@example.com>"), "{shown}");
    let shown = document(gitdeck(&origin.config).args(["show", &tip]));
    let bot = json!({"name": "Bot", "email": "bot@example.com"});
    assert_eq!(shown["commit"]["committer"], bot);
    let explained = run(&origin, &["config", "explain", "lamp"], 0);
    assert!(explained.contains("Bot <bot@example.com>"), "{explained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_one_it_is_the_author_and_is_not_shown() {
    let world = World::sandbox("committer-none").await;
    let origin = Origin::new(&world, MAPPING);
    origin.commit("begin", &[("lamp/map.yaml", Some(&config_map("lamp", "on")))]);
    commit(&origin, "off");
    let walker = "Walker <walker@example.com>";
    assert_eq!(origin.bare(&WHO), format!("{walker} {walker}"));
    let shown = run(&origin, &["show", &origin.bare(&["rev-parse", "main"])], 0);
    assert!(!shown.contains("committer"), "{shown}");
}
