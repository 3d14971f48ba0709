//! The path index: which commits change which paths against their first parent, so that a log need not read trees.
//!
//! A cache beside the mirror's objects. A commit is in it only with all its ancestors, so that a walk which enters the
//! index never leaves it; what is not in it is looked up in the trees.

use super::index_chunk::Draft;
use super::path;
use git2::Oid;

/// Everything that was indexed of one repository, in columns: a history of a million commits has to fit.
#[derive(Debug)]
pub(super) struct Index {
    ids: Vec<[u8; 20]>,
    times: Vec<i64>,
    /// Numbers of the parents of all commits, one after the other.
    parents: Vec<u32>,
    /// Where the parents of each commit begin, and one more for the end.
    parents_at: Vec<usize>,
    /// Numbers of changed paths of all commits: a count and one, or zero where they are too many, then ascending
    /// distances, each doubled, and one more where the path was not there before.
    changes: Vec<u8>,
    changes_at: Vec<usize>,
    /// Folder and name of every path that was ever changed; the first is the root.
    pub(super) paths: Vec<(u32, Box<[u8]>)>,
    /// Numbers and one, by id, with open addressing; zero is free.
    slots: Vec<u32>,
}

/// Commits that change one of some paths against their first parent.
pub(super) struct Touched {
    /// Two bits for each commit: a [`Touch`].
    bits: Vec<u64>,
}

/// What the index knows of a commit and some paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// It changes none of them against its first parent.
    No,
    /// It changes one of them.
    Yes,
    /// It changes one of them, and one was not there before.
    Born,
    /// It changes more paths than the index keeps.
    Unknown,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            ids: Vec::new(),
            times: Vec::new(),
            parents: Vec::new(),
            parents_at: vec![0],
            changes: Vec::new(),
            changes_at: vec![0],
            paths: vec![(0, Box::default())],
            slots: vec![0; 1024],
        }
    }

    /// How many commits it has.
    pub(super) fn len(&self) -> u32 {
        self.ids.len() as u32
    }

    /// The number of a commit.
    pub(super) fn find(&self, id: Oid) -> Option<u32> {
        let bytes: [u8; 20] = id.as_bytes().try_into().ok()?;
        let mut slot = self.slot(&bytes);
        loop {
            let number = self.slots[slot].checked_sub(1)?;
            if self.ids[number as usize] == bytes {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// The id of a commit.
    pub(super) fn id(&self, number: u32) -> Oid {
        // Twenty bytes are an id.
        Oid::from_bytes(&self.ids[number as usize]).unwrap_or(Oid::ZERO_SHA1)
    }

    /// When a commit was made, in seconds since 1970.
    pub(super) fn time(&self, number: u32) -> i64 {
        self.times[number as usize]
    }

    /// The parents of a commit, in order.
    pub(super) fn parents(&self, number: u32) -> &[u32] {
        let at = number as usize;
        &self.parents[self.parents_at[at]..self.parents_at[at + 1]]
    }

    /// Takes the commits of a chunk, or nothing of it where it contradicts itself or what is there.
    pub(super) fn append(&mut self, draft: Draft) -> Option<()> {
        let (known_paths, known) = (self.paths.len(), self.ids.len());
        let sound =
            |(at, (folder, _)): (usize, &(u32, Box<[u8]>))| (*folder as usize) < known_paths + at;
        if !draft.paths.iter().enumerate().all(sound) {
            return None;
        }
        for (at, commit) in draft.commits.iter().enumerate() {
            if commit.parents.iter().any(|parent| *parent as usize >= known + at) {
                return None;
            }
        }
        self.paths.extend(draft.paths);
        for commit in draft.commits {
            self.ids.push(commit.id);
            self.times.push(commit.time);
            self.parents.extend(commit.parents);
            self.parents_at.push(self.parents.len());
            self.changes.extend_from_slice(&draft.changes[commit.changes]);
            self.changes_at.push(self.changes.len());
            self.enter(self.ids.len() - 1);
        }
        Some(())
    }

    fn slot(&self, id: &[u8; 20]) -> usize {
        // Ids are hashes already.
        u32::from_le_bytes([id[0], id[1], id[2], id[3]]) as usize & (self.slots.len() - 1)
    }

    fn enter(&mut self, number: usize) {
        if number * 2 >= self.slots.len() {
            self.slots = vec![0; self.slots.len() * 4];
            for earlier in 0..number {
                self.place(earlier);
            }
        }
        self.place(number);
    }

    fn place(&mut self, number: usize) {
        let mut slot = self.slot(&self.ids[number]);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = number as u32 + 1;
    }

    /// The number of a path, where a commit ever changed it.
    fn path(&self, path: &str) -> Option<u32> {
        let mut at = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let part = path::bytes(part);
            let found = self
                .paths
                .iter()
                .skip(1)
                .position(|(folder, name)| *folder == at && **name == *part);
            at = found? as u32 + 1;
        }
        Some(at)
    }

    /// Which commits change one of the paths.
    pub(super) fn touched(&self, paths: &[String]) -> Touched {
        let wanted: Vec<u32> = paths.iter().filter_map(|path| self.path(path)).collect();
        let mut bits = vec![0_u64; self.ids.len().div_ceil(32)];
        for (number, ends) in self.changes_at.windows(2).enumerate() {
            let touch = match touch(&self.changes[ends[0]..ends[1]], &wanted) {
                Touch::No => continue,
                Touch::Yes => 1,
                Touch::Born => 2,
                Touch::Unknown => 3,
            };
            bits[number / 32] |= touch << (number % 32 * 2);
        }
        Touched { bits }
    }
}

impl Touched {
    /// What is known of a commit.
    pub(super) fn of(&self, number: u32) -> Touch {
        match self.bits[number as usize / 32] >> (number % 32 * 2) & 3 {
            0 => Touch::No,
            1 => Touch::Yes,
            2 => Touch::Born,
            _ => Touch::Unknown,
        }
    }
}

/// Whether a list of changes has one of the wanted paths.
fn touch(mut list: &[u8], wanted: &[u32]) -> Touch {
    use super::index_chunk::varint;
    let Some(count) = varint(&mut list).and_then(|count| count.checked_sub(1)) else {
        return Touch::Unknown;
    };
    let (mut path, mut found) = (0, Touch::No);
    for _ in 0..count {
        // The checksum of its chunk held.
        let step = varint(&mut list).unwrap_or_default();
        path += step >> 1;
        if wanted.iter().any(|wanted| u64::from(*wanted) == path) {
            if step & 1 == 1 {
                return Touch::Born;
            }
            found = Touch::Yes;
        }
    }
    found
}
