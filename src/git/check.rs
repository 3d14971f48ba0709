//! Whether a remote can be used, found out without changing anything.

use super::address::{Address, Scheme};
use super::handles::{create_private_folder, open_bare};
use super::repository::revision;
use super::transport::{Session, Way};
use super::{FetchProgress, Flow, GitError, Places, folder};
use crate::domain::{Credential, Remote, Revision};
use git2::{Oid, RepositoryInitOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a look at a remote found. The first problem is the cause of the later ones.
#[derive(Debug)]
pub struct RemoteCheck {
    /// The remote answered and took the credential.
    pub reachable: bool,
    /// The branch is there; unknown when the remote is not reachable.
    pub branch: Option<bool>,
    /// Where the branch is.
    pub tip: Option<Revision>,
    /// The remote lets this credential begin a push; whether a branch is protected shows only when pushing.
    /// Unknown when the remote is not reachable.
    pub push: Option<bool>,
    /// What is wrong, in the order it was found.
    pub problems: Vec<GitError>,
}

/// Looks at a remote: reachable, authenticated, branch there, open for pushes. Nothing is written there.
pub fn check(places: &Places, remote: &Remote, credential: &Credential) -> RemoteCheck {
    let mut found =
        RemoteCheck { reachable: false, branch: None, tip: None, push: None, problems: Vec::new() };
    match branches(places, remote, credential) {
        Ok((address, branches)) => {
            found.reachable = true;
            found.tip = branches
                .iter()
                .find(|(name, _)| *name == remote.branch)
                .map(|(_, id)| revision(*id));
            let here = found.tip.is_some();
            found.branch = Some(here);
            if branches.is_empty() {
                found.problems.push(GitError::Unborn { remote: address });
            } else if !here {
                let names: Vec<String> = branches.into_iter().map(|(name, _)| name).collect();
                let known = names.join(", ");
                found.problems.push(GitError::BranchMissing {
                    remote: address,
                    branch: remote.branch.clone(),
                    known,
                });
            }
        }
        Err(error) => {
            found.problems.push(error);
            return found;
        }
    }
    match may_push(places, remote, credential) {
        Ok(()) => found.push = Some(true),
        Err(error) => {
            found.push = Some(false);
            found.problems.push(error);
        }
    }
    found
}

/// An empty repository, whole from its first moment: others may check a remote at the same time.
fn begun(folder: &Path) -> Result<git2::Repository, git2::Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let own = folder.with_extension(format!("{}-{count}", std::process::id()));
    init(&own)?;
    if std::fs::rename(&own, folder).is_err() {
        // Somebody was faster, or left half of one.
        let _ = std::fs::remove_dir_all(&own);
    }
    open_bare(folder).or_else(|_| init(folder))
}

fn init(folder: &Path) -> Result<git2::Repository, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false);
    git2::Repository::init_opts(folder, &options)
}

/// The address and the branches of a remote. A repository is needed for `git` to run in; nothing is written to it.
fn branches(
    places: &Places,
    remote: &Remote,
    credential: &Credential,
) -> Result<(String, Vec<(String, Oid)>), GitError> {
    let address = Address::parse(&remote.url)?;
    let folder = places.mirrors.join("check.git");
    let repository = ground(places, &folder)?;
    let found = if address.scheme == Scheme::File {
        folder::branches(&repository, &address)?
    } else {
        Session::new(places, &address, credential, (&folder, Way::Fetch), None)?
            .branches(&mut on)?
    };
    let branches = found
        .iter()
        .filter_map(|(name, id)| Some((name.strip_prefix("refs/heads/")?.to_owned(), *id)));
    Ok((address.to_string(), branches.collect()))
}

fn may_push(places: &Places, remote: &Remote, credential: &Credential) -> Result<(), GitError> {
    let address = Address::parse(&remote.url)?;
    if address.scheme == Scheme::File {
        // What a folder lets through shows when it is written to.
        return Ok(());
    }
    let folder = places.mirrors.join("check.git");
    Session::new(places, &address, credential, (&folder, Way::Push), None)?.may_push(&mut on)
}

/// Lets ssh know the key of the host of a remote, which the user compared and accepted: `fingerprint` as ssh shows it.
/// ssh itself adds it to its `known_hosts`, and only if the host shows this very key now.
pub fn trust(
    places: &Places,
    remote: &Remote,
    credential: &Credential,
    fingerprint: &str,
) -> Result<(), GitError> {
    let address = Address::parse(&remote.url)?;
    let folder = places.mirrors.join("check.git");
    ground(places, &folder)?;
    let ways = (folder.as_path(), Way::Fetch);
    Session::new(places, &address, credential, ways, Some(fingerprint))?
        .branches(&mut on)
        .map(|_| ())
}

fn ground(places: &Places, folder: &Path) -> Result<git2::Repository, GitError> {
    create_private_folder(&places.mirrors)?;
    open_bare(folder)
        .or_else(|_| begun(folder))
        .map_err(|error| GitError::storage(folder, error.message()))
}

fn on(_: FetchProgress) -> Flow {
    Flow::Continue
}
