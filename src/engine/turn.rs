//! One sync of a mapping at a time among all gitdeck processes that share a data directory.

use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

/// Pause between two tries; the system's lock has no way to wait that can be cancelled.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until dropped; the system gives it back when the process dies.
#[derive(Debug)]
pub(crate) struct Turn {
    file: File,
}

impl Turn {
    /// Waits until nobody else syncs the mapping. What was planned before has to be planned again afterwards.
    pub async fn wait(ctx: &Context, mapping: &str) -> Result<Self, Stop> {
        let folder = ctx.world.settings.data_dir.join("turns");
        let path = folder.join(mapping);
        let file = open(&folder, &path).map_err(|error| unusable(&path, &error))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::Error(error)) => return Err(unusable(&path, &error).into()),
                Err(TryLockError::WouldBlock) if told => {}
                Err(TryLockError::WouldBlock) => {
                    ctx.doing(format!("waiting: another gitdeck syncs {mapping}"));
                    told = true;
                }
            }
            ctx.read(async {
                tokio::time::sleep(PAUSE).await;
                Ok(())
            })
            .await?;
        }
    }

    /// Writes down by which words others know in the cluster who begins to work. Where that cannot be written, others wait
    /// until the turn in the cluster ends by itself.
    pub fn sign(&self, holder: &str) {
        let mut file = &self.file;
        let signed = file.seek(SeekFrom::End(0)).and_then(|_| writeln!(file, "{holder}"));
        if let Err(error) = signed {
            tracing::debug!(%error, "who has the turn was not written down");
        }
    }

    /// Forgets who worked: the turn in the cluster was given back.
    pub fn clear(&self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "who had the turn was not forgotten");
        }
    }

    /// Who began and did not give the turn back. Since it is ours, they work no more, whatever the cluster says.
    pub fn gone(&self) -> Vec<String> {
        signed(&self.file)
    }
}

/// Whether a holder in the cluster worked from this data directory, and died: who works has the lock, and the system
/// takes it from the dead. Of holders elsewhere nothing is known here.
pub(crate) fn is_abandoned(data_dir: &Path, mapping: &str, holder: &str) -> bool {
    let Ok(file) = File::open(data_dir.join("turns").join(mapping)) else { return false };
    file.try_lock_shared().is_ok() && signed(&file).iter().any(|one| one == holder)
}

fn signed(mut file: &File) -> Vec<String> {
    let mut text = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut text)) {
        Ok(_) => text.lines().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("the lock {} cannot be used: {error}", path.display()))
        .hint("without it two syncs of one mapping could run at once; nothing was written")
}

#[cfg(test)]
mod tests {
    use super::{Turn, is_abandoned, open};

    #[test]
    fn only_who_worked_here_and_died_left_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let turns = folder.path().join("turns");
        let left = |holder| is_abandoned(folder.path(), "web", holder);
        let take = || {
            let turn = Turn { file: open(&turns, &turns.join("web")).unwrap() };
            turn.file.lock().unwrap();
            turn
        };
        assert!(!left("ana"), "nobody ever worked here");
        let turn = take();
        turn.sign("ana");
        assert!(!left("ana"), "it works");
        drop(turn);
        assert!(left("ana") && !left("leo"));
        // The next one dies before the cluster knows of it: then the turn is still that of the first.
        let turn = take();
        assert_eq!(turn.gone(), ["ana"]);
        turn.sign("leo");
        drop(turn);
        assert!(left("ana") && left("leo") && !left("eve"));
        let turn = take();
        turn.sign("eve");
        turn.clear();
        drop(turn);
        assert!(!left("ana") && !left("eve"), "it ended well");
    }
}
