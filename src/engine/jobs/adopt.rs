//! Adopt: live values become those of Git.

use crate::domain::path::FieldPath;
use crate::domain::prove::MANAGER;
use crate::domain::{
    Change, Manifest, Mapping, ObjectKey, ObjectRef, Op, Operation, Plan, Reason, Revision,
};
use crate::engine::error::Stop;
use crate::engine::jobs::look::look;
use crate::engine::jobs::place::{Ground, Misplaced, Wish};
use crate::engine::jobs::propose::{Found, check};
use crate::engine::jobs::whole_lists::folded;
use crate::engine::jobs::{Context, depends};
use crate::engine::{Failure, SyncOptions};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// An object, and perhaps a field of it, that somebody named.
struct Pick {
    text: String,
    object: String,
    path: Option<FieldPath>,
}

impl Pick {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (object, path) = match text.find(":/") {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text.trim_end_matches(':'), None),
        };
        if let Some(fault) = path.and_then(FieldPath::fault) {
            return Err(Failure::usage(format!("\"{text}\": a path {fault}")));
        }
        let path = path.and_then(FieldPath::parse);
        Ok(Self { text: text.to_owned(), object: object.to_owned(), path })
    }
}

/// Whether a text names an object: `Kind/name` or `Kind/namespace/name`, the kind perhaps with its group.
pub(super) fn names(text: &str, reference: &ObjectRef) -> bool {
    let key = reference.key();
    let kinds = [key.kind.to_lowercase(), key.group_kind().to_lowercase()];
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [kind, name] => kinds.contains(&kind.to_lowercase()) && *name == key.name,
        [kind, namespace, name] => {
            kinds.contains(&kind.to_lowercase())
                && *name == key.name
                && key.namespace.as_deref() == Some(namespace)
        }
        _ => false,
    }
}

/// Finds the edits that make Git say what is live.
pub(super) async fn edits(
    ctx: &Context,
    mapping: &Mapping,
    mut ground: Ground,
    picks: &[String],
    into: Option<&str>,
) -> Result<Found, Stop> {
    let picks = picks.iter().map(|text| Pick::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let options = SyncOptions::default();
    let seen = Box::pin(look(ctx, mapping, None, &options, depends::Sight::Known)).await?;
    let mut found = Found::default();
    let mut sides = Sides {
        plan: &seen.plan,
        ground: &ground,
        previous: seen.basis.previous(),
        commits: HashMap::new(),
    };
    sides.commits = sides.dated(ctx, mapping).await?;
    let wishes = wishes(&sides, &picks, &mut found)?;
    let mut placed = Vec::new();
    for wish in wishes {
        match ground.place(&wish, into) {
            Ok(()) => placed.push(wish),
            Err(Misplaced::Asked(files)) => {
                found.choices.extend(
                    files
                        .into_iter()
                        .filter(|file| !found.choices.contains(file))
                        .collect::<Vec<_>>(),
                );
            }
            Err(Misplaced::Refused(reason)) if picks.is_empty() => found.left.push(reason),
            Err(Misplaced::Refused(reason)) => return Err(Failure::new(reason).into()),
        }
    }
    if !found.choices.is_empty() {
        return Ok(found);
    }
    found.edits = ground.edits();
    if found.edits.is_empty() {
        let why = match found.left.first() {
            Some(left) => format!("nothing of {} can be adopted: {left}", mapping.name),
            None => format!("nothing of {} differs from Git", mapping.name),
        };
        return Err(Failure::new(why)
            .hint(format!("`gitdeck diff {}` shows what differs", mapping.name))
            .into());
    }
    check(ctx, mapping, &ground.manifests, &found.edits, &placed).await?;
    Ok(found)
}

/// What is to be taken from the cluster. What cannot be is left out with its reason, or refused where it was named.
fn wishes(sides: &Sides<'_>, picks: &[Pick], found: &mut Found) -> Result<Vec<Wish>, Failure> {
    let Sides { plan, ground, .. } = sides;
    for pick in picks {
        differs(plan, pick)?;
    }
    let mut wishes = Vec::new();
    for operation in &plan.operations {
        let named: Vec<&Pick> =
            picks.iter().filter(|pick| names(&pick.object, &operation.object)).collect();
        if !picks.is_empty() && named.is_empty() {
            continue;
        }
        if let Err(reason) = adoptable(operation) {
            if named.is_empty() {
                found.left.push(reason);
                continue;
            }
            return Err(Failure::new(reason));
        }
        let Some(object) = written(ground, &operation.object) else {
            found.left.push(format!("{} is not in Git at the head", operation.object));
            continue;
        };
        let taken = |change: &&Change| is_taken(operation, change, &named, &mut found.left);
        let taken: Vec<Change> = operation.changes.iter().filter(taken).cloned().collect();
        let manifest = ground.manifests.iter().find(|one| one.reference.key() == object);
        let taken = manifest.map_or_else(Vec::new, |one| folded(taken, &one.object));
        for change in taken {
            let Some(path) = FieldPath::parse(&change.path) else { continue };
            if named.is_empty() && sides.is_late(&object, &path, &change) {
                found.left.push(format!(
                    "{}{path}: a commit has changed it since, and waits to be synced; name it to adopt it",
                    operation.object
                ));
                continue;
            }
            wishes.push(Wish { object: object.clone(), path, value: change.before });
        }
    }
    Ok(wishes)
}

/// What is compared to know what is adopted.
struct Sides<'a> {
    plan: &'a Plan,
    ground: &'a Ground,
    /// The manifests that were synced last.
    previous: Option<&'a [Manifest]>,
    /// When the head, and each commit that decides a differing value, was made.
    commits: HashMap<Revision, Timestamp>,
}

