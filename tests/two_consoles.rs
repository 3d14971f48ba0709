//! Two consoles at once on one configuration: each sees what the other does, neither harms the other's state.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, json, said};
use crate::support::services::{lay_out, scale, sync_all, titles};
use crate::support::terminal::Terminal;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;

const SIZE: (u16, u16) = (120, 36);

#[tokio::test(flavor = "multi_thread")]
async fn two_consoles_share_one_configuration() {
    // A cluster of its own: the record of a mapping is found by its name alone, and other walks have the same names.
    let world = World::sandbox("two-consoles").await;
    let place = tempfile::tempdir().expect("a place");
    let root = place.path().to_owned();
    let config = lay_out(&root, &world);
    let (known, at) = (config.clone(), root.clone());
    let pair = tokio::task::spawn_blocking(move || {
        sync_all(&known);
        Pair::open(&at, &known)
    });
    let mut pair = pair.await.expect("two consoles");
    scale(&world, "checkout", 3).await;
    tokio::task::spawn_blocking(move || {
        pair.both(|console| {
            console.see("1 drifted");
        });
        pair.edit_different_files();
        pair.edit_the_same_file();
        pair.sync_the_same_mapping();
        pair.suspend_and_resume();
        pair.lose_one_and_quit();
        assert_readable(&root, &config);
    })
    .await
    .expect("the consoles agree");
}

/// Two consoles of one user.
struct Pair {
    root: std::path::PathBuf,
    config: std::path::PathBuf,
    one: Terminal,
    two: Terminal,
}

impl Pair {
    fn open(root: &Path, config: &Path) -> Self {
        let mut pair = Self {
            root: root.to_owned(),
            config: config.to_owned(),
            one: console(config),
            two: console(config),
        };
        pair.both(|console| {
            console.see("2 in sync").see("cluster live");
        });
        pair
    }

    fn both(&mut self, each: impl Fn(&mut Terminal)) {
        each(&mut self.one);
        each(&mut self.two);
    }

    /// Both edit before either commits: neither commit is lost.
    fn edit_different_files(&mut self) {
        open_file(&mut self.one, "catalog");
        open_file(&mut self.two, "checkout");
        change_image(&mut self.one, "catalog:1.0", "9");
        change_image(&mut self.two, "checkout:1.0", "9");
        for (console, name) in [(&mut self.one, "catalog"), (&mut self.two, "checkout")] {
            console.keys("\x13").see(&format!("{name}: image 1.0.0 -> 1.0.9")).keys("\r");
            console.see("committed").miss(&format!("Commit to {name}"));
        }
        // The commits wait in one outbox: whoever pushes first may push both.
        self.one.keys("P").see("of fleet?").keys("\r").see("pushed");
        self.two.keys("P").wait("a push, or nothing to push", |screen| {
            let text = screen.contents();
            text.contains("of fleet?") || text.contains("nothing waits for a push")
        });
        if self.two.text().contains("of fleet?") {
            self.two.keys("\r").wait("the end of the push", |screen| {
                let text = screen.contents();
                let ended = text.contains("pushed") || text.contains("nothing waits for a push");
                ended && !text.contains("of fleet?")
            });
        }
        let known = titles(&self.root);
        for name in ["catalog", "checkout"] {
            let title = format!("{name}: image 1.0.0 -> 1.0.9");
            let times = known.iter().filter(|known| **known == title).count();
            assert_eq!(times, 1, "{title} in {known:?}");
        }
    }

    /// Both edit one file: the second is refused, is told so, and keeps what was typed.
    fn edit_the_same_file(&mut self) {
        self.both(|console| open_file(console, "catalog"));
        change_image(&mut self.one, "catalog:1.0", "10");
        change_image(&mut self.two, "catalog:1.0", "11");
        self.one.keys("\x13").see("catalog: image 1.0.9 -> 1.0.10").keys("\r");
        self.one.see("committed").miss("Commit to catalog");
        self.one.keys("P").see("of fleet?").keys("\r").see("pushed");
        self.two.keys("\x13").see("Commit to catalog").see("-> 1.0.11").keys("\r");
        self.two.see("changed by others in the meantime").see("Commit to catalog");
        let known = titles(&self.root);
        assert!(known.iter().any(|title| title.ends_with("-> 1.0.10")), "{known:?}");
        assert!(!known.iter().any(|title| title.ends_with("-> 1.0.11")), "{known:?}");
        // Out of the form and out of the editor, without the change.
        self.two.keys("\x1b").miss("Commit to catalog").see("kind: Deployment");
        self.two.keys("\x1b").see("Leave the editor?").keys("d").miss("kind: Deployment");
    }

