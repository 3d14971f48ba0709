//! Reverts on the sandbox and on a real API server: drafted, planned, and carried out exactly as planned.

use crate::support::clusters::worlds;
use crate::support::running::{Origin, Running, config_map, config_maps, get};
use gitdeck::domain::revert::{RevertDraft, Undo};
use gitdeck::domain::{Op, Plan, Refusal};
use gitdeck::engine::{Command, Confirmed, Outcome, SyncOptions, Wish};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "apps/cart/map.yaml";

/// The record of a mapping is found by its name alone, and other tests use the same cluster.
const MAPPING: &str = "reverted-cart";

fn options() -> SyncOptions {
    SyncOptions { wait: Some(Duration::from_secs(60)), ..SyncOptions::default() }
}

fn wish(undo: Undo) -> Wish {
    Wish { repository: None, mapping: Some(MAPPING.into()), undo, mainline: None, message: None }
}

async fn done(running: &mut Running, command: Command) {
    let outcome = running.run(command).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

async fn draft(running: &mut Running, undo: Undo) -> Arc<RevertDraft> {
    done(running, Command::DraftRevert { wish: Box::new(wish(undo)) }).await;
    running.store.revert.clone().expect("a draft")
}

async fn plan(running: &mut Running, revision: Option<String>) -> Arc<Plan> {
    let mapping = MAPPING.to_owned();
    done(running, Command::Plan { mapping, revision, options: options() }).await;
    running.store.mappings[MAPPING].plan.clone().expect("a plan").0
}

async fn sync(running: &mut Running) {
    done(running, Command::Fetch { repository: "fleet".into(), observe: false }).await;
    let confirmed = plan(running, None).await.digest.clone();
    let (mapping, options) = (MAPPING.to_owned(), options());
    done(running, Command::Sync { mapping, revision: None, confirmed, options }).await;
}

fn confirmed(wish: Wish, draft: &RevertDraft, digest: &str) -> Command {
    let confirmed = Confirmed {
        repository: "fleet".into(),
        draft: draft.details.commit.revision.clone(),
        push: true,
        syncs: vec![(MAPPING.into(), digest.to_owned(), options())],
    };
    Command::Revert { wish: Box::new(wish), confirmed: Box::new(confirmed) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_is_pushed_and_synced_as_it_was_previewed() {
    for world in worlds("reverts").await {
        let table = format!("[mappings.{MAPPING}]\nrepository = \"fleet\"\npath = \"apps/cart\"\n");
        let origin = Origin::new(&world, &table);
        origin.commit("begin", &[(FILE, Some(&config_map("cart", "1")))]);
        let mut running = Running::watch(origin.settings("one"));
        sync(&mut running).await;
        let files = [(FILE, Some(&config_map("cart", "2")[..])), ("README", Some("also\n"))];
        let bad = origin.commit("bad", &files);
        sync(&mut running).await;
        let maps = config_maps(&world).await;

        let drafted = draft(&mut running, Undo::Newest).await;
        assert_eq!(drafted.besides, ["README"]);
        assert_eq!(drafted.touches, [MAPPING]);
        let message = &drafted.details.commit.message;
        assert!(message.contains(&format!("This reverts commit {bad}")), "{message}");
        let revision = drafted.details.commit.revision.to_string();
        let planned = plan(&mut running, Some(revision.clone())).await;
        let operations: Vec<Op> = planned.operations.iter().map(|one| one.op).collect();
        assert_eq!(operations, [Op::Update]);
        assert_eq!(get(&maps, "cart").await, "2", "a preview writes nothing");

        done(&mut running, confirmed(wish(Undo::Newest), &drafted, &planned.digest)).await;
        assert_eq!(get(&maps, "cart").await, "1");
        let status = &running.store.mappings[MAPPING].status;
        assert_eq!(
            status.synced_revision.as_ref().map(gitdeck::domain::Revision::as_str),
            Some(&revision[..])
        );
        let journal = running.journal().await;
        let newest: Vec<&str> = journal.iter().take(3).map(|entry| &entry.what[..]).collect();
        assert_eq!(newest, ["sync", "push", "revert"]);
        assert!(journal.iter().all(|entry| entry.state == "done"), "{journal:#?}");

        // Another plan than the one that was shown is not carried out; the commit is there.
        let back = Undo::Since(bad);
        let drafted = draft(&mut running, back.clone()).await;
        let outcome = running.run(confirmed(wish(back), &drafted, "another")).await;
        let refused =
            matches!(&outcome, Outcome::Refused(why) if matches!(why[..], [Refusal::Moved { .. }]));
        assert!(refused, "{outcome:?}");
        assert_eq!(get(&maps, "cart").await, "1");
        sync(&mut running).await;
        assert_eq!(get(&maps, "cart").await, "2");
        running.stop().await;
    }
}
