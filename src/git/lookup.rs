//! What commits have at a path, looked up in their trees.

use super::handles::Handles;
use super::index_trees::{FOLDER, next};
use super::path;
use git2::{ErrorClass, ErrorCode, ObjectType, Odb, Oid};
use std::collections::HashMap;
use std::rc::Rc;

/// What commits have at several paths.
pub(super) struct Lookups<'h> {
    trees: Rc<Trees<'h>>,
    pub(super) paths: Vec<String>,
    each: Vec<Lookup<'h>>,
}

impl<'h> Lookups<'h> {
    pub(super) fn new(handles: &'h Handles, paths: &[String]) -> Result<Self, git2::Error> {
        let trees = Rc::new(Trees { mirror: handles.mirror.odb()?, all: handles.all.odb()? });
        let each = paths.iter().map(|path| Lookup::new(&trees, path)).collect();
        Ok(Self { trees, paths: paths.to_vec(), each })
    }

    /// Looks at one more path from now on.
    pub(super) fn add(&mut self, path: &str) {
        self.paths.push(path.to_owned());
        self.each.push(Lookup::new(&self.trees, path));
    }

    /// Whether one of the paths is the root, which every commit is taken to change.
    pub(super) fn is_root(&self) -> bool {
        self.each.iter().any(Lookup::is_root)
    }

    /// What the tree of a commit has at each of the paths.
    pub(super) fn of(&mut self, tree: Oid) -> Result<Vec<Entry>, git2::Error> {
        self.each.iter_mut().map(|lookup| lookup.below(tree, 0)).collect()
    }
}

/// Whether there is anything at the paths.
pub(super) fn is_there(entries: &[Entry]) -> bool {
    entries.iter().any(Option::is_some)
}

/// Trees as Git stores them: libgit2 makes an object of each line, of which one is wanted.
struct Trees<'h> {
    mirror: Odb<'h>,
    all: Odb<'h>,
}

impl Trees<'_> {
    /// What a tree has under a name.
    fn entry(&self, tree: Oid, name: &[u8]) -> Result<Entry, git2::Error> {
        // As `Handles::commit` does.
        let object = match self.mirror.read(tree) {
            Err(error) if error.code() == ErrorCode::NotFound => self.all.read(tree),
            read => read,
        }?;
        if object.kind() != ObjectType::Tree {
            let reason = format!("{tree} is no tree");
            return Err(git2::Error::new(ErrorCode::Invalid, ErrorClass::Object, reason));
        }
        let mut lines = object.data();
        while let Some(line) = next(&mut lines)? {
            if line.name == name {
                return Ok(Some((Oid::from_bytes(line.id)?, line.mode)));
            }
        }
        Ok(None)
    }
}

/// What commits have at one path. Folders that did not change between two commits are looked into once.
struct Lookup<'h> {
    trees: Rc<Trees<'h>>,
    parts: Vec<Vec<u8>>,
    known: HashMap<(Oid, usize), Entry>,
}

/// Id and mode, or nothing.
pub(super) type Entry = Option<(Oid, u32)>;

impl<'h> Lookup<'h> {
    fn new(trees: &Rc<Trees<'h>>, path: &str) -> Self {
        let parts = path.split('/').filter(|part| !part.is_empty()).map(path::bytes).collect();
        Self { trees: trees.clone(), parts, known: HashMap::new() }
    }

    fn is_root(&self) -> bool {
        self.parts.is_empty()
    }

    fn below(&mut self, tree: Oid, depth: usize) -> Result<Entry, git2::Error> {
        let Some(part) = self.parts.get(depth) else { return Ok(Some((tree, FOLDER))) };
        if let Some(known) = self.known.get(&(tree, depth)) {
            return Ok(*known);
        }
        let entry = self.trees.entry(tree, part)?;
        let found = match entry {
            Some((id, FOLDER)) if depth + 1 < self.parts.len() => self.below(id, depth + 1)?,
            Some(_) if depth + 1 < self.parts.len() => None,
            entry => entry,
        };
        self.known.insert((tree, depth), found);
        Ok(found)
    }
}
