//! The walk from drift over an edit to a healthy change, with keys alone, on the sandbox and on a real API server.

use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, json, said};
use crate::support::fake_node::kind;
use crate::support::terminal::Terminal;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json as value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn from_drift_to_a_healthy_change_on_every_cluster() {
    for world in worlds("console-walk").await {
        let place = tempfile::tempdir().expect("a place");
        let config = lay_out(place.path(), &world);
        for mapping in ["catalog", "checkout"] {
            let output = gitdeck(&config)
                .args(["sync", mapping, "--yes", "--wait=120s"])
                .output()
                .expect("it runs");
            assert!(output.status.success(), "{:?}: {}", world.kind, said(&output));
        }
        scale(&world, "checkout", 3).await;
        let walked = config.clone();
        tokio::task::spawn_blocking(move || walk(&walked)).await.expect("the walk");
        assert_eq!(last_title(place.path()), "catalog: image 1.0.0 -> 1.0.9", "{:?}", world.kind);
        let status = json(gitdeck(&config).args(["status", "catalog", "checkout"]));
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        assert_eq!(status["mappings"][0]["health"], "healthy", "{status}");
        assert_eq!(status["mappings"][1]["sync"], "drifted", "{status}");
    }
}

fn walk(config: &Path) {
    let arguments = ["--config".to_owned(), config.display().to_string()];
    let mut terminal = Terminal::start(&arguments, (120, 36));
    terminal.see("2 Mappings").see("1 drifted");
    terminal.keys("2/checkout\r").see("/checkout").see("1 of ");
    terminal.keys("d").see("/spec/replicas").see("- 3").see("kubectl");
    terminal.keys("2/catalog\r").see("/catalog").see("in sync");
    terminal.keys("e").see("kind: Deployment");
    terminal.keys("\x06catalog:1.0").see("search").keys("\r\x1b[F\x7f9").see("changed");
    terminal.keys("\x13").see("Commit to catalog").see("catalog: image 1.0.0 -> 1.0.9");
    terminal.keys("\r").see("committed").miss("Commit to catalog");
    terminal.keys("P").see("Push 1 commit of fleet?").keys("\r").see("pushed");
    terminal.keys("s").see("Sync catalog?").keys("\r").miss("Sync catalog?");
    terminal.keys("5").wait("a healthy catalog that is in sync", |screen| {
        let text = screen.contents();
        text.contains("in sync") && text.contains("healthy") && text.contains("plan +0 ~0 -0")
    });
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

/// A bare repository with two services, and a configuration that maps them.
fn lay_out(root: &Path, world: &World) -> PathBuf {
    let work = root.join("work");
    for name in ["catalog", "checkout"] {
        let folder = work.join("apps").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("deployment.yaml"), deployment(name)).expect("a manifest");
    }
    let bare = root.join("fleet.git");
    git(&["init", "-q", "-b", "main", &work.display().to_string()]);
    let at = work.display().to_string();
    git(&["-C", &at, "add", "-A"]);
    git(&[
        "-C",
        &at,
        "-c",
        "user.name=Ana",
        "-c",
        "user.email=ana@example.com",
        "commit",
        "-qm",
        "Begin",
    ]);
    git(&["clone", "-q", "--bare", &at, &bare.display().to_string()]);
    let config = root.join("config.toml");
    let folder = |name: &str| root.join(name).display().to_string();
    let text = format!(
        "kubeconfig = \"{}\"\ncache_dir = \"{}\"\ndata_dir = \"{}\"\n\
         [author]\nname = \"Walker\"\nemail = \"walker@example.com\"\n\
         [defaults]\npolling_interval = \"1s\"\n\
         [repositories.fleet]\nurl = \"file://{}\"\nbranch = \"main\"\n",
        world.kubeconfig.display(),
        folder("cache"),
        folder("data"),
        bare.display()
    );
    let namespace = &world.namespace;
    let mapping = |name| {
        format!(
            "[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps/{name}\"\nnamespace = \"{namespace}\"\n"
        )
    };
    let text = text + &mapping("catalog") + &mapping("checkout");
    fs::write(&config, text).expect("a configuration");
    config
}

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: 2\n  selector:\n    \
         matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n      \
         containers:\n        - name: app\n          image: registry.example.com/{name}:1.0.0\n"
    )
}

fn git(arguments: &[&str]) {
    let output = Command::new("git").args(arguments).output().expect("git runs");
    assert!(output.status.success(), "{}", said(&output));
}

fn last_title(root: &Path) -> String {
    let bare = root.join("fleet.git").display().to_string();
    let output = Command::new("git")
        .args(["--git-dir", &bare, "log", "-1", "--format=%s", "main"])
        .output()
        .expect("git runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn scale(world: &World, name: &str, replicas: u32) {
    let deployments: Api<DynamicObject> = Api::namespaced_with(
        world.client().await,
        &world.namespace,
        &kind("apps", "v1", "Deployment"),
    );
    let by = PatchParams { field_manager: Some("kubectl".into()), ..PatchParams::default() };
    let patch = Patch::Merge(value!({"spec": {"replicas": replicas}}));
    deployments.patch_scale(name, &by, &patch).await.expect("a scaled deployment");
}
