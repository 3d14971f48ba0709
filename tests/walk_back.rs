//! Drift taken into Git and out of it again, with keys alone and signed, on the sandbox and on a real API server.

use crate::support::clusters::{World, kubectl, pair_apart};
use crate::support::demo::{gitdeck, json, said};
use crate::support::fake_node::kind;
use crate::support::services::{lay_out, scale, sync_all};
use crate::support::terminal::Terminal;
use kube::Api;
use kube::api::DynamicObject;
use std::fs;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_scale_is_adopted_and_reverted_and_both_commits_verify() {
    // A cluster of its own: the record of a mapping is found by its name alone, and other walks have the same names.
    let name = "console-walk-back";
    let worlds = match pair_apart(name).await {
        Some(pair) => Vec::from(pair),
        None => vec![World::sandbox(name).await],
    };
    for world in worlds {
        let place = tempfile::tempdir().expect("a place");
        let config = lay_out(place.path(), &world);
        sign(place.path(), &config);
        sync_all(&config);
        scale_by_kubectl(&world, place.path()).await;

        let walked = config.clone();
        let root = place.path().to_owned();
        let terminal = tokio::task::spawn_blocking(move || adopt(&walked, &root));
        let mut terminal = terminal.await.expect("the way there");
        assert_eq!(replicas(&world).await, 3);
        let status = json(gitdeck(&config).args(["status", "checkout"]));
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");

        tokio::task::spawn_blocking(move || revert(&mut terminal)).await.expect("the way back");
        assert_eq!(replicas(&world).await, 2, "{:?}", world.kind);
        let status = json(gitdeck(&config).args(["status", "checkout"]));
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        assert_eq!(status["mappings"][0]["health"], "healthy", "{status}");
        verify(place.path());
        let journal = json(gitdeck(&config).args(["activity", "-n", "3"]));
        let entries = journal["entries"].as_array().expect("entries");
        let steps: Vec<_> = entries.iter().map(|entry| (&entry["what"], &entry["state"])).collect();
        let steps = serde_json::to_string(&steps).expect("JSON");
        assert_eq!(steps, r#"[["sync","done"],["push","done"],["revert","done"]]"#, "{journal}");
    }
}

/// Signs with a key of ssh, and lets git know whose it is.
fn sign(root: &Path, config: &Path) {
    let key = root.join("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen").success());
    let public = fs::read_to_string(root.join("key.pub")).expect("a public key");
    fs::write(root.join("allowed"), format!("walker@example.com {public}")).expect("a file");
    let text = fs::read_to_string(config).expect("a configuration");
    let table = format!("[signing]\nformat = \"ssh\"\nkey = \"{}\"\n", key.display());
    fs::write(config, text + &table).expect("a configuration");
}

/// Scales with kubectl itself where there is one, else as it does.
async fn scale_by_kubectl(world: &World, home: &Path) {
    let Some(kubectl) = kubectl() else { return scale(world, "checkout", 3).await };
    let mut command = Command::new(kubectl);
    command.arg("--kubeconfig").arg(&world.kubeconfig);
    command.args(["scale", "deployment/checkout", "--replicas=3"]);
    let done = command.env("HOME", home).env("NO_PROXY", "127.0.0.1").output().expect("kubectl");
    assert!(done.status.success(), "{}", said(&done));
}

fn adopt(config: &Path, root: &Path) -> Terminal {
    let arguments = ["--config".to_owned(), config.display().to_string()];
    let mut terminal = Terminal::start(&arguments, (120, 36));
    terminal.see("2 Mappings").see("1 drifted");
    terminal.keys("2/checkout\r").see("/checkout").see("1 of ");
    terminal.keys("a").see("[ commit ]").see("replicas: 3");
    terminal.keys("\x1b[C").see("gitdeck adopt checkout --push").keys("\r");
    terminal.see("pushed").keys("5").wait("a checkout that is in sync", |screen| {
        let text = screen.contents();
        text.contains("2 in sync") && text.contains("healthy") && text.contains("plan +0 ~0 -0")
    });
    assert_eq!(git(root, &["log", "-1", "--format=", "--numstat"]), CHANGE);
    terminal
}

const CHANGE: &str = "1\t1\tapps/checkout/deployment.yaml";

fn revert(terminal: &mut Terminal) {
    terminal.keys("3").see("R revert").keys("R");
    terminal.see("Revert \"").see("-  replicas: 3").see("+  replicas: 2");
    terminal.see("~ Deployment console-walk-back/checkout").see("gitdeck revert checkout");
    terminal.keys("\r").miss("Enter revert").see("1 applied");
    terminal.keys("5").wait("a healthy checkout that is in sync", |screen| {
        let text = screen.contents();
        text.contains("in sync") && text.contains("healthy") && text.contains("plan +0 ~0 -0")
    });
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

/// What git says of the two commits.
fn verify(root: &Path) {
    let allowed = format!("gpg.ssh.allowedSignersFile={}", root.join("allowed").display());
    let log = git(root, &["-c", &allowed, "log", "-2", "--show-signature", "--format=%s"]);
    let good = log.matches("Good \"git\" signature for walker@example.com").count();
    assert_eq!(good, 2, "{log}");
    assert!(log.contains("Revert \"checkout: "), "{log}");
    for commit in ["main", "main~"] {
        let shown = git(root, &["show", commit, "--format=", "--numstat"]);
        assert_eq!(shown, CHANGE, "{commit} changes one line");
    }
    assert_eq!(git(root, &["diff", "main~2", "main"]), "", "the revert is exact");
}

fn git(root: &Path, arguments: &[&str]) -> String {
    let bare = root.join("fleet.git");
    let output = Command::new("git").arg("--git-dir").arg(bare).args(arguments).output();
    let output = output.expect("git runs");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn replicas(world: &World) -> u64 {
    let kind = kind("apps", "v1", "Deployment");
    let all: Api<DynamicObject> =
        Api::namespaced_with(world.client().await, &world.namespace, &kind);
    let found = all.get("checkout").await.expect("a deployment");
    found.data["spec"]["replicas"].as_u64().expect("a number")
}
