//! What the server serves is asked for once for all who want to know, and never kept beyond its time.

use super::world::sandboxed;
use gitdeck::sandbox::{Effect, Latch, Options, Sandbox, When};

fn asked(sandbox: &Sandbox) -> usize {
    sandbox.traffic().count(|one| one.path == "/apis")
}

fn asking() -> When {
    When { name: Some(String::new()), ..When::verb("get", "") }
}

/// A broken group is asked again next time, but not by everybody in turn.
#[tokio::test]
async fn an_answer_with_gaps_serves_all_who_wait_for_it() {
    let (sandbox, world) = sandboxed("gaps", Options::default()).await;
    sandbox.faults().break_group("policy");
    let latch = Latch::default();
    sandbox.faults().strike(asking(), 2, Effect::Hold(latch.clone()));
    let waiting = futures::future::join_all((0..50).map(|_| world.cluster.served()));
    let (answers, ()) = tokio::join!(waiting, async {
        latch.arrived(2).await;
        latch.open();
    });
    for served in answers {
        assert!(served.expect("an answer").failed.contains_key("policy"));
    }
    assert_eq!(asked(&sandbox), 1);
    sandbox.faults().clear();
    assert!(world.cluster.served().await.expect("an answer").failed.is_empty());
}

#[tokio::test]
async fn what_was_asked_before_a_change_is_no_answer_after_it() {
    let (sandbox, world) = sandboxed("changed", Options::default()).await;
    let latch = Latch::default();
    sandbox.faults().strike(asking(), 2, Effect::Hold(latch.clone()));
    let (before, after) = tokio::join!(world.cluster.served(), async {
        latch.arrived(2).await;
        world.cluster.forget_discovery();
        let after = world.cluster.served();
        latch.open();
        after.await
    });
    assert_eq!(before.expect("an answer"), after.expect("an answer"));
    assert_eq!(asked(&sandbox), 2);
    world.cluster.served().await.expect("an answer");
    assert_eq!(asked(&sandbox), 2, "it was not kept");
}
