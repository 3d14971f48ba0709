//! A mapping that is disconnected is left alone, in Git and in the cluster, until it is connected again: the built binary and
//! an engine that watches, on the sandbox and on a real API server.

use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, json};
use crate::support::running::{Origin, Running, config_map, config_maps, get, set};
use gitdeck::domain::{Refusal, SyncState};
use gitdeck::engine::{Command, Outcome, SyncOptions};
use serde_json::json;
use std::fs;

const MAPPINGS: &str = "[mappings.lamp] # in the hall\nrepository = \"fleet\"\npath = \"lamp\" # one map\n\
    sync = { auto = true, self_heal = true }\n[mappings.table]\nrepository = \"fleet\"\npath = \"table\"\n";

/// Runs gitdeck; what it says on both streams, where it ends as expected.
pub fn run(origin: &Origin, arguments: &[&str], expected: i32) -> String {
    let mut command = gitdeck(&origin.config);
    let own = |what: &str| origin.place().join("line").join(what);
    command.env("GITDECK_CACHE_DIR", own("cache")).env("GITDECK_DATA_DIR", own("data"));
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {text}");
    text
}

/// A repository with two mappings. Their names are the test's own: records of all tests are in one namespace.
fn furnished(world: &World, [one, other]: [&str; 2]) -> Origin {
    let mappings = MAPPINGS.replace("lamp", one).replace("table", other);
    let origin = Origin::new(world, &mappings);
    let maps = (config_map(one, "on"), config_map(other, "oak"));
    let (first, second) = (format!("{one}/map.yaml"), format!("{other}/map.yaml"));
    origin.commit("begin", &[(&first, Some(&maps.0)), (&second, Some(&maps.1))]);
    origin
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_leaves_it_alone_and_says_how_it_is_connected() {
    for world in worlds("connect").await {
        let origin = furnished(&world, ["lamp", "table"]);
        let before = fs::read_to_string(&origin.config).unwrap();
        run(&origin, &["sync", "--yes"], 0);
        let said = run(&origin, &["mapping", "disconnect", "lamp"], 0);
        assert!(said.contains("disconnected mapping lamp in "), "{said}");
        assert!(run(&origin, &["mapping", "disconnect", "lamp"], 0).contains("already"));
        let maps = config_maps(&world).await;
        set(&maps, "lamp", "off", "kubectl-edit").await;
        let said = run(&origin, &["status", "--exit-code"], 0);
        assert!(said.contains("disconnected") && said.contains("mapping connect lamp"), "{said}");
        for refused in [
            &["sync", "lamp", "--yes"][..],
            &["adopt", "lamp", "--yes", "--no-push"],
            &["set", "lamp", "value", "ConfigMap/lamp:/data/key=dim", "--yes", "--no-push"],
            &["suspend", "lamp"],
            &["revert", "lamp", "--yes", "--no-push"],
        ] {
            let said = run(&origin, refused, 4);
            assert!(said.contains("`gitdeck mapping connect lamp` connects it"), "{said}");
        }
        // Those that are not named leave it out; who names it may look at what connecting would mean.
        run(&origin, &["diff"], 0);
        run(&origin, &["sync", "--yes"], 0);
        let said = run(&origin, &["diff", "lamp"], 1);
        assert!(said.contains("/data/key") && said.contains("off"), "{said}");
        let listed = json(gitdeck(&origin.config).args(["mapping", "list"]));
        assert_eq!(listed["mappings"][0]["connected"], json!(false));
        assert_eq!(listed["mappings"][1]["connected"], json!(true));
        assert_eq!((get(&maps, "lamp").await, origin.count()), (json!("off"), 1));
        run(&origin, &["mapping", "connect", "lamp"], 0);
        assert_eq!(fs::read_to_string(&origin.config).unwrap(), before);
        run(&origin, &["sync", "lamp", "--yes"], 0);
        assert_eq!(get(&maps, "lamp").await, json!("on"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_looks_at_it_heals_it_or_syncs_it_by_itself() {
    for world in worlds("connect-watched").await {
        let origin = furnished(&world, ["chair", "stool"]);
        run(&origin, &["sync", "--yes"], 0);
        run(&origin, &["mapping", "disconnect", "chair"], 0);
        let mut console = Running::watch(origin.settings("console"));
        console.see("stool", "the other one", |status| status.sync == SyncState::Synced).await;
        let maps = config_maps(&world).await;
        set(&maps, "chair", "off", "kubectl-edit").await;
        origin.commit("dim", &[("chair/map.yaml", Some(&config_map("chair", "dim")))]);
        // What is changed after it, and seen, tells that it would have been seen.
        set(&maps, "stool", "pine", "kubectl-edit").await;
        console.see("stool", "drift", |status| status.sync == SyncState::Drifted).await;
        console
            .until("the commit", |running| {
                running.store.repositories["fleet"].log.commits.len() == 2
            })
            .await;
        assert_eq!(console.store.mappings["chair"].status.sync, SyncState::Disconnected);
        assert!(!console.looked_at.contains_key("chair"), "{:?}", console.looked_at);
        let sync = Command::Sync {
            mapping: "chair".into(),
            revision: None,
            confirmed: String::new(),
            options: SyncOptions::default(),
        };
        let refused = Outcome::Refused(vec![Refusal::Disconnected { mapping: "chair".into() }]);
        assert_eq!(console.run(sync).await, refused);
        assert_eq!(get(&maps, "chair").await, json!("off"));
        let connect = Command::Connect { mapping: "chair".into(), connected: true };
        assert!(matches!(console.run(connect).await, Outcome::Done(_)));
        console.stop().await;
        let mut console = Running::watch(origin.settings("console"));
        console.see("chair", "it is synced", |status| status.sync == SyncState::Synced).await;
        assert_eq!(get(&maps, "chair").await, json!("dim"));
        console.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_leaves_the_configuration_alone() {
    let world = World::sandbox("connect-read-only").await;
    let origin = furnished(&world, ["shelf", "bench"]);
    origin.commit("more", &[("rug/map.yaml", Some(&config_map("rug", "red")))]);
    let before = fs::read_to_string(&origin.config).unwrap();
    let edits = [
        &["mapping", "disconnect", "shelf"][..],
        &["mapping", "connect", "shelf"],
        &["mapping", "remove", "shelf"],
        &["mapping", "add", "desk", "--repository", "fleet", "--path", "shelf"],
        &["mapping", "edit", "shelf", "--source", "cluster", "--yes"],
        &[
            "mapping",
            "import",
            "desk",
            "--repository",
            "fleet",
            "--path",
            "rug",
            "--yes",
            "--no-sync",
        ],
        &["repo", "add", "other", "https://git.example.com/other.git"],
        &["repo", "remove", "fleet"],
    ];
    for edit in edits {
        let said = run(&origin, &[&["--read-only"], edit].concat(), 4);
        assert!(said.contains("writes are off"), "{edit:?}: {said}");
        assert_eq!(fs::read_to_string(&origin.config).unwrap(), before, "{edit:?}");
    }
    // What the file itself says counts as well.
    let frozen = format!("{before}[safety]\nread_only = true\n");
    fs::write(&origin.config, &frozen).unwrap();
    run(&origin, &["mapping", "disconnect", "shelf"], 4);
    run(&origin, &["mapping", "list"], 0);
    assert_eq!(fs::read_to_string(&origin.config).unwrap(), frozen);
}
