//! Time travel in the console: the plan of the commit under the cursor, and never that of another one.

use crate::frames::both;
use crate::support::driver::Driver;
use crate::support::world;
use gitdeck::domain::{Commit, Plan, Revision};
use gitdeck::engine::{Alteration, Command, Event, JobId, Outcome, Subject};
use gitdeck::tui::effect::Effect;
use serde_json::json;
use std::sync::Arc;

fn is_preview(command: &Command) -> bool {
    matches!(command, Command::Preview { .. })
}

fn asked(driver: &Driver) -> Vec<(JobId, Revision)> {
    let revision = |(job, command): &(JobId, Command)| match command {
        Command::Preview { revision, .. } => Some((*job, revision.clone())),
        _ => None,
    };
    driver.sent.iter().filter_map(revision).collect()
}

/// The plan of a commit; a value in it tells which.
fn plan_at(revision: &Revision) -> Plan {
    let mut plan = world::drift();
    plan.revision = revision.clone();
    plan.operations[0].changes[0].after = Some(json!(format!("as-of-{}", revision.short())));
    plan
}

fn previewed(job: JobId, plan: Plan) -> Event {
    Event::Previewed { job, plan: Arc::new(plan), at: world::ago(2) }
}

/// Answers the last preview that was asked for.
fn answer(driver: &mut Driver) {
    let (job, revision) = asked(driver).last().cloned().expect("a preview");
    driver.fact(previewed(job, plan_at(&revision))).done(is_preview);
}

fn driver() -> Driver {
    let mut driver = Driver::new(world::fleet(), (120, 36));
    driver.keys("/checkout<enter>3");
    driver
}

#[test]
fn the_plan_of_the_commit_under_the_cursor_is_shown() {
    both("travel", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3j");
        answer(driver);
        driver.keys("4");
    });
    both("travel-waits", &world::fleet(), |driver| {
        driver.keys("/checkout<enter>3j4");
    });
    both("travel-fails", &world::fleet(), |driver| {
        let why =
            world::failure("there is no \"apps/shop/checkout\" at 8801c7e", "look at the path");
        driver.keys("/checkout<enter>3j").end(why, is_preview).keys("4");
    });
    let mut driver = driver();
    assert!(asked(&driver).is_empty(), "the newest commit is planned anyway");
    driver.keys("j");
    answer(&mut driver);
    assert!(driver.picture().contains("as-of-8801c7e"), "{}", driver.picture());
    driver.keys("k");
    let picture = driver.picture();
    assert!(
        !picture.contains("as-of-") && picture.contains("kubectl-client-side-apply"),
        "{picture}"
    );
    driver.keys("j");
    assert_eq!(asked(&driver).len(), 1, "what is known is not asked for again");
    driver.keys("2");
    assert!(!driver.picture().contains("as-of-"), "the mapping's own plan");
}

#[test]
fn moving_on_calls_back_and_never_shows_what_comes_late() {
    let mut driver = driver();
    driver.keys("j");
    let (first, at) = asked(&driver)[0].clone();
    driver.keys("j");
    assert_eq!(driver.effects.last(), Some(&Effect::Cancel(first)));
    assert_eq!(asked(&driver).len(), 1, "one at a time");
    driver.fact(previewed(first, plan_at(&at)));
    assert!(!driver.picture().contains("as-of-"), "{}", driver.picture());
    driver.end(Outcome::Cancelled, is_preview);
    assert_eq!(asked(&driver)[1].1, world::revision("77ab210"));
    answer(&mut driver);
    assert!(driver.picture().contains("as-of-77ab210"), "{}", driver.picture());
}

#[test]
fn a_world_that_changed_is_planned_again() {
    let mut driver = driver();
    driver.keys("j");
    answer(&mut driver);
    let mut newer = world::drift();
    newer.digest = "another".into();
    driver.fact(Event::Planned { plan: Arc::new(newer), at: world::now() });
    assert_eq!(asked(&driver).len(), 2);
    assert!(!driver.picture().contains("as-of-"), "{}", driver.picture());
}

#[test]
fn nothing_of_another_commit_is_adopted() {
    let mut driver = driver();
    driver.keys("j");
    answer(&mut driver);
    driver.keys("4ja");
    let proposed = driver.command(|command| matches!(command, Command::Propose { .. }));
    let Some(Command::Propose { alteration, .. }) = proposed else {
        panic!("nothing was proposed")
    };
    assert_eq!(*alteration, Alteration::Adopt { picks: Vec::new(), into: None });
}

/// Keys and answers in any order: whatever value of a plan is on the screen is that of the commit under the cursor.
#[test]
fn no_order_of_keys_and_answers_shows_another_commit() {
    let mut store = world::fleet();
    let commits: Vec<Commit> = (0..50)
        .map(|number| world::commit(&format!("{:07x}", 0x00c0_0000 + number), "ana", 60, "change"))
        .collect();
    let subject = Subject::Mapping("checkout".into());
    store.apply(Event::LogLoaded { subject, skip: 0, commits, more: false });
    let mut driver = Driver::new(store, (120, 36));
    driver.keys("/checkout<enter>3");
    let mut seed: u64 = 11;
    let (mut shown, mut answered, mut ended) = (0, 0, 0);
    for _ in 0..1_500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let all = asked(&driver);
        match (seed >> 33) % 8 {
            0..=2 => drop(driver.keys("j")),
            3 | 4 => drop(driver.keys("k")),
            5 if answered < all.len() => {
                let (job, revision) = all[answered].clone();
                answered += 1;
                driver.fact(previewed(job, plan_at(&revision)));
            }
            6 | 7 if ended < all.len() => {
                let called_back = driver.effects.contains(&Effect::Cancel(all[ended].0));
                let done = Outcome::Done(String::new());
                let outcome = if called_back { Outcome::Cancelled } else { done };
                ended += 1;
                answered = answered.max(ended);
                driver.end(outcome, is_preview);
            }
            _ => {}
        }
        let picture = driver.picture();
        let Some((_, rest)) = picture.split_once("as-of-") else { continue };
        let selected = driver.console.ui.commits.selected.clone().expect("a commit");
        assert_eq!(rest.get(..7), selected.get(..7), "{picture}");
        shown += 1;
    }
    assert!(shown > 50, "{shown} frames with a plan");
}
