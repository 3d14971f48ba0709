//! Tests of the grouping by cause.

use super::{Cause, Group, Symptom, group};
use crate::domain::fixture::mapping;
use crate::domain::suspect::{Deed, Rank, Suspect};
use crate::domain::{Health, MappingStatus, Revision, SyncState, Wait};

fn status(name: &str, sync: SyncState, message: &str) -> MappingStatus {
    MappingStatus {
        sync,
        health: Health::Healthy,
        message: (!message.is_empty()).then(|| message.to_owned()),
        ..MappingStatus::unseen(&mapping(name))
    }
}

fn suspect(id: &str) -> Suspect {
    let deed =
        Deed::Commit { revision: Revision::new(id), author: "ana".into(), title: "t".into() };
    Suspect { deed, rank: Rank::Object, why: String::new(), at: None }
}

fn groups(statuses: &[MappingStatus]) -> Vec<Group> {
    let symptom = |status| Symptom { status, stall: None, unfetched: None, lost: None };
    group(&statuses.iter().map(symptom).collect::<Vec<_>>())
}

fn names(groups: &[Group]) -> Vec<(String, String)> {
    groups.iter().map(|one| (one.cause.words(), one.mappings.join(" "))).collect()
}

#[test]
fn what_is_well_has_no_cause() {
    assert!(
        groups(&[status("a", SyncState::Synced, ""), status("b", SyncState::OutOfSync, "x")])
            .is_empty()
    );
}

#[test]
fn the_cause_that_explains_most_counts() {
    let pull = |name: &str, image: &str| {
        let message = format!("Deployment shop/{name}: Back-off pulling image \"{image}\"");
        let ill = status(name, SyncState::Synced, &message);
        MappingStatus { health: Health::Degraded, suspects: vec![suspect("3f2a91c")], ..ill }
    };
    // Three images of one commit are one commit; three times one image is that image, since that commit.
    let different = [pull("a", "x:1"), pull("b", "y:1"), pull("c", "z:1")];
    assert_eq!(names(&groups(&different)), [("commit 3f2a91c".into(), "a b c".into())]);
    let same = [pull("c", "x:1"), pull("a", "x:1"), status("w", SyncState::Synced, "")];
    let found = groups(&same);
    assert_eq!(names(&found), [("image x:1".into(), "a c".into())]);
    assert_eq!(found[0].commit, Some(Revision::new("3f2a91c")));
}

#[test]
fn waits_webhooks_and_words_are_causes() {
    let denied = |name: &str| {
        let words =
            format!("{name}: admission webhook \"no.example.com\" denied the request: {name}");
        status(name, SyncState::Error, &words)
    };
    let wait = |name: &str| {
        let wait = Wait { mapping: "infra".into(), why: "was never synced".into(), failed: false };
        MappingStatus { waits: vec![wait], ..status(name, SyncState::OutOfSync, "") }
    };
    let broken = |name: &str| {
        let words =
            format!("apps/{name}/a.yaml:{}: mapping values are not allowed here", name.len());
        status(name, SyncState::Error, &words)
    };
    let all =
        [denied("a"), denied("b"), denied("c"), wait("d"), wait("e"), broken("f"), broken("gg")];
    let found = groups(&all);
    assert_eq!(
        names(&found),
        [
            ("admission webhook no.example.com refuses".into(), "a b c".into()),
            ("infra is not ready".into(), "d e".into()),
            ("the same fault".into(), "f gg".into()),
        ]
    );
    assert!(found[2].message.contains("apps/f/a.yaml:1"), "{}", found[2].message);
}

#[test]
fn a_lost_cluster_and_a_dead_repository_are_one_cause_each() {
    let unseen = status("a", SyncState::Unknown, "connection refused");
    let also = status("b", SyncState::Unknown, "timed out after 5 s");
    let lost = |status| Symptom { status, stall: None, unfetched: None, lost: Some("silent") };
    let found = group(&[lost(&unseen), lost(&also)]);
    assert_eq!(found[0].cause, Cause::Cluster("demo".into()));
    assert_eq!((found.len(), found[0].mappings.len()), (1, 2));
    let synced = status("a", SyncState::Synced, "");
    let unfetched =
        Symptom { status: &synced, stall: None, unfetched: Some("no route"), lost: None };
    assert_eq!(group(&[unfetched])[0].cause, Cause::Repository("fleet".into()));
}
