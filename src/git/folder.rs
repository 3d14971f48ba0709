//! Reading a repository in a folder of this machine, which libgit2 does itself.

use super::address::Address;
use super::handles::is_damage;
use super::places::Limits;
use super::{FetchProgress, Flow, GitError};
use git2::{AutotagOption, Direction, ErrorCode, FetchOptions, Oid, RemoteCallbacks, Repository};
use std::cell::{Cell, RefCell};
use std::time::Instant;

/// The branches of the repository at an address.
pub(super) fn branches(
    mirror: &Repository,
    address: &Address,
) -> Result<Vec<(String, Oid)>, GitError> {
    let url = &address.for_transport(None);
    refuse_cut(address, url)?;
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
    address: &Address,
    refspec: &str,
    (limits, watch): (&Limits, &mut dyn FnMut(FetchProgress) -> Flow),
) -> Result<Vec<(String, Oid)>, GitError> {
    let url = &address.for_transport(None);
    refuse_cut(address, url)?;
    let (stopped, exceeded) = (Cell::new(false), RefCell::new(None));
    let began = Instant::now();
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        let limit = limits.exceeded(progress.received_bytes() as u64, began.elapsed());
        if limit.is_some() {
            *exceeded.borrow_mut() = limit;
            return false;
        }
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
    fetched().map_err(|error| match exceeded.take() {
        Some(reason) => GitError::Limit { remote: url.clone(), reason },
        None if stopped.get() => GitError::Stopped,
        None => explain("fetching", url, &error),
    })
}

/// A repository whose history is cut off looks like one that lost objects, which no new mirror would mend.
fn refuse_cut(address: &Address, remote: &str) -> Result<(), GitError> {
    let cut = Repository::open(&address.path).is_ok_and(|found| found.is_shallow());
    if cut { Err(GitError::shallow(remote)) } else { Ok(()) }
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
