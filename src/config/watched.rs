//! The files of a configuration as a process that stays looks at them: what changed is read again.

use super::load::{beside, main_file};
use super::{ConfigError, Environment, Overrides, Settings, load};
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

/// A file as it was seen: when it was written, how long it is, and which one it is (an editor puts a new one in the
/// place of the old).
type Seen = (PathBuf, Option<(SystemTime, u64, u64)>);

/// The files of one configuration.
#[derive(Debug, Clone)]
pub struct Watched {
    overrides: Overrides,
    environment: Environment,
    /// As they were when they were read.
    read: Vec<Seen>,
    /// As they were when they were looked at last.
    seen: Vec<Seen>,
}

impl Watched {
    /// Files that are read now, or were a moment ago.
    pub fn new(overrides: Overrides, environment: Environment) -> Self {
        let read = look(&overrides, &environment);
        Self { overrides, environment, seen: read.clone(), read }
    }

    /// Looks at the files; the settings, or what is wrong with them, where they are others than those that were read.
    /// A file that changed since the last look may still be written, and is left to the next one.
    pub fn changed(&mut self) -> Option<Result<Settings, ConfigError>> {
        let now = look(&self.overrides, &self.environment);
        let settled = now == self.seen;
        self.seen.clone_from(&now);
        if !settled || now == self.read {
            return None;
        }
        let had_main = self.read.first().is_some_and(|(_, seen)| seen.is_some());
        self.read = now;
        Some(match load(&self.overrides, &self.environment) {
            // Taken for an empty configuration, it would take everything off the screen.
            Ok(loaded) if had_main && !loaded.main.exists() => {
                Err(ConfigError::Missing(loaded.main))
            }
            read => read.map(|loaded| loaded.settings),
        })
    }
}

/// The main file first, whether it is there or not, then those beside it.
fn look(overrides: &Overrides, environment: &Environment) -> Vec<Seen> {
    let Ok((main, _)) = main_file(overrides, environment) else { return Vec::new() };
    let others = beside(&main).unwrap_or_default();
    let paths = std::iter::once(main).chain(others);
    paths.map(|path| (path.clone(), std::fs::metadata(&path).ok().as_ref().map(mark))).collect()
}

fn mark(metadata: &Metadata) -> (SystemTime, u64, u64) {
    #[cfg(unix)]
    let which = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let which = 0;
    (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), which)
}

#[cfg(test)]
mod tests {
    use super::Watched;
    use crate::config::{ConfigError, Environment, Overrides};
    use std::fs;
    use std::path::Path;

    const REPOSITORY: &str =
        "[repositories.fleet]\nurl = \"https://git.example.com/fleet.git\"\nbranch = \"main\"\n";

    fn watched(folder: &Path) -> Watched {
        let main = folder.join("config.toml");
        fs::write(&main, REPOSITORY).unwrap();
        let overrides = Overrides { config: Some(main), ..Overrides::default() };
        Watched::new(overrides, Environment::of(folder, &[]))
    }

    #[test]
    fn a_change_is_read_when_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let mut watched = watched(folder.path());
        assert!(watched.changed().is_none());
        let more = format!("{REPOSITORY}\n[safety]\nread_only = true\n");
        fs::write(folder.path().join("config.toml"), more).unwrap();
        assert!(watched.changed().is_none(), "somebody may still write");
        assert!(watched.changed().unwrap().unwrap().safety.read_only);
        assert!(watched.changed().is_none());
    }

    #[test]
    fn a_file_beside_the_main_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut watched = watched(folder.path());
        fs::create_dir(folder.path().join("config.d")).unwrap();
        let other = REPOSITORY.replace("fleet", "other");
        fs::write(folder.path().join("config.d/other.toml"), other).unwrap();
        assert!(watched.changed().is_none());
        assert_eq!(watched.changed().unwrap().unwrap().repositories.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_once_and_what_is_gone_is_no_empty_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let mut watched = watched(folder.path());
        let main = folder.path().join("config.toml");
        fs::write(&main, "[safty]\n").unwrap();
        assert!(watched.changed().is_none());
        assert!(matches!(watched.changed(), Some(Err(ConfigError::Faults(_)))));
        assert!(watched.changed().is_none());
        fs::remove_file(&main).unwrap();
        assert!(watched.changed().is_none());
        assert!(matches!(watched.changed(), Some(Err(ConfigError::Missing(_)))));
    }
}
