//! What a running engine does unasked: sync new commits, correct drift, leave to people what guards hold, stop fights.

use crate::support::clusters::{World, worlds};
use crate::support::running::{Origin, Running, config_map, config_maps, get, set};
use gitdeck::domain::{Refusal, SyncState};
use gitdeck::engine::{Command, Outcome};
use gitdeck::sandbox::{Effect, When};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

fn table(name: &str, sync: &str) -> String {
    format!(
        "[mappings.{name}]\nrepository = \"fleet\"\npath = \"apps/{name}\"\nsync = {{ {sync} }}\n"
    )
}

fn is_synced(running: &Running, mapping: &str, revision: &str) -> bool {
    let status = &running.store.mappings[mapping].status;
    let at = status.synced_revision.as_ref().map(gitdeck::domain::Revision::as_str);
    status.sync == SyncState::Synced && at == Some(revision)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_commit_is_synced_by_itself_but_never_past_a_guard() {
    for world in worlds("auto-sync").await {
        let tables = table("auto-a", "auto = true, prune_limit = 0") + &table("auto-b", "");
        let origin = Origin::new(&world, &tables);
        let (one, two) = (config_map("one", "1"), config_map("two", "1"));
        origin.commit(
            "begin",
            &[
                ("apps/auto-a/one.yaml", Some(&one)),
                ("apps/auto-a/two.yaml", Some(&two)),
                ("apps/auto-b/three.yaml", Some(&config_map("three", "1"))),
            ],
        );
        let maps = config_maps(&world).await;
        let mut running = Running::watch(origin.settings("one"));
        running.see("auto-a", "the first sync", |status| status.sync == SyncState::Synced).await;
        let second =
            origin.commit("two", &[("apps/auto-a/one.yaml", Some(&config_map("one", "2")))]);
        running.until("the second sync", |known| is_synced(known, "auto-a", &second)).await;
        assert_eq!(get(&maps, "one").await, "2");
        let entries = running.journal().await;
        let owners: Vec<_> = entries.iter().map(|entry| entry.owner.as_deref()).collect();
        assert_eq!(owners, [Some("auto"), Some("auto")], "{entries:?}");
        assert_eq!(entries[0].line, "gitdeck sync auto-a");
        // Drift is nothing that this mapping wants to be corrected.
        set(&maps, "one", "mine", "kubectl-edit").await;
        running.see("auto-a", "drift", |status| status.drift_since.is_some()).await;
        running.see("auto-b", "nobody's job", |status| status.sync == SyncState::OutOfSync).await;
        origin.commit("one goes", &[("apps/auto-a/two.yaml", None)]);
        running
            .see("auto-a", "a guard that holds", |status| {
                let held = status.held.as_deref().unwrap_or_default();
                held.contains("1 deletions ask for their number")
            })
            .await;
        assert_eq!(get(&maps, "two").await, "1");
        assert_eq!(get(&maps, "one").await, "mine");
        assert_eq!(get(&maps, "three").await, serde_json::Value::Null);
        assert_eq!(running.journal().await.len(), 2);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_corrected_to_what_was_synced_and_a_suspension_is_respected() {
    for world in worlds("self-heal").await {
        let origin = Origin::new(&world, &table("heal-a", "self_heal = true"));
        origin.commit("begin", &[("apps/heal-a/one.yaml", Some(&config_map("one", "1")))]);
        let maps = config_maps(&world).await;
        let mut running = Running::watch(origin.settings("one"));
        running.see("heal-a", "a plan", |status| status.sync == SyncState::OutOfSync).await;
        let digest =
            running.store.mappings["heal-a"].plan.as_ref().expect("a plan").0.digest.clone();
        let sync = Command::Sync {
            mapping: "heal-a".into(),
            revision: None,
            confirmed: digest,
            options: gitdeck::engine::SyncOptions::default(),
        };
        assert!(matches!(running.run(sync).await, Outcome::Done(_)));
        // A commit that nobody asked to be synced, and then drift: only the drift goes.
        origin.commit("later", &[("apps/heal-a/two.yaml", Some(&config_map("two", "1")))]);
        running.see("heal-a", "the commit", |status| status.behind == 1).await;
        set(&maps, "one", "mine", "kubectl-edit").await;
        running
            .until("the correction", |running| {
                running.ended.iter().any(|(title, outcome)| {
                    title == "heal heal-a" && matches!(outcome, Outcome::Done(_))
                })
            })
            .await;
        assert_eq!(get(&maps, "one").await, "1");
        assert_eq!(get(&maps, "two").await, serde_json::Value::Null);
        let until = Timestamp::now() + SignedDuration::from_secs(4);
        let suspend =
            Command::Suspend { mapping: "heal-a".into(), reason: None, until: Some(until) };
        assert!(matches!(running.run(suspend).await, Outcome::Done(_)));
        set(&maps, "one", "mine again", "kubectl-edit").await;
        running
            .see("heal-a", "drift under a suspension", |status| {
                status.sync == SyncState::Suspended && status.drifted_fields == 1
            })
            .await;
        assert_eq!(get(&maps, "one").await, "mine again");
        // The suspension ends by itself, and what waited for it goes on.
        running
            .see("heal-a", "the end of the suspension", |status| {
                status.sync == SyncState::OutOfSync && status.drifted_fields == 0
            })
            .await;
        assert_eq!(get(&maps, "one").await, "1");
        assert!(Timestamp::now() >= until);
        running.stop().await;
    }
}

/// Flips a value back as often as it finds it changed, until it is dropped.
struct Flipper(tokio::task::JoinHandle<()>);

impl Flipper {
    async fn start(world: &World) -> Self {
        let maps = config_maps(world).await;
        Self(tokio::spawn(async move {
            loop {
                if get(&maps, "one").await == "1" {
                    set(&maps, "one", "flipped", "flipper").await;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }))
    }
}

impl Drop for Flipper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fight_is_named_and_stopped_until_somebody_resumes() {
    for world in worlds("fight").await {
        let origin = Origin::new(&world, &table("fight-a", "auto = true, self_heal = true"));
        origin.commit("begin", &[("apps/fight-a/one.yaml", Some(&config_map("one", "1")))]);
        let maps = config_maps(&world).await;
        let mut running = Running::watch(origin.settings("one"));
        running.see("fight-a", "the first sync", |status| status.sync == SyncState::Synced).await;
        let flipper = Flipper::start(&world).await;
        running.see("fight-a", "a fight", |status| status.fight.is_some()).await;
        let status = running.store.mappings["fight-a"].status.clone();
        let held = status.held.clone().unwrap_or_default();
        for word in ["gitdeck and flipper", "/data/key", "ConfigMap", "one", "gitdeck resume"] {
            assert!(held.contains(word), "{word}: {held}");
        }
        assert_eq!((status.sync, status.drifted_fields), (SyncState::Drifted, 1));
        let entries = running.journal().await;
        let heals = entries.iter().filter(|entry| entry.what == "sync").count() - 1;
        assert!((1..=5).contains(&heals), "{heals} corrections: {entries:#?}");
        assert_eq!(entries[0].what, "stop-healing");
        assert!(entries[0].message.as_deref().is_some_and(|said| said.contains("flipper")));
        let says = |running: &Running| {
            running.ended.iter().any(|(title, outcome)| {
                title == "heal fight-a"
                    && matches!(outcome, Outcome::Failed(failure) if failure.message.contains("flipper"))
            })
        };
        running.until("the words of the job", says).await;
        running.stop().await;
        // Another process sees it and holds back as well.
        let mut second = Running::watch(origin.settings("two"));
        second.see("fight-a", "the fight of another", |status| status.fight.is_some()).await;
        assert_eq!(get(&maps, "one").await, "flipped");
        drop(flipper);
        let resume = Command::Resume { mapping: "fight-a".into() };
        assert!(matches!(second.run(resume).await, Outcome::Done(_)));
        second.see("fight-a", "peace", |status| status.sync == SyncState::Synced).await;
        assert_eq!(get(&maps, "one").await, "1");
        second.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_act_once() {
    for world in worlds("one-acts").await {
        let origin = Origin::new(&world, &table("once-a", "auto = true"));
        let first =
            origin.commit("begin", &[("apps/once-a/one.yaml", Some(&config_map("one", "1")))]);
        let mut one = Running::watch(origin.settings("one"));
        let mut two = Running::watch(origin.settings("two"));
        let (a, b) = (
            one.until("the first sync", |known| is_synced(known, "once-a", &first)),
            two.until("the first sync", |known| is_synced(known, "once-a", &first)),
        );
        tokio::join!(a, b);
        for turn in 2..5 {
            let text = config_map("one", &turn.to_string());
            let revision = origin.commit("next", &[("apps/once-a/one.yaml", Some(&text))]);
            let (a, b) = (
                one.until("the next sync", |known| is_synced(known, "once-a", &revision)),
                two.until("the next sync", |known| is_synced(known, "once-a", &revision)),
            );
            tokio::join!(a, b);
        }
        let (a, b) = (one.journal().await, two.journal().await);
        let mut done = a.iter().chain(&b).filter(|entry| entry.state == "done").count();
        done += a.iter().chain(&b).filter(|entry| entry.state == "failed").count();
        assert_eq!(done, 4, "{a:#?} {b:#?}");
        one.stop().await;
        two.stop().await;
    }
}

/// The incident argo-cd#18442, on the sandbox, which fails once when it is asked to.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_once_is_tried_again_and_succeeds() {
    let world = World::sandbox("fail-once").await;
    let origin = Origin::new(&world, &table("again-a", "auto = true"));
    let first = origin.commit("begin", &[("apps/again-a/one.yaml", Some(&config_map("one", "1")))]);
    let faults = world.faults().expect("faults");
    let patch = Some("patch".to_owned());
    let when = When { verb: patch, dry_run: Some(false), ..When::object("configmaps", "one") };
    let refusal = Effect::Deny { webhook: "moody.example.com".into(), message: "not today".into() };
    faults.strike(when, 1, refusal);
    let mut running = Running::watch(origin.settings("one"));
    running.until("the second attempt", |known| is_synced(known, "again-a", &first)).await;
    let entries = running.journal().await;
    let states: Vec<_> = entries.iter().map(|entry| entry.state.as_str()).collect();
    assert_eq!(states, ["done", "failed"], "{entries:#?}");
    running.stop().await;
}

/// What stops an object may be lifted without a word to whom it stopped: whoever plans then hears what holds now.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_was_lifted_is_not_said_again() {
    let world = World::sandbox("lifted").await;
    let origin = Origin::new(&world, &table("lifted-a", "auto = true"));
    let first =
        origin.commit("begin", &[("apps/lifted-a/one.yaml", Some(&config_map("one", "1")))]);
    let mut running = Running::watch(origin.settings("one"));
    running.until("the first sync", |known| is_synced(known, "lifted-a", &first)).await;
    let plan = || Command::Plan {
        mapping: "lifted-a".into(),
        revision: None,
        options: gitdeck::engine::SyncOptions::default(),
    };
    let refused = |running: &Running| {
        let planned = running.store.mappings["lifted-a"].plan.as_ref();
        planned.map(|(plan, _)| plan.refusals.clone()).expect("a plan")
    };
    let faults = world.faults().expect("faults");
    let when = When { verb: Some("patch".to_owned()), ..When::object("configmaps", "one") };
    faults.always(when, Effect::Deny { webhook: "freeze".into(), message: "not today".into() });
    origin.commit("two", &[("apps/lifted-a/one.yaml", Some(&config_map("one", "2")))]);
    running.see("lifted-a", "the commit", |status| status.behind == 1).await;
    assert!(matches!(running.run(plan()).await, Outcome::Done(_)));
    let said = refused(&running);
    assert!(
        matches!(&said[..], [Refusal::Invalid { message, .. }] if message.contains("not today")),
        "{said:?}"
    );
    faults.clear();
    assert!(matches!(running.run(plan()).await, Outcome::Done(_)));
    assert_eq!(refused(&running), []);
    running.stop().await;
}

/// A webhook that rewrites each write: one sync, and then it is said that this does not converge.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_rewrites_is_applied_once_and_then_left() {
    let world = World::sandbox("rewriting").await;
    let origin = Origin::new(&world, &table("rewritten-a", "auto = true, self_heal = true"));
    let when = When { dry_run: Some(false), ..When::object("configmaps", "one") };
    let faults = world.faults().expect("faults");
    faults.rewrite(when, "/data/key", "webhook".into());
    origin.commit("begin", &[("apps/rewritten-a/one.yaml", Some(&config_map("one", "1")))]);
    let maps = config_maps(&world).await;
    let mut running = Running::watch(origin.settings("one"));
    let said = |status: &gitdeck::domain::MappingStatus| {
        status.message.as_deref().is_some_and(|message| message.contains("does not converge"))
    };
    running.see("rewritten-a", "what does not converge", said).await;
    // Looks that follow, for whatever reason, do not sync again.
    for round in 0..3 {
        let looks = running.looks.0;
        faults.drop_watches("configmaps");
        let observe = Command::Plan {
            mapping: "rewritten-a".into(),
            revision: None,
            options: gitdeck::engine::SyncOptions::default(),
        };
        assert!(matches!(running.run(observe).await, Outcome::Done(_)), "{round}");
        running.until("another look", |running| running.looks.0 > looks).await;
    }
    assert_eq!(get(&maps, "one").await, "webhook");
    let entries = running.journal().await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    running.stop().await;
}

/// Who may not write the record does not try it with every look.
#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_refused_is_not_tried_with_every_look() {
    let world = World::sandbox("auto-notes").await;
    let origin = Origin::new(&world, &table("notes", ""));
    let files =
        ["one", "two"].map(|name| (format!("apps/notes/{name}.yaml"), config_map(name, "1")));
    let files: Vec<_> =
        files.iter().map(|(file, text)| (file.as_str(), Some(text.as_str()))).collect();
    origin.commit("begin", &files);
    let maps = config_maps(&world).await;
    let mut running = Running::watch(origin.settings("one"));
    running.see("notes", "the commit", |status| status.sync == SyncState::OutOfSync).await;
    let confirmed = running.store.mappings["notes"].plan.as_ref().expect("a plan").0.digest.clone();
    let options = gitdeck::engine::SyncOptions::default();
    let mapping = "notes".to_owned();
    let sync = Command::Sync { mapping, revision: None, confirmed, options };
    let outcome = running.run(sync).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    running.see("notes", "health on record", |status| status.last_healthy.is_some()).await;
    let faults = world.faults().expect("a sandbox");
    let refusal = Effect::Status { code: 403, retry_after: None };
    faults.strike(When::verb("update", "configmaps"), 1, refusal);
    for (name, drifted) in [("one", 1), ("two", 2)] {
        set(&maps, name, "mine", "kubectl-edit").await;
        running.see("notes", "drift", |status| status.drifted_fields == drifted).await;
    }
    let looks = running.looked_at["notes"];
    set(&maps, "one", "yours", "kubectl-edit").await;
    running.until("another look", |running| running.looked_at["notes"] > looks).await;
    running.stop().await;
    let client = world.client().await;
    let cluster = gitdeck::cluster::Cluster::from_client(client, "sandbox", "default");
    assert_eq!(cluster.inventory("notes").await.expect("a record").drift_since, None);
}
