//! `sync --wait` and Ctrl-C with the built binary, on the sandbox and on a real API server.

use crate::support::clusters::{Kind, World, worlds};
use crate::support::demo::{gitdeck, json, said};
use crate::support::services::{lay_out, sync_all};
use gitdeck::sandbox::{Effect, Latch, When};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const MANIFEST: &str =
    "apps/v1\nkind: Deployment\nmetadata:\n  name: catalog\nspec:\n  replicas: 2\n";

/// The Deployment of `catalog` with another image and what else its spec has.
fn deployment(image: &str, spec: &str) -> String {
    format!(
        "apiVersion: {MANIFEST}{spec}  selector:\n    matchLabels:\n      app: catalog\n  template:\n    metadata:\n      \
         labels:\n        app: catalog\n    spec:\n      containers:\n        - name: app\n          image: {image}\n"
    )
}

/// Services that wait for a load balancer, which nobody gives them.
fn balancers(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: balancer-{index}\nspec:\n  type: LoadBalancer\n  \
             selector:\n    app: catalog\n  ports:\n    - port: 80\n"
        );
        text
    })
}

/// The two services, with records in the test's own namespace: a control plane is shared with other tests.
fn laid_out(root: &Path, world: &World) -> PathBuf {
    let config = lay_out(root, world);
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let text = format!("record_namespace = \"{}\"\n{text}", world.namespace);
    std::fs::write(&config, text).expect("a configuration");
    config
}

/// Commits a file of `catalog` and pushes it.
fn commit(config: &Path, file: &str, text: &str) {
    let local = config.with_file_name("new.yaml");
    std::fs::write(&local, text).expect("a file");
    let output = gitdeck(config)
        .args(["commit", "catalog", "--push", "--file"])
        .arg(format!("{file}={}", local.display()))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
}

/// Commits a file of `catalog` that is no manifest, past what `commit` refuses.
fn break_manifest(root: &Path) {
    let clone = root.join("clone");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().expect("git runs");
        assert!(output.status.success(), "{}", said(&output));
    };
    let at = clone.display().to_string();
    git(&["clone", "-q", &root.join("fleet.git").display().to_string(), &at]);
    std::fs::write(clone.join("apps/catalog/broken.yaml"), "a: [\n").expect("a file");
    git(&["-C", &at, "add", "."]);
    git(&[
        "-C",
        &at,
        "-c",
        "user.name=Ana",
        "-c",
        "user.email=ana@example.com",
        "commit",
        "-qm",
        "Break",
    ]);
    git(&["-C", &at, "push", "-q"]);
}

/// Presses Ctrl-C where nobody has a keyboard.
fn interrupt(id: u32) {
    let sent = Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "nothing to interrupt");
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

