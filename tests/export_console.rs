//! From what runs to the pushed commit and the mapping that follows it, in a terminal, on the sandbox and on a real API
//! server.

use crate::connect::run;
use crate::support::clusters::{World, kubectl, worlds};
use crate::support::running::{Origin, config_map};
use crate::support::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::fs;
use std::process::Command;

const CANARY: &str = "harbour-canary";

/// What people do with kubectl.
fn furnish(world: &World) {
    let kubectl = kubectl().expect("kubectl");
    for words in [
        &["create", "configmap", "harbour", "--from-literal=depth=9"][..],
        &["create", "secret", "generic", "harbour", &format!("--from-literal=token={CANARY}")],
        &["label", "configmap", "harbour", "app=harbour"],
        &["label", "secret", "harbour", "app=harbour"],
    ] {
        let mut command = Command::new(&kubectl);
        command.arg("--kubeconfig").arg(&world.kubeconfig);
        let output = command.args(["--namespace", &world.namespace]).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_committed_pushed_and_mapped() {
    for (size, world) in [(120, 36), (80, 24)].into_iter().zip(worlds("export-console").await) {
        let mappings = "[mappings.shelf]\nrepository = \"fleet\"\npath = \"shelf\"\n";
        let origin = Origin::new(&world, mappings);
        origin.commit("begin", &[("shelf/map.yaml", Some(&config_map("shelf", "oak")))]);
        furnish(&world);
        tokio::task::spawn_blocking(move || export(&origin, size)).await.expect("an export");
    }
}

fn export(origin: &Origin, size: (u16, u16)) {
    let before = fs::read_to_string(&origin.config).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.arg("--config");
    command.arg(&origin.config);
    for what in ["CACHE", "DATA"] {
        command.env(format!("GITDECK_{what}_DIR"), origin.place().join(what));
    }
    let mut terminal = Terminal::run(command, size);
    terminal.see("shelf").see("cluster live").keys(":").see("Commands").keys("export\r");
    terminal.see("Export what runs").keys("harbour\t\tapp=harbour\t\t\t\tapps/harbour\r");
    terminal.see("left out:").see("ConfigMap/harbour").see("Secret");
    assert!(!terminal.text().contains(CANARY), "{}", terminal.text());
    assert_eq!((origin.count(), fs::read_to_string(&origin.config).unwrap()), (1, before.clone()));
    terminal.keys("l").see("[ commit and push ]").keys("\r");
    // What is said of the push goes when the configuration is read anew.
    terminal.wait("the push", |_| origin.count() == 2);
    terminal.miss("Export what runs").miss("commit and push").see("harbour");
    let file = origin.pushed("apps/harbour/harbour.yaml");
    assert!(file.contains("depth: \"9\"") && !file.contains("kind: Secret"), "{file}");
    assert!(origin.holders_of(CANARY, &["CACHE", "DATA"]).is_empty());
    let after = fs::read_to_string(&origin.config).unwrap();
    let added = after.strip_prefix(before.trim_end()).expect("what was there stays");
    for line in ["[mappings.harbour]", "repository = \"fleet\"", "path = \"apps/harbour\""] {
        assert!(added.contains(line), "{line}: {added}");
    }
    // It may still be writing its journal, and would ask before it quits: the mapping is there either way.
    drop(terminal);
    // What is in Git is what runs.
    run(origin, &["diff", "harbour"], 0);
}
