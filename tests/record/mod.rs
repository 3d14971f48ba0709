//! Where the cluster is the source of truth, live changes become commits by themselves: once each, with their managers,
//! and nothing else does.

mod faults;
mod kills;
mod secrets;
mod sides;

use crate::support::clusters::{World, kubectl, worlds};
use crate::support::fake_node::kind;
use crate::support::running::{Origin, Running, config_map, config_maps, set};
use gitdeck::config::Settings;
use gitdeck::domain::{MappingStatus, SyncState};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const WEB: &str = "\
# Written by hand.
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
          image: registry.example/web:1.0 # pinned
          env:
            - {name: MODE, value: fast}
";

fn table(name: &str) -> String {
    format!(
        "[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps/{name}\"\nsource = \"cluster\"\n"
    )
}

/// The settings of one process, with a quiet period that a test can wait for.
fn settings(origin: &Origin, process: &str, quiet: Duration) -> Settings {
    let mut settings = origin.settings(process);
    for mapping in settings.mappings.values_mut() {
        mapping.record.quiet = quiet;
    }
    settings
}

/// Long enough for several programs to start one after the other.
const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(300);

/// What people do with kubectl, in a world.
fn run(world: &World, arguments: &[&str], input: Option<&str>) {
    let Some(kubectl) = kubectl() else { return };
    let mut command = Command::new(kubectl);
    command.arg("--kubeconfig").arg(&world.kubeconfig).args(arguments);
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("kubectl runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, input.unwrap_or_default().as_bytes()).expect("input");
    drop(stdin);
    let output = child.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_level(status: &MappingStatus) -> bool {
    status.sync == SyncState::Synced && status.behind == 0
}

/// Waits until the branch has so many commits and the mapping is in sync with them.
async fn recorded(running: &mut Running, origin: &Origin, mapping: &str, commits: usize) {
    running
        .until("a recording", |running| {
            is_level(&running.store.mappings[mapping].status) && origin.count() == commits
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_changes_become_one_commit_each_with_their_manager() {
    if kubectl().is_none() {
        assert!(std::env::var_os("KUBEBUILDER_ASSETS").is_none(), "no kubectl beside the server");
        return;
    }
    for world in worlds("record").await {
        let origin = Origin::new(&world, &table("rec-a"));
        let file = "apps/rec-a/web.yaml";
        origin.commit("begin", &[(file, Some(WEB))]);
        run(&world, &["create", "-f", "-"], Some(WEB));
        let mut running = Running::watch(settings(&origin, "one", LONG));
        recorded(&mut running, &origin, "rec-a", 1).await;

        run(&world, &["set", "image", "deployment/web", "app=registry.example/web:2.0"], None);
        recorded(&mut running, &origin, "rec-a", 2).await;
        let bumped = WEB.replace("web:1.0", "web:2.0");
        assert_eq!(origin.pushed(file), bumped);
        let message = origin.message();
        assert!(message.starts_with("rec-a: image 1.0 -> 2.0\n"), "{message}");
        for trailer in [
            "Gitdeck-Mapping: rec-a",
            "Gitdeck-Source: cluster",
            "Gitdeck-Field-Manager: kubectl-set",
        ] {
            assert!(message.lines().any(|line| line == trailer), "{trailer}: {message}");
        }

        // As an editor sends it: several values at once, some of them new, one gone.
        let edit = json!({"metadata": {"annotations": {"pager": "yes"}}, "spec": {"replicas": 3,
            "template": {"spec": {"containers": [{"name": "app", "env": [
                {"name": "LEVEL", "value": "debug"}, {"$patch": "delete", "name": "MODE"}]}]}}}});
        patch(&world, "web", "kubectl-edit", Patch::Strategic(edit)).await;
        recorded(&mut running, &origin, "rec-a", 3).await;
        let edited = origin.pushed(file);
        for line in ["pager: \"yes\"", "replicas: 3 # enough", "LEVEL", "debug"] {
            assert!(edited.contains(line), "{line}: {edited}");
        }
        assert!(!edited.contains("MODE") && edited.contains("# Written by hand."), "{edited}");
        let message = origin.message();
        assert!(message.contains("Gitdeck-Field-Manager: kubectl-edit\n"), "{message}");

        // A rollout: a burst of writes to one object, with what controllers do to it meanwhile.
        run(&world, &["rollout", "restart", "deployment/web"], None);
        for tag in ["3.0", "3.1", "3.2"] {
            let image = format!("app=registry.example/web:{tag}");
            run(&world, &["set", "image", "deployment/web", &image], None);
            run(
                &world,
                &["scale", "deployment/web", "--replicas", &tag[2..].replace('0', "4")],
                None,
            );
        }
        recorded(&mut running, &origin, "rec-a", 4).await;
        let rolled = origin.pushed(file);
        assert!(rolled.contains("web:3.2 # pinned") && rolled.contains("restartedAt"), "{rolled}");
        let message = origin.message();
        for manager in ["kubectl-set", "kubectl-rollout"] {
            assert!(message.contains(&format!("Gitdeck-Field-Manager: {manager}\n")), "{message}");
        }
        let entries = running.journal().await;
        let commits: Vec<_> = entries.iter().filter(|entry| entry.what == "commit").collect();
        assert_eq!(commits.len(), 3, "{entries:#?}");
        assert!(commits.iter().all(|entry| entry.owner.as_deref() == Some("auto")), "{entries:#?}");
        running.stop().await;
    }
}

async fn patch(world: &World, name: &str, manager: &str, patch: Patch<Value>) {
    let kind = kind("apps", "v1", "Deployment");
    let objects: Api<DynamicObject> =
        Api::namespaced_with(world.client().await, &world.namespace, &kind);
    let by = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
    objects.patch(name, &by, &patch).await.expect("a live change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_status_updates_are_no_commit() {
    for world in worlds("record-noise").await {
        let origin = Origin::new(&world, &table("rec-noise"));
        origin.commit("begin", &[("apps/rec-noise/web.yaml", Some(WEB))]);
        let kind = kind("apps", "v1", "Deployment");
        let objects: Api<DynamicObject> =
            Api::namespaced_with(world.client().await, &world.namespace, &kind);
        let web: DynamicObject = serde_json::from_value(document(WEB)).expect("an object");
        objects.create(&kube::api::PostParams::default(), &web).await.expect("an object");
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-noise", 1).await;
        let by = PatchParams { field_manager: Some("noisy".into()), ..PatchParams::default() };
        for turn in 0..1000 {
            let status = json!({"status": {"observedGeneration": 1, "collisionCount": turn}});
            objects.patch_status("web", &by, &Patch::Merge(&status)).await.expect("an update");
        }
        // What a person changes after all that is recorded, and alone.
        patch(&world, "web", "kubectl-edit", Patch::Merge(json!({"spec": {"paused": true}}))).await;
        recorded(&mut running, &origin, "rec-noise", 2).await;
        let pushed = origin.pushed("apps/rec-noise/web.yaml");
        assert_eq!(pushed.replace("  paused: true\n", ""), WEB);
        let entries = running.journal().await;
        assert_eq!(entries.iter().filter(|entry| entry.what == "commit").count(), 1);
        running.stop().await;
    }
}

fn document(text: &str) -> Value {
    let mut documents = gitdeck::yaml::documents(text.as_bytes()).expect("YAML");
    documents.remove(0).value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_live_is_named_and_never_committed() {
    for world in worlds("record-secret").await {
        let origin = Origin::new(&world, &table("rec-secret"));
        let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  token: before\n";
        origin.commit(
            "begin",
            &[
                ("apps/rec-secret/secret.yaml", Some(secret)),
                ("apps/rec-secret/one.yaml", Some(&config_map("one", "1"))),
            ],
        );
        let maps = config_maps(&world).await;
        let secrets: Api<DynamicObject> =
            Api::namespaced_with(world.client().await, &world.namespace, &kind("", "v1", "Secret"));
        for text in [secret, &config_map("one", "1")] {
            let object: DynamicObject = serde_json::from_value(document(text)).expect("an object");
            let api = if text == secret { &secrets } else { &maps };
            api.create(&kube::api::PostParams::default(), &object).await.expect("an object");
        }
        let mut running = Running::watch(settings(&origin, "one", SHORT));
        recorded(&mut running, &origin, "rec-secret", 1).await;
        let by =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        let canary = "live-canary-value";
        let change = json!({"stringData": {"token": canary, "more": canary},
            "metadata": {"annotations": {"copy": canary}}});
        secrets.patch("token", &by, &Patch::Merge(change)).await.expect("a live change");
        set(&maps, "one", "2", "kubectl-edit").await;
        running
            .see("rec-secret", "the Secret left out", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("Secret") && held.contains("token") && status.drifted_fields > 0
            })
            .await;
        running.until("the other change", |_| origin.count() == 2).await;
        assert!(origin.pushed("apps/rec-secret/one.yaml").contains("\"2\""));
        assert_eq!(origin.pushed("apps/rec-secret/secret.yaml"), secret);
        running
            .until("the journal's word", |running| {
                running.store.journal.iter().any(|entry| entry.what == "record")
            })
            .await;
        let entries = running.journal().await;
        let said = format!("{entries:?}");
        assert!(said.contains("never written into Git") && !said.contains(canary), "{said}");
        running.stop().await;
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, canary);
        for text in [canary, &encoded] {
            assert_eq!(origin.holders_of(text, &["one"]), Vec::<String>::new(), "{text}");
        }
        assert_ne!(origin.holders_of("before", &["one"]), Vec::<String>::new());
    }
}
