//! Before a commit the API server tries what changes, and only that: the built binary on the sandbox and on a real API server.

use crate::connect::run;
use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, config_map, config_maps, get};
use std::fs;

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1 # enough
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

/// What is wrong in Git already, and is no business of who changes something else.
const WRONG: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wrong
spec:
  replicas: -3
  selector:
    matchLabels: {app: wrong}
  template:
    metadata:
      labels: {app: wrong}
    spec:
      containers:
        - {name: app, image: registry.example/web:1.0}
";

fn laid_out(world: &World, mapping: &str) -> Origin {
    let table = format!("[mappings.{mapping}]\nrepository = \"fleet\"\npath = \"app\"\n");
    let origin = Origin::new(world, &table);
    let map = config_map("beside", "1");
    let files = [
        ("app/web.yaml", Some(WEB)),
        ("app/wrong.yaml", Some(WRONG)),
        ("app/map.yaml", Some(&map[..])),
    ];
    origin.commit("begin", &files);
    origin
}

/// Commits another content of a file, and says what came of it.
fn commit(origin: &Origin, file: &str, text: &str, more: &[&str], expected: i32) -> String {
    let local = origin.place().join("local.yaml");
    fs::write(&local, text).unwrap();
    let (file, mapping) = (format!("{file}={}", local.display()), mapping(origin));
    let words = ["commit", &mapping, "--file", &file, "--push"];
    run(origin, &[&words[..], more].concat(), expected)
}

fn mapping(origin: &Origin) -> String {
    let text = fs::read_to_string(&origin.config).unwrap();
    text.split("[mappings.").nth(1).unwrap().split(']').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_would_refuse_is_not_committed() {
    for world in worlds("validated").await {
        let origin = laid_out(&world, "tried-web");
        for (from, to, field) in [
            ("replicas: 1", "replicas: -1", "spec.replicas"),
            ("replicas: 1", "replica: 1", "replica"),
            ("replicas: 1", "replicas: many", "replicas"),
            ("{app: web}\n  template", "{app: other}\n  template", "selector"),
            (
                "image: registry",
                "imagePullPolicy: Sometimes\n          image: registry",
                "imagePullPolicy",
            ),
        ] {
            let said = commit(&origin, "web.yaml", &WEB.replace(from, to), &[], 3);
            assert!(said.contains("nothing was committed: the server would refuse"), "{said}");
            assert!(
                said.contains("app/web.yaml:1: Deployment") && said.contains(field),
                "{to}: {said}"
            );
            assert!(said.contains("--no-validate"), "{said}");
        }
        assert_eq!(origin.count(), 1);
        // Of a Secret only the field is said.
        let secret =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\ndata:\n  bad key: Y2FuYXJ5\n";
        let said = commit(&origin, "secret.yaml", secret, &[], 3);
        assert!(said.contains("Secret") && !said.contains("Y2FuYXJ5"), "{said}");

        // What is sound goes through, although something else is wrong; nothing was applied on the way.
        let said = commit(&origin, "web.yaml", &WEB.replace("replicas: 1", "replicas: 2"), &[], 0);
        assert!(!said.contains("not tried"), "{said}");
        assert_eq!(origin.count(), 2);
        assert!(get(&config_maps(&world).await, "beside").await.is_null());
        let value = "Deployment/web:/spec/replicas=-4";
        let words = ["set", "tried-web", "value", value, "--yes", "--push"];
        let said = run(&origin, &words, 3);
        assert!(said.contains("spec.replicas"), "{said}");
        run(&origin, &[&words[..], &["--no-validate"]].concat(), 0);
        assert!(origin.pushed("app/web.yaml").contains("replicas: -4 # enough"));

        // What the server does not know yet is said and goes on.
        let strange = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: one\n";
        let said = commit(&origin, "widget.yaml", strange, &[], 0);
        assert!(said.contains("not tried on the server: the cluster does not know"), "{said}");
        let elsewhere =
            config_map("far", "1").replace("  name: far", "  name: far\n  namespace: nowhere");
        let said = commit(&origin, "far.yaml", &elsewhere, &[], 0);
        assert!(said.contains("not tried on the server") && said.contains("nowhere"), "{said}");
        assert_eq!(origin.count(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_live_already_may_become_what_cannot_be_changed_in_place() {
    for world in worlds("validated-live").await {
        let origin = laid_out(&world, "tried-live");
        commit(&origin, "wrong.yaml", &config_map("mended", "1"), &[], 0);
        run(&origin, &["sync", "tried-live", "--yes"], 0);
        // An immutable field is for the plan to speak of, and a value that is wrong beside it for us.
        let other = WEB.replace("{app: web}", "{app: other}");
        commit(&origin, "web.yaml", &other, &[], 0);
        let said =
            commit(&origin, "web.yaml", &other.replace("replicas: 1", "replicas: -1"), &[], 3);
        assert!(said.contains("spec.replicas"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_asked_holds_nothing_up() {
    let world = World::sandbox("validated-away").await;
    let origin = laid_out(&world, "tried-away");
    let text = fs::read_to_string(&origin.config).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("kubeconfig"));
    let away = lines.collect::<Vec<_>>().join("\n");
    fs::write(&origin.config, format!("kubeconfig = \"nowhere\"\n{away}\n")).unwrap();
    let wrong = WEB.replace("replicas: 1", "replicas: -1");
    let said = commit(&origin, "web.yaml", &wrong, &[], 0);
    assert!(said.contains("not tried on the server"), "{said}");
    let words = ["-o", "json"];
    let said = commit(&origin, "web.yaml", WEB, &words, 0);
    assert!(said.contains("\"untried\": ["), "{said}");
    // What does not render is refused all the same.
    commit(&origin, "web.yaml", "a: [", &[], 3);
}
