//! Two services in a repository, mapped to a cluster: what a walk with real keys needs.

use super::clusters::World;
use super::demo::{gitdeck, said};
use super::fake_node::kind;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json as value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A bare repository with two services, and a configuration that maps them.
pub fn lay_out(root: &Path, world: &World) -> PathBuf {
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

/// The titles of the commits on the branch, newest first.
pub fn titles(root: &Path) -> Vec<String> {
    let bare = root.join("fleet.git").display().to_string();
    let output = Command::new("git")
        .args(["--git-dir", &bare, "log", "--format=%s", "main"])
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Syncs both services and waits until they are healthy.
pub fn sync_all(config: &Path) {
    for mapping in ["catalog", "checkout"] {
        let output = gitdeck(config)
            .args(["sync", mapping, "--yes", "--wait=120s"])
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Scales a service by hand, as `kubectl scale` does.
pub async fn scale(world: &World, name: &str, replicas: u32) {
    let deployments: Api<DynamicObject> = Api::namespaced_with(
        world.client().await,
        &world.namespace,
        &kind("apps", "v1", "Deployment"),
    );
    let by = PatchParams { field_manager: Some("kubectl".into()), ..PatchParams::default() };
    let patch = Patch::Merge(value!({"spec": {"replicas": replicas}}));
    deployments.patch_scale(name, &by, &patch).await.expect("a scaled deployment");
}
