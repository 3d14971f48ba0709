//! From a plan and an inventory to the state of a mapping: the one rule that every face shows.

use crate::domain::Health;
use crate::domain::{
    Inventory, Mapping, MappingStatus, MissingRights, ObjectCount, Op, Plan, Reason, Refusal,
    Revision, SyncState,
};
use jiff::Timestamp;

/// What was seen of a mapping in one look.
#[derive(Debug, Default)]
pub struct Sight<'a> {
    /// Tip of the branch.
    pub desired: Option<Revision>,
    /// Record in the cluster.
    pub inventory: Option<&'a Inventory>,
    /// Plan of the tip.
    pub plan: Option<&'a Plan>,
    /// Commits touching the path between the synced and the desired revision.
    pub behind: usize,
    /// Why it could not be rendered or planned, or why the last sync failed.
    pub error: Option<String>,
    /// Why the repository or cluster cannot be seen.
    pub unseen: Option<String>,
}

/// The state of a mapping; the first of disconnected, error, unknown, suspended, drifted, out of sync and synced that holds.
pub fn assess(mapping: &Mapping, sight: &Sight<'_>, now: Timestamp) -> MappingStatus {
    let mut status = MappingStatus::unseen(mapping);
    status.desired_revision.clone_from(&sight.desired);
    status.behind = sight.behind;
    status.observed_at = Some(now);
    if let Some(inventory) = sight.inventory {
        status.synced_revision.clone_from(&inventory.synced_revision);
        status.last_healthy.clone_from(&inventory.healthy);
        status.suspension = inventory.suspension.clone().filter(|suspension| suspension.holds(now));
    }
    if let Some(plan) = sight.plan {
        status.drifted_fields = plan.drifted_fields();
        let deletions =
            plan.operations.iter().filter(|operation| operation.op == Op::Delete).count();
        let differing = plan.operations.len();
        status.objects =
            ObjectCount { total: plan.summary.unchanged + differing - deletions, differing };
        status.health =
            plan.objects.iter().map(|object| object.health).max().unwrap_or(Health::Healthy);
    }
    if mapping.connected {
        (status.sync, status.message) = state(&status, sight);
    }
    status
}

fn state(status: &MappingStatus, sight: &Sight<'_>) -> (SyncState, Option<String>) {
    if let Some(error) = &sight.error {
        return (SyncState::Error, Some(error.clone()));
    }
    if let Some(invalid) = sight.plan.and_then(invalid) {
        return (SyncState::Error, Some(invalid));
    }
    if let Some(Refusal::Held { holder }) = sight.plan.and_then(held) {
        let words = format!(
            "another configuration owns this name ({holder}); give the mapping another name, or sync with `--take-over`"
        );
        return (SyncState::Error, Some(words));
    }
    if let Some((revision, why)) = sight.plan.and_then(unsigned) {
        let words = format!("commit {} is not applied: {why} (`require_signed`)", revision.short());
        return (SyncState::Error, Some(words));
    }
    if let Some(missing) = sight.plan.and_then(unjudged) {
        return (SyncState::Error, Some(format!("what differs cannot be told: {missing}")));
    }
    let Some(plan) = sight.plan else {
        return (SyncState::Unknown, sight.unseen.clone());
    };
    if let Some(reason) = &sight.unseen {
        return (SyncState::Unknown, Some(reason.clone()));
    }
    if let Some(suspension) = &status.suspension {
        return (SyncState::Suspended, Some(suspension.to_string()));
    }
    if status.drifted_fields > 0 {
        return (SyncState::Drifted, culprits(plan));
    }
    if !plan.is_empty() || (status.behind > 0 && status.synced_revision.is_some()) {
        let missing = missing_rights(plan).next().map(ToString::to_string);
        return (
            SyncState::OutOfSync,
            missing.or_else(|| rewritten(plan)).or_else(|| unhealthy(plan)),
        );
    }
    if let Some(kept) = &plan.prune_blocked {
        return (SyncState::OutOfSync, Some(kept.clone()));
    }
    let unread = || plan.unread.first().cloned();
    (SyncState::Synced, unhealthy(plan).or_else(|| emptied(plan)).or_else(unread))
}

fn held(plan: &Plan) -> Option<&Refusal> {
    plan.refusals.iter().find(|refusal| matches!(refusal, Refusal::Held { .. }))
}

fn unsigned(plan: &Plan) -> Option<(&Revision, &str)> {
    plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Unsigned { revision, why } => Some((revision, why.as_str())),
        _ => None,
    })
}

fn missing_rights(plan: &Plan) -> impl Iterator<Item = &MissingRights> {
    plan.refusals.iter().filter_map(|refusal| match refusal {
        Refusal::Rights(missing) => Some(missing),
        _ => None,
    })
}

/// Without the right to patch nothing can be tried out.
fn unjudged(plan: &Plan) -> Option<&MissingRights> {
    missing_rights(plan).find(|missing| missing.verbs.iter().any(|verb| verb == "patch"))
}

fn emptied(plan: &Plan) -> Option<String> {
    plan.objects.is_empty().then(|| {
        format!(
            "the path is empty at this commit; `gitdeck mapping remove {}` forgets it",
            plan.mapping
        )
    })
}

