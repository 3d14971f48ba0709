//! The command line of the built binary on the fleet of `gitdeck demo --headless`.

use crate::support::clusters::kubectl;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A demo that serves, with a home of its own.
struct Demo {
    child: Child,
    home: TempDir,
    ready: Value,
}

/// How a command ended.
struct Ended {
    code: i32,
    results: String,
    notes: String,
}

impl Demo {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = program(home.path())
            .args(["demo", "--headless", "--keep"])
            .arg(home.path().join("demo"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        Self { child, home, ready }
    }

    fn path(&self, key: &str) -> PathBuf {
        PathBuf::from(self.ready[key].as_str().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.home.path());
        command.arg("--config").arg(self.path("config")).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).output().unwrap())
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ended = self.run(&[arguments, &["-o", "json"]].concat());
        let value = serde_json::from_str(&ended.results)
            .unwrap_or_else(|error| panic!("{error}: {}{}", ended.results, ended.notes));
        (ended.code, value)
    }

    /// What somebody does in the namespace `shop` beside gitdeck.
    fn by_hand(&self, kubectl: &Path, arguments: &[&str]) {
        let done = Command::new(kubectl)
            .arg("--kubeconfig")
            .arg(self.path("kubeconfig"))
            .args(["-n", "shop"])
            .args(arguments)
            .env("HOME", self.home.path())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn status(&self, mapping: &str) -> Value {
        self.json(&["status", mapping]).1["mappings"][0].clone()
    }

    /// A clone of a repository to work in with git itself.
    fn cloned(&self, repository: &str) -> PathBuf {
        let folder = self.home.path().join("clone");
        let url = self.ready["repositories"][repository].as_str().unwrap();
        self.git(self.home.path(), &["clone", "-q", url, "clone"]);
        folder
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
            .args(arguments)
            .current_dir(folder)
            .env("HOME", self.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitdeck"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        results: text(output.stdout),
        notes: text(output.stderr),
    }
}

#[test]
fn a_scale_by_hand_is_seen_and_named() {
    let Some(kubectl) = kubectl() else { return };
    let demo = Demo::start();
    assert_eq!(demo.run(&["status", "frontend", "--exit-code"]).code, 0);
    let scaled = Command::new(kubectl)
        .arg("--kubeconfig")
        .arg(demo.path("kubeconfig"))
        .args(["-n", "shop", "scale", "deployment/frontend", "--replicas=7"])
        .env("HOME", demo.home.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(scaled.status.success(), "{}", String::from_utf8_lossy(&scaled.stderr));
    assert_eq!(demo.run(&["status", "frontend", "--exit-code"]).code, 1);
    assert_eq!(demo.status("frontend")["sync"], "drifted");
    let (code, document) = demo.json(&["diff", "frontend"]);
    assert_eq!(code, 1);
    let operation = &document["plans"][0]["operations"][0];
    assert_eq!((&operation["op"], &operation["reason"]), (&"update".into(), &"drift".into()));
    let change = &operation["changes"][0];
    assert_eq!(change["path"], "/spec/replicas");
    assert_eq!(change["before"], 7);
    assert_eq!(change["live_manager"], "kubectl");
    assert!(change["live_time"].is_string() && change["commit"].is_string(), "{change}");
    assert_eq!(demo.run(&["sync", "frontend", "--yes"]).code, 0);
    assert_eq!(demo.run(&["diff", "frontend"]).code, 0);
}

#[test]
fn a_saved_plan_is_carried_out_or_refused_by_what_moved() {
    use std::os::unix::fs::PermissionsExt;
    let Some(kubectl) = kubectl() else { return };
    let demo = Demo::start();
    let shop = |arguments: &[&str]| demo.by_hand(&kubectl, arguments);
    let scale =
        |count: u32| shop(&["scale", "deployment/frontend", &format!("--replicas={count}")]);
    let file = demo.home.path().join("frontend.plan");
    let name = file.to_str().unwrap();
    let save = || demo.run(&["plan", "frontend", "--out", name]);
    let carry = || demo.run(&["sync", "--plan", name, "--yes"]);
    scale(7);
    let saved = save();
    assert_eq!(saved.code, 1, "{}", saved.notes);
    assert!(saved.notes.contains("gitdeck sync --plan"), "{}", saved.notes);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let plan = &document["plans"][0];
    assert!(plan["bound"]["cluster_uid"].is_string(), "{plan}");
    let operation = &plan["operations"][0];
    assert!(operation["uid"].is_string() && operation["resource_version"].is_string(), "{plan}");
    assert!(!text.contains("replicas") && !text.contains("image"), "no manifest: {text}");
    // Edited, without an answer, and beside what it fixes already.
    std::fs::write(&file, text.replace("\"update\"", "\"delete\"")).unwrap();
    let edited = carry();
    assert_eq!(edited.code, 4, "{}", edited.notes);
    assert!(edited.notes.contains("edited or cut off"), "{}", edited.notes);
    std::fs::write(&file, &text).unwrap();
    assert_eq!(demo.run(&["sync", "--plan", name]).code, 2);
    assert_eq!(demo.run(&["sync", "--plan", name, "--prune"]).code, 2);
    assert_eq!(demo.run(&["sync", "catalog", "--plan", name, "--yes"]).code, 2);
    // The object moved, the result did not.
    scale(8);
    let done = carry();
    assert_eq!(done.code, 0, "{}", done.notes);
    assert!(done.notes.contains("1 objects were written since"), "{}", done.notes);
    assert_eq!(demo.run(&["diff", "frontend"]).code, 0);
    let again = carry();
    assert_eq!(again.code, 0, "{}{}", again.results, again.notes);
    assert!(again.results.contains("nothing to do"), "{}", again.results);
    // The result is another one: more differs, or the object is another one.
    scale(7);
    assert_eq!(save().code, 1);
    shop(&["patch", "deployment/frontend", "-p", r#"{"spec":{"minReadySeconds":9}}"#]);
    let moved = carry();
    assert_eq!(moved.code, 4, "{}", moved.notes);
    assert!(moved.notes.contains("frontend was changed"), "{}", moved.notes);
    assert_eq!(save().code, 1);
    shop(&["delete", "deployment/frontend"]);
    let gone = carry();
    assert_eq!(gone.code, 4, "{}", gone.notes);
    assert!(gone.notes.contains("frontend was deleted"), "{}", gone.notes);
    assert_eq!(demo.run(&["plan", "ledger", "--out", name]).code, 4, "it is suspended");
    assert_eq!(demo.run(&["sync", "--plan", "/nowhere", "--yes"]).code, 2);
}

#[test]
fn a_commit_goes_all_the_way() {
    let demo = Demo::start();
    let path = "apps/catalog/deployment.yaml";
    let clone = demo.cloned("storefront");
    let text = std::fs::read_to_string(clone.join(path)).unwrap();
    let line = text.lines().find(|line| line.contains("replicas:")).unwrap().to_owned();
    let indent = line.split("replicas").next().unwrap();
    let edited = text.replacen(&line, &format!("{indent}replicas: 4"), 1);
    let local = demo.home.path().join("new.yaml");
    std::fs::write(&local, &edited).unwrap();
    let file = format!("deployment.yaml={}", local.display());
    let refused = demo.run(&["commit", "catalog", "--file", &file]);
    assert_eq!(refused.code, 2, "{}", refused.notes);
    assert!(refused.notes.contains("--no-push"));
    let (code, made) = demo.json(&["commit", "catalog", "--file", &file, "--no-push"]);
    assert_eq!(code, 0);
    let revision = made["commit"]["revision"].as_str().unwrap().to_owned();
    assert_eq!(demo.json(&["repo", "show", "storefront"]).1["repositories"][0]["pending"], 1);
    demo.git(&clone, &["fetch", "-q"]);
    assert!(!demo.git(&clone, &["log", "origin/main", "--format=%H"]).contains(&revision));
    let pushed = demo.run(&["push", "storefront"]);
    assert_eq!(pushed.code, 0, "{}", pushed.notes);
    demo.git(&clone, &["fetch", "-q"]);
    assert_eq!(demo.git(&clone, &["show", &format!("origin/main:{path}")]), edited);
    assert_eq!(demo.status("catalog")["sync"], "out-of-sync");
    let unconfirmed = demo.run(&["sync", "catalog"]);
    assert_eq!(unconfirmed.code, 2);
    assert!(unconfirmed.notes.contains("--yes") && unconfirmed.notes.contains("/spec/replicas"));
    let synced = demo.run(&["sync", "catalog", "--yes", "--wait=60s"]);
    assert_eq!(synced.code, 0, "{}", synced.notes);
    let status = demo.status("catalog");
    assert_eq!((&status["sync"], &status["health"]), (&"synced".into(), &"healthy".into()));
    assert_eq!(demo.run(&["sync", "catalog"]).code, 0, "nothing to do needs no --yes");
    let log = demo.json(&["log", "catalog", "-n", "1"]).1;
    assert_eq!(log["commits"][0]["revision"], revision.as_str());
    assert_eq!(log["commits"][0]["by_gitdeck"], true);
    let entries = demo.json(&["activity"]).1;
    let line = entries["entries"][2]["line"].as_str().unwrap();
    assert_eq!(line, "gitdeck commit catalog --file deployment.yaml=deployment.yaml --no-push");
    let verbs: Vec<&str> =
        entries["entries"].as_array().unwrap().iter().filter_map(|e| e["what"].as_str()).collect();
    assert_eq!(verbs.get(..3), Some(["sync", "push", "commit"].as_slice()), "{entries}");
}

#[test]
fn guards_and_faults_have_their_codes() {
    let demo = Demo::start();
    let nobody = demo.run(&["show", "deadbeef"]);
    assert_eq!(nobody.code, 2, "{}", nobody.notes);
    assert!(nobody.notes.contains("no repository has a commit `deadbeef`"), "{}", nobody.notes);
    let missing = demo.run(&["diff", "catalog", "--revision", "deadbeef"]);
    assert!(missing.code == 2 && missing.notes.contains("error: catalog: "), "{}", missing.notes);
    let add = ["mapping", "add", "x", "--repository", "nowhere", "--path", "a"];
    let added = demo.run(&add);
    assert_eq!(added.code, 2);
    assert!(
        added.notes.contains("[mappings.x] was not added: there is no repository"),
        "{}",
        added.notes
    );
    assert!(!added.notes.contains("config.toml:"), "{}", added.notes);
    let unknown = demo.run(&["sync", "catalgo"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.notes.contains("did you mean `catalog`?"), "{}", unknown.notes);
    let broken = demo.run(&["diff", "fraud"]);
    assert_eq!(broken.code, 3);
    assert!(broken.notes.contains("rules.yaml:"), "{}", broken.notes);
    assert_eq!(demo.status("fraud")["sync"], "error");
    let suspended = demo.run(&["sync", "ledger", "--yes"]);
    assert_eq!(suspended.code, 4, "{}{}", suspended.results, suspended.notes);
    assert!(suspended.notes.contains("gitdeck resume"), "{}", suspended.notes);
    let journal = || demo.json(&["activity"]).1["entries"].clone();
    let before = journal();
    let idle = demo.run(&["resume", "catalog"]);
    assert_eq!((idle.code, idle.results.as_str()), (0, "catalog was not suspended\n"));
    assert_eq!(journal(), before, "nothing was done, nothing is journalled");
    assert_eq!(demo.run(&["resume", "ledger"]).code, 0);
    assert_eq!(journal()[0]["what"], "resume");
    let read_only = demo.run(&["--read-only", "sync", "checkout", "--yes"]);
    assert_eq!(read_only.code, 4, "{}", read_only.notes);
    let worst = demo.run(&["diff", "fraud", "checkout"]);
    assert_eq!(worst.code, 3);
    assert!(worst.results.contains("checkout"), "one failure does not hide the others");
    let gone = demo.run(&["--context", "elsewhere", "diff", "catalog"]);
    assert_eq!(gone.code, 2, "{}", gone.notes);
    let malformed = demo.home.path().join("bad.yaml");
    std::fs::write(&malformed, "kind: [\n").unwrap();
    let file = format!("deployment.yaml={}", malformed.display());
    let refused = demo.run(&["commit", "catalog", "--file", &file, "--push"]);
    assert_eq!(refused.code, 3);
    assert!(refused.notes.contains("deployment.yaml:"), "{}", refused.notes);
}

#[test]
fn a_rewritten_branch_is_followed_when_somebody_says_so() {
    let demo = Demo::start();
    let clone = demo.cloned("payments");
    let accept = ["repo", "accept", "payments"];
    let before = demo.run(&accept);
    assert_eq!((before.code, before.results.as_str()), (0, "main of payments was not rewritten\n"));
    let old = demo.git(&clone, &["rev-parse", "HEAD"]).trim().to_owned();
    demo.git(&clone, &["commit", "-q", "--amend", "-m", "Say it otherwise"]);
    demo.git(&clone, &["push", "-qf"]);
    let new = demo.git(&clone, &["rev-parse", "HEAD"]).trim().to_owned();
    let stuck = demo.run(&["diff", "ledger"]);
    assert!(stuck.notes.contains("`gitdeck repo accept payments`"), "{}", stuck.notes);
    let unasked = demo.run(&accept);
    assert_eq!(unasked.code, 2, "{}", unasked.notes);
    for said in [&old[..7], &new[..7], "left behind: 1", "--yes"] {
        assert!(unasked.notes.contains(said), "{said}: {}", unasked.notes);
    }
    assert_eq!(demo.run(&[&["--read-only"], &accept[..]].concat()).code, 4);
    let (code, accepted) = demo.json(&[&accept[..], &["--yes"]].concat());
    assert_eq!(
        (code, &accepted["outcome"], &accepted["tip"]),
        (0, &"accepted".into(), &new.as_str().into())
    );
    assert_eq!(accepted["left"][0]["revision"], old.as_str());
    assert_eq!(demo.json(&["repo", "show", "payments"]).1["repositories"][0]["tip"], new.as_str());
    assert_eq!(demo.json(&["activity"]).1["entries"][0]["line"], "gitdeck repo accept payments");
    assert_eq!(demo.run(&["repo", "check", "payments"]).code, 0);
}

#[test]
fn what_leaves_git_is_pruned_and_an_emptied_directory_is_refused() {
    let demo = Demo::start();
    let clone = demo.cloned("storefront");
    let files = |folder: &str| {
        demo.git(&clone, &["ls-files", folder]).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let service = files("apps/search").into_iter().find(|file| file.contains("service")).unwrap();
    demo.git(&clone, &["rm", "-q", &service]);
    demo.git(&clone, &["commit", "-qm", "Drop the service"]);
    demo.git(&clone, &["push", "-q"]);
    let (code, plan) = demo.json(&["plan", "search"]);
    assert_eq!(code, 1, "{plan}");
    let operations = plan["plans"][0]["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1, "{plan}");
    assert_eq!(operations[0]["reason"], "prune");
    assert_eq!(operations[0]["object"]["kind"], "Service");
    let synced = demo.run(&["sync", "search", "--yes"]);
    assert_eq!(synced.code, 0, "{}", synced.notes);
    assert_eq!(demo.run(&["diff", "search"]).code, 0);
    demo.git(&clone, &["rm", "-qr", "apps/search"]);
    demo.git(&clone, &["commit", "-qm", "Empty it"]);
    demo.git(&clone, &["push", "-q"]);
    let gone = demo.run(&["commit", "catalog", "--delete", "nowhere.yaml", "--no-push"]);
    assert_eq!(gone.code, 3, "{}", gone.notes);
    let deleted = demo.run(&["commit", "catalog", "--delete", "service.yaml", "--push"]);
    assert_eq!(deleted.code, 0, "{}", deleted.notes);
    assert!(deleted.results.contains("remove Service"), "{}", deleted.results);
    let plan = demo.run(&["plan", "catalog"]);
    assert!(plan.code == 1 && plan.results.contains("left Git"), "{}{}", plan.results, plan.notes);
    let emptied = demo.run(&["sync", "search", "--yes"]);
    assert_eq!(emptied.code, 4, "{}{}", emptied.results, emptied.notes);
    assert!(emptied.notes.contains("--allow-delete"), "{}", emptied.notes);
    let plan = demo.json(&["plan", "search"]).1;
    let number = plan["plans"][0]["summary"]["delete"].to_string();
    let pruned = demo.run(&["sync", "search", "--yes", "--allow-delete", &number]);
    assert_eq!(pruned.code, 0, "{}{}", pruned.results, pruned.notes);
    // Nothing is wanted and nothing is left: that is in sync, and says what to do about it.
    let status = demo.status("search");
    assert_eq!(status["sync"], "synced", "{status}");
    assert_eq!(status["objects"]["total"], 0, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("`gitdeck mapping remove search`"), "{message}");
    assert_eq!(demo.run(&["diff", "search"]).code, 0);
    assert_eq!(demo.run(&["sync", "search", "--yes"]).code, 0);
    // A path that was never there is a slip of the pen.
    let place = ["--project", "shop", "--repository", "storefront", "--path", "apps/serach"];
    let added = demo.run(&[&["mapping", "add", "serach"][..], &place].concat());
    assert_eq!(added.code, 0, "{}", added.notes);
    let status = demo.status("serach");
    assert_eq!(status["sync"], "error", "{status}");
}

#[test]
fn a_suspension_says_by_whom_why_and_until_when() {
    let demo = Demo::start();
    let reason = ["--reason", "month end", "--until", "2h"];
    let suspended = demo.run(&[&["suspend", "checkout"][..], &reason].concat());
    assert_eq!(suspended.code, 0, "{}", suspended.notes);
    let status = demo.status("checkout");
    assert_eq!(status["sync"], "suspended", "{status}");
    let message = status["message"].as_str().unwrap();
    let until = status["suspension"]["until"].as_str().unwrap().get(..10).unwrap();
    assert!(message.contains(&format!(" until {until}")), "{message}");
    assert!(message.ends_with(" UTC: month end"), "{message}");
    let planned = demo.run(&["plan", "checkout"]);
    assert_eq!(planned.code, 4, "{}", planned.notes);
    assert!(planned.notes.contains(message), "{}", planned.notes);
    let refused = demo.run(&["sync", "checkout", "--yes"]);
    assert_eq!(refused.code, 4, "{}", refused.notes);
    assert!(refused.notes.contains(message), "{}", refused.notes);
    assert_eq!(demo.run(&["resume", "checkout"]).code, 0);
    assert!(demo.status("checkout")["suspension"].is_null());
}

#[test]
fn an_empty_configuration_is_friendly_and_a_gone_reader_no_fault() {
    let home = tempfile::tempdir().unwrap();
    let empty = ended(program(home.path()).arg("status").output().unwrap());
    assert_eq!((empty.code, empty.results.as_str()), (0, ""));
    assert!(empty.notes.contains("gitdeck repo add NAME URL"), "{}", empty.notes);
    let mut script =
        program(home.path()).args(["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(script.stdout.take());
    let mut notes = Vec::new();
    std::io::copy(&mut script.stderr.take().unwrap(), &mut notes).unwrap();
    let status = script.wait().unwrap();
    assert!(status.success() && notes.is_empty(), "{}", String::from_utf8_lossy(&notes));
}

#[test]
fn a_commit_that_conflicts_can_be_dropped_and_made_again() {
    let demo = Demo::start();
    let clone = demo.cloned("storefront");
    let path = "apps/catalog/deployment.yaml";
    let first = std::fs::read_to_string(clone.join(path)).unwrap();
    let local = demo.home.path().join("edited.yaml");
    let file = format!("deployment.yaml={}", local.display());
    std::fs::write(&local, first.replace("replicas: 2", "replicas: 4")).unwrap();
    let made = demo.json(&["commit", "catalog", "--file", &file, "--no-push"]).1;
    let mine = made["commit"]["revision"].as_str().unwrap();
    let theirs = first.replace("replicas: 2", "replicas: 3");
    std::fs::write(clone.join(path), &theirs).unwrap();
    demo.git(&clone, &["commit", "-qam", "Three"]);
    demo.git(&clone, &["push", "-q"]);
    let refused = demo.run(&["push", "storefront"]);
    let way_out = format!("gitdeck push storefront --drop {}", &mine[..7]);
    assert!(refused.code == 3 && refused.notes.contains(&way_out), "{}", refused.notes);
    let drop = ["push", "storefront", "--drop", &mine[..7]];
    let unasked = demo.run(&drop);
    assert!(unasked.code == 2 && unasked.notes.contains("--yes"), "{}", unasked.notes);
    let dropped = demo.run(&[&drop[..], &["--yes"]].concat());
    assert_eq!(dropped.code, 0, "{}", dropped.notes);
    let again = demo.run(&[&drop[..], &["--yes"]].concat());
    assert!(again.code == 3 && again.notes.contains("nothing was dropped"), "{}", again.notes);
    std::fs::write(&local, theirs.replace("replicas: 3", "replicas: 4")).unwrap();
    let pushed = demo.run(&["commit", "catalog", "--file", &file, "--push"]);
    assert_eq!(pushed.code, 0, "{}", pushed.notes);
    demo.git(&clone, &["pull", "-q"]);
    assert!(std::fs::read_to_string(clone.join(path)).unwrap().contains("replicas: 4"));
}
