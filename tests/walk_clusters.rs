//! The walk from drift over an edit to a healthy change, with keys alone, on the sandbox and on a real API server.

use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, json};
use crate::support::services::{lay_out, scale, sync_all, titles};
use crate::support::terminal::Terminal;
use gitdeck::sandbox::{Effect, Latch, When};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn from_drift_to_a_healthy_change_on_every_cluster() {
    for world in worlds("console-walk").await {
        let place = tempfile::tempdir().expect("a place");
        let config = lay_out(place.path(), &world);
        sync_all(&config);
        scale(&world, "checkout", 3).await;
        let (walked, gates) = (config.clone(), Gates::of(&world));
        tokio::task::spawn_blocking(move || walk(&walked, gates)).await.expect("the walk");
        let newest = titles(place.path()).into_iter().next();
        assert_eq!(newest.as_deref(), Some("catalog: image 1.0.0 -> 1.0.9"), "{:?}", world.kind);
        let status = json(gitdeck(&config).args(["status", "catalog", "checkout"]));
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        assert_eq!(status["mappings"][0]["health"], "healthy", "{status}");
        assert_eq!(status["mappings"][1]["sync"], "drifted", "{status}");
    }
}

/// What holds the sync of `catalog` before its step and after it, so that its progress can be seen.
struct Gates {
    step: Latch,
    record: Latch,
}

impl Gates {
    /// Nothing on a real control plane, which holds nothing back.
    fn of(world: &World) -> Option<Self> {
        let faults = world.faults()?;
        let gates = Self { step: Latch::default(), record: Latch::default() };
        let step = When { dry_run: Some(false), ..When::verb("patch", "deployments") };
        faults.always(
            When { name: Some("catalog".to_owned()), ..step },
            Effect::Hold(gates.step.clone()),
        );
        faults.always(When::verb("update", "configmaps"), Effect::Hold(gates.record.clone()));
        Some(gates)
    }
}

fn walk(config: &Path, gates: Option<Gates>) {
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
    terminal.keys("s").see("Sync catalog?");
    terminal.look_out(&["progressing"]).keys("\r").miss("Sync catalog?");
    if let Some(gates) = gates {
        terminal.see("syncing 0/1");
        gates.step.open();
        terminal.see("1 of 2 steps");
        gates.record.open();
    }
    terminal.see("1 applied");
    terminal.keys("5").wait("a healthy catalog that is in sync", |screen| {
        let text = screen.contents();
        text.contains("in sync") && text.contains("healthy") && text.contains("plan +0 ~0 -0")
    });
    terminal.assert_passed();
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}
