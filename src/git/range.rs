//! The commits of a range that undoing it undoes one by one.

use super::describe::described;
use super::handles::Handles;
use super::history::entry_in;
use super::outbox::is_ancestor;
use super::repository::{Repository, revision};
use super::revision::id_of;
use super::{GitError, path};
use crate::domain::{Commit, Revision};
use git2::{Oid, Sort, Tree};

/// Commits that are undone one by one.
const MOST: usize = 500;

impl Repository {
    /// The commits after `first` and up to `last` that change something below the paths, the newest first, each with the
    /// parent that stays where it is a merge.
    ///
    /// A merge brings nothing of its own as long as it is what merging its parents gives: the commits of all its lines are
    /// in the range, so that it is passed over. With `mainline`, only the branch's own line is walked, and a merge is
    /// undone with all that it brought.
    pub fn range<P: AsRef<str>>(
        &self,
        [first, last]: [&Revision; 2],
        paths: &[P],
        mainline: Option<usize>,
    ) -> Result<Vec<(Commit, Option<usize>)>, GitError> {
        let paths = path::all_to_read(paths)?;
        self.with(|handles| {
            let (first, last) = self.ends(handles, [first, last])?;
            let ids = match mainline {
                None => self.between(handles, [first, last])?,
                Some(1) => self.line(handles, [first, last])?,
                Some(_) => {
                    let reason = "of a range, --mainline can only be 1, the branch itself";
                    return Err(GitError::Request { reason: reason.to_owned() });
                }
            };
            let mut found = Vec::new();
            for id in ids {
                let fault = self.fault("reading a commit");
                let commit = handles.all.find_commit(id).map_err(&fault)?;
                let is_merge = commit.parent_count() > 1;
                if is_merge && mainline.is_none() {
                    for path in &paths {
                        self.check_merge(handles, &commit, path)?;
                    }
                    continue;
                }
                let before = self.tree_of(handles, commit.parent_id(0).ok())?;
                let trees = [commit.tree().map_err(&fault)?, before];
                if self.differ(handles, &trees, &paths)? {
                    found.push((described(&commit, false), mainline.filter(|_| is_merge)));
                }
            }
            if found.len() > MOST {
                let reason = format!(
                    "{} commits are more than {MOST}, too many to undo one by one: --squash undoes them as one",
                    found.len()
                );
                return Err(GitError::Request { reason });
            }
            Ok(found)
        })
    }

    /// The ends of a range, of which the second goes on from the first.
    pub(super) fn ends(
        &self,
        handles: &Handles,
        [first, last]: [&Revision; 2],
    ) -> Result<(Oid, Oid), GitError> {
        let (from, to) = (id_of(first)?, id_of(last)?);
        let goes_on = is_ancestor(&handles.all, from, to);
        if goes_on.map_err(self.fault("reading the log"))? {
            return Ok((from, to));
        }
        let reason = format!("{} does not go on from {}", last.short(), first.short());
        Err(GitError::Request { reason })
    }

    /// Each before its parents, else by time, as Git walks a range.
    fn between(&self, handles: &Handles, [first, last]: [Oid; 2]) -> Result<Vec<Oid>, GitError> {
        let walk = || {
            let mut walk = handles.all.revwalk()?;
            walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
            walk.push(last)?;
            walk.hide(first)?;
            walk.collect::<Result<Vec<_>, _>>()
        };
        walk().map_err(self.fault("reading the log"))
    }

    /// From parent to first parent.
    fn line(&self, handles: &Handles, [first, last]: [Oid; 2]) -> Result<Vec<Oid>, GitError> {
        let (mut ids, mut id) = (Vec::new(), last);
        while id != first {
            ids.push(id);
            let commit = handles.all.find_commit(id).map_err(self.fault("reading the log"))?;
            id = commit.parent_id(0).map_err(|_| GitError::Request {
                reason: format!(
                    "{} is not on the line of first parents of {}",
                    revision(first).short(),
                    revision(last).short()
                ),
            })?;
        }
        Ok(ids)
    }

    /// Refuses a merge that has more below the path than its lines have.
    fn check_merge(
        &self,
        handles: &Handles,
        merge: &git2::Commit<'_>,
        path: &str,
    ) -> Result<(), GitError> {
        let fault = self.fault("looking into a merge");
        let of_its_own = || GitError::OwnMerge { revision: revision(merge.id()) };
        let ids: Vec<Oid> = merge.parent_ids().collect();
        let [one, other] = ids[..] else { return Err(of_its_own()) };
        let merged = merge.tree().map_err(&fault)?;
        let lines = [self.tree_of(handles, Some(one))?, self.tree_of(handles, Some(other))?];
        let [one_below, other_below] = self.below(handles, lines, path)?;
        let base = handles.all.merge_bases(one, other).map_err(&fault)?;
        if let [base] = base[..] {
            let trees = [merged.clone(), self.tree_of(handles, Some(base))?];
            let [merged_below, base_below] = self.below(handles, trees, path)?;
            let clean = match (one_below == base_below, other_below == base_below) {
                (true, _) => merged_below == other_below,
                (_, true) => merged_below == one_below,
                _ => merged_below == one_below && one_below == other_below,
            };
            if clean {
                return Ok(());
            }
        }
        let again = || -> Result<Option<Oid>, git2::Error> {
            let (one, other) = (handles.all.find_commit(one)?, handles.all.find_commit(other)?);
            let mut index = handles.all.merge_commits(&one, &other, None)?;
            if index.has_conflicts() {
                return Ok(None);
            }
            index.write_tree_to(&handles.all).map(Some)
        };
        let Some(again) = again().map_err(&fault)? else { return Err(of_its_own()) };
        let again = handles.all.find_tree(again).map_err(&fault)?;
        let [again, merged] = self.below(handles, [again, merged], path)?;
        if again == merged { Ok(()) } else { Err(of_its_own()) }
    }

    /// Whether two trees have something else at one of the paths.
    fn differ(
        &self,
        handles: &Handles,
        trees: &[Tree<'_>; 2],
        paths: &[String],
    ) -> Result<bool, GitError> {
        for path in paths {
            let [one, other] = self.below(handles, trees.clone(), path)?;
            if one != other {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What lies at the path in each tree.
    fn below(
        &self,
        handles: &Handles,
        trees: [Tree<'_>; 2],
        path: &str,
    ) -> Result<[Option<(Oid, i32)>; 2], GitError> {
        let at = |tree: &Tree<'_>| match path {
            "" => Ok(Some((tree.id(), 0))),
            path => entry_in(&handles.all, tree, path).map_err(self.fault("reading a folder")),
        };
        Ok([at(&trees[0])?, at(&trees[1])?])
    }
}
