//! The file form of the path index: a header, then chunks that are only ever appended, each with its checksum.
//!
//! A reader takes the chunks up to the first that is cut short or damaged: a writer may be at work, or was killed.

use super::index::Index;
use super::index_trees::Changed;
use flate2::Crc;
use std::ops::Range;

/// What the file begins with; another last byte is another format, which is built anew.
pub(super) const HEADER: &[u8; 8] = b"gdpaths\x01";

/// Commits to append, with the paths that they name for the first time.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Folder and name; the first one has the number after the last known path.
    pub(super) paths: Vec<(u32, Box<[u8]>)>,
    pub(super) commits: Vec<Entry>,
    /// The lists of changes of all commits.
    pub(super) changes: Vec<u8>,
}

/// One commit of a draft.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: [u8; 20],
    pub(super) time: i64,
    pub(super) parents: Vec<u32>,
    /// Where its changes are in the draft.
    pub(super) changes: Range<usize>,
}

impl Draft {
    /// Adds a commit. The paths are ascending, each with whether it was not there before; nothing where they are too
    /// many to keep.
    pub(super) fn push(
        &mut self,
        id: [u8; 20],
        time: i64,
        parents: Vec<u32>,
        paths: Option<&[Changed]>,
    ) {
        let begin = self.changes.len();
        push_varint(&mut self.changes, paths.map_or(0, |paths| paths.len() as u64 + 1));
        let mut last = 0;
        for (path, born) in paths.unwrap_or_default() {
            push_varint(&mut self.changes, u64::from(path - last) << 1 | u64::from(*born));
            last = *path;
        }
        let changes = begin..self.changes.len();
        self.commits.push(Entry { id, time, parents, changes });
    }

    /// The chunk as it is appended: length, checksum, content.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 8];
        push_varint(&mut out, self.paths.len() as u64);
        for (folder, name) in &self.paths {
            push_varint(&mut out, u64::from(*folder));
            push_varint(&mut out, name.len() as u64);
            out.extend_from_slice(name);
        }
        push_varint(&mut out, self.commits.len() as u64);
        for commit in &self.commits {
            out.extend_from_slice(&commit.id);
            out.extend_from_slice(&commit.time.to_le_bytes());
            push_varint(&mut out, commit.parents.len() as u64);
            for parent in &commit.parents {
                push_varint(&mut out, u64::from(*parent));
            }
            push_varint(&mut out, commit.changes.len() as u64);
        }
        out.extend_from_slice(&self.changes);
        let (length, sum) = (out.len() as u32 - 8, checksum(&out[8..]));
        out[..4].copy_from_slice(&length.to_le_bytes());
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        out
    }

    fn decode(mut from: &[u8]) -> Option<Self> {
        let mut draft = Self::default();
        for _ in 0..varint(&mut from)? {
            let folder = u32::try_from(varint(&mut from)?).ok()?;
            let length = usize::try_from(varint(&mut from)?).ok()?;
            draft.paths.push((folder, from.split_off(..length)?.into()));
        }
        let mut end = 0_usize;
        for _ in 0..varint(&mut from)? {
            let id = from.split_off(..20)?.try_into().ok()?;
            let time = i64::from_le_bytes(from.split_off(..8)?.try_into().ok()?);
            let mut parents = Vec::new();
            for _ in 0..varint(&mut from)? {
                parents.push(u32::try_from(varint(&mut from)?).ok()?);
            }
            let length = usize::try_from(varint(&mut from)?).ok()?;
            let begin = end;
            end = end.checked_add(length)?;
            draft.commits.push(Entry { id, time, parents, changes: begin..end });
        }
        draft.changes = from.to_vec();
        (end == draft.changes.len()).then_some(draft)
    }
}

/// Appends the chunks of a file to an index, from `at` on. Gives where the sound part of the file ends; nothing where
/// it has no header of this format.
pub(super) fn read(index: &mut Index, file: &[u8], at: usize) -> Option<usize> {
    if !file.starts_with(HEADER) {
        return None;
    }
    let mut at = at.max(HEADER.len());
    while let Some(chunk) = chunk_at(file, at) {
        let Some(draft) = Draft::decode(chunk) else { break };
        if index.append(draft).is_none() {
            break;
        }
        at += 8 + chunk.len();
    }
    Some(at)
}

fn chunk_at(file: &[u8], at: usize) -> Option<&[u8]> {
    let head = file.get(at..at + 8)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(head[4..].try_into().ok()?);
    let chunk = file.get(at + 8..(at + 8).checked_add(length)?)?;
    (checksum(chunk) == sum).then_some(chunk)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number from the front, seven bits a byte, the lowest first.
pub(super) fn varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = *from.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Draft, HEADER, read};
    use crate::git::index::Index;
    use proptest::prelude::*;

    fn file() -> Vec<u8> {
        let mut file = HEADER.to_vec();
        for chunk in 0..3_u32 {
            let mut draft = Draft::default();
            draft.paths.push((chunk, b"folder"[..].into()));
            for commit in 0..2_u32 {
                let number = chunk * 2 + commit;
                let parents = number.checked_sub(1).into_iter().collect();
                draft.push(
                    [number as u8; 20],
                    i64::from(number),
                    parents,
                    Some(&[(chunk + 1, false)]),
                );
            }
            file.extend(draft.encode());
        }
        file
    }

    #[test]
    fn what_was_written_is_read() {
        let (mut index, file) = (Index::new(), file());
        assert_eq!(read(&mut index, &file, 0), Some(file.len()));
        assert_eq!((index.len(), index.time(5), index.parents(5)), (6, 5, &[4][..]));
        let id = git2::Oid::from_bytes(&[3; 20]).unwrap();
        assert_eq!(index.find(id).map(|number| index.id(number)), Some(id));
        assert_eq!(index.find(git2::Oid::from_bytes(&[9; 20]).unwrap()), None);
    }

    #[test]
    fn another_format_is_not_read() {
        assert_eq!(read(&mut Index::new(), b"gdpaths\x00", 0), None);
        assert_eq!(read(&mut Index::new(), b"", 0), None);
    }

    proptest! {
        #[test]
        fn damage_costs_the_chunks_behind_it_and_nothing_else(at in 8_usize..200, flip in 1_u8..) {
            let (mut index, mut damaged) = (Index::new(), file());
            let at = at % damaged.len();
            prop_assume!(at >= HEADER.len());
            damaged[at] ^= flip;
            let end = read(&mut index, &damaged, 0).unwrap();
            prop_assert!(end <= at && index.len() < 6);
            prop_assert_eq!(&damaged[..end], &file()[..end]);
            let mut rest = Index::new();
            prop_assert_eq!(read(&mut rest, &damaged[..at], 0), Some(end));
        }
    }
}