impl Sides<'_> {
    async fn dated(
        &self,
        ctx: &Context,
        mapping: &Mapping,
    ) -> Result<HashMap<Revision, Timestamp>, Stop> {
        let changes = self.plan.operations.iter().flat_map(|one| &one.changes);
        let commits: HashSet<Revision> =
            changes.filter_map(|one| one.commit.clone()).chain(self.ground.base.clone()).collect();
        let read = ctx.world.git(&mapping.repository, move |git| {
            let dated = commits.into_iter().map(|one| Ok((git.described(&one)?.time, one)));
            dated.map(|one| one.map(|(time, commit)| (commit, time))).collect()
        });
        read.await
    }

    /// Whether Git sets a field otherwise since the last sync, by a commit that is younger than the live value: to adopt
    /// that would undo the commit. Where it cannot be told which commit, it may be the last one.
    fn is_late(&self, object: &ObjectKey, path: &FieldPath, change: &Change) -> bool {
        let of = |manifests: &[Manifest]| {
            let found = manifests.iter().find(|one| one.reference.key() == *object);
            found.and_then(|one| path.find_written(&one.object).cloned())
        };
        let now = of(&self.ground.manifests);
        if self.previous.is_none_or(|previous| of(previous) == now) {
            return false;
        }
        let decides = change.commit.as_ref().filter(|_| change.after == now);
        let commit = decides.or(self.ground.base.as_ref());
        let committed = commit.and_then(|commit| self.commits.get(commit));
        committed.is_some_and(|committed| change.live_time.is_none_or(|live| live < *committed))
    }
}

/// Refuses a pick of what is the same on both sides.
fn differs(plan: &Plan, pick: &Pick) -> Result<(), Failure> {
    let operation = plan.operations.iter().find(|one| names(&pick.object, &one.object));
    let differs = operation.is_some_and(|one| {
        pick.path.as_ref().is_none_or(|path| one.changes.iter().any(|change| is_at(change, path)))
    });
    if differs {
        return Ok(());
    }
    Err(Failure::new(format!("{} does not differ from Git", pick.text))
        .hint("`gitdeck diff` lists the objects and paths that do"))
}

/// Whether a change is taken over; where it is not, and that is worth telling, the reason goes to `left`.
///
/// What is not gitdeck's yet is not taken unasked.
fn is_taken(
    operation: &Operation,
    change: &Change,
    named: &[&Pick],
    left: &mut Vec<String>,
) -> bool {
    let object = &operation.object;
    let unasked = named.is_empty();
    let wanted = if unasked {
        match operation.reason {
            Reason::Drift => true,
            Reason::Commit => by_others(change),
            _ => false,
        }
    } else {
        named.iter().any(|pick| pick.path.as_ref().is_none_or(|path| is_at(change, path)))
    };
    let reason = if !wanted {
        (unasked && by_others(change)).then(|| {
            format!("{object}{}: the object is not gitdeck's yet; name it to adopt it", change.path)
        })
    } else if is_order(change) {
        Some(format!(
            "{object}{}: only the order of the items differs; change that by hand",
            change.path
        ))
    } else {
        change.redacted.then(|| secret(object))
    };
    let taken = wanted && reason.is_none();
    left.extend(reason);
    taken
}

fn is_at(change: &Change, path: &FieldPath) -> bool {
    FieldPath::parse(&change.path).is_some_and(|at| path.contains(&at))
}

fn by_others(change: &Change) -> bool {
    change.live_manager.as_deref().is_some_and(|manager| manager != MANAGER)
}

/// Whether a change tells of the order of items, by their names, and of no value.
pub(super) fn is_order(change: &Change) -> bool {
    let names = |value: &Option<Value>| {
        let items = value.as_ref()?.as_array()?;
        let mut names: Vec<&str> = items
            .iter()
            .map(|item| item.as_str().filter(|text| text.starts_with('[') && text.ends_with(']')))
            .collect::<Option<_>>()?;
        names.sort_unstable();
        (names.len() > 1).then(|| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    names(&change.before).is_some() && names(&change.after).is_some()
}

/// The name that the manifest of an object has, which may leave out its namespace where no other one gives it.
pub(super) fn written(ground: &Ground, object: &ObjectRef) -> Option<ObjectKey> {
    let keys = ground.manifests.iter().map(|manifest| manifest.reference.key());
    let mut keys = keys.filter(|key| {
        (&key.group, &key.kind, &key.name) == (&object.group, &object.kind, &object.name)
            && (key.namespace.is_none() || key.namespace == object.namespace)
    });
    let first = keys.next()?;
    Some(
        keys.find(|key| key.namespace.is_some())
            .filter(|_| first.namespace.is_none())
            .unwrap_or(first),
    )
}

fn adoptable(operation: &Operation) -> Result<(), String> {
    let object = &operation.object;
    if object.kind == "Secret" && object.group.is_empty() {
        return Err(secret(object));
    }
    match operation.op {
        Op::Update | Op::TakeOver | Op::Recreate => Ok(()),
        Op::Create => Err(format!(
            "{object} is not in the cluster: take it out of Git by hand, or sync to have it back"
        )),
        Op::Delete => {
            Err(format!("{object} is not in Git any more; `gitdeck commit` brings it back"))
        }
    }
}

fn secret(object: &ObjectRef) -> String {
    if !object.is_secret() {
        return format!(
            "{object} has a value there that the configuration calls sensitive; edit its file"
        );
    }
    format!(
        "{object} is a Secret, whose values are never written into Git in the clear; encrypt its file with SOPS and edit it there"
    )
}
