//! Who changed the sources of a recorded mapping since it was noted last: its own recordings, or somebody else.

use crate::domain::{Commit, Mapping, Revision};
use crate::engine::jobs::Context;
use crate::engine::jobs::commit::{is_recording, is_recording_of, is_recording_on};
use crate::engine::jobs::look::Look;
use crate::engine::jobs::render::sources;

/// What others did in Git.
pub(super) enum Others {
    /// Nothing was ever noted, so that nobody can tell.
    Unknown,
    /// What was noted cannot be read any more: any difference may be somebody's commit.
    Lost,
    /// Nobody but this mapping, from this cluster.
    Nobody,
    /// Somebody committed.
    Somebody,
    /// Another cluster or mapping is recorded into the same files; in words.
    Recorder(String),
}

/// What others did to the sources of a mapping up to the revision of a look. `cluster` is the UID of the cluster.
pub(super) async fn since(ctx: &Context, mapping: &Mapping, seen: &Look, cluster: &str) -> Others {
    let Some(noted) = seen.inventory.synced_revision.clone() else { return Others::Unknown };
    if seen.basis.previous().is_none() {
        return Others::Lost;
    }
    if noted == seen.revision {
        return Others::Nobody;
    }
    let paths = sources(ctx, mapping, &seen.revision).await;
    let to = seen.revision.clone();
    let read = ctx.world.git(&mapping.repository, move |git| git.newer(&noted, &to, &paths));
    let Ok(commits) = read.await else { return Others::Lost };
    let theirs: Vec<&Commit> =
        commits.iter().filter(|one| !is_own(&one.message, mapping, cluster)).collect();
    match theirs.iter().find(|one| is_recording(&one.message)) {
        Some(one) => Others::Recorder(format!(
            "commit {} records another cluster or mapping into the files of this one; give each a path of its own",
            one.revision.short()
        )),
        None if theirs.is_empty() => Others::Nobody,
        None => Others::Somebody,
    }
}

/// Whether a commit is a recording of this mapping from this cluster.
pub(super) async fn is_own_commit(
    ctx: &Context,
    mapping: &Mapping,
    cluster: &str,
    commit: Option<&Revision>,
) -> bool {
    let Some(revision) = commit.cloned() else { return false };
    let read = ctx.world.git(&mapping.repository, move |git| git.described(&revision)).await;
    read.is_ok_and(|commit| is_own(&commit.message, mapping, cluster))
}

fn is_own(message: &str, mapping: &Mapping, cluster: &str) -> bool {
    is_recording_of(message, &mapping.name) && is_recording_on(message, cluster)
}
