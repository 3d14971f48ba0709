//! The tips that gitdeck follows, kept beside the outbox: a mirror may be built anew, and a rewritten branch must show
//! even then.

use super::GitError;
use super::handles::Handles;
use super::repository::Repository;
use git2::Oid;
use std::fs;
use std::path::PathBuf;

impl Repository {
    /// One line for each branch: the commit and the name.
    fn followed_file(&self) -> PathBuf {
        self.locks.join("followed")
    }

    /// The tip that was followed last, also where the mirror does not have it any more.
    pub(super) fn followed(&self) -> Option<Oid> {
        let text = fs::read_to_string(self.followed_file()).ok()?;
        let mut entries = text.lines().filter_map(|line| line.split_once(' '));
        let (id, _) = entries.find(|(_, branch)| *branch == self.branch)?;
        Oid::from_str(id).ok()
    }

    /// Keeps the tip. The caller holds the lock of the mirror.
    pub(super) fn remember(&self, id: Oid) -> Result<(), GitError> {
        if self.followed() == Some(id) {
            return Ok(());
        }
        let file = self.followed_file();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let others = text
            .lines()
            .filter(|line| line.split_once(' ').is_some_and(|(_, branch)| branch != self.branch));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        lines.push(format!("{id} {}\n", self.branch));
        let draft = file.with_extension("new");
        fs::write(&draft, lines.join("\n"))
            .and_then(|()| fs::rename(&draft, &file))
            .map_err(|error| GitError::storage(&file, error))
    }

    /// Removes refs of branches that were followed before and leave no room for this one: `release` is a file where
    /// `release/1.0` needs a folder.
    pub(super) fn make_way(&self, handles: &Handles) -> Result<(), GitError> {
        for own in [self.tip_ref(), self.seen_ref()] {
            let root = own.strip_suffix(&self.branch).unwrap_or(&own).to_owned();
            let all = handles.mirror.references_glob(&format!("{root}*"));
            let all = all.map_err(self.fault("fetching"))?;
            let names = all.map_while(Result::ok);
            let names = names.filter_map(|reference| Some(reference.name().ok()?.to_owned()));
            let blocks = |name: &String| {
                name.starts_with(&format!("{own}/")) || own.starts_with(&format!("{name}/"))
            };
            for name in names.filter(blocks).collect::<Vec<_>>() {
                let found = handles.mirror.find_reference(&name);
                found.and_then(|mut found| found.delete()).map_err(self.fault("fetching"))?;
            }
        }
        Ok(())
    }
}
