//! Keep the path index of a repository up to date, beside everything else.

use crate::engine::jobs::Context;
use crate::git::{Flow, Indexed};

/// Begins to add the newest commits. Nobody waits for it: a log that comes first reads the trees, and what was not
/// added when the engine stops is added another time.
pub(super) fn begin(ctx: &Context, repository: &str) {
    let (world, name) = (ctx.world.clone(), repository.to_owned());
    let all = world.jobs.all.clone();
    let watch = move |_, _| if all.is_cancelled() { Flow::Stop } else { Flow::Continue };
    let work = async move {
        let mut watch = watch;
        match world.git(&name, move |git| git.index_paths(&mut watch)).await {
            Ok(Indexed::Complete(added)) => tracing::debug!(repository = name, added, "indexed"),
            Ok(Indexed::Stopped | Indexed::Busy) => {}
            // The log is the same without it.
            Err(_) => tracing::warn!(repository = name, "the path index could not be extended"),
        }
    };
    ctx.world.jobs.tracker.spawn(work);
}
