//! Commits in our words.

use super::repository::revision;
use crate::domain::repository::Signature;
use crate::domain::{Author, Commit};
use jiff::Timestamp;

/// A commit in our words.
pub(super) fn described(commit: &git2::Commit<'_>, pending: bool) -> Commit {
    let author = commit.author();
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    Commit {
        revision: revision(commit.id()),
        parents: commit.parent_ids().map(revision).collect(),
        author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(author.email_bytes()).into_owned(),
        committer: committer(commit),
        time: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
        by_gitdeck: message.lines().any(|line| line.starts_with("Gitdeck-")),
        message,
        signature: if is_signed(commit) { Signature::Present } else { Signature::None },
        pending,
    }
}

/// The committer, where it is not the author.
fn committer(commit: &git2::Commit<'_>) -> Option<Author> {
    let (author, committer) = (commit.author(), commit.committer());
    let is_other = (author.name_bytes(), author.email_bytes())
        != (committer.name_bytes(), committer.email_bytes());
    is_other.then(|| Author {
        name: String::from_utf8_lossy(committer.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(committer.email_bytes()).into_owned(),
    })
}

/// Whether a commit carries a signature. One by a key of SSH is in the same header as one by PGP (gitformat-signature).
pub(super) fn is_signed(commit: &git2::Commit<'_>) -> bool {
    commit.raw_header_bytes().split(|byte| *byte == b'\n').any(|line| line.starts_with(b"gpgsig "))
}
