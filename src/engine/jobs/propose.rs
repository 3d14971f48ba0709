//! Propose a commit: find the edits that make a change, check what they come to, and draft it.

use crate::domain::path::Step;
use crate::domain::{FileEdit, Manifest, Mapping};
use crate::engine::error::Stop;
use crate::engine::jobs::place::{Ground, Wish};
use crate::engine::jobs::{Context, adopt, draft, render, set};
use crate::engine::{Alteration, Event, Failure, Proposal};
use serde_json::Value;
use std::sync::Arc;

/// Edits with what was left out.
#[derive(Default)]
pub(super) struct Found {
    pub edits: Vec<FileEdit>,
    pub left: Vec<String>,
    pub choices: Vec<String>,
}

/// Finds, checks, drafts and tells.
pub(super) async fn run(ctx: &Context, name: &str, alteration: Alteration) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let ground = Ground::of(ctx, mapping).await?;
    let base = ground.base.clone();
    let found = match &alteration {
        Alteration::Image { name, reference } => {
            set::image(ctx, mapping, ground, name, reference).await?
        }
        Alteration::Value { path, value } => set::value(ctx, mapping, ground, path, value).await?,
        Alteration::Adopt { picks, into } => {
            adopt::edits(ctx, mapping, ground, picks, into.as_deref()).await?
        }
    };
    let occasion = alteration.occasion();
    let Found { edits, left, choices } = found;
    let proposal = Proposal {
        alteration,
        edits: Arc::new(edits.clone()),
        base,
        left,
        choices: choices.clone(),
    };
    ctx.emit(Event::Proposed { mapping: name.to_owned(), proposal: Arc::new(proposal) }).await;
    if !choices.is_empty() {
        return Ok(format!("{name}: several files could take it: {}", choices.join(", ")));
    }
    draft::run(ctx, name, edits, occasion).await
}

/// Renders the edited tree and holds it to what was wished for: these values, and nothing else of any object.
pub(super) async fn check(
    ctx: &Context,
    mapping: &Mapping,
    before: &[Manifest],
    edits: &[FileEdit],
    wishes: &[Wish],
) -> Result<(), Failure> {
    let after = render::edited(ctx, mapping, edits.to_vec()).await.map_err(|failure| Failure {
        message: format!("nothing was changed: {}", failure.message),
        ..failure
    })?;
    for old in before {
        let key = old.reference.key();
        let Some(new) = after.iter().find(|new| new.reference.key() == key) else {
            return Err(elsewhere(&format!("{key} would not be there any more")));
        };
        let own: Vec<&Wish> = wishes.iter().filter(|wish| wish.object == key).collect();
        let (mut expected, mut found) = (old.object.clone(), new.object.clone());
        for wish in &own {
            put(&mut expected, &wish.path.0, wish.value.as_ref());
        }
        for wish in own.iter().filter(|wish| wish.value.is_none()) {
            bare(&mut expected, &wish.path.0);
            bare(&mut found, &wish.path.0);
        }
        if let Some(wish) = own.iter().find(|wish| {
            // By now another item may stand where one was removed.
            wish.path.find_written(&expected) != wish.path.find_written(&found)
        }) {
            return Err(Failure::new(format!(
                "{key}{} would not become what it shall: something else decides it",
                wish.path
            ))
            .hint("edit the file that computes it, or name another one with --into"));
        }
        if expected != found {
            return Err(elsewhere(&format!("more of {key} would change than was asked for")));
        }
    }
    if after.len() != before.len() {
        return Err(elsewhere("objects would come up that were not there"));
    }
    Ok(())
}

fn elsewhere(what: &str) -> Failure {
    Failure::new(format!("nothing was changed: {what}"))
        .hint("the value is shared; edit the file by hand, or name another one with --into")
}

/// Sets or removes a value in an object.
pub(super) fn put(object: &mut Value, steps: &[Step], new: Option<&Value>) {
    let Some((first, rest)) = steps.split_first() else { return };
    if object.is_null() {
        if new.is_none() {
            return;
        }
        *object = match first {
            Step::Field(_) => Value::Object(serde_json::Map::new()),
            _ => Value::Array(Vec::new()),
        };
    }
    match object {
        Value::Object(map) => {
            let Step::Field(name) = first else { return };
            match (rest, new) {
                ([], Some(new)) => drop(map.insert(name.clone(), new.clone())),
                ([], None) => drop(map.shift_remove(name)),
                (_, None) if !map.contains_key(name) => {}
                _ => put(map.entry(name.clone()).or_insert(Value::Null), rest, new),
            }
        }
        Value::Array(items) => match (first.position_written(items), rest, new) {
            (Some(at), [], Some(new)) => items[at] = new.clone(),
            (Some(at), [], None) => drop(items.remove(at)),
            (None, [], Some(new)) => items.push(new.clone()),
            (Some(at), _, _) => put(&mut items[at], rest, new),
            (None, _, Some(_)) => {
                let keys = match first {
                    Step::Key(keys) => keys.iter().cloned().collect(),
                    _ => serde_json::Map::new(),
                };
                let mut item = Value::Object(keys);
                put(&mut item, rest, new);
                items.push(item);
            }
            (None, _, None) => {}
        },
        _ => {}
    }
}

/// Takes away the maps and lists on a path that are empty: what is left of them when their last field went depends on
/// how the file was written. Those elsewhere stay, because an `emptyDir: {}` says something.
fn bare(object: &mut Value, steps: &[Step]) {
    let Some((first, rest)) = steps.split_first() else { return };
    let below = match (&mut *object, first) {
        (Value::Object(map), Step::Field(name)) => map.get_mut(name),
        (Value::Array(items), step) => {
            step.position_written(items).and_then(|at| items.get_mut(at))
        }
        _ => None,
    };
    let Some(below) = below else { return };
    bare(below, rest);
    let is_empty = match below {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null => true,
        _ => false,
    };
    if let (true, Value::Object(map), Step::Field(name)) = (is_empty, object, first) {
        map.shift_remove(name);
    }
}
