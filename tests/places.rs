//! Mappings of what is in a repository already, and mappings that are put elsewhere: previewed, guarded, written, synced. The
//! built binary, on the sandbox and on a real API server.

use crate::connect::run;
use crate::support::clusters::worlds;
use crate::support::running::{Origin, config_map, config_maps, get, set};
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use std::fs;

fn config(origin: &Origin) -> String {
    fs::read_to_string(&origin.config).expect("a configuration")
}

/// The arguments that import a path of the repository.
fn import<'s>(name: &'s str, path: &'s str, more: &[&'s str]) -> Vec<&'s str> {
    let fixed = ["mapping", "import", name, "--repository", "fleet", "--path", path];
    [&fixed[..], more].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_repository_becomes_a_mapping_that_runs() {
    for world in worlds("import").await {
        let origin = Origin::new(&world, "");
        let (lantern, vase) = (config_map("lantern", "on"), config_map("vase", "blue"));
        origin.commit(
            "begin",
            &[
                ("apps/lantern/map.yaml", Some(&lantern)),
                ("apps/vase.yaml", Some(&vase)),
                ("docs/README.md", Some("# The fleet\n")),
            ],
        );
        let (before, maps) = (config(&origin), config_maps(&world).await);
        let said = run(&origin, &import("lantern", "apps/lanten", &["--yes"]), 3);
        assert!(said.contains("there is no \"apps/lanten\" in fleet"), "{said}");
        assert!(said.contains("apps/lantern"), "{said}");
        run(&origin, &import("docs", "docs", &["--yes"]), 3);
        let said = run(&origin, &import("lantern", "apps/lantern", &[]), 2);
        assert!(said.contains("--dry-run"), "{said}");
        let said = run(&origin, &import("lantern", "apps/lantern", &["--dry-run"]), 0);
        assert!(said.contains("1 to create") && said.contains("/lantern (create"), "{said}");
        assert_eq!((config(&origin), get(&maps, "lantern").await), (before.clone(), Value::Null));

        let said = run(&origin, &import("lantern", "apps/lantern", &["--yes"]), 0);
        assert!(said.contains("added mapping lantern in "), "{said}");
        assert!(said.contains("1 applied"), "{said}");
        assert_eq!(get(&maps, "lantern").await, json!("on"));
        assert!(config(&origin).starts_with(&before), "{}", config(&origin));
        run(&origin, &["status", "lantern", "--exit-code"], 0);
        run(&origin, &import("lantern", "apps/lantern", &["--yes"]), 2);

        // What another mapping has, or another tool.
        let said = run(&origin, &import("torch", "apps/lantern/map.yaml", &["--yes"]), 3);
        assert!(said.contains("lantern"), "{said}");
        let mut theirs = read(&vase);
        theirs["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": "pottery"});
        let theirs = serde_json::from_value(theirs).expect("an object");
        maps.create(&PostParams::default(), &theirs).await.expect("a map of Helm");
        let said = run(&origin, &import("vase", "apps/vase.yaml", &["--yes"]), 4);
        assert!(said.contains("belongs to Helm release pottery"), "{said}");
        assert!(said.contains("--take-over") && !config(&origin).contains("vase"), "{said}");
        let said = run(&origin, &import("vase", "apps/vase.yaml", &["--yes", "--take-over"]), 0);
        assert!(said.contains("1 applied"), "{said}");
        run(&origin, &["mapping", "remove", "vase"], 0);
        let said =
            run(&origin, &import("jug", "apps/vase.yaml", &["--source", "cluster", "--yes"]), 4);
        assert!(said.contains("ConfigMap import/vase belongs to"), "{said}");
    }
}

fn read(text: &str) -> Value {
    gitdeck::yaml::documents(text.as_bytes()).expect("YAML").remove(0).value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_place_is_foreseen_and_deletions_want_their_number() {
    for world in worlds("place").await {
        let table = "[mappings.rug] # warm\nrepository = \"fleet\"\npath = \"old\" # here\n";
        let origin = Origin::new(&world, table);
        let [a, b, c] = ["rug-a", "rug-b", "rug-c"].map(|name| config_map(name, "red"));
        origin.commit("old", &[("old/a.yaml", Some(&a)), ("old/b.yaml", Some(&b))]);
        run(&origin, &["sync", "rug", "--yes"], 0);
        origin.commit("new", &[("new/a.yaml", Some(&a)), ("new/c.yaml", Some(&c))]);
        let (before, maps) = (config(&origin), config_maps(&world).await);
        let edit = |more: &[&str], expected: i32| {
            run(&origin, &[&["mapping", "edit", "rug"][..], more].concat(), expected)
        };
        edit(&["--yes"], 2);
        for how in ["--dry-run", "--yes"] {
            let said = edit(&["--path", "new", how], 4);
            for sentence in [
                "made from new of fleet instead of old of fleet",
                "1 commit to new was never deployed by rug",
                "a sync would clean 1, deploy or change 1",
                "rug-b (delete",
                "`--allow-delete 1` releases exactly this number",
            ] {
                assert!(said.contains(sentence), "{sentence}: {said}");
            }
        }
        edit(&["--path", "new", "--yes", "--allow-delete", "2"], 4);
        assert_eq!(config(&origin), before);

        // The configuration alone: the record is handed over, so that an ordinary sync goes on.
        edit(&["--path", "new", "--yes", "--allow-delete", "1"], 0);
        assert_eq!(config(&origin), before.replace("\"old\"", "\"new\""));
        assert_eq!(get(&maps, "rug-b").await, json!("red"));
        run(&origin, &["sync", "rug", "--yes"], 0);
        assert_eq!(
            (get(&maps, "rug-b").await, get(&maps, "rug-c").await),
            (Value::Null, json!("red"))
        );

        edit(&["--path", "old", "--sync", "--yes", "--allow-delete", "1"], 0);
        assert_eq!(
            (get(&maps, "rug-b").await, get(&maps, "rug-c").await),
            (json!("red"), Value::Null)
        );
        run(&origin, &["status", "rug", "--exit-code"], 0);
        assert_eq!(config(&origin), before);
        let said = edit(&["--path", "void", "--yes"], 4);
        assert!(said.contains("nothing is at void of fleet"), "{said}");
        assert!(said.contains("`--allow-delete 2`"), "{said}");

        set(&maps, "rug-a", "dusty", "kubectl-edit").await;
        let said = edit(&["--source", "cluster", "--yes"], 0);
        assert!(said.contains("live changes are recorded as commits from then on"), "{said}");
        assert!(config(&origin).contains("source = \"cluster\""));
        maps.delete("rug-b", &DeleteParams::default()).await.unwrap();
        let said = edit(&["--source", "git", "--dry-run"], 0);
        assert!(said.contains("would undo") && said.contains("/data/key"), "{said}");
        assert!(said.contains("rug-b, which was deleted"), "{said}");
        edit(&["--source", "git", "--sync", "--yes"], 0);
        assert_eq!(get(&maps, "rug-a").await, json!("red"));
        assert_eq!(get(&maps, "rug-b").await, json!("red"));
        let said = edit(&["--source", "git", "--yes"], 0);
        assert!(said.contains("is so already"), "{said}");
    }
}
