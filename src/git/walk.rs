//! A walk from new to old that lists the commits which change some paths, on the path index where it has them.

use super::follow::name_before;
use super::handles::Handles;
use super::index::{Index, Touch, Touched};
use super::lookup::{Lookups, is_there};
use super::nodes::{Node, Nodes};
use git2::{Commit, Oid};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

/// A walk that visits a parent only after its child.
pub(super) struct Walk<'h> {
    handles: &'h Handles,
    lookup: Lookups<'h>,
    index: Option<(Arc<Index>, Touched)>,
    /// Whether the history before a rename is visited under the name before.
    pub(super) follow_renames: bool,
    /// Commits to visit: time, then the order of discovery (the first parent first).
    open: BinaryHeap<(i64, Reverse<usize>, At)>,
    discovered: usize,
    seen: HashSet<Oid>,
    /// Where every commit is listed: the open ones that are not in the index, which had to be read for their time.
    read: HashMap<Oid, Commit<'h>>,
    /// Where some are, the same.
    open_nodes: HashMap<Oid, Node>,
    nodes: Nodes<'h>,
    /// Those of the index that were seen.
    seen_known: Vec<bool>,
}

/// A commit that is listed.
pub(super) enum Listed<'h> {
    /// One that was read on the way.
    Read(Commit<'h>),
    /// One of which not everything was read.
    Id(Oid),
}

/// A commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    /// By its number in the index.
    Known(u32),
    /// By its id.
    Loose(Oid),
}

impl<'h> Walk<'h> {
    pub(super) fn new(
        handles: &'h Handles,
        index: Option<Arc<Index>>,
        paths: &[String],
        from: Oid,
    ) -> Result<Self, git2::Error> {
        let index = index.map(|index| {
            let touched = index.touched(paths);
            (index, touched)
        });
        let known = index.as_ref().map_or(0, |(index, _)| index.len() as usize);
        let mut walk = Self {
            handles,
            lookup: Lookups::new(handles, paths)?,
            index,
            follow_renames: false,
            open: BinaryHeap::new(),
            discovered: 0,
            seen: HashSet::new(),
            read: HashMap::new(),
            open_nodes: HashMap::new(),
            nodes: Nodes::new(handles)?,
            seen_known: vec![false; known],
        };
        walk.visit_later(from, None)?;
        Ok(walk)
    }

