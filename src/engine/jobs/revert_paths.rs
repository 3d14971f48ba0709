//! The files and folders that a revert of a mapping is about: what it is made from, as its log shows it.

use crate::domain::folder::is_within;
use crate::domain::revert::Undo;
use crate::domain::{Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::render::sources;
use crate::engine::revert::Wish;
use crate::git::{GitError, Repository};

/// The mapping's path, and the bases, components and values that it was made from at any state that the wish speaks of,
/// without those below another. Without a mapping none: it is about all of the repository.
pub(super) async fn paths(
    ctx: &Context,
    mapping: Option<&Mapping>,
    wish: &Wish,
) -> Result<Vec<String>, Stop> {
    let Some(mapping) = mapping else { return Ok(Vec::new()) };
    let wished = wish.clone();
    let states = ctx.world.git(&mapping.repository, move |git| states(git, &wished)).await?;
    let mut paths = vec![mapping.path.clone()];
    for state in states {
        for path in sources(ctx, mapping, &state).await {
            if !paths.iter().any(|above| is_within(&path, above)) {
                paths.retain(|below| !is_within(below, &path));
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

/// What a revert leads from and to. A base that is named no longer, or not named yet, was a part of it on one side.
fn states(git: &Repository, wish: &Wish) -> Result<Vec<Revision>, GitError> {
    let now = if wish.branch.is_some() { git.tip() } else { git.head() };
    let mut states: Vec<Revision> = now.into_iter().collect();
    match &wish.undo {
        Undo::Newest => {}
        Undo::Commit(text) => {
            let commit = git.described(&git.resolve(text)?)?;
            states.push(commit.revision);
            states.extend(commit.parents.into_iter().take(1));
        }
        Undo::Since(text) => states.push(git.resolve(text)?),
        Undo::Range(first, last) => states.extend([git.resolve(first)?, git.resolve(last)?]),
    }
    states.dedup();
    Ok(states)
}
