//! `kill -9` at random moments of commit, push and apply: no acknowledged commit is lost or doubled, and what was
//! interrupted is named and finished.

use crate::support::demo::{Demo, gitdeck, json, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills of each kind; `GITDECK_KILLS` makes it more.
const KILLS: usize = 110;
/// Objects of the mapping that is applied under fire.
const OBJECTS: usize = 12;

fn kills() -> usize {
    std::env::var("GITDECK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

/// Moments from 0 to somewhat beyond the time that the work takes, the same for the same seed.
pub struct Moments {
    state: u64,
    span: Duration,
}

impl Moments {
    pub fn new(span: Duration) -> Self {
        let seed =
            std::env::var("GITDECK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
        Self { state: seed, span }
    }

    pub fn next(&mut self) -> Duration {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.span.mul_f64(f64::from((self.state >> 33) as u32) / f64::from(1_u32 << 31) * 1.2)
    }
}

/// Runs a command and kills it at a moment, unless it ended before.
pub fn kill_at(command: &mut Command, moment: Duration) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let deadline = Instant::now() + moment;
    while Instant::now() < deadline {
        if child.try_wait().expect("it can be waited for").is_some() {
            return;
        }
        std::thread::yield_now();
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
}

fn succeed(command: &mut Command) -> Duration {
    let started = Instant::now();
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    started.elapsed()
}

fn entries(config: &Path) -> Vec<Value> {
    let all = json(gitdeck(config).args(["activity", "-n", "100000"]));
    all["entries"].as_array().expect("entries").clone()
}

/// Finishes everything that was interrupted; the number of entries that were.
pub fn finish_interrupted(config: &Path) -> usize {
    finish(config, |_| {})
}

/// The same in another order than from the newest on.
fn finish(config: &Path, arrange: impl Fn(&mut Vec<Value>)) -> usize {
    let mut open: Vec<Value> =
        entries(config).into_iter().filter(|entry| entry["state"] == "interrupted").collect();
    arrange(&mut open);
    for entry in &open {
        assert!(entry["message"].is_string(), "it says how far it came: {entry}");
        let id = entry["id"].to_string();
        let output = gitdeck(config).args(["activity", "--continue", &id]).output();
        let output = output.expect("gitdeck runs");
        if !output.status.success() {
            // The demo's colleague pushed in between: what comes of both is nobody's plan yet.
            let why = said(&output);
            assert!(why.contains("on top of commits that nobody has seen"), "{why}");
            succeed(gitdeck(config).args(["sync", "quotas", "--yes"]));
        }
    }
    assert!(entries(config).iter().all(|entry| entry["state"] != "interrupted"));
    open.len()
}

fn write(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("edited.yaml");
    fs::write(&path, text).expect("the edit is written");
    path
}

fn config_maps(value: usize) -> String {
    let map = |index| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: under-fire-{index}\ndata:\n  value: \"{value}\"\n"
        )
    };
    (0..OBJECTS).map(map).collect::<Vec<_>>().join("---\n")
}

/// How often each journal entry's trailer stands in the history of `main`, asked of the user's own `git`.
fn trailers(repository: &Path) -> BTreeMap<String, usize> {
    let log = Command::new("git")
        .arg("--git-dir")
        .arg(repository)
        .args(["log", "--format=%(trailers:key=Gitdeck-Operation,valueonly)", "main"])
        .output()
        .expect("git runs");
    let mut counts = BTreeMap::new();
    for id in String::from_utf8_lossy(&log.stdout).lines().filter(|line| !line.is_empty()) {
        *counts.entry(id.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn killed_commits_and_pushes_lose_and_double_nothing() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().expect("a directory");
    let edit = |number: usize| {
        let file = write(dir.path(), &config_maps(number));
        let mut command = demo.gitdeck();
        command.args(["commit", "quotas", "--push", "-m", &format!("edit {number}"), "--file"]);
        command.arg(format!("fire.yaml={}", file.display()));
        command
    };
    let mut moments = Moments::new(succeed(&mut edit(0)));
    for number in 1..=kills() {
        kill_at(&mut edit(number), moments.next());
    }
    finish_interrupted(&demo.config);
    succeed(demo.gitdeck().args(["push", "platform"]));
    let pushed = trailers(&demo.repository("platform"));
    assert!(pushed.values().all(|count| *count == 1), "none is doubled: {pushed:?}");
    let acknowledged: Vec<String> = entries(&demo.config)
        .iter()
        .filter(|entry| entry["what"] == "commit" && entry["state"] == "done")
        .filter(|entry| {
            entry["message"].as_str().is_some_and(|message| !message.contains("not made"))
        })
        .map(|entry| entry["id"].to_string())
        .collect();
    assert!(acknowledged.len() > kills() / 10, "the kills came too early to prove anything");
    for id in &acknowledged {
        assert!(
            pushed.contains_key(id),
            "commit of entry {id} was acknowledged and is not on the remote"
        );
    }
    let fsck =
        Command::new("git").arg("--git-dir").arg(demo.repository("platform")).arg("fsck").output();
    assert!(fsck.is_ok_and(|output| output.status.success()));
}

#[test]
fn killed_reverts_are_named_and_finished() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().expect("a directory");
    let publish = |number: usize| {
        let file = write(dir.path(), &config_maps(number));
        let mut command = demo.gitdeck();
        command.args(["commit", "quotas", "--push", "-m", &format!("edit {number}"), "--file"]);
        succeed(command.arg(format!("fire.yaml={}", file.display())));
        succeed(demo.gitdeck().args(["sync", "quotas", "--yes"]));
    };
    // A range of two commits by turns, which lands as one.
    let revert = |number: usize| {
        let range = ["HEAD~1..", "HEAD~2.."][number % 2];
        let mut command = demo.gitdeck();
        command.args(["revert", "quotas", range, "--sync", "--yes"]);
        command
    };
    let titles = |pattern: &str| {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(demo.repository("platform"))
            .args(["log", "-F", "--grep", pattern, "--format=%s", "main"])
            .output();
        let output = output.expect("git runs");
        String::from_utf8_lossy(&output.stdout).lines().count()
    };
    publish(0);
    publish(1);
    let mut moments = Moments::new(succeed(&mut revert(0)));
    let (mut interrupted, mut begun) = (0, 1);
    for number in 2..2 + kills().div_ceil(5) {
        publish(1000 + number);
        publish(number);
        kill_at(&mut revert(number), moments.next());
        let entries = entries(&demo.config);
        let was_begun = entries.iter().filter(|entry| entry["what"] == "revert").count() > begun;
        begun += usize::from(was_begun);
        // The revert first, or the push and the sync that it began.
        let arrange = |open: &mut Vec<Value>| {
            if number % 2 == 0 {
                open.reverse();
            }
        };
        interrupted += finish(&demo.config, arrange);
        // All of it, or none of it, and never twice.
        let of = format!("Revert \"edit {number}\"");
        assert_eq!(titles(&of), usize::from(was_begun), "{of}: {entries:#?}");
        let of = format!("Revert \"edit {}\"", 1000 + number);
        let as_well = was_begun && number % 2 == 1;
        assert_eq!(titles(&of), usize::from(as_well), "{of}: {entries:#?}");
        let status = json(demo.gitdeck().args(["status", "quotas"]));
        assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
        assert_eq!(status["mappings"][0]["objects"]["differing"], 0, "{status}");
    }
    assert!(interrupted > 0, "no kill came between the steps of a revert");
}

#[test]
fn killed_applies_are_named_and_finished() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().expect("a directory");
    let commit = |number: usize| {
        let file = write(dir.path(), &config_maps(number));
        let mut command = demo.gitdeck();
        command.args(["commit", "quotas", "--push", "-m", &format!("edit {number}"), "--file"]);
        succeed(command.arg(format!("fire.yaml={}", file.display())));
    };
    let sync = || {
        let mut command = demo.gitdeck();
        command.args(["sync", "quotas", "--yes"]);
        command
    };
    commit(0);
    let mut moments = Moments::new(succeed(&mut sync()));
    let mut interrupted = 0;
    for number in 1..=kills() {
        commit(number);
        kill_at(&mut sync(), moments.next());
        interrupted += finish_interrupted(&demo.config);
    }
    assert!(interrupted > 0, "no kill came between the steps of an apply");
    succeed(&mut sync());
    let diff = demo.gitdeck().args(["diff", "quotas"]).output().expect("it runs");
    assert!(diff.status.success(), "{}", said(&diff));
    let status = json(demo.gitdeck().args(["status", "quotas"]));
    assert_eq!(status["mappings"][0]["objects"]["total"], OBJECTS + 2, "{status}");
    assert_eq!(status["mappings"][0]["sync"], "synced", "{status}");
}
