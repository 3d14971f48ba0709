//! A commit to files that several mappings are made from: all of them are rendered and tried, and named. The built binary on
//! the sandbox and on a real API server.

use crate::blame::Desk;
use crate::support::clusters::{World, worlds};
use crate::support::renderers::search_path;
use std::ffi::OsString;
use std::fs;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: app
          image: registry.example/web:1.0
";

/// Says more of the container `app`, and nothing that it could do without the base.
const PATCH: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: app
          imagePullPolicy: Always
";

const OVERLAY: &str = "resources: [../base]\nnamePrefix: prod-\npatches:\n- path: patch.yaml\n";

/// A base with a mapping of its own, and an overlay of it; names are the test's own, since records share a namespace.
fn desk(world: Option<&World>, search: OsString, names: [&str; 3]) -> Desk {
    let namespace = world.map_or(String::new(), |w| format!("namespace = \"{}\"\n", w.namespace));
    let places = ["base", "prod", "other"];
    let tables = names.iter().zip(places).map(|(name, place)| {
        format!("[mappings.{name}]\nrepository = \"fleet\"\npath = \"{place}\"\n{namespace}")
    });
    let desk = Desk::new(&tables.collect::<String>(), search);
    if let Some(world) = world {
        let file = desk.root().join("config.toml");
        let none = format!("{}/none", desk.root().display());
        let text = fs::read_to_string(&file).unwrap();
        let there = world.kubeconfig.display().to_string();
        fs::write(&file, text.replace(&none, &there)).unwrap();
    }
    desk.publish(
        "Ana",
        &[
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", WEB),
            ("prod/kustomization.yaml", OVERLAY),
            ("prod/patch.yaml", PATCH),
            ("other/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"),
        ],
    );
    desk
}

/// Commits another base; exit code and all that was said.
fn commit(desk: &Desk, mapping: &str, text: &str, more: &[&str]) -> (Option<i32>, String) {
    let local = desk.root().join("local.yaml");
    fs::write(&local, text).unwrap();
    let file = format!("web.yaml={}", local.display());
    let words = ["commit", mapping, "--file", &file, "--no-push"];
    let (code, out, notes) = desk.run(&[&words[..], more].concat());
    (code, out + &notes)
}

#[test]
fn what_a_commit_to_a_base_changes_besides_is_named() {
    let Some(search) = search_path() else { return };
    let desk = desk(None, search, ["lib", "web", "other"]);
    let (code, said) = commit(&desk, "lib", &WEB.replace("replicas: 1", "replicas: 2"), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("also changes web (1 object)"), "{said}");
    assert!(!said.contains("also changes other"), "{said}");
    let json = ["-o", "json"];
    let (_, said) = commit(&desk, "lib", &WEB.replace("replicas: 1", "replicas: 3"), &json);
    assert!(said.contains("\"also\"") && said.contains("web (1 object)"), "{said}");
    // What only looks different changes nothing.
    let same = format!("# a comment\n{}", WEB.replace("replicas: 1", "replicas: 3"));
    let (code, said) = commit(&desk, "lib", &same, &[]);
    assert!(code == Some(0) && !said.contains("also changes"), "{said}");
    // So does a preview.
    let set = ["set", "lib", "value", "Deployment/web:/spec/replicas=4", "--dry-run"];
    let (code, out, notes) = desk.run(&set);
    assert!(code == Some(0) && notes.contains("also changes web (1 object)"), "{out}{notes}");
}

#[test]
fn a_commit_that_would_break_another_mapping_is_refused() {
    let Some(search) = search_path() else { return };
    let desk = desk(None, search, ["lib", "web", "other"]);
    // The base renders, but the overlay's patch has nothing to change any more.
    let renamed = WEB.replace("  name: web\n", "  name: shop\n");
    let (code, said) = commit(&desk, "lib", &renamed, &[]);
    assert_eq!(code, Some(3), "{said}");
    let why = "nothing was committed: web is made from these files as well, and would break";
    assert!(said.contains(why), "{said}");
    // What was broken before holds nobody up: it may be what mends it.
    desk.publish("Leo", &[("prod/patch.yaml", &PATCH.replace("name: web", "name: gone"))]);
    let (code, said) = commit(&desk, "lib", &renamed, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("web (which does not render before either)"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_tries_the_objects_of_all_of_them() {
    let Some(search) = search_path() else { return };
    for world in worlds("shared-bases").await {
        let names = ["shared-lib", "shared-web", "shared-other"];
        let desk = desk(Some(&world), search.clone(), names);
        // The patch adds a container without an image where the base has none of that name.
        let renamed = WEB.replace("- name: app", "- name: main");
        let (code, said) = commit(&desk, "shared-lib", &renamed, &[]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("the server would refuse shared-web: "), "{said}");
        let (code, said) = commit(&desk, "shared-lib", &renamed, &["--no-validate"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("also changes shared-web (1 object)"), "{said}");
    }
}
