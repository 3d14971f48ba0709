//! Let ssh know the key of a host that somebody accepted, then fetch.

use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, fetch};
use crate::git::{self, GitError};

/// Accepts the key with this fingerprint; ssh adds it only if the host shows that very key now.
pub(super) async fn run(
    ctx: &Context,
    repository: &str,
    fingerprint: String,
) -> Result<String, Stop> {
    let remote = ctx.world.repository(repository)?.remote.clone();
    let credential = ctx.credential(repository).await?;
    let (places, wanted) = (ctx.world.places(), fingerprint.clone());
    let trusted =
        tokio::task::spawn_blocking(move || git::trust(&places, &remote, &credential, &wanted));
    let trusted =
        trusted.await.map_err(|error| Failure::new(format!("ssh ended early: {error}")))?;
    match trusted {
        Err(GitError::HostUnknown { host, fingerprint: shown, .. }) if shown == fingerprint => {
            return Err(Failure::new(format!("ssh did not take the key of {host}"))
                .hint("`ssh -v` to that host says why; is known_hosts writable?")
                .into());
        }
        // What else is wrong, the fetch says: the next unknown host on the way, or a refused credential.
        _ => fetch::fetch(ctx, repository).await?,
    };
    Ok(format!("the host of {repository} is known to ssh now"))
}
