//! A first user's walk on the demo, with keys alone: see the drift and its culprit, edit, commit, push, sync, watch it
//! become healthy, leave a clean terminal.

use crate::support::terminal::Terminal;
use std::path::Path;
use std::process::Command;

#[test]
fn from_drift_to_a_healthy_change_on_a_wide_screen() {
    walk((120, 36));
}

#[test]
fn from_drift_to_a_healthy_change_on_a_narrow_screen() {
    walk((80, 24));
}

fn walk(size: (u16, u16)) {
    let place = tempfile::tempdir().expect("a place");
    let root = place.path().join("demo");
    let keep = root.to_str().expect("a path").to_owned();
    let mut terminal = Terminal::start(&["demo", "--keep", &keep], size);
    terminal.see("2 Mappings").see("checkout");

    // The drifted mapping: which field, who, and when.
    choose(&mut terminal, "checkout");
    terminal.see("drifted");
    terminal.keys("d").see("/spec/replicas").see("- 5").see("kubectl");
    terminal.wait("the time of the change", |screen| {
        let text = screen.contents();
        let culprit = text.lines().find(|line| line.contains("kubectl"));
        culprit.is_some_and(|line| line.contains("ago") || line.contains("just now"))
    });

    // Another mapping: its image.
    terminal.keys("2");
    choose(&mut terminal, "catalog");
    terminal.see("in sync").keys("e").see("Edit a file of catalog").keys("deployment\r");
    terminal.see("kind: Deployment");
    terminal.keys("\x06catalog:3.0").see("search").keys("\r\x1b[F\x7f9");
    terminal
        .see("changed")
        .keys("\x13")
        .see("Commit to catalog")
        .see("[ commit ]")
        .see("catalog: image");
    let message = terminal.text().lines().find_map(|line| {
        let (_, rest) = line.split_once("catalog: image")?;
        Some(format!("catalog: image{}", rest.trim_end_matches(['│', ' '])))
    });
    let message = message.expect("a default message");
    terminal.keys("\r").see("committed").miss("Commit to catalog");

    // Push and sync, each asked about.
    terminal.keys("P").see("Push 1 commit of storefront?").keys("\r").see("pushed");
    terminal.keys("s").see("Sync catalog?").see("restarts 1 Deployment (2 pods)");
    terminal.look_out(&["progressing"]).keys("\r").miss("Sync catalog?");
    terminal.keys("5").wait("a healthy catalog that is in sync", |screen| {
        let text = screen.contents();
        text.contains("in sync") && text.contains("healthy") && text.contains("plan +0 ~0 -0")
    });
    terminal.assert_passed();

    assert!(titles(&root).contains(&message), "{message} is not among {:?}", titles(&root));
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

/// Filters for one mapping and waits until it is the subject.
fn choose(terminal: &mut Terminal, name: &str) {
    terminal.keys(&format!("/{name}\r")).see(&format!("/{name}")).see("1 of ");
}

/// The titles of the newest commits in the demo's own repository; colleagues commit there, too.
fn titles(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(root.join("repositories/storefront.git"))
        .args(["log", "-20", "--format=%s", "main"])
        .output()
        .expect("git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
