//! Under which name a file or folder lived before the commit that renamed it.

use super::path::shown;
use git2::{Commit, Delta, Diff, DiffDelta, DiffFindOptions, Oid, Repository};
use std::collections::HashMap;

/// Changed files of a commit beyond which nobody looks for names.
const MOST: usize = 20_000;
/// Files among which similar ones are looked for; it costs the square of this.
const SIMILAR: usize = 200;

/// The path that became `path` between a commit and its parent: where at least half of the files come from that are
/// new there. The whole repository is no such place.
pub(super) fn name_before(
    repository: &Repository,
    parent: &Commit<'_>,
    commit: &Commit<'_>,
    path: &str,
) -> Result<Option<String>, git2::Error> {
    let (old, new) = (parent.tree()?, commit.tree()?);
    let mut diff = repository.diff_tree_to_tree(Some(&old), Some(&new), None)?;
    let changed = diff.deltas().len();
    if changed > MOST {
        return Ok(None);
    }
    if let Some(found) = elected(path, new_files(&diff, path), &moved(&diff, path)) {
        return Ok(Some(found));
    }
    if changed > SIMILAR {
        return Ok(None);
    }
    diff.find_similar(Some(DiffFindOptions::new().renames(true).rename_limit(SIMILAR)))?;
    let renamed = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
    let renamed: Vec<_> = renamed.map(|delta| (old_path(&delta), new_path(&delta))).collect();
    Ok(elected(path, new_files(&diff, path), &renamed))
}

/// Files with one content that may have moved.
const ALIKE: usize = 16;

/// Files that left with the content with which others came to be below the path.
fn moved(diff: &Diff<'_>, path: &str) -> Vec<(String, String)> {
    let mut left: HashMap<Oid, Vec<String>> = HashMap::new();
    for delta in diff.deltas().filter(|delta| delta.status() == Delta::Deleted) {
        left.entry(delta.old_file().id()).or_default().push(old_path(&delta));
    }
    let mut moved = Vec::new();
    for delta in diff.deltas().filter(|delta| is_new_below(delta, path)) {
        let new = new_path(&delta);
        // What is the same in many places (an empty file, say) tells nothing, and pairs grow with the square.
        let sources = left.get(&delta.new_file().id()).filter(|sources| sources.len() <= ALIKE);
        let sources = sources.into_iter().flatten();
        moved.extend(sources.map(|old| (old.clone(), new.clone())));
    }
    moved
}

fn new_files(diff: &Diff<'_>, path: &str) -> usize {
    diff.deltas().filter(|delta| is_new_below(delta, path)).count()
}

fn is_new_below(delta: &DiffDelta<'_>, path: &str) -> bool {
    matches!(delta.status(), Delta::Added | Delta::Renamed)
        && below(&new_path(delta), path).is_some()
}

/// The place that most pairs of old and new names agree on.
fn elected(path: &str, files: usize, pairs: &[(String, String)]) -> Option<String> {
    let mut votes: HashMap<&str, usize> = HashMap::new();
    for (old, new) in pairs {
        let Some(rest) = below(new, path) else { continue };
        let place = if rest.is_empty() { Some(&old[..]) } else { old.strip_suffix(rest) };
        if let Some(place) = place.filter(|place| !place.is_empty()) {
            *votes.entry(place).or_default() += 1;
        }
    }
    let (place, votes) = votes.into_iter().max_by_key(|(place, votes)| (*votes, *place))?;
    (votes * 2 >= files).then(|| place.to_owned())
}

/// What follows the path in the name of a file below it, with its slash; nothing for the path itself.
fn below<'n>(name: &'n str, path: &str) -> Option<&'n str> {
    name.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn old_path(delta: &DiffDelta<'_>) -> String {
    shown(delta.old_file().path_bytes().unwrap_or_default())
}

fn new_path(delta: &DiffDelta<'_>) -> String {
    shown(delta.new_file().path_bytes().unwrap_or_default())
}