    /// Both confirm the same plan: one applies it, the other is told that there is nothing left.
    fn sync_the_same_mapping(&mut self) {
        let before = syncs(&self.config, "catalog");
        self.both(|console| {
            choose(console, "catalog");
            console
                .see("behind")
                .keys("s")
                .see("Sync catalog?")
                .see("restarts 1 Deployment (2 pods)");
        });
        self.both(|console| {
            console.keys("\r");
        });
        self.both(|console| {
            console.miss("Sync catalog?").wait("the end of the sync", |screen| {
                let text = screen.contents();
                text.contains("catalog: not synced") || text.contains("1 applied")
            });
        });
        let refused = [&self.one, &self.two].map(|console| console.text().contains("not synced"));
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "{refused:?}");
        let loser = if refused[0] { &mut self.one } else { &mut self.two };
        loser.see("nothing is left to do").keys("\x1b").miss("not synced");
        let after = syncs(&self.config, "catalog");
        assert_eq!(after.len(), before.len() + 1, "{after:?}");
        assert_eq!(after[0]["state"], "done", "{after:?}");
        self.both(|console| {
            console.see("in sync");
        });
    }

    fn suspend_and_resume(&mut self) {
        self.both(|console| choose(console, "checkout"));
        self.one.keys("x").see("Suspend checkout").keys("month end\r").miss("Suspend checkout");
        self.two.see("suspended by Walker: month end");
        self.two.keys("s").see("Sync checkout?").see("! suspended by Walker: month end");
        self.two.keys("\x1b").miss("Sync checkout?");
        self.two.keys("x").see("Resume checkout?").keys("\r").miss("Resume checkout?");
        self.both(|console| {
            console.miss("suspended by Walker");
        });
        // An end that comes is noticed without a key: no change of the cluster announces it.
        let arguments = ["suspend", "checkout", "--until", "20s"];
        let output = gitdeck(&self.config).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        self.both(|console| {
            console.see("suspended by Walker");
        });
        self.both(|console| {
            console.miss("suspended by Walker");
        });
    }

    /// One is killed: the other goes on, a new one starts without a question, and both leave a clean terminal.
    fn lose_one_and_quit(mut self) {
        self.two.signal(Signal::KILL);
        self.two.end();
        self.one.keys("?").see("In Mappings").keys("\x1b").miss("In Mappings");
        let mut third = console(&self.config);
        third.see("1 in sync").see("1 behind");
        assert!(!third.text().contains("Interrupted"), "{}", third.text());
        for console in [&mut self.one, &mut third] {
            assert_eq!(console.keys("q").end(), 0);
            console.assert_restored();
        }
    }
}

fn console(config: &Path) -> Terminal {
    let mut console = Terminal::start(&["--config".as_ref(), config.as_os_str()], SIZE);
    console.see("2 Mappings");
    console
}

/// Filters for one mapping and waits until it is the subject of the details.
fn choose(console: &mut Terminal, name: &str) {
    console.keys(&format!("2/{name}\r")).see(&format!("/{name}")).see("1 of 2");
    console.see(&format!("5 Sync · {name}"));
}

fn open_file(console: &mut Terminal, name: &str) {
    choose(console, name);
    console.keys("e").see("kind: Deployment");
}

/// Searches for the image and gives its tag another end.
fn change_image(console: &mut Terminal, image: &str, end: &str) {
    console.keys(&format!("\x06{image}")).see("search");
    console.keys(&format!("\r\x1b[F\x7f{end}")).see("changed").see(&format!("{image}.{end}"));
}

/// The syncs of a mapping in the journal, newest first.
fn syncs(config: &Path, mapping: &str) -> Vec<Value> {
    let document = json(gitdeck(config).arg("activity"));
    let entries = document["entries"].as_array().expect("entries").iter();
    entries.filter(|e| e["what"] == "sync" && e["subject"] == mapping).cloned().collect()
}

/// Journal and cache are whole, and the command line reads both.
fn assert_readable(root: &Path, config: &Path) {
    let journal = fs::read_to_string(root.join("data/journal.jsonl")).expect("a journal");
    for line in journal.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    let cache = fs::read(root.join("cache/world.json")).expect("a cache");
    assert!(serde_json::from_slice::<Value>(&cache).is_ok(), "a broken cache");
    for arguments in [&["activity"][..], &["status"], &["status", "--cached"]] {
        let output = gitdeck(config).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    let entries = json(gitdeck(config).arg("activity"));
    let open = |entry: &&Value| entry["state"] == "interrupted" || entry["state"] == "running";
    let open: Vec<_> =
        entries["entries"].as_array().expect("entries").iter().filter(open).collect();
    assert!(open.is_empty(), "{open:?}");
}
