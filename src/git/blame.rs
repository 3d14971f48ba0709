//! Which commit set each line of a file.

use super::history::os_path;
use super::repository::{Repository, revision as to_revision};
use super::{GitError, path};
use crate::domain::Revision;
use git2::BlameOptions;

impl Repository {
    /// For every line of the file at `revision`, in order, the commit that set it.
    pub fn blame(&self, revision: &Revision, file: &str) -> Result<Vec<Revision>, GitError> {
        let path = path::to_read(file)?;
        self.with(|handles| {
            let commit = self.commit_of(handles, revision)?;
            let mut options = BlameOptions::new();
            options.newest_commit(commit.id());
            let blame =
                handles.all.blame_file(&os_path(&path), Some(&mut options)).map_err(|error| {
                    if error.code() == git2::ErrorCode::NotFound {
                        return GitError::PathMissing {
                            path: path.clone(),
                            revision: revision.clone(),
                        };
                    }
                    self.fault("finding who set each line")(error)
                })?;
            let mut lines = Vec::new();
            for hunk in blame.iter() {
                let by = to_revision(hunk.final_commit_id());
                lines.extend(std::iter::repeat_n(by, hunk.lines_in_hunk()));
            }
            Ok(lines)
        })
    }

    /// The youngest of some commits: the latest, and of those of one second the one that descends from the others.
    pub fn youngest(&self, revisions: &[Revision]) -> Result<Option<Revision>, GitError> {
        self.with(|handles| {
            let mut youngest: Option<git2::Commit<'_>> = None;
            for one in revisions {
                let commit = self.commit_of(handles, one)?;
                let is_younger = youngest.as_ref().is_none_or(|known| {
                    let (time, than) = (commit.time().seconds(), known.time().seconds());
                    let descends = || handles.all.graph_descendant_of(commit.id(), known.id());
                    time > than || time == than && descends().unwrap_or(false)
                });
                if is_younger {
                    youngest = Some(commit);
                }
            }
            Ok(youngest.map(|commit| to_revision(commit.id())))
        })
    }
}
