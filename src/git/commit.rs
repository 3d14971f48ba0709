//! Commits without a work tree, on top of the branch.

use super::GitError;
use super::describe::described;
use super::handles::Handles;
use super::history::entry_in;
use super::repository::Repository;
use super::write::Draft;
use crate::domain::{Author, Commit, FileEdit, Revision};
use git2::{Oid, Signature};

/// What shall be committed.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// New contents, one per path.
    pub edits: Vec<FileEdit>,
    /// The message without trailers.
    pub message: String,
    /// Who made the change.
    pub author: Author,
    /// Who makes the commit.
    pub committer: Author,
    /// Lines `Key: value` for the end of the message (`git-interpret-trailers`(1)).
    pub trailers: Vec<(String, String)>,
    /// The commit from which the edited files were read. When the branch has moved since, the commit is made only
    /// if those files are still the same.
    pub expected_base: Option<Revision>,
    /// Makes the first commit of an empty repository, which is otherwise refused.
    pub first: bool,
}

impl Repository {
    /// Commits on top of [`Repository::head`]. When this returns, the commit is on the disk, in the outbox, and
    /// survives a crash of the machine and the removal of the mirror.
    pub fn commit(&self, request: &CommitRequest) -> Result<Commit, GitError> {
        if request.edits.is_empty() {
            return Err(GitError::NothingChanged);
        }
        let message = full_message(request)?;
        let author = signature(&request.author)?;
        let committer = signature(&request.committer)?;
        self.with(|handles| {
            let _lock = self.lock_outbox()?;
            let parent = self.head_in(handles)?;
            if parent.is_none() && !request.first {
                return Err(self.unborn());
            }
            self.check_base(handles, request, parent)?;
            let base = self.tree_of(handles, parent)?;
            let placements = self.place(handles, &base, &request.edits)?;
            let tree = self.planted(handles, &base, &placements)?;
            if tree == base.id() {
                return Err(GitError::NothingChanged);
            }
            let parents = parent.as_slice();
            let draft = Draft { author, committer, message: &message, tree, parents };
            let id = self.write_commit(handles, &draft)?;
            self.keep(handles, id)?;
            self.set_newest(handles.all.refname_to_id(&self.pending_ref()).ok(), Some(id))?;
            let commit = handles.all.find_commit(id).map_err(self.fault("reading a commit"))?;
            Ok(described(&commit, true))
        })
    }

    /// Whether the edited files are what they were when they were read.
    pub(super) fn check_base(
        &self,
        handles: &Handles,
        request: &CommitRequest,
        now: Option<Oid>,
    ) -> Result<(), GitError> {
        let Some(expected) = &request.expected_base else { return Ok(()) };
        let read = self.commit_of(handles, expected)?;
        if Some(read.id()) == now {
            return Ok(());
        }
        let then = self.tree_of(handles, Some(read.id()))?;
        let now = self.tree_of(handles, now)?;
        let mut paths = Vec::new();
        for edit in &request.edits {
            let entry = |tree| {
                entry_in(&handles.all, tree, &edit.path).map_err(self.fault("reading a folder"))
            };
            if entry(&then)? != entry(&now)? {
                paths.push(edit.path.clone());
            }
        }
        if paths.is_empty() { Ok(()) } else { Err(GitError::Moved { paths }) }
    }
}

/// The message with its trailers, as `git commit --trailer` writes it.
pub(super) fn full_message(request: &CommitRequest) -> Result<String, GitError> {
    let message = request.message.replace("\r\n", "\n");
    let message = message.trim();
    if message.is_empty() {
        return Err(GitError::Request { reason: "the message is empty".to_owned() });
    }
    if message.contains('\0') {
        return Err(GitError::Request { reason: "the message has a NUL character".to_owned() });
    }
    let mut out = message.to_owned();
    if !request.trailers.is_empty() {
        out.push_str(if ends_with_trailers(message) { "\n" } else { "\n\n" });
    }
    for (key, value) in &request.trailers {
        let sound =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !sound || value.trim().is_empty() || value.chars().any(char::is_control) {
            return Err(GitError::Request {
                reason: format!("\"{key}\" is no trailer of one line"),
            });
        }
        out.push_str(key);
        out.push_str(": ");
        out.push_str(value.trim());
        out.push('\n');
    }
    Ok(if out.ends_with('\n') { out } else { format!("{out}\n") })
}

/// Whether the last paragraph, which is not the title, has only lines `Key: value`.
fn ends_with_trailers(message: &str) -> bool {
    let Some((_, last)) = message.rsplit_once("\n\n") else { return false };
    last.lines().all(|line| {
        line.split_once(": ").is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    })
}

pub(super) fn signature(author: &Author) -> Result<Signature<'static>, GitError> {
    let clean = |text: &str| {
        let text: String =
            text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
        text.trim().to_owned()
    };
    Signature::now(&clean(&author.name), &clean(&author.email)).map_err(|_| GitError::Request {
        reason: "the author needs a name and an address".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{CommitRequest, full_message};
    use crate::domain::Author;

    fn message(text: &str, trailers: &[(&str, &str)]) -> Result<String, String> {
        let nobody = Author { name: String::new(), email: String::new() };
        let request = CommitRequest {
            edits: Vec::new(),
            message: text.to_owned(),
            author: nobody.clone(),
            committer: nobody,
            trailers: trailers
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            expected_base: None,
            first: false,
        };
        full_message(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn trailers_follow_a_blank_line() {
        assert_eq!(
            message("title", &[("Gitdeck-Mapping", "web")]).unwrap(),
            "title\n\nGitdeck-Mapping: web\n"
        );
        assert_eq!(
            message("title\r\n\r\nFixes: #1\n", &[("Gitdeck-Mapping", "web")]).unwrap(),
            "title\n\nFixes: #1\nGitdeck-Mapping: web\n"
        );
        assert_eq!(message("feat: title", &[("K", "v")]).unwrap(), "feat: title\n\nK: v\n");
        assert_eq!(message(" title ", &[]).unwrap(), "title\n");
    }

    #[test]
    fn trailers_cannot_be_injected() {
        assert!(message("title", &[("K", "v\nSigned-off-by: x")]).is_err());
        assert!(message("title", &[("K: v\nX", "y")]).is_err());
        assert!(message("", &[]).is_err());
        assert!(message("a\0b", &[]).is_err());
    }
}
