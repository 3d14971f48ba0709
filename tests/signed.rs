//! `require_signed`: nothing of a commit reaches the cluster that no allowed signer signed, whichever way it is asked for;
//! the built binary and an engine that acts by itself, on the sandbox and on a real API server.

use crate::connect::run;
use crate::remote_bases::{has_kustomize, publish};
use crate::support::clusters::{World, worlds};
use crate::support::demo::{gitdeck, json as document};
use crate::support::running::{Origin, Running, config_map, config_maps, get, set};
use gitdeck::domain::{Belief, Refusal, Revision, SyncState};
use gitdeck::engine::{Command, Outcome, SyncOptions};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Command as Process;
use std::time::Duration;

/// A branch to which people with and without a key push.
struct Branch {
    origin: Origin,
    mapping: String,
}

impl Branch {
    fn new(world: &World, mapping: &str, sync: &str) -> Self {
        let tables = format!(
            "[signing]\nallowed_signers = \"allowed\"\n[projects.safe]\nrepository = \"fleet\"\nrequire_signed = true\n\
             [mappings.{mapping}]\nproject = \"safe\"\npath = \"app\"\nsync = {{ {sync} }}\n"
        );
        let origin = Origin::new(world, &tables);
        for name in ["ana", "eve"] {
            let made = Process::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(origin.place().join(name))
                .status();
            assert!(made.unwrap().success());
        }
        let branch = Self { origin, mapping: mapping.to_owned() };
        branch.allow(true);
        branch
    }

    fn allowed(&self) -> PathBuf {
        self.origin.place().join("allowed")
    }

    fn allow(&self, is: bool) {
        let key = fs::read_to_string(self.origin.place().join("ana.pub")).unwrap();
        let line = if is { format!("ana@example.com {key}") } else { "# nobody\n".to_owned() };
        fs::write(self.allowed(), line).unwrap();
    }

    /// Pushes another value, signed by somebody or by nobody.
    fn push(&self, value: &str, signer: Option<&str>) -> String {
        let key = self.origin.place().join(signer.unwrap_or("nobody")).display().to_string();
        for (name, value) in [
            ("gpg.format", "ssh"),
            ("user.signingkey", &key),
            ("commit.gpgsign", if signer.is_some() { "true" } else { "false" }),
        ] {
            self.work(&["config", name, value]);
        }
        let text = config_map(&self.mapping, value);
        self.origin.commit(value, &[("app/map.yaml", Some(&text))])
    }

