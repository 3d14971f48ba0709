//! Mappings that depend on others: in which order they go, and what keeps one waiting for another.

use crate::domain::{Health, MappingStatus, Op, Plan, Reason, Revision, SyncState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How long a mapping is waited for that others of the same run depend on, where nobody said.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// What a mapping waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The mapping that is not ready.
    pub mapping: String,
    /// What it lacks, as the rest of a sentence that begins with its name (may hold foreign text).
    pub why: String,
    /// Whether it was to be synced in the same run and was not, so that nothing is to be expected of it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// `waits for infra, which was never synced`; `skipped: infra failed: ...`.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mapping, why) = (&self.mapping, &self.why);
        if self.failed {
            write!(f, "skipped: {mapping} {why}")
        } else {
            write!(f, "waits for {mapping}, which {why}")
        }
    }
}

/// How a mapping stands, for those that depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Revision that was applied last.
    pub synced: Option<Revision>,
    /// What it lacks whatever is asked of it, as the rest of a sentence.
    lacks: Option<String>,
}

impl Standing {
    /// From its status and its plan. What the server rewrites after every sync counts as applied: it never changes.
    pub fn of(status: &MappingStatus, plan: Option<&Plan>) -> Self {
        Self { synced: status.synced_revision.clone(), lacks: lacks(status, plan) }
    }

    /// A mapping that could not be looked at.
    pub fn unseen() -> Self {
        Self { synced: None, lacks: Some("cannot be seen".to_owned()) }
    }

    /// What it lacks, as the rest of a sentence; nothing where everything that depends on it may go on. `missing` is the
    /// number of its own commits up to the revision that is to be applied, where both come from one repository.
    pub fn lacks(&self, missing: usize) -> Option<String> {
        let behind = (missing > 0).then(|| {
            let synced = self.synced.as_ref().map_or("nothing", Revision::short);
            let noun = if missing == 1 { "commit" } else { "commits" };
            format!("is at {synced} and lacks {missing} {noun}")
        });
        self.lacks.clone().or(behind)
    }
}

fn lacks(status: &MappingStatus, plan: Option<&Plan>) -> Option<String> {
    let because = |what: &str, why: Option<&String>| match why {
        Some(why) => Some(format!("{what}: {why}")),
        None => Some(what.to_owned()),
    };
    match (status.sync, plan) {
        (SyncState::Disconnected, _) => return Some("is disconnected".to_owned()),
        (SyncState::Error, _) => return because("is in error", status.message.as_ref()),
        (SyncState::Unknown, _) | (_, None) => {
            return because("cannot be seen", status.message.as_ref());
        }
        _ => {}
    }
    if status.synced_revision.is_none() {
        return Some("was never synced".to_owned());
    }
    let operations = plan.map(|plan| plan.operations.as_slice()).unwrap_or_default();
    let left = operations.iter().filter(|one| one.reason != Reason::Admission).count();
    if left > 0 || status.behind > 0 {
        let what = match (left, status.drifted_fields) {
            (0, _) => format!("is {} behind", status.behind),
            (1, 0) => "has 1 object to sync".to_owned(),
            (many, 0) => format!("has {many} objects to sync"),
            (_, 1) => "has 1 drifted field".to_owned(),
            (_, many) => format!("has {many} drifted fields"),
        };
        return because(&what, status.suspension.as_ref().map(ToString::to_string).as_ref());
    }
    match status.health {
        Health::Healthy | Health::Suspended => None,
        // Nothing is desired, so nothing can be ill.
        Health::Unknown if plan.is_some_and(|plan| plan.objects.is_empty()) => None,
        health => because(&format!("is {}", health.word()), worst(plan).as_ref()),
    }
}

fn worst(plan: Option<&Plan>) -> Option<String> {
    let object = plan?.objects.iter().max_by_key(|object| object.health)?;
    let said = if object.message.is_empty() { object.health.word() } else { &object.message };
    Some(format!("{}: {said}", object.object))
}

/// Whether a plan waits for anything: what only deletes, or does nothing, needs nobody.
pub fn is_dependent(plan: &Plan) -> bool {
    plan.operations.iter().any(|one| one.op != Op::Delete)
}

/// A cycle among dependencies, beginning and ending with the same name; the first by name.
pub fn cycle(depends_on: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    depends_on.keys().find_map(|name| walk(name, depends_on, &mut Vec::new(), &mut done))
}

