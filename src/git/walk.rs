//! A walk from new to old that lists the commits which change some paths, on the path index where it has them.

use super::follow::name_before;
use super::handles::Handles;
use super::history::parents;
use super::index::{Index, Touch, Touched};
use super::lookup::{Lookups, is_there};
use git2::{Commit, Oid};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
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
    /// Those of the index that were seen.
    seen_known: Vec<bool>,
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
            lookup: Lookups::new(&handles.all, paths),
            index,
            follow_renames: false,
            open: BinaryHeap::new(),
            discovered: 0,
            seen: HashSet::new(),
            seen_known: vec![false; known],
        };
        walk.visit_later(walk.at(from))?;
        Ok(walk)
    }

    /// The next commit that is listed.
    pub(super) fn next_listed(&mut self) -> Result<Option<Oid>, git2::Error> {
        while let Some((_, _, at)) = self.open.pop() {
            let listed = match at {
                At::Known(number) => self.visit_known(number)?,
                At::Loose(id) => self.visit_loose(id)?,
            };
            if listed {
                return Ok(Some(self.id(at)));
            }
        }
        Ok(None)
    }

    fn at(&self, id: Oid) -> At {
        let known = self.index.as_ref().and_then(|(index, _)| index.find(id));
        known.map_or(At::Loose(id), At::Known)
    }

    fn id(&self, at: At) -> Oid {
        match (at, &self.index) {
            (At::Known(number), Some((index, _))) => index.id(number),
            (At::Known(_), None) => Oid::ZERO_SHA1,
            (At::Loose(id), _) => id,
        }
    }

    fn visit_later(&mut self, at: At) -> Result<(), git2::Error> {
        let (is_new, time) = if let (At::Known(number), Some((index, _))) = (at, &self.index) {
            let seen = &mut self.seen_known[number as usize];
            (!std::mem::replace(seen, true), index.time(number))
        } else {
            let id = self.id(at);
            (self.seen.insert(id), self.handles.all.find_commit(id)?.time().seconds())
        };
        if is_new {
            self.discovered += 1;
            self.open.push((time, Reverse(self.discovered), at));
        }
        Ok(())
    }

    /// Whether a commit of the index is listed; its parents are visited later, as far as they are followed.
    fn visit_known(&mut self, number: u32) -> Result<bool, git2::Error> {
        let Some((index, touched)) = &self.index else { return Ok(false) };
        let index = Arc::clone(index);
        let parents = index.parents(number);
        if self.lookup.is_root() {
            for parent in parents {
                self.visit_later(At::Known(*parent))?;
            }
            return Ok(true);
        }
        let touch = touched.of(number);
        match (touch, parents) {
            (Touch::No, []) => return Ok(false),
            (Touch::No, [first, ..]) => {
                self.visit_later(At::Known(*first))?;
                return Ok(false);
            }
            (Touch::Yes | Touch::Born, []) => return Ok(true),
            (Touch::Yes, [first]) => {
                self.visit_later(At::Known(*first))?;
                return Ok(true);
            }
            (Touch::Born, [first]) if !self.follow_renames => {
                self.visit_later(At::Known(*first))?;
                return Ok(true);
            }
            // Of other parents than the first one, and of names before, the trees have to tell.
            (Touch::Yes | Touch::Born | Touch::Unknown, _) => {}
        }
        let commit = self.handles.all.find_commit(index.id(number))?;
        self.visit_commit(&commit)
    }

    fn visit_loose(&mut self, id: Oid) -> Result<bool, git2::Error> {
        let commit = self.handles.all.find_commit(id)?;
        if self.lookup.is_root() {
            for parent in commit.parent_ids() {
                self.visit_later(self.at(parent))?;
            }
            return Ok(true);
        }
        self.visit_commit(&commit)
    }

    /// Compares the trees of a commit with those of its parents.
    fn visit_commit(&mut self, commit: &Commit<'h>) -> Result<bool, git2::Error> {
        let parents = parents(commit)?;
        let own = self.lookup.of(commit)?;
        let mut is_born: Vec<bool> = own.iter().map(Option::is_some).collect();
        for parent in &parents {
            let before = self.lookup.of(parent)?;
            if before == own {
                self.visit_later(self.at(parent.id()))?;
                return Ok(false);
            }
            is_born.iter_mut().zip(&before).for_each(|(born, before)| *born &= before.is_none());
        }
        if let Some(parent) = parents.first().filter(|_| self.follow_renames) {
            self.follow_born(parent, commit, &is_born)?;
        }
        for parent in &parents {
            self.visit_later(self.at(parent.id()))?;
        }
        Ok(!parents.is_empty() || is_there(&own))
    }

    /// Looks from now on at the names that paths had before they came to be.
    fn follow_born(
        &mut self,
        parent: &Commit<'h>,
        commit: &Commit<'h>,
        is_born: &[bool],
    ) -> Result<(), git2::Error> {
        let known = self.lookup.paths.len();
        for (at, _) in is_born.iter().enumerate().filter(|(_, born)| **born) {
            let path = self.lookup.paths[at].clone();
            let before = name_before(&self.handles.all, parent, commit, &path)?;
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
