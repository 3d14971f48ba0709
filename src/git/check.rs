//! Whether a remote can be used, found out without changing anything.

use super::address::Address;
use super::connect::Session;
use super::handles::{create_private_folder, open_bare};
use super::{GitError, Places};
use crate::domain::{Credential, Remote};
use git2::{Direction, RepositoryInitOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a look at a remote found. The first problem is the cause of the later ones.
#[derive(Debug)]
pub struct RemoteCheck {
    /// The remote answered and took the credential.
    pub reachable: bool,
    /// The branch is there; unknown when the remote is not reachable.
    pub branch: Option<bool>,
    /// The remote lets this credential begin a push; whether a branch is protected shows only when pushing.
    /// Unknown when the remote is not reachable.
    pub push: Option<bool>,
    /// What is wrong, in the order it was found.
    pub problems: Vec<GitError>,
}

/// Looks at a remote: reachable, authenticated, branch there, open for pushes. Nothing is written there.
pub fn check(places: &Places, remote: &Remote, credential: &Credential) -> RemoteCheck {
    let mut found =
        RemoteCheck { reachable: false, branch: None, push: None, problems: Vec::new() };
    match branches(places, remote, credential, Direction::Fetch) {
        Ok((address, branches)) => {
            found.reachable = true;
            let here = branches.contains(&remote.branch);
            found.branch = Some(here);
            if branches.is_empty() {
                found.problems.push(GitError::Unborn { remote: address });
            } else if !here {
                let known = branches.join(", ");
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
    match branches(places, remote, credential, Direction::Push) {
        Ok(_) => found.push = Some(true),
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
    let repository = git2::Repository::init_opts(folder, &options)?;
    let mut own = repository.config()?.open_level(git2::ConfigLevel::Local)?;
    own.set_str("http.followRedirects", "false")?;
    Ok(repository)
}

/// The address and the branches that the remote shows for a fetch or a push.
fn branches(
    places: &Places,
    remote: &Remote,
    credential: &Credential,
    direction: Direction,
) -> Result<(String, Vec<String>), GitError> {
    let address = Address::parse(&remote.url)?;
    create_private_folder(&places.mirrors)?;
    // A repository is needed for the user's Git configuration to be read.
    let folder = places.mirrors.join("check.git");
    let repository = open_bare(&folder)
        .or_else(|_| begun(&folder))
        .map_err(|error| GitError::storage(&folder, error.message()))?;
    let session = Session::new(places, &address, credential, &repository)?;
    let mut connection = session.remote(&repository)?;
    let connected =
        connection.connect_auth(direction, Some(session.callbacks()), Some(Session::proxy()));
    let heads = connected.and_then(|connected| {
        let heads = connected.list()?;
        Ok(heads
            .iter()
            .filter_map(|head| head.name().strip_prefix("refs/heads/").map(str::to_owned))
            .collect())
    });
    let heads = heads.map_err(|error| session.explain("connecting", error))?;
    session.approve();
    Ok((address.to_string(), heads))
}
