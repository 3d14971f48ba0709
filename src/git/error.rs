//! What can go wrong with a repository, and what to do then.

use crate::domain::Revision;
use std::path::{Path, PathBuf};

/// A failure of a Git operation. `remote` is the address without user names of http(s) and without any password;
/// `reason` may hold words of the server or of libgit2 (foreign text, to be made harmless where it is shown).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The address is not one that gitdeck connects to.
    #[error(
        "the address is refused: {reason}: expected https://host/path, ssh://user@host/path, user@host:path or file:///path"
    )]
    Address {
        /// Why, without the address, which may hold a password.
        reason: String,
    },
    /// The branch name is not one that Git accepts.
    #[error("\"{branch}\" is no valid branch name")]
    BranchName {
        /// The name.
        branch: String,
    },
    /// A new branch cannot have this name.
    #[error("{remote} has a branch {branch} already: choose another name")]
    BranchTaken {
        /// Which remote.
        remote: String,
        /// The name.
        branch: String,
    },
    /// The server did not take a new branch.
    #[error("the server refused the branch {branch}: {reason}")]
    NotTaken {
        /// The name.
        branch: String,
        /// Words of the server.
        reason: String,
    },
    /// The server did not answer, or something that is not Git answered.
    #[error("{remote} cannot be reached: {reason}: check the address and the network")]
    Unreachable {
        /// Which remote.
        remote: String,
        /// Words of the transport.
        reason: String,
    },
    /// The server wants other credentials.
    #[error(
        "{remote} refused {credential}: {reason}: check that the credential is valid and may read this repository"
    )]
    Authentication {
        /// Which remote.
        remote: String,
        /// The kind of credential, its reference and the user name; never its value.
        credential: String,
        /// Words of the transport.
        reason: String,
    },
    /// The server's certificate is not to be trusted.
    #[error(
        "the TLS certificate of {remote} is not trusted: {reason}: name the authority's file with `git config http.sslCAInfo` or GIT_SSL_CAINFO"
    )]
    Certificate {
        /// Which remote.
        remote: String,
        /// Words of the TLS library.
        reason: String,
    },
    /// No `known_hosts` file has a key of the host.
    #[error(
        "the host key of {host} is not known ({kind} {fingerprint}): compare the fingerprint with the one that its operator publishes before it is accepted"
    )]
    HostUnknown {
        /// Host, with the port where it is not 22 (words of ssh).
        host: String,
        /// Type of the key, `ED25519`.
        kind: String,
        /// `SHA256:` and the hash of the key, as ssh shows it.
        fingerprint: String,
    },
    /// The host has another key than before, or a revoked one.
    #[error(
        "THE HOST KEY OF {host} HAS CHANGED: it shows {presented}, but {place} has {expected}: somebody may be between you and the host; ask its operator, and only then remove the old line"
    )]
    HostChanged {
        /// Host, with the port where it is not 22.
        host: String,
        /// Fingerprint of the key that was shown.
        presented: String,
        /// Fingerprint of the key that was expected.
        expected: String,
        /// File and line of the expected key.
        place: String,
    },
    /// The server answered with a redirect, which is not followed: credentials are bound to one host.
    #[error("{remote} has moved: {reason}: redirects are not followed; give the new address")]
    Redirected {
        /// Which remote.
        remote: String,
        /// Words of the transport.
        reason: String,
    },
    /// The `git` of this machine cannot carry the connection.
    #[error(
        "git cannot be used: {reason}: install git 2.31 or newer, which carries all connections over https and ssh"
    )]
    Program {
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes or more time than one conversation may take.
    #[error("{remote} was given up: {reason}: raise the limit, or follow a smaller repository")]
    Limit {
        /// Which remote.
        remote: String,
        /// The limit, and how to raise it.
        reason: String,
    },
    /// A kind of repository that libgit2 cannot read.
    #[error("{remote} cannot be used: {reason}")]
    Unsupported {
        /// Which remote.
        remote: String,
        /// What it is, and what to do.
        reason: String,
    },
    /// The remote has no such branch.
    #[error("{remote} has no branch \"{branch}\": it has {known}")]
    BranchMissing {
        /// Which remote.
        remote: String,
        /// The branch.
        branch: String,
        /// The branches it has.
        known: String,
    },
    /// There is no commit to read: nothing was fetched yet, or the remote is empty.
    #[error(
        "there is no commit of {remote} yet: fetch first; an empty repository needs a first commit"
    )]
    Unborn {
        /// Which remote.
        remote: String,
    },
    /// The branch was rewritten on the remote; that is never followed by itself.
    #[error(
        "the branch of {remote} was rewritten: it was at {before} and is now at {tip}: look at both, then accept the new history"
    )]
    Rewritten {
        /// Which remote.
        remote: String,
        /// The tip that gitdeck follows.
        before: Revision,
        /// The tip that the remote has.
        tip: Revision,
    },
    /// Stopped on request.
    #[error("stopped on request; nothing was changed")]
    Stopped,
    /// No commit is meant by the text.
    #[error(
        "\"{text}\" is no commit of this repository: give an id of at least four digits, a branch or a tag"
    )]
    UnknownRevision {
        /// What was asked for.
        text: String,
    },
    /// The path is not in the commit.
    #[error("there is no \"{path}\" at {revision}")]
    PathMissing {
        /// The path.
        path: String,
        /// The commit.
        revision: Revision,
    },
    /// The path cannot be read or written.
    #[error("\"{path}\" is refused: {reason}")]
    PathRefused {
        /// The path.
        path: String,
        /// Why, and what to do.
        reason: String,
    },
    /// More than gitdeck reads from a repository.
    #[error("\"{path}\" is too large: {reason}: map a smaller folder")]
    TooLarge {
        /// The path.
        path: String,
        /// Size and limit.
        reason: String,
    },
    /// The edits leave every file as it is.
    #[error("nothing is changed by this commit: the files already have this content")]
    NothingChanged,
    /// The commit's message, author or trailer cannot be written.
    #[error("the commit cannot be made: {reason}")]
    Request {
        /// Which part, and why.
        reason: String,
    },
    /// The commit cannot be signed, so that it is not made.
    #[error(
        "the commit cannot be signed: {program}: {reason}: nothing was committed; unlock the key (`ssh-add`, gpg-agent) or set `format = \"off\"` in [signing]"
    )]
    Signing {
        /// The program that signs.
        program: String,
        /// Its words.
        reason: String,
    },
    /// Nobody knows who signed a commit.
    #[error("the signature cannot be verified: git: {reason}")]
    Verification {
        /// Words of git.
        reason: String,
    },
    /// The files were changed by others since they were read.
    #[error("changed by others in the meantime: {}: read them again and repeat the edit", .paths.join(", "))]
    Moved {
        /// The files.
        paths: Vec<String>,
    },
    /// A commit that is waiting builds on the one to be dropped.
    #[error("later waiting commits change the same files ({}): drop those first", .paths.join(", "))]
    Entangled {
        /// The files.
        paths: Vec<String>,
    },
    /// A merge cannot be undone before it is said which of its lines stays.
    #[error("{revision} is a merge: say which parent stays ({lines}) with --mainline N")]
    Mainline {
        /// The merge.
        revision: Revision,
        /// Its parents by number.
        lines: String,
    },
    /// What is to be undone was changed again since.
    #[error("{}changed again since, so that it cannot be undone alone: {}", stopped(.at.as_ref()), .paths.join(", "))]
    Diverged {
        /// The files.
        paths: Vec<String>,
        /// The commit, where several are undone.
        at: Option<Revision>,
    },
    /// A merge in a range brought changes that are on none of its lines.
    #[error(
        "{revision} is a merge with changes of its own, so that undoing its lines does not undo it: undo merges as a whole with --mainline 1, or the range as one commit with --squash"
    )]
    OwnMerge {
        /// The merge.
        revision: Revision,
    },
    /// The server said yes, but the branch does not have the commit.
    #[error(
        "{remote} accepted {revision}, but its branch does not have it: the commit stays in the outbox; fetch and look"
    )]
    Unconfirmed {
        /// Which remote.
        remote: String,
        /// The commit.
        revision: Revision,
    },
    /// The mirror is damaged; it is rebuilt by the next fetch.
    #[error(
        "the mirror of {remote} is damaged ({reason}): fetch to build it anew; unpushed commits are not in it"
    )]
    Damaged {
        /// Which remote.
        remote: String,
        /// Words of libgit2.
        reason: String,
    },
    /// A file or folder of gitdeck cannot be read or written.
    #[error("{}: {reason}: check the space and the permissions there", .path.display())]
    Storage {
        /// File or folder.
        path: PathBuf,
        /// Words of the system.
        reason: String,
    },
    /// Anything else that libgit2 reports.
    #[error("{doing} failed for {remote}: {reason}")]
    Git {
        /// What was being done.
        doing: &'static str,
        /// Which remote.
        remote: String,
        /// Words of libgit2.
        reason: String,
    },
}

impl GitError {
    /// A failure of the file system at a path.
    pub(super) fn storage(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Storage { path: path.to_owned(), reason: reason.to_string() }
    }

    /// A remote whose history is cut off.
    pub(super) fn shallow(remote: &str) -> Self {
        let reason = "it is a shallow copy itself, so that its history has no beginning: \
             use the repository that it was cloned from";
        Self::Unsupported { remote: remote.to_owned(), reason: reason.to_owned() }
    }

    /// A refused path.
    pub(super) fn path(path: &str, reason: &str) -> Self {
        Self::PathRefused { path: path.to_owned(), reason: reason.to_owned() }
    }
}

/// Which of several commits it is about.
fn stopped(at: Option<&Revision>) -> String {
    at.map_or_else(String::new, |at| format!("stopped at {}: ", at.short()))
}
