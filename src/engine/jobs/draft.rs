//! Draft a commit: validate the edits, say what would be committed and under which message.

use crate::domain::template::Occasion;
use crate::domain::{FileEdit, Manifest, Mapping};
use crate::engine::error::Stop;
use crate::engine::jobs::beside::beside;
use crate::engine::jobs::mask::mask;
use crate::engine::jobs::tryout::try_out;
use crate::engine::jobs::wording::{About, worded};
use crate::engine::jobs::{Context, render};
use crate::engine::message::summarise;
use crate::engine::{Event, Failure, Tried};
use crate::git::{GitError, Repository};
use similar::TextDiff;
use std::collections::HashMap;

/// What a commit of some edits would be.
pub(super) struct Drafted {
    pub message: String,
    pub diff: String,
    pub faults: Vec<String>,
    pub tried: Tried,
}

/// Drafts and tells.
pub(super) async fn run(
    ctx: &Context,
    name: &str,
    edits: Vec<FileEdit>,
    occasion: Occasion,
) -> Result<String, Stop> {
    let drafted = draft(ctx, ctx.world.mapping(name)?, edits, (&occasion.into(), true)).await?;
    let title = drafted.message.lines().next().unwrap_or_default().to_owned();
    let Drafted { message, diff, faults, tried } = drafted;
    ctx.emit(Event::Drafted { mapping: name.to_owned(), message, diff, faults, tried }).await;
    Ok(title)
}

/// Renders the tree with and without the edits and compares, for the mapping and for all that are made from the same
/// files; where that is wanted, the server tries what differs.
pub(super) async fn draft(
    ctx: &Context,
    mapping: &Mapping,
    edits: Vec<FileEdit>,
    (about, validate): (&About, bool),
) -> Result<Drafted, Stop> {
    let asked = edits.iter().map(|edit| (edit.path.clone(), edit.content.is_none())).collect();
    let before = ctx.world.git(&mapping.repository, move |git| contents(git, asked)).await?;
    let old: Vec<Manifest> = render::edited(ctx, mapping, Vec::new()).await.unwrap_or_default();
    let beside = beside(ctx, mapping, &edits, validate).await?;
    let (new, mut faults) = match render::edited(ctx, mapping, edits.clone()).await {
        Ok(manifests) => (manifests, Vec::new()),
        Err(failure) => (Vec::new(), vec![failure.to_string()]),
    };
    let paths: Vec<String> = edits.iter().map(|edit| edit.path.clone()).collect();
    // What does not render has nothing to compare.
    let (old, new) = if faults.is_empty() { (&old[..], &new[..]) } else { (&[][..], &[][..]) };
    let said = summarise(old, new, &paths);
    let message = worded(ctx, mapping, (&said, &paths), about);
    let diff = tokio::task::spawn_blocking(move || unified(&before, &edits)).await;
    let diff = diff.map_err(|error| Failure::new(format!("drafting ended early: {error}")))?;
    let mut tried = if validate { try_out(ctx, mapping, old, new).await } else { Tried::default() };
    faults.extend(beside.faults);
    tried.refused.extend(beside.tried.refused);
    tried.untold.extend(beside.tried.untold);
    tried.also = beside.tried.also;
    Ok(Drafted { message, diff, faults, tried })
}

/// What is in the files now; nothing for those that are not there. They may lie outside the mapping's path: a base, say.
/// What cannot be read may still be removed, which comes with the path.
fn contents(
    git: &Repository,
    paths: Vec<(String, bool)>,
) -> Result<HashMap<String, Vec<u8>>, GitError> {
    let Some(head) = git.head() else { return Ok(HashMap::new()) };
    let mut contents = HashMap::new();
    for (path, is_removed) in paths {
        match git.file(&head, &path) {
            Ok(content) => {
                contents.insert(path, content);
            }
            Err(GitError::PathRefused { reason, .. }) if is_removed => {
                contents.insert(path, format!("(not shown: {reason})\n").into_bytes());
            }
            Err(GitError::TooLarge { reason, .. }) if is_removed => {
                contents.insert(path, format!("(not shown: {reason})\n").into_bytes());
            }
            Err(GitError::PathMissing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(contents)
}

fn unified(files: &HashMap<String, Vec<u8>>, edits: &[FileEdit]) -> String {
    let mut text = String::new();
    for edit in edits {
        let old = files.get(&edit.path).map(Vec::as_slice);
        let old = String::from_utf8_lossy(old.unwrap_or_default());
        let new = String::from_utf8_lossy(edit.content.as_deref().unwrap_or_default());
        if old != new {
            let diff = TextDiff::from_lines(old.as_ref(), new.as_ref());
            let (from, to) = (format!("a/{}", edit.path), format!("b/{}", edit.path));
            let patch = diff.unified_diff().header(&from, &to).to_string();
            let side = |text: &str| Ok(Some(text.as_bytes().to_vec()));
            text.push_str(&mask(&patch, &[side(&old), side(&new)]));
        }
    }
    text
}
