//! Tests of what is done unasked.

use crate::domain::automation::{
    Automation, Backoff, Claim, Decision, Drifted, Ended, Fight, Situation, decide,
};
use crate::domain::fixture;
use crate::domain::{
    Change, Mapping, Op, Operation, Plan, Reason, Refusal, Revision, Suspension, SyncPolicy, Wait,
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn mapping(auto: bool, self_heal: bool) -> Mapping {
    Mapping {
        sync: SyncPolicy { auto, self_heal, ..SyncPolicy::default() },
        ..fixture::mapping("checkout")
    }
}

fn plan(reasons: &[Reason], changed_at: Timestamp) -> Plan {
    let operation = |reason: &Reason| Operation {
        changes: vec![Change {
            before: Some(5.into()),
            after: Some(3.into()),
            live_manager: Some("flipper".into()),
            live_time: Some(changed_at),
            ..fixture::change("/spec/replicas")
        }],
        ..fixture::operation(
            Op::Update,
            fixture::deployment(&format!("{reason:?}").to_lowercase()),
            *reason,
        )
    };
    let operations: Vec<Operation> = reasons.iter().map(operation).collect();
    Plan { revision: Revision::new("b"), ..fixture::plan(operations, 0) }
}

struct Case {
    mapping: Mapping,
    plan: Plan,
    automation: Automation,
    synced: Revision,
}

impl Case {
    fn new(policy: (bool, bool), reasons: &[Reason]) -> Self {
        Self {
            mapping: mapping(policy.0, policy.1),
            plan: plan(reasons, at(0)),
            automation: Automation::default(),
            synced: Revision::new("a"),
        }
    }

    fn situation(&self, now: Timestamp) -> Situation<'_> {
        static PACE: Backoff =
            Backoff { first: Duration::from_secs(2), factor: 3, most: Duration::from_secs(300) };
        Situation {
            mapping: &self.mapping,
            read_only: false,
            plan: &self.plan,
            behind: 0,
            synced: Some(&self.synced),
            unpinned: &[],
            suspension: None,
            old: None,
            automation: &self.automation,
            moved_on: false,
            holder: "me",
            pace: &PACE,
            now,
        }
    }

    fn decide(&self, now: Timestamp) -> Decision {
        decide(&self.situation(now))
    }
}

