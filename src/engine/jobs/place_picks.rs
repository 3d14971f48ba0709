//! Puts live values into the files of a mapping, as far as each of them can be.

use crate::domain::{FileEdit, Mapping, Revision};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::adopt::written;
use crate::engine::jobs::live_changes::Pick;
use crate::engine::jobs::place::{Ground, Misplaced, Wish};
use crate::engine::jobs::propose::check;
use crate::engine::jobs::render::sources;

/// Edits, with what they come from.
#[derive(Default)]
pub(super) struct Placed {
    pub edits: Vec<FileEdit>,
    /// The revision that they were made on.
    pub base: Option<Revision>,
    /// Who set the values that were placed, each once; in order of their names.
    pub managers: Vec<String>,
    /// What could not be placed, a sentence each.
    pub left: Vec<String>,
}

/// One try.
struct Tried {
    placed: Placed,
    checked: Result<(), Failure>,
}

/// Places what can be placed. One value that something else decides does not keep the others out.
pub(super) async fn place(
    ctx: &Context,
    mapping: &Mapping,
    picks: &[Pick],
) -> Result<Placed, Stop> {
    let all: Vec<&Pick> = picks.iter().collect();
    let tried = attempt(ctx, mapping, &all).await?;
    let mut placed = match tried.checked {
        Ok(()) => tried.placed,
        Err(failure) if all.len() == 1 => {
            Placed { left: vec![failure.message], ..Placed::default() }
        }
        Err(_) => one_by_one(ctx, mapping, &all).await?,
    };
    if let Some(reason) = shared(ctx, mapping, &placed).await {
        placed.left.push(reason);
        placed.edits.clear();
    }
    Ok(placed)
}

async fn one_by_one(ctx: &Context, mapping: &Mapping, picks: &[&Pick]) -> Result<Placed, Stop> {
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    let mut placed = Placed::default();
    for pick in picks {
        taken.push(*pick);
        let tried = attempt(ctx, mapping, &taken).await?;
        match tried.checked {
            Ok(()) => placed = tried.placed,
            Err(failure) => {
                taken.pop();
                left.push(failure.message);
            }
        }
    }
    placed.left.extend(left);
    Ok(placed)
}

async fn attempt(ctx: &Context, mapping: &Mapping, picks: &[&Pick]) -> Result<Tried, Stop> {
    let mut ground = Ground::of(ctx, mapping).await?;
    let (mut wishes, mut placed) = (Vec::new(), Placed::default());
    for pick in picks {
        let Some(object) = written(&ground, &pick.object) else {
            placed.left.push(format!("{} is not in Git at the head", pick.object));
            continue;
        };
        let wish = Wish { object, path: pick.path.clone(), value: pick.value.clone() };
        match take(&mut ground, &wish) {
            Ok(()) => {
                placed.managers.extend(pick.manager.clone());
                wishes.push(wish);
            }
            Err(reason) => placed.left.push(reason),
        }
    }
    placed.edits = ground.edits();
    placed.base.clone_from(&ground.base);
    placed.managers.sort_unstable();
    placed.managers.dedup();
    let checked = if placed.edits.is_empty() {
        Ok(())
    } else {
        check(ctx, mapping, &ground.manifests, &placed.edits, &wishes).await
    };
    Ok(Tried { placed, checked })
}

/// Places one value. Where the base of an overlay has it, the mapping's own kustomization takes it: others may use the
/// base.
fn take(ground: &mut Ground, wish: &Wish) -> Result<(), String> {
    match ground.place(wish, None) {
        Ok(()) => Ok(()),
        Err(Misplaced::Refused(reason)) => Err(reason),
        Err(Misplaced::Asked(files)) => {
            match ground.place(wish, files.first().map(String::as_str)) {
                Ok(()) => Ok(()),
                Err(Misplaced::Refused(reason)) => Err(reason),
                Err(Misplaced::Asked(files)) => Err(format!(
                    "{}{}: several files could take it: {}",
                    wish.object,
                    wish.path,
                    files.join(", ")
                )),
            }
        }
    }
}

/// Why none of the files may be changed: another mapping is made from one of them, and would take over what is live here.
async fn shared(ctx: &Context, mapping: &Mapping, placed: &Placed) -> Option<String> {
    let base = placed.base.as_ref()?;
    let others = ctx.world.settings.mappings.values();
    for other in
        others.filter(|one| one.repository == mapping.repository && one.name != mapping.name)
    {
        let sources = sources(ctx, other, base).await;
        let taken = |file: &str| {
            sources.iter().any(|path| {
                path.is_empty()
                    || file
                        .strip_prefix(path.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        if let Some(edit) = placed.edits.iter().find(|edit| taken(&edit.path)) {
            return Some(format!(
                "mapping `{}` is made from {} as well: what is live in one would go to the other",
                other.name, edit.path
            ));
        }
    }
    None
}