    /// The next commit that is listed.
    pub(super) fn next_listed(&mut self) -> Result<Option<Listed<'h>>, git2::Error> {
        while let Some((_, _, at)) = self.open.pop() {
            match at {
                At::Known(number) => {
                    if let (true, Some((index, _))) = (self.visit_known(number)?, &self.index) {
                        return Ok(Some(Listed::Id(index.id(number))));
                    }
                }
                At::Loose(id) => {
                    if let Some(listed) = self.visit_loose(id)? {
                        return Ok(Some(listed));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Visits a commit later, which may have been read already.
    fn visit_later(&mut self, id: Oid, read: Option<Node>) -> Result<(), git2::Error> {
        if let Some(number) = self.index.as_ref().and_then(|(index, _)| index.find(id)) {
            self.visit_known_later(number);
        } else if self.seen.insert(id) {
            let time = if self.lookup.is_root() {
                let commit = self.handles.commit(id)?;
                let time = commit.time().seconds();
                self.read.insert(id, commit);
                time
            } else {
                let node = read.map_or_else(|| self.nodes.read(id), Ok)?;
                let time = node.time;
                self.open_nodes.insert(id, node);
                time
            };
            self.enter(time, At::Loose(id));
        }
        Ok(())
    }

    fn visit_known_later(&mut self, number: u32) {
        let Some((index, _)) = &self.index else { return };
        let time = index.time(number);
        if !std::mem::replace(&mut self.seen_known[number as usize], true) {
            self.enter(time, At::Known(number));
        }
    }

    fn enter(&mut self, time: i64, at: At) {
        self.discovered += 1;
        self.open.push((time, Reverse(self.discovered), at));
    }

    /// Whether a commit of the index is listed; its parents are visited later, as far as they are followed.
    fn visit_known(&mut self, number: u32) -> Result<bool, git2::Error> {
        let Some((index, touched)) = &self.index else { return Ok(false) };
        let index = Arc::clone(index);
        let parents = index.parents(number);
        if self.lookup.is_root() {
            for parent in parents {
                self.visit_known_later(*parent);
            }
            return Ok(true);
        }
        let touch = touched.of(number);
        match (touch, parents) {
            (Touch::No, []) => return Ok(false),
            (Touch::No, [first, ..]) => {
                self.visit_known_later(*first);
                return Ok(false);
            }
            (Touch::Yes | Touch::Born, []) => return Ok(true),
            (Touch::Yes, [first]) => {
                self.visit_known_later(*first);
                return Ok(true);
            }
            (Touch::Born, [first]) if !self.follow_renames => {
                self.visit_known_later(*first);
                return Ok(true);
            }
            // Of other parents than the first one, and of names before, the trees have to tell.
            (Touch::Yes | Touch::Born | Touch::Unknown, _) => {}
        }
        self.visit_node(index.id(number))
    }

    fn visit_loose(&mut self, id: Oid) -> Result<Option<Listed<'h>>, git2::Error> {
        if !self.lookup.is_root() {
            return Ok(self.visit_node(id)?.then_some(Listed::Id(id)));
        }
        let read = self.read.remove(&id);
        let commit = read.map_or_else(|| self.handles.commit(id), Ok)?;
        for parent in commit.parent_ids() {
            self.visit_later(parent, None)?;
        }
        Ok(Some(Listed::Read(commit)))
    }

    /// Compares the trees of a commit with those of its parents.
    fn visit_node(&mut self, id: Oid) -> Result<bool, git2::Error> {
        let open = self.open_nodes.remove(&id);
        let node = open.map_or_else(|| self.nodes.read(id), Ok)?;
        let own = self.lookup.of(node.tree)?;
        let mut is_born: Vec<bool> = own.iter().map(Option::is_some).collect();
        let mut parents = Vec::new();
        for id in node.parents {
            let open = self.open_nodes.get(&id).cloned();
            let parent = open.map_or_else(|| self.nodes.read(id), Ok)?;
            let before = self.lookup.of(parent.tree)?;
            if before == own {
                self.visit_later(id, Some(parent))?;
                return Ok(false);
            }
            is_born.iter_mut().zip(&before).for_each(|(born, before)| *born &= before.is_none());
            parents.push((id, parent));
        }
        if let Some((parent, _)) = parents.first().filter(|_| self.follow_renames) {
            self.follow_born(*parent, id, &is_born)?;
        }
        let is_root = parents.is_empty();
        for (id, parent) in parents {
            self.visit_later(id, Some(parent))?;
        }
        Ok(!is_root || is_there(&own))
    }

    /// Looks from now on at the names that paths had before they came to be.
    fn follow_born(
        &mut self,
        parent: Oid,
        commit: Oid,
        is_born: &[bool],
    ) -> Result<(), git2::Error> {
        if !is_born.contains(&true) {
            return Ok(());
        }
        let (parent, commit) = (self.handles.commit(parent)?, self.handles.commit(commit)?);
        let known = self.lookup.paths.len();
        for (at, _) in is_born.iter().enumerate().filter(|(_, born)| **born) {
            let path = self.lookup.paths[at].clone();
            let before = name_before(&self.handles.all, &parent, &commit, &path)?;
            if let Some(before) = before.filter(|before| !self.lookup.paths.contains(before)) {
                self.lookup.add(&before);
            }
        }
        if self.lookup.paths.len() > known
            && let Some((index, touched)) = &mut self.index
        {
            *touched = index.touched(&self.lookup.paths);
        }
        Ok(())
    }
}