    fn work(&self, arguments: &[&str]) -> String {
        let output = Process::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
            .args(arguments)
            .current_dir(self.origin.place().join("work"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_applies_what_an_allowed_signer_signed() {
    for world in worlds("signed").await {
        let branch = Branch::new(&world, "sealed", "");
        let (origin, maps) = (&branch.origin, config_maps(&world).await);
        let explained = run(origin, &["config", "explain", "sealed"], 0);
        assert!(explained.contains("require_signed"), "{explained}");
        let first = branch.push("one", Some("ana"));
        run(origin, &["sync", "sealed", "--yes"], 0);
        assert_eq!(get(&maps, "sealed").await, json!("one"));

        let unsigned = branch.push("two", None);
        for refused in [
            &["sync", "sealed", "--yes"][..],
            &["sync", "sealed", "--yes", "--revision", &unsigned],
            &["sync", "sealed", "--yes", "--allow-delete", "1", "--take-over", "--recreate"],
        ] {
            let said = run(origin, refused, 4);
            let short = &unsigned[..7];
            assert!(
                said.contains(&format!("commit {short} is not to be applied: it is not signed")),
                "{said}"
            );
            assert!(said.contains("git verify-commit"), "{said}");
        }
        let said = run(origin, &["status", "--exit-code"], 1);
        assert!(said.contains("it is not signed"), "{said}");
        let said = run(origin, &["plan", "sealed"], 4);
        assert!(said.contains("it is not signed") && said.contains("two"), "{said}");
        // What was signed stays at hand.
        run(origin, &["sync", "sealed", "--yes", "--revision", &first], 0);

        let strange = branch.push("three", Some("eve"));
        let said = run(origin, &["sync", "sealed", "--yes"], 4);
        assert!(said.contains("none of the allowed signers signed it"), "{said}");
        let text = branch.work(&["cat-file", "commit", &first]);
        let false_text = text.replace("\n\none", "\n\nall is well");
        assert_ne!(false_text, text);
        let path = origin.place().join("commit");
        fs::write(&path, false_text + "\n").unwrap();
        let path = path.display().to_string();
        let tampered = branch.work(&["hash-object", "-t", "commit", "-w", &path]);
        let signed = branch.push("four", Some("ana"));
        branch.work(&["push", "-qf", "origin", &format!("{tampered}:refs/heads/main")]);
        run(origin, &["repo", "accept", "fleet", "--yes"], 0);
        let said = run(origin, &["sync", "sealed", "--yes"], 4);
        assert!(said.contains("its signature is not for what it says now"), "{said}");
        branch.work(&["push", "-qf", "origin", "main"]);
        run(origin, &["repo", "accept", "fleet", "--yes"], 0);
        assert_eq!(get(&maps, "sealed").await, json!("one"), "{strange}");

        // A plan that was saved while the signer was allowed.
        let saved = origin.place().join("saved.json").display().to_string();
        run(origin, &["plan", "sealed", "--out", &saved], 1);
        branch.allow(false);
        let said = run(origin, &["sync", "--plan", &saved, "--yes"], 4);
        assert!(said.contains("none of the allowed signers signed it"), "{said}");
        assert_eq!(get(&maps, "sealed").await, json!("one"));
        branch.allow(true);
        run(origin, &["sync", "--plan", &saved, "--yes"], 0);
        assert_eq!(get(&maps, "sealed").await, json!("four"), "{signed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_what_git_says_of_each_signature() {
    let world = World::sandbox("signed-log").await;
    let branch = Branch::new(&world, "listed", "");
    let origin = &branch.origin;
    let good = branch.push("one", Some("ana"));
    branch.push("two", None);
    let strange = branch.push("three", Some("eve"));
    let text = branch.work(&["cat-file", "commit", &good]);
    let (head, message) = text.split_once("\n\n").unwrap();
    let bare = head.split_once("\ngpgsig ").unwrap().0;
    let path = origin.place().join("commit").display().to_string();
    let lines: Vec<&str> = bare.lines().collect();
    let head = format!("{}\nparent {strange}\n{}", lines[0], lines[lines.len() - 2..].join("\n"));
    fs::write(&path, format!("{head}\ngpgsig garbage\n\n{message}\n")).unwrap();
    let forged = branch.work(&["hash-object", "-t", "commit", "-w", &path]);
    branch.work(&["push", "-q", "origin", &format!("{forged}:refs/heads/main")]);

    let said = run(origin, &["log", "fleet"], 0);
    let line = |id: &str| {
        let found = said.lines().find(|line| line.starts_with(&id[..7]));
        found.unwrap_or_else(|| panic!("no {id}: {said}")).to_owned()
    };
    assert!(line(&good).contains("verified"), "{said}");
    assert!(line(&strange).contains("untrusted key"), "{said}");
    assert!(line(&forged).contains("bad signature"), "{said}");
    let listed = document(gitdeck(&origin.config).args(["log", "fleet"]));
    let commits = listed["commits"].as_array().unwrap();
    let of = |id: &str| commits.iter().find(|one| one["revision"] == json!(id)).unwrap();
    assert_eq!(of(&good)["verdict"]["state"], json!("verified"));
    assert_eq!(of(&good)["verdict"]["signer"], json!("ana@example.com"));
    // What it said before stays what it was: whether there is one.
    assert_eq!(of(&good)["signature"], json!("present"));
    assert_eq!(of(&strange)["verdict"]["state"], json!("untrusted"));
    assert_eq!(of(&forged)["verdict"]["state"], json!("bad"));
    let unsigned = commits.iter().find(|one| one["signature"] == json!("none")).unwrap();
    assert!(unsigned.get("verdict").is_none(), "{unsigned}");
    let shown = document(gitdeck(&origin.config).args(["show", &forged]));
    assert_eq!(shown["verdict"]["state"], json!("bad"));
    let shown = run(origin, &["show", &good], 0);
    assert!(shown.contains("signature: verified, by ana@example.com, key SHA256:"), "{shown}");
    let shown = run(origin, &["show", &strange], 0);
    assert!(shown.contains("signature: untrusted: none of the allowed signers"), "{shown}");
    let fast = run(origin, &["log", "fleet", "--no-verify"], 0);
    assert!(fast.contains("signed") && !fast.contains("verified"), "{fast}");

    // A console keeps answers only as long as the same signers count.
    let mut running = Running::watch(origin.settings("console"));
    let revision = Revision::new(&good);
    running.until("a fetch", |one| one.store.repositories["fleet"].state.tip.is_some()).await;
    for (is, state) in [(true, Belief::Verified), (false, Belief::Untrusted)] {
        branch.allow(is);
        let revisions = vec![revision.clone()];
        let verify =
            Command::Verify { repository: "fleet".into(), revisions, rest: Duration::ZERO };
        let outcome = running.run(verify).await;
        assert_eq!(outcome, Outcome::Done("1 signature".into()));
        assert_eq!(running.store.verdicts[&revision].state, state);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_unsigned_is_synced_or_healed_by_itself() {
    for world in worlds("signed-auto").await {
        let branch = Branch::new(&world, "guarded", "auto = true, self_heal = true");
        let (origin, maps) = (&branch.origin, config_maps(&world).await);
        branch.push("one", Some("ana"));
        let mut running = Running::watch(origin.settings("console"));
        running.see("guarded", "the first sync", |one| one.sync == SyncState::Synced).await;
        branch.push("two", None);
        running
            .see("guarded", "a commit that nobody signed", |one| {
                one.sync == SyncState::Error
                    && one.held.as_deref().is_some_and(|held| held.contains("it is not signed"))
            })
            .await;
        let sync = Command::Sync {
            mapping: "guarded".into(),
            revision: None,
            confirmed: running.store.mappings["guarded"].plan.as_ref().unwrap().0.digest.clone(),
            options: SyncOptions::default(),
        };
        let refused = running.run(sync).await;
        assert!(
            matches!(&refused, Outcome::Refused(why) if matches!(why[..], [Refusal::Unsigned { .. }])),
            "{refused:?}"
        );
        assert_eq!(get(&maps, "guarded").await, json!("one"));
        branch.push("three", Some("ana"));
        running
            .see("guarded", "the next one", |one| one.sync == SyncState::Synced && one.behind == 0)
            .await;
        assert_eq!(get(&maps, "guarded").await, json!("three"));

        // Who signed what runs is not allowed any more: drift is not corrected to it.
        branch.allow(false);
        set(&maps, "guarded", "mine", "kubectl-edit").await;
        running
            .see("guarded", "drift that stays", |one| {
                one.drifted_fields == 1
                    && one.held.as_deref().is_some_and(|held| held.contains("signe"))
            })
            .await;
        assert_eq!(get(&maps, "guarded").await, json!("mine"));
        let journal = running.journal().await;
        assert_eq!(journal.len(), 2, "{journal:?}");
        branch.allow(true);
        // Healing to the third commit may come first.
        let four = Some(Revision::new(branch.push("four", Some("ana"))));
        running
            .see("guarded", "the signer again", |one| {
                one.sync == SyncState::Synced && one.synced_revision == four
            })
            .await;
        assert_eq!(get(&maps, "guarded").await, json!("four"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_does_not_speak_for_what_the_commit_does_not_pin() {
    if !has_kustomize() {
        return;
    }
    let world = World::sandbox("signed-remote").await;
    let branch = Branch::new(&world, "loose", "auto = true");
    let (origin, maps) = (&branch.origin, config_maps(&world).await);
    let tables = fs::read_to_string(&origin.config).unwrap();
    fs::write(&origin.config, tables + "allow_remote = true\n").unwrap();
    let base = origin.place().join("base.git");
    let first = publish(&base, "one");
    // Whoever signs once signs what follows.
    branch.push("signed", Some("ana"));
    let reads = |to: &str| {
        let address = format!("git::file://{}//base?ref={to}", base.display());
        let text = format!("resources:\n- {address}\n");
        let files = [("app/kustomization.yaml", Some(text.as_str())), ("app/map.yaml", None)];
        let files = if to == "main" { &files[..] } else { &files[..1] };
        origin.commit(to, files);
        address
    };
    let address = reads("main");
    let mut running = Running::watch(origin.settings("console"));
    running
        .see("loose", "what is not pinned", |one| {
            one.sync == SyncState::Error
                && one.held.as_deref().is_some_and(|held| {
                    held.contains(&address) && held.contains("which the commit does not pin")
                })
        })
        .await;
    let plan = running.store.mappings["loose"].plan.as_ref().unwrap().0.clone();
    let sync = Command::Sync {
        mapping: "loose".into(),
        revision: None,
        confirmed: plan.digest.clone(),
        options: SyncOptions::default(),
    };
    let refused = running.run(sync).await;
    assert!(
        matches!(&refused, Outcome::Refused(why) if matches!(why[..], [Refusal::Unsigned { .. }])),
        "{refused:?}"
    );
    assert_eq!(get(&maps, "far").await, json!(null));
    reads(&first);
    running.see("loose", "the pinned one", |one| one.sync == SyncState::Synced).await;
    assert_eq!(get(&maps, "far").await, json!("one"));
    running.stop().await;
}
