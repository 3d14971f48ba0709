//! Mappings that depend on others, on the sandbox and on a real API server.

use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, said};
use crate::support::running::{Origin, Running, config_map, config_maps, get};
use gitdeck::domain::SyncState;
use gitdeck::engine::{Command, Outcome, SyncOptions};
use gitdeck::sandbox::{Effect, When};
use serde_json::{Value, json as value};
use std::path::{Path, PathBuf};
use std::process::Output;

fn table(name: &str, more: &str) -> String {
    format!("[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps/{name}\"\n{more}\n")
}

/// A configuration whose processes keep to the test's own place and namespace.
fn configured(world: &World, tables: &str) -> (Origin, PathBuf) {
    let origin = Origin::new(world, tables);
    let text = std::fs::read_to_string(&origin.config).expect("a configuration");
    let own = origin.config.with_file_name("process");
    let text = format!(
        "record_namespace = \"{}\"\ncache_dir = \"{}\"\ndata_dir = \"{}\"\n{text}",
        world.namespace,
        own.join("cache").display(),
        own.join("data").display()
    );
    std::fs::write(&origin.config, text).expect("a configuration");
    let config = origin.config.clone();
    (origin, config)
}

/// Runs gitdeck on a thread of its own: the sandbox lives in this process.
async fn run(config: &Path, arguments: &[&str]) -> Output {
    let (config, arguments) =
        (config.to_owned(), arguments.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    let work = move || gitdeck(&config).args(arguments).output().expect("it runs");
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

async fn document(config: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = run(config, &[arguments, &["-o", "json"]].concat()).await;
    let document = serde_json::from_slice(&output.stdout);
    (document.unwrap_or_else(|_| panic!("{}", said(&output))), output.status.code())
}

/// Outcome of each mapping in a document of `sync`.
fn outcomes(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let syncs = document["syncs"].as_array().expect("syncs");
    syncs.iter().map(|one| (text(&one["mapping"]), text(&one["outcome"]))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned())).collect()
}

fn definition(group: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.{group}\n\
         spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing}}\n  \
         versions:\n    - name: v1\n      served: true\n      storage: true\n      schema:\n        openAPIV3Schema:\n          \
         type: object\n          properties:\n            spec:\n              type: object\n              \
         x-kubernetes-preserve-unknown-fields: true\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_depend_on_goes_first_even_where_they_cannot_be_planned_before() {
    for world in worlds("depends-order").await {
        // The names put the dependents first.
        let tables = table("a-app", "depends_on = [\"b-data\"]")
            + &table("b-data", "depends_on = [\"c-infra\"]")
            + &table("c-infra", "")
            + &table("d-free", "");
        let (origin, config) = configured(&world, &tables);
        let group = "order.depends.example.com";
        let thing =
            format!("apiVersion: {group}/v1\nkind: Thing\nmetadata:\n  name: one\nspec: {{}}\n");
        origin.commit(
            "begin",
            &[
                ("apps/a-app/one.yaml", Some(&config_map("app", "1"))),
                ("apps/b-data/thing.yaml", Some(&thing)),
                ("apps/c-infra/crd.yaml", Some(&definition(group))),
                ("apps/d-free/one.yaml", Some(&config_map("free", "1"))),
            ],
        );
        let (alone, code) = document(&config, &["sync", "a-app", "--yes"]).await;
        assert_eq!((outcomes(&alone), code), (pairs(&[("a-app", "refused")]), Some(4)));
        let (all, code) = document(&config, &["sync", "--yes"]).await;
        let synced = ["a-app", "b-data", "c-infra", "d-free"].map(|name| (name, "synced"));
        assert_eq!((outcomes(&all), code), (pairs(&synced), Some(0)), "{:?} {all}", world.kind);
        let begun = entries(&config).await;
        let mut of_chain = begun.clone();
        of_chain.retain(|name| name != "d-free");
        assert_eq!(of_chain, ["c-infra", "b-data", "a-app"], "{:?}", world.kind);
        let (again, code) = document(&config, &["sync", "--yes"]).await;
        let idle = synced.map(|(name, _)| (name, "unchanged"));
        assert_eq!((outcomes(&again), code), (pairs(&idle), Some(0)));
        // Everything goes: the dependents first.
        origin.commit(
            "end",
            &[
                ("apps/a-app/one.yaml", None),
                ("apps/b-data/thing.yaml", None),
                ("apps/c-infra/crd.yaml", None),
            ],
        );
        let (gone, code) = document(&config, &["sync", "--yes", "--allow-delete", "1"]).await;
        let removed = synced.map(|(name, _)| (name, "synced"));
        assert_eq!((outcomes(&gone), code), (pairs(&removed), Some(0)), "{:?} {gone}", world.kind);
        let mut all = entries(&config).await.split_off(begun.len());
        all.retain(|name| name != "d-free");
        assert_eq!(all, ["a-app", "b-data", "c-infra"], "{:?}", world.kind);
    }
}

