//! Which paths differ between two trees, read as the bytes that Git stores: equal ends are skipped unread.

use git2::{Oid, Repository};
use std::collections::HashMap;
use std::rc::Rc;

/// Changed paths of one commit that are kept; beyond it the commit is looked up in the trees.
const MOST: usize = 1 << 16;
/// Bytes of trees that are kept between two commits.
const KEPT_BYTES: usize = 8 << 20;

/// The number of a changed path, and whether it was not there before.
pub(super) type Changed = (u32, bool);

/// Compares trees and numbers their paths.
pub(super) struct Trees<'h> {
    repository: &'h Repository,
    numbers: HashMap<(u32, Box<[u8]>), u32>,
    /// Paths that got a number since they were taken last.
    pub(super) new: Vec<(u32, Box<[u8]>)>,
    kept: HashMap<Oid, Rc<[u8]>>,
    kept_bytes: usize,
    /// Folders above the one that is compared now.
    depth: usize,
}

/// Folders within folders that are looked into: the depth of a hostile tree is for its author to choose.
const DEEPEST: usize = 256;

/// One line of a tree.
#[derive(PartialEq, Eq)]
pub(super) struct Entry<'t> {
    pub(super) name: &'t [u8],
    pub(super) mode: u32,
    pub(super) id: &'t [u8],
}

pub(super) const FOLDER: u32 = 0o040_000;

impl<'h> Trees<'h> {
    /// With the paths that have a number already; the first is the root.
    pub(super) fn new(repository: &'h Repository, paths: &[(u32, Box<[u8]>)]) -> Self {
        let numbered = paths.iter().cloned().zip(0_u32..).skip(1);
        Self {
            repository,
            numbers: numbered.collect(),
            new: Vec::new(),
            kept: HashMap::new(),
            kept_bytes: 0,
            depth: 0,
        }
    }

    /// Numbers of the paths, folders included, that differ between two trees, ascending. Nothing where they are too
    /// many.
    pub(super) fn changed(
        &mut self,
        old: Option<Oid>,
        new: Oid,
    ) -> Result<Option<Vec<Changed>>, git2::Error> {
        let mut found = Vec::new();
        if old != Some(new) {
            let known = self.new.len();
            if !self.compare(0, old, Some(new), &mut found)? {
                // Their names are not needed either.
                for path in self.new.drain(known..) {
                    self.numbers.remove(&path);
                }
                return Ok(None);
            }
        }
        found.sort_unstable();
        // A file that became a folder was there before; the sorted first says so.
        found.dedup_by_key(|(path, _)| *path);
        Ok(Some(found))
    }

    /// Whether there was room for everything that differs.
    fn compare(
        &mut self,
        folder: u32,
        old: Option<Oid>,
        new: Option<Oid>,
        found: &mut Vec<Changed>,
    ) -> Result<bool, git2::Error> {
        let (old, new) = (self.content(old)?, self.content(new)?);
        let (mut left, mut right) =
            (&old[same_start(&old, &new)?..], &new[same_start(&old, &new)?..]);
        let (mut before, mut after) = (next(&mut left)?, next(&mut right)?);
        loop {
            let order = match (&before, &after) {
                (None, None) => return Ok(true),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(before), Some(after)) => before.order(after),
            };
            let gone = if order.is_le() { before.take() } else { None };
            let come = if order.is_ge() { after.take() } else { None };
            if gone != come && !self.differs(folder, gone.as_ref(), come.as_ref(), found)? {
                return Ok(false);
            }
            if order.is_le() {
                before = next(&mut left)?;
            }
            if order.is_ge() {
                after = next(&mut right)?;
            }
        }
    }

    fn differs(
        &mut self,
        folder: u32,
        gone: Option<&Entry<'_>>,
        come: Option<&Entry<'_>>,
        found: &mut Vec<Changed>,
    ) -> Result<bool, git2::Error> {
        let Some(either) = come.or(gone) else { return Ok(true) };
        if found.len() >= MOST {
            return Ok(false);
        }
        let number = self.number(folder, either.name);
        found.push((number, gone.is_none()));
        let tree = |entry: Option<&Entry<'_>>| match entry {
            Some(entry) if entry.mode == FOLDER => Oid::from_bytes(entry.id).map(Some),
            _ => Ok(None),
        };
        let (old, new) = (tree(gone)?, tree(come)?);
        if old.is_none() && new.is_none() {
            return Ok(true);
        }
        if self.depth >= DEEPEST {
            return Ok(false);
        }
        self.depth += 1;
        let compared = self.compare(number, old, new, found);
        self.depth -= 1;
        compared
    }

    fn number(&mut self, folder: u32, name: &[u8]) -> u32 {
        let path = (folder, Box::from(name));
        if let Some(number) = self.numbers.get(&path) {
            return *number;
        }
        // The root has no entry here, and the number zero.
        let number = self.numbers.len() as u32 + 1;
        self.numbers.insert(path.clone(), number);
        self.new.push(path);
        number
    }

    fn content(&mut self, tree: Option<Oid>) -> Result<Rc<[u8]>, git2::Error> {
        let Some(id) = tree else { return Ok(Rc::default()) };
        if let Some(kept) = self.kept.get(&id) {
            return Ok(Rc::clone(kept));
        }
        let objects = self.repository.odb()?;
        let object = objects.read(id)?;
        let content: Rc<[u8]> = object.data().into();
        if self.kept_bytes > KEPT_BYTES {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += content.len();
        self.kept.insert(id, Rc::clone(&content));
        Ok(content)
    }
}