#[test]
fn each_policy_does_its_own() {
    use Reason::{Admission, Commit, Drift, Prune};
    for (policy, reasons, expected) in [
        ((false, false), &[Commit, Drift][..], "nothing"),
        ((true, false), &[Commit], "sync"),
        ((true, false), &[Prune], "sync"),
        ((true, false), &[Drift], "nothing"),
        ((true, true), &[Drift], "heal"),
        ((false, true), &[Drift, Commit], "heal"),
        ((true, true), &[Drift, Commit], "sync"),
        // What repeats itself because the server rewrites it is never tried again.
        ((true, true), &[Admission], "nothing"),
        ((true, true), &[], "nothing"),
    ] {
        let found = match Case::new(policy, reasons).decide(at(1)) {
            Decision::Nothing => "nothing",
            Decision::Sync => "sync",
            Decision::Heal(_) => "heal",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{policy:?} {reasons:?}");
    }
}

#[test]
fn guards_are_left_to_people() {
    let held = |case: &Case| match case.decide(at(1)) {
        Decision::Held(reason) => reason,
        other => panic!("{other:?}"),
    };
    let mut case = Case::new((true, true), &[Reason::Prune]);
    case.plan.refusals = vec![Refusal::Deletions { count: 7, because: "the limit is 5".into() }];
    assert_eq!(held(&case), "7 deletions ask for their number (the limit is 5)");
    case.mapping.production = true;
    assert_eq!(held(&case), "production is synced by hand");
    let situation = Situation { read_only: true, ..case.situation(at(1)) };
    assert_eq!(decide(&situation), Decision::Held("gitdeck is read-only here".into()));
    let suspension = Suspension { owner: "ana".into(), reason: None, since: at(0), until: None };
    let situation = Situation { suspension: Some(&suspension), ..case.situation(at(1)) };
    assert_eq!(decide(&situation), Decision::Nothing);
    case.mapping.production = false;
    case.plan.refusals.clear();
    let wait = Wait { mapping: "db".into(), why: "was never synced".into(), failed: false };
    case.plan.refusals = vec![Refusal::Waits(wait)];
    let waits = "waits for db, which was never synced".to_owned();
    assert_eq!(case.decide(at(1)), Decision::Held(waits));
}

#[test]
fn what_no_commit_pins_and_none_asks_for_is_left_to_people() {
    use Reason::{Admission, Commit, Drift, Prune};
    let unpinned = ["git::https://example.com/base?ref=main".to_owned()];
    for policy in [(true, false), (false, true), (true, true)] {
        for reason in [Admission, Commit, Drift, Prune] {
            let case = Case::new(policy, &[reason]);
            let situation = Situation { unpinned: &unpinned, ..case.situation(at(1)) };
            let Decision::Held(why) = decide(&situation) else {
                panic!("{policy:?} {reason:?}: {:?}", decide(&situation))
            };
            assert!(why.contains(&unpinned[0]) && why.contains("does not pin"), "{why}");
        }
    }
    let mut case = Case::new((true, true), &[Commit, Prune]);
    let situation = Situation { unpinned: &unpinned, ..case.situation(at(1)) };
    let of_commit = Situation { behind: 1, ..situation.clone() };
    assert_eq!(decide(&of_commit), Decision::Sync);
    let first = Situation { synced: None, ..situation };
    assert_eq!(decide(&first), Decision::Sync);
    // A guard is said first; without a policy, and without a difference, there is nothing to say.
    case.plan.refusals = vec![Refusal::ReadOnly];
    let situation = Situation { unpinned: &unpinned, ..case.situation(at(1)) };
    assert_eq!(decide(&situation), Decision::Held("gitdeck is read-only here".into()));
    for case in [Case::new((false, false), &[Prune]), Case::new((true, true), &[])] {
        let situation = Situation { unpinned: &unpinned, ..case.situation(at(1)) };
        assert_eq!(decide(&situation), Decision::Nothing);
    }
}

/// The incident argo-cd#18442: a failed automatic sync of a revision was never tried again.
#[test]
fn a_failed_sync_is_tried_again_after_longer_and_longer_pauses() {
    let mut case = Case::new((true, false), &[Reason::Commit]);
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..7 {
        assert_eq!(case.decide(at(now)), Decision::Sync);
        case.automation.note(Ended::Failed, &Revision::new("b"), &[], at(now));
        let Decision::Later(due, _) = case.decide(at(now)) else { panic!("no pause") };
        pauses.push(due.as_second() - now);
        now = due.as_second();
    }
    assert_eq!(pauses, [2, 6, 18, 54, 162, 300, 300]);
    case.plan.revision = Revision::new("c");
    assert_eq!(case.decide(at(now - 1)), Decision::Sync, "a new commit is a new chance");
    case.automation.note(Ended::Done, &Revision::new("c"), &[], at(now));
    assert_eq!(case.decide(at(now)), Decision::Sync);
}

#[test]
fn a_field_that_is_flipped_back_each_second_is_corrected_five_times_at_most() {
    let mut case = Case::new((false, true), &[Reason::Drift]);
    let (mut now, mut heals) = (0, 0);
    let fight = loop {
        // The other side is one second after us.
        case.plan = plan(&[Reason::Drift], at(now + 1));
        now += 1;
        match case.decide(at(now)) {
            Decision::Later(due, _) => now = due.as_second(),
            Decision::Heal(_) => {}
            Decision::Stop(fight) => break fight,
            other => panic!("{other:?}"),
        }
        if let Decision::Heal(drifted) = case.decide(at(now)) {
            case.automation.note(Ended::Done, &Revision::new("b"), &drifted, at(now));
            heals += 1;
        }
        assert!(heals <= 5, "no end of it");
    };
    assert_eq!(heals, 5);
    assert_eq!(
        fight.to_string(),
        "gitdeck and flipper rewrite /spec/replicas of Deployment shop/drift by turns"
    );
    case.automation.fight = Some(fight);
    let Decision::Held(reason) = case.decide(at(now)) else { panic!("not held") };
    assert!(reason.contains("gitdeck resume checkout"), "{reason}");
    let situation = Situation { moved_on: true, ..case.situation(at(now + 600)) };
    assert!(!matches!(decide(&situation), Decision::Held(_)), "Git asks for something else");
}

#[test]
fn changes_of_different_people_are_no_fight() {
    let mut case = Case::new((false, true), &[Reason::Drift]);
    for minute in 1..20 {
        let now = at(minute * 400);
        case.plan = plan(&[Reason::Drift], now);
        let Decision::Heal(drifted) = case.decide(now) else { panic!("not healed") };
        case.automation.note(Ended::Done, &Revision::new("b"), &drifted, now);
    }
    assert_eq!(case.automation.heats.len(), 1);
}

#[test]
fn one_gitdeck_acts_and_others_watch() {
    let mut automation = Automation::default();
    let claim = |holder: &str, until| Claim { holder: holder.into(), until: at(until) };
    automation.take_turn(&claim("ana", 60), (None, &[]), at(0));
    automation.take_turn(&claim("leo", 61), (None, &[]), at(1));
    assert_eq!(automation.other("leo", at(1)).map(|claim| claim.holder.as_str()), Some("ana"));
    let mut renewed = automation.clone();
    renewed.renew_turn(&claim("leo", 300));
    assert_eq!(renewed, automation, "only who has the turn keeps it");
    renewed.renew_turn(&claim("ana", 300));
    assert!(renewed.other("leo", at(299)).is_some() && renewed.other("leo", at(300)).is_none());
    assert!(automation.other("ana", at(1)).is_none());
    automation.take_turn(&claim("leo", 120), (Some(at(30)), &[]), at(60));
    assert!(automation.other("leo", at(59)).is_some(), "somebody was faster");
    automation.take_turn(&claim("leo", 120), (None, &[]), at(60));
    assert_eq!(automation.other("ana", at(61)).map(|claim| claim.holder.as_str()), Some("leo"));
    automation.note(Ended::Left, &Revision::new("b"), &[], at(62));
    assert!(automation.is_idle());
}

#[test]
fn what_is_remembered_is_bounded_and_survives_the_record() {
    let mut automation = Automation::default();
    let drifted = |index: usize| Drifted {
        object: plan(&[Reason::Drift], at(0)).operations[0].object.clone(),
        path: format!("/data/k{index}"),
        manager: None,
        since: None,
    };
    let all: Vec<Drifted> = (0..40).map(drifted).collect();
    automation.note(Ended::Done, &Revision::new("b"), &all, at(0));
    assert_eq!(automation.heats.len(), 16);
    automation.fight = Some(Fight {
        object: all[0].object.clone(),
        path: "/data/k0".into(),
        manager: None,
        revision: Revision::new("b"),
        since: at(1),
    });
    let text = serde_json::to_string(&automation).unwrap();
    assert_eq!(serde_json::from_str::<Automation>(&text).unwrap(), automation);
    automation.note(Ended::Done, &Revision::new("b"), &all[..1], at(3600));
    assert_eq!(automation.heats.len(), 1);
}
