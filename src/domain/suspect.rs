//! What may have made a mapping ill: commits since it was healthy last, and live changes of what fails, ranked.

use crate::domain::automation::Drifted;
use crate::domain::{Commit, ObjectRef, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Suspects that are named.
pub const MOST: usize = 10;

/// How near a change is to what fails, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// It changed the failing object itself.
    Object,
    /// It touched the file of a failing object.
    File,
    /// It touched the mapping.
    Mapping,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Deed {
    /// In Git.
    Commit {
        /// The commit.
        revision: Revision,
        /// Author (foreign text).
        author: String,
        /// First line of its message (foreign text).
        title: String,
    },
    /// In the cluster, past Git.
    Change {
        /// Field manager (foreign text), where it is known.
        manager: Option<String>,
        /// JSON pointer; empty where the object as a whole went.
        path: String,
    },
}

/// One suspect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// What was changed.
    pub deed: Deed,
    /// How near it is.
    pub rank: Rank,
    /// Why it has that rank, in a few words (may hold foreign text).
    pub why: String,
    /// When it was done, where that is known.
    pub at: Option<Timestamp>,
}

/// `3f2a91c by ana, "image 1.4.2": it wrote lines of Deployment shop/web`. Foreign text.
impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.deed {
            Deed::Commit { revision, author, title } => {
                write!(f, "{} by {author}, \"{title}\": {}", revision.short(), self.why)
            }
            Deed::Change { manager, path } => {
                let manager = manager.as_deref().unwrap_or("somebody");
                let what = if path.is_empty() { "the object" } else { path };
                write!(f, "{manager} in the cluster, {what}: {}", self.why)
            }
        }
    }
}

/// A commit with what it touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The commit.
    pub commit: Commit,
    /// Files that it changed, with the former names of renamed ones.
    pub files: Vec<String>,
}

/// An object that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The object.
    pub object: ObjectRef,
    /// File that it is written in, where there is one.
    pub file: Option<String>,
    /// Commits that wrote its lines as they are.
    pub authors: Vec<Revision>,
}

/// The suspects, nearest first and of equals the newest first.
pub fn rank(touches: &[Touch], failing: &[Failing], drifted: &[Drifted]) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> = touches.iter().map(|touch| commit(touch, failing)).collect();
    let ill =
        |one: &&Drifted| failing.iter().any(|failing| failing.object.key() == one.object.key());
    suspects.extend(drifted.iter().filter(ill).map(|one| Suspect {
        deed: Deed::Change { manager: one.manager.clone(), path: one.path.clone() },
        rank: Rank::Object,
        why: format!("it changed {}", one.object),
        at: one.since,
    }));
    suspects.sort_by_key(|one| (one.rank, std::cmp::Reverse(one.at)));
    suspects.truncate(MOST);
    suspects
}

fn commit(touch: &Touch, failing: &[Failing]) -> Suspect {
    let Touch { commit, files } = touch;
    let wrote = failing.iter().find(|one| one.authors.contains(&commit.revision));
    let in_file =
        || failing.iter().find(|one| one.file.as_ref().is_some_and(|f| files.contains(f)));
    let (rank, why) = if let Some(one) = wrote {
        (Rank::Object, format!("it wrote lines of {}", one.object))
    } else if let Some(one) = in_file() {
        let file = one.file.as_deref().unwrap_or_default();
        (Rank::File, format!("it touched {file}, where {} is written", one.object))
    } else {
        (Rank::Mapping, "it touched the mapping".to_owned())
    };
    let deed = Deed::Commit {
        revision: commit.revision.clone(),
        author: commit.author.clone(),
        title: commit.title().to_owned(),
    };
    Suspect { deed, rank, why, at: Some(commit.time) }
}

#[cfg(test)]
mod tests {
    use super::{Failing, Touch, rank};
    use crate::domain::automation::Drifted;
    use crate::domain::repository::Signature;
    use crate::domain::{Commit, ObjectRef, Revision};
    use jiff::Timestamp;

    fn touch(id: &str, second: i64, file: &str) -> Touch {
        let commit = Commit {
            revision: Revision::new(id.repeat(7)),
            parents: Vec::new(),
            author: "ana".into(),
            email: String::new(),
            time: Timestamp::from_second(second).unwrap(),
            message: format!("commit {id}\n\nmore"),
            signature: Signature::None,
            committer: None,
            by_gitdeck: false,
            pending: false,
        };
        Touch { commit, files: vec![file.into()] }
    }

    fn object(name: &str) -> ObjectRef {
        ObjectRef {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: name.into(),
        }
    }

    fn drifted(name: &str, second: i64) -> Drifted {
        Drifted {
            object: object(name),
            path: "/spec/replicas".into(),
            manager: Some("kubectl-edit".into()),
            since: Some(Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn what_is_nearest_comes_first_and_then_the_newest() {
        let touches = [
            touch("a", 50, "apps/other.yaml"),
            touch("b", 40, "apps/web.yaml"),
            touch("c", 30, "apps/web.yaml"),
            touch("d", 20, "apps/web.yaml"),
        ];
        let failing = Failing {
            object: object("web"),
            file: Some("apps/web.yaml".into()),
            authors: vec![Revision::new("ccccccc"), Revision::new("ddddddd")],
        };
        let live = [drifted("web", 25), drifted("other", 99)];
        let words: Vec<String> =
            rank(&touches, &[failing], &live).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "ccccccc by ana, \"commit c\": it wrote lines of Deployment shop/web",
                "kubectl-edit in the cluster, /spec/replicas: it changed Deployment shop/web",
                "ddddddd by ana, \"commit d\": it wrote lines of Deployment shop/web",
                "bbbbbbb by ana, \"commit b\": it touched apps/web.yaml, where Deployment shop/web is written",
                "aaaaaaa by ana, \"commit a\": it touched the mapping",
            ]
        );
    }

    #[test]
    fn without_a_failing_object_the_newest_commit_is_first() {
        let touches = [touch("a", 10, "x"), touch("b", 20, "y")];
        let found = rank(&touches, &[], &[drifted("web", 1)]);
        assert_eq!(found.len(), 2);
        assert!(found[0].to_string().starts_with("bbbbbbb"));
    }
}
