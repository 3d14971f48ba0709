//! `kill -9` of a recording console, with the turn taken, with the commit made, with the push done: the next console goes
//! on at once, and each live change is one commit.

use super::faults::{begin_with, file};
use super::secrets::Desk;
use crate::kill::finish_interrupted;
use crate::kill_places::settled;
use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, said};
use crate::support::fake_node::kind;
use crate::support::renderers::{Bench, search_path};
use crate::support::running::{Origin, config_map, set};
use crate::support::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::Api;
use kube::api::DynamicObject;
use portable_pty::CommandBuilder;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

const NAME: &str = "rec-killed";
/// Far less than the turn in the cluster lasts.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a console is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Turn,
    Commit,
    Push,
}

struct Killing<'a> {
    origin: &'a Origin,
    name: &'a str,
    records: Api<DynamicObject>,
}

impl<'a> Killing<'a> {
    async fn new(world: &World, origin: &'a Origin, name: &'a str) -> Self {
        let kind = kind("", "v1", "ConfigMap");
        let records = Api::namespaced_with(world.client().await, "gitdeck-system", &kind);
        Self { origin, name, records }
    }

    /// What the record of the mapping in the cluster says of what is done unasked.
    async fn state(&self) -> Value {
        let record =
            self.records.get_opt(&format!("gitdeck-{}", self.name)).await.expect("an answer");
        let state = record.and_then(|one| one.data["data"]["state"].as_str().map(str::to_owned));
        state.map_or(Value::Null, |text| serde_json::from_str(&text).expect("a state"))
    }

    async fn claim(&self) -> Value {
        self.state().await["automation"]["claim"].clone()
    }

    /// Waits for a state of the world.
    async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self).await {
            assert!(Instant::now() < deadline, "never: {what}; {}", self.state().await);
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the branch has so many commits, and the record says so.
    async fn level(&self, commits: usize) {
        self.until("a recording that is noted", async |killing| {
            let tip = killing.origin.bare(&["rev-parse", "main"]);
            killing.origin.count() >= commits && killing.state().await["synced_revision"] == tip
        })
        .await;
        assert_eq!(self.origin.count(), commits);
    }

    /// Steps of commits that the journal has as taken.
    fn committed(&self) -> usize {
        let journal = self.origin.place().join("data/journal.jsonl");
        let text = fs::read_to_string(journal).unwrap_or_default();
        text.lines()
            .filter(|line| line.contains("\"after\"") && line.contains("\"commit\""))
            .count()
    }

    /// Waits until a console is at a place, and kills it.
    async fn kill(&self, console: &mut Terminal, place: Place, before: (usize, Value, usize)) {
        let (commits, claim, committed) = before;
        self.until("the place", async |killing| match place {
            Place::Turn => {
                let now = killing.claim().await;
                !now.is_null() && now != claim
            }
            Place::Commit => killing.committed() > committed,
            Place::Push => killing.origin.count() > commits,
        })
        .await;
        console.signal(Signal::KILL);
        console.end();
    }
}

fn console(origin: &Origin, search: Option<&OsStr>) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.arg("--config");
    command.arg(&origin.config);
    if let Some(search) = search {
        command.env("PATH", search);
    }
    Terminal::run(command, (120, 36))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recording_is_one_commit_of_the_next_console() {
    for world in worlds("record-killed").await {
        let own = "record = { quiet_period = \"1s\" }\n";
        let origin = settled(&world, &(super::table(NAME) + own));
        let maps = begin_with(&world, &origin, NAME).await;
        let lock = origin.place().join("fleet.git/refs/heads/main.lock");
        let killing = Killing::new(&world, &origin, NAME).await;
        let mut running = console(&origin, None);
        let mut commits = 1;
        for place in [Place::Turn, Place::Commit, Place::Push].repeat(2) {
            killing.level(commits).await;
            let before = (commits, killing.claim().await, killing.committed());
            let stale = before.1.clone();
            if place == Place::Commit {
                fs::write(&lock, "").expect("a lock");
            }
            set(&maps, "one", &(commits + 1).to_string(), "kubectl-edit").await;
            killing.kill(&mut running, place, before).await;
            let left = killing.claim().await;
            if place == Place::Commit {
                // It waited for the branch, with its turn in hand.
                assert!(!left.is_null() && left != stale, "{left}");
                assert_eq!(origin.count(), commits);
                fs::remove_file(&lock).expect("no lock");
            }
            running = console(&origin, None);
            commits += 1;
        }
        killing.level(commits).await;
        // And what is changed after all that is recorded as ever.
        set(&maps, "one", "last", "kubectl-edit").await;
        killing.level(commits + 1).await;
        running.signal(Signal::KILL);
        running.end();
        for back in 1..=commits {
            let at = format!("main~{back}:{}", file(NAME));
            let value = (commits + 1 - back).to_string();
            assert_eq!(origin.bare(&["show", &at]) + "\n", config_map("one", &value));
        }
        finish_interrupted(&origin.config);
        let status = gitdeck(&origin.config).args(["status", NAME, "--exit-code"]).output();
        let status = status.expect("it runs");
        assert!(status.status.success(), "{}", said(&status));
        assert_eq!(origin.count(), commits + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_leaves_in_the_clear_goes_with_the_next_start() {
    let Some(search) = search_path() else { return };
    for world in worlds("record-left").await {
        let desk = Desk::new(&world, "rec-left", true).await;
        let (origin, gate) = (&desk.origin, desk.origin.place().join("gate"));
        fs::write(&gate, "").expect("a gate");
        let written = origin.place().join("written");
        // What sops has for an editor stands still when it has written.
        let bench = Bench::fake(
            "tee",
            &format!(
                "/usr/bin/tee \"$@\"; : > '{}'; while [ -e '{}' ]; do sleep 0.05; done",
                written.display(),
                gate.display()
            ),
        );
        let slow = std::env::split_paths(&bench.tools.search).take(1);
        let slow = std::env::join_paths(slow.chain(std::env::split_paths(&search)));
        let first = console(origin, Some(&slow.expect("folders")));
        let killing = Killing::new(&world, origin, "rec-left").await;
        killing.level(1).await;
        let canary = "live-canary-left";
        desk.change("token", json!({"stringData": {"token": canary}})).await;
        killing.until("what sops edits", async |_| written.exists()).await;
        first.signal(Signal::KILL);
        // What it started goes on, and keeps the terminal open.
        drop(first);
        assert_ne!(desk.holders(canary, &["cache", "data"]), Vec::<String>::new());
        let mut next = console(origin, None);
        killing.level(2).await;
        assert_eq!(desk.opened()[0]["data"]["token"], STANDARD.encode(canary));
        assert_eq!(desk.holders(canary, &["cache", "data"]), Vec::<String>::new());
        next.signal(Signal::KILL);
        next.end();
        fs::remove_file(&gate).expect("no gate");
    }
}