impl Entry<'_> {
    // Git sorts a folder as if its name ended with a slash.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |entry: &Self, at: usize| match entry.name.get(at) {
            Some(byte) => *byte,
            None if entry.mode == FOLDER => b'/',
            None => 0,
        };
        let common = self.name.len().min(other.name.len());
        self.name[..common]
            .cmp(&other.name[..common])
            .then_with(|| key(self, common).cmp(&key(other, common)))
    }
}

/// Where the first line that may differ begins.
fn same_start(old: &[u8], new: &[u8]) -> Result<usize, git2::Error> {
    let differ = old.iter().zip(new).position(|(old, new)| old != new);
    let end = differ.unwrap_or(old.len().min(new.len()));
    let (mut rest, mut at) = (old, 0);
    // Only the names are looked at on the way: a line is `MODE NAME`, zero, and twenty bytes.
    while at < end {
        if next(&mut rest)?.is_none() || old.len() - rest.len() > end {
            break;
        }
        at = old.len() - rest.len();
    }
    Ok(at)
}

/// Takes the next line of a tree.
pub(super) fn next<'t>(tree: &mut &'t [u8]) -> Result<Option<Entry<'t>>, git2::Error> {
    if tree.is_empty() {
        return Ok(None);
    }
    let broken =
        || git2::Error::new(git2::ErrorCode::Invalid, git2::ErrorClass::Object, "a tree is broken");
    let line: &'t [u8] = tree;
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
    let digits = line[..space].iter();
    let mode = digits.fold(0_u32, |mode, digit| {
        mode.wrapping_mul(8).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
    });
    let zero = line[space..].iter().position(|byte| *byte == 0).ok_or_else(broken)? + space;
    let id = line.get(zero + 1..zero + 21).ok_or_else(broken)?;
    *tree = &line[zero + 21..];
    Ok(Some(Entry { name: &line[space + 1..zero], mode: normal(mode), id }))
}

// As libgit2 does it: of files only whether they can be executed counts.
fn normal(mode: u32) -> u32 {
    match mode & 0o170_000 {
        kind @ (FOLDER | 0o120_000 | 0o160_000) => kind,
        _ if mode & 0o100 != 0 => 0o100_755,
        _ => 0o100_644,
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, FOLDER, next, normal, same_start};
    use std::cmp::Ordering;

    fn line(mode: &str, name: &str, id: u8) -> Vec<u8> {
        let mut line = format!("{mode} {name}\0").into_bytes();
        line.extend([id; 20]);
        line
    }

    #[test]
    fn lines_of_a_tree() {
        let tree = [line("40000", "a", 1), line("100664", "b", 0)].concat();
        let mut rest = &tree[..];
        let first = next(&mut rest).unwrap().unwrap();
        assert_eq!((first.name, first.mode, first.id[0]), (&b"a"[..], FOLDER, 1));
        let second = next(&mut rest).unwrap().unwrap();
        assert_eq!((second.name, second.mode), (&b"b"[..], 0o100_644));
        assert!(next(&mut rest).unwrap().is_none());
        assert!(next(&mut &tree[..tree.len() - 1][..].split_at(22).1[..3]).is_err());
        assert_eq!(normal(0o100_755), 0o100_755);
    }

    #[test]
    fn equal_lines_are_skipped() {
        let old = [line("100644", "a", 1), line("100644", "b", 2)].concat();
        let new = [line("100644", "a", 1), line("100644", "b", 3)].concat();
        assert_eq!(same_start(&old, &new).unwrap(), 29);
        assert_eq!(same_start(&old, &old).unwrap(), 58);
        assert_eq!(same_start(&old, &[]).unwrap(), 0);
    }

    #[test]
    fn folders_sort_as_if_they_ended_with_a_slash() {
        let entry = |name: &'static [u8], mode| Entry { name, mode, id: &[0; 20] };
        let (folder, file) = (entry(b"a", FOLDER), entry(b"a", 0o100_644));
        assert_eq!(folder.order(&entry(b"a.b", 0o100_644)), Ordering::Greater);
        assert_eq!(file.order(&entry(b"a.b", 0o100_644)), Ordering::Less);
        assert_eq!(folder.order(&file), Ordering::Greater);
    }
}
