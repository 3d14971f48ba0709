//! The turn of an automatic sync lasts as long as its work.

use super::world::sandboxed;
use gitdeck::domain::Automation;
use gitdeck::domain::automation::Claim;
use gitdeck::sandbox::Options;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_turn_is_renewed_while_the_work_lasts() {
    let (sandbox, world) =
        sandboxed("long", Options { controllers: false, ..Options::default() }).await;
    let soon = Timestamp::now() + SignedDuration::from_secs(60);
    let claim = Claim { holder: "ana".to_owned(), until: soon };
    let take =
        |automation: &mut Automation| automation.take_turn(&claim, (None, &[]), Timestamp::now());
    world.cluster.automate("long", take).await.expect("a turn");
    let updates = || sandbox.traffic().count(|one| one.verb == "update");
    let before = updates();
    let half_an_hour = tokio::time::sleep(Duration::from_secs(1800));
    world.cluster.while_holding("long", "ana", half_an_hour).await;
    let renewals = updates() - before;
    assert!((10..=18).contains(&renewals), "{renewals} renewals in half an hour");
    let record = world.cluster.inventory("long").await.expect("a record");
    let kept = record.automation.claim.clone().expect("a turn");
    assert!(kept.holder == "ana" && kept.until > soon, "{kept:?}");
    // Who lost the turn does not take it back.
    let take = |automation: &mut Automation| {
        automation.claim = Some(Claim { holder: "leo".to_owned(), until: soon });
    };
    world.cluster.automate("long", take).await.expect("a turn");
    let work = tokio::time::sleep(Duration::from_secs(900));
    world.cluster.while_holding("long", "ana", work).await;
    let record = world.cluster.inventory("long").await.expect("a record");
    assert_eq!(record.automation.claim.as_ref().map(|claim| claim.holder.as_str()), Some("leo"));
}