/// Commits an image, waits for it, and gives back how that ended and how long it took.
fn wait_for(config: &Path, image: &str, spec: &str) -> (Output, Duration) {
    commit(config, "deployment.yaml", &deployment(image, spec));
    let begun = Instant::now();
    let output = gitdeck(config)
        .args(["sync", "catalog", "--yes", "--wait", "--timeout", "300s", "-o", "json"])
        .output()
        .expect("it runs");
    (output, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_with_the_pods_own_message() {
    for world in worlds("wait-pull").await {
        let place = tempfile::tempdir().expect("a place");
        let config = laid_out(place.path(), &world);
        let kind = world.kind;
        on_a_thread(move || {
            sync_all(&config);
            // More of what has no pods, and comes up as little here, than is asked about in one look.
            commit(&config, "balancers.yaml", &balancers(10));
            let (output, took) = wait_for(&config, "registry.example.com/catalog-broken:1", "");
            assert_eq!(output.status.code(), Some(3), "{kind:?}: {}", said(&output));
            assert!(took < Duration::from_secs(200), "{kind:?}: {took:?}");
            let document: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("a document");
            let stall = &document["syncs"][0]["stall"];
            assert_eq!(stall["object"]["name"], "catalog", "{document}");
            assert!(
                stall["pod"].as_str().is_some_and(|pod| pod.starts_with("catalog-")),
                "{stall}"
            );
            assert_eq!(stall["container"], "app");
            assert!(stall["reason"].as_str().is_some_and(|why| why.contains("Image")), "{stall}");
            assert!(
                stall["message"].as_str().is_some_and(|why| why.contains("catalog-broken")),
                "{stall}"
            );
            assert!(stall["hopeless"].is_string(), "{stall}");
            let notes = String::from_utf8_lossy(&output.stderr);
            assert!(notes.contains("catalog does not come up: Deployment"), "{notes}");
            assert!(notes.contains("not waited for: the node pulls in vain"), "{notes}");
            // The old pods serve, and what was applied stays applied.
            let status = json(gitdeck(&config).args(["status", "catalog"]));
            assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
            if kind == Kind::Sandbox {
                // Ready for a moment before each crash, which must not count.
                let (output, _) = wait_for(
                    &config,
                    "registry.example.com/catalog-crash:1",
                    "  minReadySeconds: 60\n",
                );
                let notes = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(3), "{notes}");
                assert!(
                    notes.contains("CrashLoopBackOff") && notes.contains("in a row"),
                    "{notes}"
                );
                assert!(notes.contains("catalog: log "), "{notes}");
                assert!(notes.contains("catalog: event BackOff"), "{notes}");
            }
        })
        .await;
    }
}

/// Nobody waits for what nothing follows; whoever asks about the mapping later is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_mapping_tells_which_pod_fails() {
    for world in worlds("wait-told").await {
        let place = tempfile::tempdir().expect("a place");
        let config = laid_out(place.path(), &world);
        let kind = world.kind;
        let all = config.clone();
        on_a_thread(move || {
            commit(
                &config,
                "deployment.yaml",
                &deployment("registry.example.com/catalog-broken:1", ""),
            );
            let output =
                gitdeck(&config).args(["sync", "catalog", "--yes"]).output().expect("it runs");
            assert!(output.status.success(), "{kind:?}: {}", said(&output));
            let begun = Instant::now();
            let stall = loop {
                let status = json(gitdeck(&config).args(["status", "catalog"]));
                let stall = status["stalls"][0].clone();
                if stall["reason"] == "ImagePullBackOff" {
                    break stall;
                }
                assert!(begun.elapsed() < Duration::from_secs(120), "{kind:?}: {status}");
            };
            assert_eq!(
                (&stall["mapping"], &stall["container"]),
                (&"catalog".into(), &"app".into())
            );
            assert!(
                stall["pod"].as_str().is_some_and(|pod| pod.starts_with("catalog-")),
                "{stall}"
            );
            let output = gitdeck(&config).args(["status", "catalog"]).output().expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("catalog: does not come up: Deployment "), "{kind:?}: {text}");
            assert!(text.contains("Back-off pulling image"), "{kind:?}: {text}");
            if kind == Kind::Sandbox {
                assert!(text.contains("catalog:   event "), "{text}");
            }
            // What runs is told of, also where what is to run cannot be rendered.
            break_manifest(config.parent().expect("a folder"));
            let status = json(gitdeck(&config).args(["status", "catalog"]));
            assert_eq!(status["mappings"][0]["sync"], "error", "{kind:?}: {status}");
            assert_eq!(status["stalls"][0]["reason"], "ImagePullBackOff", "{kind:?}: {status}");
        })
        .await;
        let Some(traffic) = world.traffic() else { continue };
        // Where no mapping is named, no pod is asked about.
        let asked =
            || traffic.count(|one| one.resource == "pods" && matches!(&*one.verb, "list" | "get"));
        let before = asked();
        let status = on_a_thread(move || json(gitdeck(&all).args(["status"]))).await;
        assert_eq!((&status["stalls"], asked()), (&serde_json::Value::Null, before), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_wait_leaves_what_was_applied() {
    for world in worlds("wait-stop").await {
        let place = tempfile::tempdir().expect("a place");
        let config = laid_out(place.path(), &world);
        let kind = world.kind;
        on_a_thread(move || {
            // It is ready, but not available for long.
            let text = deployment("registry.example.com/catalog:1.0.0", "  minReadySeconds: 500\n");
            commit(&config, "deployment.yaml", &text);
            let child = gitdeck(&config)
                .args(["sync", "catalog", "--yes", "--wait=300s"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts");
            let begun = Instant::now();
            loop {
                let status = json(gitdeck(&config).args(["status", "catalog"]));
                if status["mappings"][0]["sync"] == "synced" {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(120), "{kind:?}: {status}");
            }
            interrupt(child.id());
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(output.status.code(), Some(130), "{kind:?}: {}", said(&output));
            let notes = String::from_utf8_lossy(&output.stderr);
            assert!(
                notes.contains("1 of 1 operations were done; all of it was applied"),
                "{notes}"
            );
            let status = json(gitdeck(&config).args(["status", "catalog"]));
            assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        })
        .await;
    }
}

/// A config map of the later wave.
const LATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: late\n  annotations:\n    \
                    argocd.argoproj.io/sync-wave: \"1\"\ndata:\n  a: b\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_was_killed_in_its_wait_goes_on_waiting() {
    for world in worlds("wait-kill").await {
        let place = tempfile::tempdir().expect("a place");
        let config = laid_out(place.path(), &world);
        let kind = world.kind;
        let image = "registry.example.com/catalog-broken:1";
        let begun = config.clone();
        let mut child = on_a_thread(move || {
            let broken = deployment(image, "  progressDeadlineSeconds: 8\n");
            commit(&begun, "deployment.yaml", &broken);
            commit(&begun, "late.yaml", LATE);
            gitdeck(&begun).args(["sync", "catalog", "--yes"]).spawn().expect("it starts")
        })
        .await;
        let at = format!("/apis/apps/v1/namespaces/{}/deployments/catalog", world.namespace);
        while read(&world, &at).await["status"]["observedGeneration"].is_null() {
            assert!(child.try_wait().expect("it runs").is_none(), "{kind:?}: it ended");
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        let resumed = config.clone();
        on_a_thread(move || {
            let entries = json(gitdeck(&resumed).args(["activity"]));
            let mut all = entries["entries"].as_array().into_iter().flatten();
            let open = all.find(|entry| entry["state"] == "interrupted");
            let id = open.unwrap_or_else(|| panic!("{kind:?}: {entries}"))["id"].to_string();
            for again in [&["activity", "--continue", &id][..], &["sync", "catalog", "--yes"]] {
                let output = gitdeck(&resumed).args(again).output().expect("it runs");
                assert!(!output.status.success(), "{kind:?}: {again:?}: {}", said(&output));
                assert!(said(&output).contains("it is applied, but fails: "), "{}", said(&output));
                assert!(said(&output).contains("ignore-healthcheck"), "{}", said(&output));
            }
        })
        .await;
        let late = format!("/api/v1/namespaces/{}/configmaps/late", world.namespace);
        assert!(read(&world, &late).await.is_null(), "{kind:?}");
        on_a_thread(move || {
            commit(&config, "deployment.yaml", &deployment("registry.example.com/catalog:2", ""));
            let output = gitdeck(&config).args(["sync", "catalog", "--yes"]).output();
            let output = output.expect("it runs");
            assert!(output.status.success(), "{kind:?}: {}", said(&output));
        })
        .await;
        assert_eq!(read(&world, &late).await["data"]["a"], "b", "{kind:?}");
    }
}

/// An object, or null where it is not there.
async fn read(world: &World, address: &str) -> serde_json::Value {
    let request = http::Request::get(address).body(Vec::new()).expect("a request");
    world.client().await.request(request).await.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_apply_says_what_was_not_written() {
    let world = World::sandbox("apply-stop").await;
    let place = tempfile::tempdir().expect("a place");
    let config = laid_out(place.path(), &world);
    let first = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: first\ndata:\n  a: b\n";
    let (at, file) = (config.clone(), first.to_owned());
    on_a_thread(move || commit(&at, "first.yaml", &file)).await;
    let gate = Latch::default();
    let held = When {
        name: Some("first".to_owned()),
        dry_run: Some(false),
        ..When::verb("patch", "configmaps")
    };
    world.faults().expect("a sandbox").always(held, Effect::Hold(gate.clone()));
    let child = gitdeck(&config)
        .args(["sync", "catalog", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    gate.arrived(1).await;
    interrupt(child.id());
    let mut child = child;
    let heard = on_a_thread(move || {
        use std::io::{BufRead, BufReader};
        let mut lines = BufReader::new(child.stderr.take().expect("its notes")).lines();
        let stopping = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("stopping")));
        (child, lines, stopping)
    });
    let (mut child, lines, stopping) = heard.await;
    assert!(stopping.is_some(), "it heard the interrupt");
    gate.open();
    let (status, notes) = on_a_thread(move || {
        let notes: Vec<String> = lines.map_while(Result::ok).collect();
        (child.wait().expect("it ends"), notes.join("\n"))
    })
    .await;
    assert_eq!(status.code(), Some(130), "{notes}");
    assert!(notes.contains("Deployment apply-stop/catalog"), "{notes}");
    assert!(notes.contains("1 of 2 operations were done; what was done stays done"), "{notes}");
    let planned = on_a_thread(move || json(gitdeck(&config).args(["plan", "catalog"]))).await;
    let left = &planned["plans"][0]["operations"];
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{planned}");
    assert_eq!(left[0]["object"]["kind"], "Deployment", "{planned}");
}
