//! Commits as far as a walk looks at them, read as Git stores them.

use super::handles::Handles;
use git2::{Commit, Odb, Oid};

/// A commit as far as a walk looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) tree: Oid,
    /// When it was committed, in seconds since 1970.
    pub(super) time: i64,
    pub(super) parents: Vec<Oid>,
}

/// Reads commits as Git stores them: libgit2 copies every field of one, of which three are wanted.
pub(super) struct Nodes<'h> {
    handles: &'h Handles,
    odb: Odb<'h>,
}

impl<'h> Nodes<'h> {
    pub(super) fn new(handles: &'h Handles) -> Result<Self, git2::Error> {
        Ok(Self { handles, odb: handles.mirror.odb()? })
    }

    pub(super) fn read(&self, id: Oid) -> Result<Node, git2::Error> {
        if let Ok(object) = self.odb.read(id)
            && object.kind() == git2::ObjectType::Commit
            && let Some(node) = parse(object.data())
        {
            return Ok(node);
        }
        // What is not in the mirror or not as usual is libgit2's to find or to refuse.
        self.handles.commit(id).map(|commit| of(&commit))
    }
}

fn of(commit: &Commit<'_>) -> Node {
    Node {
        tree: commit.tree_id(),
        time: commit.time().seconds(),
        parents: commit.parent_ids().collect(),
    }
}

/// The lines at the head of a commit (git-commit-tree): tree, parents, author, committer with the time.
fn parse(commit: &[u8]) -> Option<Node> {
    let mut lines = commit.split(|byte| *byte == b'\n');
    let tree = id(lines.next()?.strip_prefix(b"tree ")?)?;
    let mut parents = Vec::new();
    let mut line = lines.next()?;
    while let Some(parent) = line.strip_prefix(b"parent ") {
        parents.push(id(parent)?);
        line = lines.next()?;
    }
    line.strip_prefix(b"author ")?;
    let committer = lines.next()?.strip_prefix(b"committer ")?;
    let behind = committer.iter().rposition(|byte| *byte == b'>')? + 1;
    let stamp = std::str::from_utf8(&committer[behind..]).ok()?;
    let time = stamp.trim_start().split(' ').next()?.parse().ok()?;
    Some(Node { tree, time, parents })
}

fn id(hex: &[u8]) -> Option<Oid> {
    std::str::from_utf8(hex).ok().filter(|hex| hex.len() == 40).and_then(|hex| hex.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{of, parse};
    use git2::{Repository, Signature, Time};
    use proptest::prelude::*;

    #[test]
    fn commits_are_read_as_libgit2_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let tree = repository.treebuilder(None).unwrap().write().unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let mut made: Vec<git2::Commit<'_>> = Vec::new();
        for (time, zone) in [(0, 0), (-5, -90), (1 << 33, 840), (1_700_000_000, 60)] {
            let name = Signature::new("A B", "a@b", &Time::new(time, zone)).unwrap();
            let parents: Vec<_> = made.iter().collect();
            let message = "parent 1\n\ncommitter x <y> 7 +0000";
            let id = repository.commit(None, &name, &name, message, &tree, &parents).unwrap();
            let commit = repository.find_commit(id).unwrap();
            let object = repository.odb().unwrap().read(id).unwrap().data().to_vec();
            let (own, other) = (parse(&object), of(&commit));
            // A time that libgit2 reads otherwise would order the log otherwise.
            if let Some(own) = own {
                assert_eq!(own, other);
            } else {
                assert!(time < 0, "{time} was not read");
            }
            made.push(commit);
        }
    }

    proptest! {
        #[test]
        fn what_is_no_commit_is_left_to_libgit2(head in "(tree|parent|author|committer|x)? ?[0-9a-f<>\n ]{0,90}") {
            prop_assert!(parse(head.as_bytes()).is_none());
        }
    }
}