fn invalid(plan: &Plan) -> Option<String> {
    plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Invalid { object, origin, message } => Some(match origin {
            Some(origin) => format!("{origin}: {object}: {message}"),
            None => format!("{object}: {message}"),
        }),
        _ => None,
    })
}

fn culprits(plan: &Plan) -> Option<String> {
    let mut managers: Vec<&str> = plan
        .operations
        .iter()
        .flat_map(|operation| &operation.changes)
        .filter_map(|change| change.live_manager.as_deref())
        .filter(|manager| *manager != "gitdeck")
        .collect();
    managers.sort_unstable();
    managers.dedup();
    (!managers.is_empty()).then(|| format!("changed by {}", managers.join(", ")))
}

/// What no sync can bring to Git's state, because the server stores something else each time.
fn rewritten(plan: &Plan) -> Option<String> {
    let operation = plan.operations.iter().find(|one| one.reason == Reason::Admission)?;
    let path = operation.changes.first().map_or("", |change| change.path.as_str());
    Some(format!(
        "{} does not converge: the server or an admission webhook rewrites {path} after each sync; take its value into Git or add an `ignore` rule",
        operation.object
    ))
}

fn unhealthy(plan: &Plan) -> Option<String> {
    plan.objects
        .iter()
        .filter(|object| {
            matches!(object.health, Health::Degraded | Health::Progressing | Health::Missing)
        })
        .max_by_key(|object| object.health)
        .map(|object| format!("{}: {}", object.object, object.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{self, mapping};
    use crate::domain::{Change, ObjectRef, Operation, PlannedObject, Suspension};

    fn object() -> ObjectRef {
        fixture::deployment("checkout")
    }

    fn plan(reason: Option<Reason>) -> Plan {
        let change = Change {
            before: Some(5.into()),
            after: Some(3.into()),
            live_manager: Some("kubectl".into()),
            ..fixture::change("/spec/replicas")
        };
        let operation = reason.map(|reason| Operation {
            changes: vec![change],
            ..fixture::operation(Op::Update, object(), reason)
        });
        Plan {
            objects: vec![PlannedObject {
                object: object(),
                health: Health::Progressing,
                message: "1 of 3 available".into(),
                replicas: Some((1, 3)),
                extra: Vec::new(),
            }],
            ..fixture::plan(operation.into_iter().collect(), 2)
        }
    }

    fn state_of(sight: &Sight<'_>) -> (SyncState, Option<String>) {
        let status = assess(&mapping("checkout"), sight, Timestamp::UNIX_EPOCH);
        (status.sync, status.message)
    }

    #[test]
    fn the_first_that_holds_is_shown() {
        let drifted = plan(Some(Reason::Drift));
        let suspension = Suspension {
            owner: "ana".into(),
            reason: None,
            since: Timestamp::UNIX_EPOCH,
            until: None,
        };
        let inventory = Inventory { suspension: Some(suspension), ..Inventory::default() };
        let mut sight = Sight {
            plan: Some(&drifted),
            inventory: Some(&inventory),
            behind: 1,
            ..Sight::default()
        };
        assert_eq!(state_of(&sight), (SyncState::Suspended, Some("suspended by ana".into())));
        sight.inventory = None;
        assert_eq!(state_of(&sight), (SyncState::Drifted, Some("changed by kubectl".into())));
        sight.unseen = Some("cluster away".into());
        assert_eq!(state_of(&sight).0, SyncState::Unknown);
        sight.error = Some("a.yaml:3: malformed".into());
        assert_eq!(state_of(&sight), (SyncState::Error, Some("a.yaml:3: malformed".into())));
    }

    #[test]
    fn what_the_server_rewrites_is_no_drift() {
        let rewritten = plan(Some(Reason::Admission));
        let (sync, message) = state_of(&Sight { plan: Some(&rewritten), ..Sight::default() });
        assert_eq!(sync, SyncState::OutOfSync);
        let message = message.unwrap();
        assert!(
            message.contains("does not converge") && message.contains("/spec/replicas"),
            "{message}"
        );
    }

    #[test]
    fn an_expired_suspension_does_not_hold() {
        let synced = plan(None);
        let suspension = Suspension {
            owner: "ana".into(),
            reason: None,
            since: Timestamp::UNIX_EPOCH,
            until: Some(Timestamp::UNIX_EPOCH),
        };
        let inventory = Inventory { suspension: Some(suspension), ..Inventory::default() };
        let sight = Sight { plan: Some(&synced), inventory: Some(&inventory), ..Sight::default() };
        assert_eq!(state_of(&sight).0, SyncState::Synced);
    }

    #[test]
    fn counts_and_health_come_from_the_plan() {
        let committed = plan(Some(Reason::Commit));
        let status = assess(
            &mapping("checkout"),
            &Sight { plan: Some(&committed), ..Sight::default() },
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(status.sync, SyncState::OutOfSync);
        assert_eq!(status.objects, ObjectCount { total: 3, differing: 1 });
        assert_eq!(status.health, Health::Progressing);
        assert_eq!(status.drifted_fields, 0);
        assert!(status.message.is_some_and(|message| message.contains("1 of 3 available")));
    }
}