fn walk(
    name: &str,
    depends_on: &BTreeMap<String, Vec<String>>,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|one| one == name) {
        let mut cycle = path.split_off(start);
        cycle.push(name.to_owned());
        return Some(cycle);
    }
    if done.contains(name) {
        return None;
    }
    path.push(name.to_owned());
    let next = depends_on.get(name).map(Vec::as_slice).unwrap_or_default();
    let found = next.iter().find_map(|one| walk(one, depends_on, path, done));
    path.pop();
    done.insert(name.to_owned());
    found
}

/// One mapping of a run, and those of the same run that go before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Mapping.
    pub mapping: String,
    /// Mappings of the run that have to end first.
    pub after: Vec<String>,
}

/// The order of a run: what a mapping depends on goes before it; where both only delete, after it. Names keep their
/// order where nothing else is asked for.
pub fn order<'a>(
    names: &[String],
    depends_on: impl Fn(&str) -> &'a [String],
    only_deletes: impl Fn(&str) -> bool,
) -> Vec<Turn> {
    let mut turns: Vec<Turn> =
        names.iter().map(|name| Turn { mapping: name.clone(), after: Vec::new() }).collect();
    let at: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    for name in names {
        for dependency in depends_on(name).iter().filter(|one| at.contains_key(one.as_str())) {
            let reverse = only_deletes(name) && only_deletes(dependency);
            let (first, second) = if reverse { (name, dependency) } else { (dependency, name) };
            if let Some(turn) = at.get(second.as_str()).and_then(|at| turns.get_mut(*at)) {
                turn.after.push(first.clone());
            }
        }
    }
    let (mut ordered, mut gone) = (Vec::new(), BTreeSet::new());
    while !turns.is_empty() {
        let ended = |turn: &Turn| turn.after.iter().all(|first| gone.contains(first));
        // Where deletions and dependencies make a circle, the first one breaks it.
        let next = turns.iter().position(ended).unwrap_or(0);
        let mut turn = turns.remove(next);
        turn.after.retain(|first| gone.contains(first));
        gone.insert(turn.mapping.clone());
        ordered.push(turn);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::{Turn, Wait, cycle, order};
    use std::collections::BTreeMap;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges.iter().map(|(name, on)| ((*name).to_owned(), owned(on))).collect()
    }

    #[test]
    fn a_cycle_is_listed_whole() {
        let rings = graph(&[("a", &["b"]), ("b", &["c", "d"]), ("c", &[]), ("d", &["b"])]);
        assert_eq!(cycle(&rings).unwrap(), ["b", "d", "b"]);
        assert_eq!(cycle(&graph(&[("a", &["a"])])).unwrap(), ["a", "a"]);
        let diamond = graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]);
        assert_eq!(cycle(&diamond), None);
    }

    fn turns(names: &[&str], edges: &[(&str, &[&str])], deletes: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let graph = graph(edges);
        let on = |name: &str| graph.get(name).map(Vec::as_slice).unwrap_or_default();
        let turns = order(&names, on, |name| deletes.contains(&name));
        let show = |turn: Turn| format!("{}<{}", turn.mapping, turn.after.join(","));
        turns.into_iter().map(show).collect()
    }

    #[test]
    fn dependencies_go_first_and_deletions_the_other_way_round() {
        let edges: &[(&str, &[&str])] =
            &[("app", &["infra", "data"]), ("data", &["infra"]), ("web", &["elsewhere"])];
        let names = ["app", "web", "data", "infra"];
        assert_eq!(turns(&names, edges, &[]), ["web<", "infra<", "data<infra", "app<infra,data"]);
        assert_eq!(turns(&names, edges, &names), ["app<", "web<", "data<app", "infra<app,data"]);
        assert_eq!(
            turns(&names, edges, &["app"]),
            ["web<", "infra<", "data<infra", "app<infra,data"]
        );
    }

    #[test]
    fn circles_of_deletions_end() {
        let edges: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["c"]), ("a", &["b", "c"])];
        assert_eq!(turns(&["a", "b", "c"], edges, &["a", "c"]).len(), 3);
    }

    #[test]
    fn a_long_chain_is_in_order() {
        let names: Vec<String> = (0..2000).map(|at| format!("m{at}")).collect();
        let on: BTreeMap<&str, &[String]> =
            names.windows(2).map(|two| (two[0].as_str(), &two[1..])).collect();
        let turns = order(&names, |name| on.get(name).copied().unwrap_or_default(), |_| false);
        let ordered: Vec<&String> = turns.iter().map(|turn| &turn.mapping).collect();
        assert_eq!(ordered, names.iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_wait_says_for_whom_and_why() {
        let wait =
            |failed| Wait { mapping: "infra".into(), why: "was never synced".into(), failed };
        assert_eq!(wait(false).to_string(), "waits for infra, which was never synced");
        assert_eq!(wait(true).to_string(), "skipped: infra was never synced");
    }
}
