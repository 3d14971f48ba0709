//! What a revert undoes, and what of it somebody confirmed, as data.

use super::command::{push_options, quoted};
use super::line::push_destination;
use crate::domain::Revision;
use crate::domain::revert::Undo;
use crate::engine::{Branch, SyncOptions};
use std::fmt::Write;

/// What is to be undone, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Repository; the mapping's, or the first that has the commit, where nothing is given.
    pub repository: Option<String>,
    /// Only what this mapping is made from.
    pub mapping: Option<String>,
    /// What is undone.
    pub undo: Undo,
    /// Which parent of a merge is the line that stays, counted from one.
    pub mainline: Option<usize>,
    /// Message; the default one where nothing is given. Several commits have their own.
    pub message: Option<String>,
    /// A range becomes one commit.
    pub squash: bool,
    /// The branch of its own that it is to go to. It is drafted without what waits for a push.
    pub branch: Option<Branch>,
    /// Mappings that would no longer render are no reason to refuse it.
    pub unchecked: bool,
}

/// A draft that somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Repository.
    pub repository: String,
    /// The commit that it was drafted on.
    pub base: Revision,
    /// The drafted commit, of several the last.
    pub draft: Revision,
    /// Push it.
    pub push: bool,
    /// After the push, carry out these plans of it: mapping, digest, what the sync may do.
    pub syncs: Vec<(String, String, SyncOptions)>,
}

impl Wish {
    /// Adds the command line that drafts it, and carries it out as far as it was confirmed.
    pub(super) fn push(&self, line: &mut String, confirmed: Option<&Confirmed>) {
        line.push_str("revert");
        // A commit alone is looked for in every repository.
        let subject = self.mapping.as_ref().or(self.repository.as_ref());
        if let Some(subject) = subject {
            let _ = write!(line, " {}", quoted(subject));
        }
        let _ = match &self.undo {
            Undo::Newest => Ok(()),
            Undo::Commit(text) => write!(line, " {}", quoted(text)),
            Undo::Range(first, last) => write!(line, " {}", quoted(&format!("{first}..{last}"))),
            Undo::Since(text) => write!(line, " --to {}", quoted(text)),
        };
        if let Some(mainline) = self.mainline {
            let _ = write!(line, " --mainline {mainline}");
        }
        if self.squash {
            line.push_str(" --squash");
        }
        if let Some(message) = &self.message {
            let _ = write!(line, " -m {}", quoted(message));
        }
        if self.unchecked {
            line.push_str(" --no-validate");
        }
        if self.branch.is_some() {
            push_destination(line, self.branch.as_ref(), false);
            return;
        }
        match confirmed {
            None => {}
            Some(confirmed) if !confirmed.push => line.push_str(" --no-push"),
            Some(confirmed) => match confirmed.syncs.first() {
                None => line.push_str(" --push"),
                Some((_, _, options)) => {
                    line.push_str(" --sync");
                    push_options(line, &SyncOptions { wait: None, ..options.clone() });
                    if let Some(wait) = options.wait {
                        let _ = write!(line, " --timeout {}s", wait.as_secs());
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Confirmed, Wish};
    use crate::domain::Revision;
    use crate::domain::revert::Undo;
    use crate::engine::{Branch, SyncOptions};

    #[test]
    fn the_line_says_how_far_it_goes() {
        let wish = Wish {
            repository: None,
            mapping: Some("cart".into()),
            undo: Undo::Since("v1".into()),
            mainline: None,
            message: Some("go back".into()),
            squash: false,
            branch: None,
            unchecked: false,
        };
        let line = |confirmed: Option<&Confirmed>| {
            let mut line = String::new();
            wish.push(&mut line, confirmed);
            line
        };
        assert_eq!(line(None), "revert cart --to v1 -m 'go back'");
        let options = SyncOptions { allow_delete: Some(2), ..SyncOptions::default() };
        let confirmed = Confirmed {
            repository: "fleet".into(),
            base: Revision::new("b".repeat(40)),
            draft: Revision::new("a".repeat(40)),
            push: true,
            syncs: vec![("cart".into(), "d".into(), options)],
        };
        let line = line(Some(&confirmed));
        assert_eq!(line, "revert cart --to v1 -m 'go back' --sync --allow-delete 2");
        let apart = Wish { squash: true, branch: Some(Branch::Named("a b".into())), ..wish };
        let mut line = String::new();
        apart.push(&mut line, Some(&confirmed));
        assert_eq!(line, "revert cart --to v1 --squash -m 'go back' --branch 'a b'");
    }
}
