//! One sync of a mapping at a time among all gitdeck processes that share a data directory.

use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Pause between two tries; the system's lock has no way to wait that can be cancelled.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until dropped; the system gives it back when the process dies.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
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
                Ok(()) => return Ok(Self { _file: file }),
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
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("the lock {} cannot be used: {error}", path.display()))
        .hint("without it two syncs of one mapping could run at once; nothing was written")
}