/// The mappings that were synced, in the order of their begin.
async fn entries(config: &Path) -> Vec<String> {
    let (journal, _) = document(config, &["activity", "-n", "50"]).await;
    let entries = journal["entries"].as_array().expect("entries");
    let subject = |entry: &Value| entry["subject"].as_str().unwrap_or_default().to_owned();
    entries.iter().rev().filter(|entry| entry["what"] == "sync").map(subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_dependency_leaves_its_dependents_skipped() {
    let world = World::sandbox("depends-skip").await;
    let tables = table("app", "depends_on = [\"infra\"]")
        + &table("infra", "")
        + &table("shop", "depends_on = [\"app\"]")
        + &table("free", "");
    let (origin, config) = configured(&world, &tables);
    let files = ["app", "infra", "shop", "free"]
        .map(|name| (format!("apps/{name}/one.yaml"), config_map(name, "1")));
    let files: Vec<_> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    origin.commit("begin", &files);
    let faults = world.faults().expect("faults");
    let patch = Some("patch".to_owned());
    let when = When { verb: patch, dry_run: Some(false), ..When::object("configmaps", "infra") };
    let refusal = Effect::Deny { webhook: "moody.example.com".into(), message: "not today".into() };
    faults.strike(when, 1, refusal);
    let output = run(&config, &["sync", "--yes", "-o", "json"]).await;
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let expected =
        [("app", "skipped"), ("infra", "failed"), ("shop", "skipped"), ("free", "synced")];
    assert_eq!(outcomes(&document), pairs(&expected), "{}", said(&output));
    assert_eq!(output.status.code(), Some(3));
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains("app: skipped: infra failed: "), "{notes}");
    assert!(notes.contains("not today"), "{notes}");
    assert!(notes.contains("shop: skipped: app was skipped"), "{notes}");
    let maps = config_maps(&world).await;
    assert_eq!(get(&maps, "app").await, Value::Null);
    // What failed once goes well now, and takes the others along.
    let output = run(&config, &["sync", "--yes"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(get(&maps, "shop").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_is_refused_until_its_dependency_is_ready_or_ignored() {
    for world in worlds("depends-alone").await {
        let tables = table("app", "depends_on = [\"infra\"]") + &table("infra", "");
        let (origin, config) = configured(&world, &tables);
        let write = |app: &str, infra: &str| {
            let files = [
                ("apps/app/one.yaml", config_map("app", app)),
                ("apps/infra/one.yaml", config_map("infra", infra)),
            ];
            let files = files.each_ref().map(|(path, text)| (*path, Some(text.as_str())));
            origin.commit("change", &files);
        };
        write("1", "1");
        let output = run(&config, &["sync", "app", "--yes"]).await;
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(notes.contains("app: refused: waits for infra, which was never synced"), "{notes}");
        assert!(notes.contains("--ignore-dependencies"), "{notes}");
        let (status, _) = document(&config, &["status", "app"]).await;
        let waits = value!([{"mapping": "infra", "why": "was never synced"}]);
        assert_eq!(status["mappings"][0]["waits"], waits, "{status}");
        assert!(run(&config, &["sync", "infra", "--yes"]).await.status.success());
        assert!(run(&config, &["sync", "app", "--yes"]).await.status.success());
        // A commit of both: the dependency lacks it, whatever its health.
        write("2", "2");
        let output = run(&config, &["sync", "app", "--yes"]).await;
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(notes.contains("waits for infra, which has 1 object to sync"), "{notes}");
        let output = run(&config, &["sync", "app", "--yes", "--ignore-dependencies"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        // The commit of another mapping is no reason to wait.
        assert!(run(&config, &["sync", "infra", "--yes"]).await.status.success());
        write("3", "2");
        let output = run(&config, &["sync", "app", "--yes"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_by_itself_waits_and_says_for_whom() {
    for world in worlds("depends-auto").await {
        let tables = table("wait-app", "depends_on = [\"wait-infra\"]\nsync = { auto = true }")
            + &table("wait-infra", "");
        let origin = Origin::new(&world, &tables);
        origin.commit(
            "begin",
            &[
                ("apps/wait-app/one.yaml", Some(&config_map("app", "1"))),
                ("apps/wait-infra/one.yaml", Some(&config_map("infra", "1"))),
            ],
        );
        let mut running = Running::watch(origin.settings("one"));
        running
            .see("wait-app", "that it waits", |status| {
                status.held.as_deref() == Some("waits for wait-infra, which was never synced")
                    && status.waits.len() == 1
            })
            .await;
        running.see("wait-infra", "a plan", |status| status.sync == SyncState::OutOfSync).await;
        let digest =
            running.store.mappings["wait-infra"].plan.as_ref().expect("a plan").0.digest.clone();
        let sync = Command::Sync {
            mapping: "wait-infra".into(),
            revision: None,
            confirmed: digest,
            options: SyncOptions::default(),
        };
        assert!(matches!(running.run(sync).await, Outcome::Done(_)));
        running
            .see("wait-app", "its own sync", |status| {
                status.sync == SyncState::Synced && status.waits.is_empty()
            })
            .await;
        assert_eq!(get(&config_maps(&world).await, "app").await, "1");
        running.stop().await;
    }
}
