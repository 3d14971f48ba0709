//! What a commit makes of other mappings that are made from the files that it changes.

use crate::domain::{FileEdit, Manifest, Mapping, Revision};
use crate::engine::Tried;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::render::{edited, unseen};
use crate::engine::jobs::revert::touched;
use crate::engine::jobs::tryout::{has, try_out};
use futures::StreamExt;

/// Mappings that are rendered and tried at once.
const AT_ONCE: usize = 4;

/// Why the commit cannot be made, and what else it changes.
#[derive(Default)]
pub(super) struct Beside {
    pub faults: Vec<String>,
    pub tried: Tried,
}

/// Renders each other mapping with and without the edits; where that is wanted, its server tries what differs. A mapping
/// that did not render before is no reason to refuse: the commit may be what mends it.
pub(super) async fn beside(
    ctx: &Context,
    mapping: &Mapping,
    edits: &[FileEdit],
    validate: bool,
) -> Result<Beside, Stop> {
    let head = ctx.world.git(&mapping.repository, |git| Ok(git.head())).await?;
    let Some(head) = head else { return Ok(Beside::default()) };
    let files: Vec<String> = edits.iter().map(|edit| edit.path.clone()).collect();
    let names = touched(ctx, &mapping.repository, Some(mapping), &head, &files).await;
    let others = names.iter().filter(|name| **name != mapping.name);
    let others = others.filter_map(|name| ctx.world.settings.mappings.get(name));
    let looks: Vec<_> = others
        .filter(|other| other.connected)
        .map(|other| one(ctx, other, (edits, &head), validate))
        .collect();
    let mut found = futures::stream::iter(looks).buffered(AT_ONCE);
    let mut all = Beside::default();
    while let Some(one) = found.next().await {
        all.faults.extend(one.faults);
        all.tried.refused.extend(one.tried.refused);
        all.tried.untold.extend(one.tried.untold);
        all.tried.also.extend(one.tried.also);
    }
    Ok(all)
}

async fn one(
    ctx: &Context,
    mapping: &Mapping,
    (edits, head): (&[FileEdit], &Revision),
    validate: bool,
) -> Beside {
    let name = &mapping.name;
    let mut found = Beside::default();
    let before = unseen(ctx, mapping, head).await;
    let new = match (edited(ctx, mapping, edits.to_vec()).await, &before) {
        (Ok(new), _) => new,
        (Err(failure), Ok(_)) => {
            found.faults.push(format!(
                "{name} is made from these files as well, and would break: {failure}"
            ));
            return found;
        }
        (Err(_), Err(_)) => {
            found.tried.also.push(format!("{name} (which does not render before either)"));
            return found;
        }
    };
    let old = before.ok().flatten().unwrap_or_default();
    let changed = changed(&old, &new);
    if changed == 0 {
        return found;
    }
    let noun = if changed == 1 { "object" } else { "objects" };
    found.tried.also.push(format!("{name} ({changed} {noun})"));
    if validate {
        let tried = try_out(ctx, mapping, &old, &new).await;
        let named = |said: Vec<String>| said.into_iter().map(|said| format!("{name}: {said}"));
        found.tried.refused.extend(named(tried.refused));
        found.tried.untold.extend(named(tried.untold));
    }
    found
}

/// How many objects come, go, or become other ones.
fn changed(old: &[Manifest], new: &[Manifest]) -> usize {
    let is_there = |one: &&Manifest| new.iter().any(|other| other.reference == one.reference);
    let come = new.iter().filter(|one| !has(old, one)).count();
    come + old.iter().filter(|one| !is_there(one)).count()
}
