//! Reading a repository in a folder of this machine, which libgit2 does itself.

use super::handles::is_damage;
use super::{FetchProgress, Flow, GitError};
use git2::{AutotagOption, Direction, ErrorCode, FetchOptions, Oid, RemoteCallbacks, Repository};
use std::cell::Cell;

/// The branches of the repository at `url`.
pub(super) fn branches(mirror: &Repository, url: &str) -> Result<Vec<(String, Oid)>, GitError> {
    let list = || -> Result<_, git2::Error> {
        let mut remote = mirror.remote_anonymous(url)?;
        let connection = remote.connect_auth(Direction::Fetch, None, None)?;
        Ok(heads(connection.list()?))
    };
    list().map_err(|error| explain("connecting", url, &error))
}

/// Fetches with a refspec; gives the branches that the repository has.
pub(super) fn fetch(
    mirror: &Repository,
    url: &str,
    refspec: &str,
    watch: &mut dyn FnMut(FetchProgress) -> Flow,
) -> Result<Vec<(String, Oid)>, GitError> {
    let stopped = Cell::new(false);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        let flow = watch(FetchProgress {
            objects: progress.received_objects(),
            total: progress.total_objects(),
            bytes: progress.received_bytes(),
        });
        stopped.set(flow == Flow::Stop);
        flow == Flow::Continue
    });
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::Auto).update_fetchhead(false);
    let mut fetched = || -> Result<_, git2::Error> {
        let mut remote = mirror.remote_anonymous(url)?;
        remote.fetch(&[refspec], Some(&mut options), None)?;
        Ok(heads(remote.list()?))
    };
    fetched().map_err(|error| {
        if stopped.get() { GitError::Stopped } else { explain("fetching", url, &error) }
    })
}

fn heads(heads: &[git2::RemoteHead<'_>]) -> Vec<(String, Oid)> {
    let branches = heads.iter().filter(|head| head.name().starts_with("refs/heads/"));
    branches.map(|head| (head.name().to_owned(), head.oid())).collect()
}

/// What an error of libgit2 means.
fn explain(doing: &'static str, url: &str, error: &git2::Error) -> GitError {
    let (remote, reason) = (url.to_owned(), error.message().to_owned());
    match (error.code(), error.class()) {
        (ErrorCode::User, _) => GitError::Stopped,
        _ if ["object format", "extension", "reftable"]
            .iter()
            .any(|word| reason.contains(word)) =>
        {
            GitError::Unsupported {
                remote,
                reason: format!(
                    "its format is not supported ({reason}): only SHA-1 repositories with the files backend are"
                ),
            }
        }
        (ErrorCode::Owner, _) => GitError::Unsupported {
            remote,
            reason: format!(
                "{reason}: it belongs to another user; `git config --global --add safe.directory` allows it"
            ),
        },
        _ if is_damage(error) => GitError::Damaged { remote, reason },
        (_, git2::ErrorClass::Net | git2::ErrorClass::Os)
        | (ErrorCode::NotFound | ErrorCode::Timeout | ErrorCode::Eof, _) => {
            GitError::Unreachable { remote, reason }
        }
        _ => GitError::Git { doing, remote, reason },
    }
}
