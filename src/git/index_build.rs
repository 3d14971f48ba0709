//! Building the path index and reading it again: commits that are not in it yet are appended, parents first.

use super::GitError;
use super::fetch::Flow;
use super::handles::Handles;
use super::index::Index;
use super::index_chunk::{Draft, HEADER, read};
use super::index_trees::Trees;
use super::lock::Lock;
use super::repository::Repository;
use git2::Oid;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

/// Commits of one chunk: what a killed process loses of its work.
const CHUNK: usize = 512;

/// Which state of the file was read.
type Stamp = (u64, Option<SystemTime>);

/// The index as it was read last.
#[derive(Default)]
pub(super) struct Kept(Option<(Stamp, Arc<Index>)>);

/// What building the path index came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexed {
    /// Every commit of the branch is in it; so many were added.
    Complete(usize),
    /// Stopped before the end; what was added stays.
    Stopped,
    /// Another process is at it.
    Busy,
}

impl Repository {
    /// Adds the commits of the branch to the path index, from which [`Repository::log`] answers. Waiting commits are
    /// left out: they may still be made again. `watch` is asked again and again, with how many are done and to do.
    pub fn index_paths(
        &self,
        watch: &mut dyn FnMut(usize, usize) -> Flow,
    ) -> Result<Indexed, GitError> {
        self.with(|handles| {
            let Some(tip) = self.tip_in(handles) else { return Ok(Indexed::Complete(0)) };
            match self.lock_index() {
                Err(GitError::Stopped) => Ok(Indexed::Busy),
                Err(error) => Err(error),
                Ok(_lock) => self.extend_index(handles, tip, watch),
            }
        })
    }

    fn extend_index(
        &self,
        handles: &Handles,
        tip: Oid,
        watch: &mut dyn FnMut(usize, usize) -> Flow,
    ) -> Result<Indexed, GitError> {
        let storage = |error: io::Error| GitError::storage(&self.index_file(), error);
        let (mut file, mut index) = self.open_index().map_err(storage)?;
        let fault = self.fault("indexing the log");
        let missing = missing(handles, &index, tip).map_err(&fault)?;
        let mut trees = Trees::new(&handles.mirror, &index.paths);
        let mut done = 0;
        for chunk in missing.chunks(CHUNK) {
            if watch(done, missing.len()) == Flow::Stop {
                return Ok(Indexed::Stopped);
            }
            let draft = draft(handles, &index, &mut trees, chunk).map_err(&fault)?;
            file.write_all(&draft.encode()).map_err(storage)?;
            index.append(draft).ok_or_else(|| GitError::Git {
                doing: "indexing the log",
                remote: self.address.to_string(),
                reason: "the commits contradict each other".to_owned(),
            })?;
            done += chunk.len();
        }
        Ok(Indexed::Complete(done))
    }

    /// The file for writing, at its end and without what is damaged or was cut short there. Needs the lock.
    fn open_index(&self) -> io::Result<(File, Index)> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(self.index_file())?;
        let content = fs::read(self.index_file())?;
        let mut index = Index::new();
        if let Some(end) = read(&mut index, &content, 0) {
            file.set_len(end as u64)?;
        } else {
            file.set_len(0)?;
            file.write_all(HEADER)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok((file, index))
    }

    /// The path index as far as it is built. A file that cannot be read is no index: the log is slower then.
    pub(super) fn index(&self) -> Option<Arc<Index>> {
        let metadata = fs::metadata(self.index_file()).ok()?;
        let stamp = (metadata.len(), metadata.modified().ok());
        let mut kept = self.kept_index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, index)) = &kept.0
            && *at == stamp
        {
            return Some(Arc::clone(index));
        }
        let mut index = Index::new();
        read(&mut index, &fs::read(self.index_file()).ok()?, 0)?;
        let index = Arc::new(index);
        kept.0 = Some((stamp, Arc::clone(&index)));
        Some(index)
    }

    fn index_file(&self) -> PathBuf {
        self.mirror.join("gitdeck-paths")
    }

    fn lock_index(&self) -> Result<Lock, GitError> {
        Lock::acquire(&self.mirror.join("gitdeck-paths-lock"), || false)
    }
}

/// The commits that can be reached from `tip` and are not in the index, parents first.
fn missing(handles: &Handles, index: &Index, tip: Oid) -> Result<Vec<Oid>, git2::Error> {
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    // A commit is pushed once to look at its parents and once to be listed behind them.
    let mut open = vec![(tip, false)];
    while let Some((id, listed)) = open.pop() {
        if listed {
            order.push(id);
            continue;
        }
        if index.find(id).is_some() || !seen.insert(id) {
            continue;
        }
        open.push((id, true));
        let commit = handles.mirror.find_commit(id)?;
        open.extend(commit.parent_ids().map(|parent| (parent, false)));
    }
    Ok(order)
}

fn draft(
    handles: &Handles,
    index: &Index,
    trees: &mut Trees<'_>,
    ids: &[Oid],
) -> Result<Draft, git2::Error> {
    let mut draft = Draft::default();
    let mut own = std::collections::HashMap::new();
    for (id, at) in ids.iter().zip(index.len()..) {
        let commit = handles.mirror.find_commit(*id)?;
        let number = |parent: Oid| index.find(parent).or_else(|| own.get(&parent).copied());
        let parents: Option<Vec<u32>> = commit.parent_ids().map(number).collect();
        let parents = parents.ok_or_else(|| git2::Error::from_str("a parent is missing"))?;
        let before = (commit.parent_count() > 0).then(|| commit.parent(0)).transpose()?;
        let paths = trees.changed(before.map(|parent| parent.tree_id()), commit.tree_id())?;
        let mut bytes = [0; 20];
        bytes.copy_from_slice(id.as_bytes());
        draft.push(bytes, commit.time().seconds(), parents, paths.as_deref());
        own.insert(*id, at);
    }
    draft.paths = std::mem::take(&mut trees.new);
    Ok(draft)
}
