//! Finding the commit that a text on the command line means.

use super::GitError;
use super::handles::Handles;
use super::repository::{Repository, revision};
use crate::domain::Revision;
use git2::{ObjectType, Oid};

impl Repository {
    /// The commit that `text` means: an id of at least four digits, `HEAD` (the newest commit, waiting ones
    /// included), the name of the branch or a tag, each with `~N` or `^` behind it for an ancestor.
    ///
    /// Git's richer expressions (`:/text`, `@{date}`, `^{/text}`) are refused: they run regular expressions on
    /// foreign text.
    pub fn resolve(&self, text: &str) -> Result<Revision, GitError> {
        self.with(|handles| self.resolve_in(handles, text).map(revision))
    }

    pub(super) fn resolve_in(&self, handles: &Handles, text: &str) -> Result<Oid, GitError> {
        let unknown = || GitError::UnknownRevision { text: text.to_owned() };
        let split = text.find(['~', '^']).unwrap_or(text.len());
        let (name, steps) = text.split_at(split);
        let start = self.named(handles, name)?.ok_or_else(unknown)?;
        let commit = handles
            .all
            .find_object(start, None)
            .and_then(|object| object.peel(ObjectType::Commit))
            .map_err(|_| unknown())?;
        let steps = count_steps(steps).ok_or_else(unknown)?;
        let mut id = commit.id();
        for _ in 0..steps {
            let commit = handles.all.find_commit(id).map_err(self.fault("reading a commit"))?;
            id = commit.parent_id(0).map_err(|_| unknown())?;
        }
        Ok(id)
    }

    fn named(&self, handles: &Handles, name: &str) -> Result<Option<Oid>, GitError> {
        if name == "HEAD" || name == "@" {
            return self.head_in(handles);
        }
        if name == self.branch {
            return Ok(self.tip_in(handles));
        }
        if (4..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let found = handles.all.find_object_by_prefix(name, None).map(|object| object.id());
            if let Ok(id) = found {
                return Ok(Some(id));
            }
        }
        let tag = format!("refs/tags/{name}");
        if !git2::Reference::is_valid_name(&tag) {
            return Ok(None);
        }
        Ok(handles.mirror.refname_to_id(&tag).ok())
    }

    /// The commit of a revision.
    pub(super) fn commit_of<'h>(
        &self,
        handles: &'h Handles,
        revision: &Revision,
    ) -> Result<git2::Commit<'h>, GitError> {
        let id = id_of(revision)?;
        handles.all.find_commit(id).map_err(|error| {
            let promised = self.tip_in(handles) == Some(id);
            if error.code() == git2::ErrorCode::NotFound && !promised {
                return GitError::UnknownRevision { text: revision.to_string() };
            }
            self.fault("reading a commit")(error)
        })
    }
}

/// libgit2's id of a revision.
pub(super) fn id_of(revision: &Revision) -> Result<Oid, GitError> {
    let text = revision.as_str();
    let unknown = || GitError::UnknownRevision { text: text.to_owned() };
    if text.len() != 40 {
        return Err(unknown());
    }
    Oid::from_str(text).map_err(|_| unknown())
}

/// How many first parents `~3^^` goes back; nothing for other expressions.
fn count_steps(text: &str) -> Option<usize> {
    let mut steps = 0_usize;
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('^') {
            steps += 1;
            rest = after;
            continue;
        }
        let after = rest.strip_prefix('~')?;
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let count = if digits == 0 { 1 } else { after[..digits].parse().ok()? };
        steps = steps.checked_add(count)?;
        rest = &after[digits..];
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::count_steps;

    #[test]
    fn steps_to_ancestors() {
        assert_eq!(count_steps(""), Some(0));
        assert_eq!(count_steps("^"), Some(1));
        assert_eq!(count_steps("~3^~"), Some(5));
        for refused in ["^{/x}", "~x", "@{1}", ":/x", "^2", "~99999999999999999999"] {
            assert_eq!(count_steps(refused), None, "{refused}");
        }
    }
}
