//! The files of a configuration as a process that stays looks at them: what changed is read again.

use super::load::{beside, main_file};
use super::{ConfigError, Environment, Overrides, Settings, context, load};
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

/// A file as it was seen, if it was there.
type Seen = (PathBuf, Option<Mark>);

/// What tells a state of a file from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    written: SystemTime,
    length: u64,
    /// Which file it is: an editor puts a new one in the place of the old.
    which: u64,
    /// When its content, owner or permissions changed, in seconds and nanoseconds.
    changed: (i64, i64),
}

/// The files of one configuration.
#[derive(Debug, Clone)]
pub struct Watched {
    overrides: Overrides,
    environment: Environment,
    /// As they were when they were read.
    read: Vec<Seen>,
    /// As they were when they were looked at last.
    seen: Vec<Seen>,
    /// Whether the main file was there and said something.
    had_main: bool,
    /// The kubeconfig, and its current context when this process began.
    began_with: (Option<PathBuf>, Option<String>),
}

impl Watched {
    /// Files that are read now, or were a moment ago.
    pub fn new(overrides: Overrides, environment: Environment) -> Self {
        let read = look(&overrides, &environment);
        let had_main = has_main(&read);
        Self {
            overrides,
            environment,
            seen: read.clone(),
            read,
            had_main,
            began_with: (None, None),
        }
    }

    /// Mappings that name no context stay in the one that is current now: what is done with the kubeconfig elsewhere moves
    /// nothing that this process writes to.
    pub fn begin_with(&mut self, settings: &Settings) {
        let current = context::current(settings.kubeconfig.as_deref(), &self.environment);
        self.began_with = (settings.kubeconfig.clone(), current);
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
        let has_main = has_main(&now);
        self.read = now;
        // Taken for an empty configuration, it would take everything off the screen.
        if self.had_main && !has_main {
            let (main, _) = main_file(&self.overrides, &self.environment).ok()?;
            return Some(Err(ConfigError::Gone(main)));
        }
        self.had_main = has_main;
        Some(self.load())
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        let (kubeconfig, current) = &self.began_with;
        let context = self.overrides.context.clone().or_else(|| current.clone());
        let fixed = Overrides { context, ..self.overrides.clone() };
        let settings = load(&fixed, &self.environment)?.settings;
        if settings.kubeconfig == *kubeconfig {
            return Ok(settings);
        }
        Ok(load(&self.overrides, &self.environment)?.settings)
    }
}

fn has_main(seen: &[Seen]) -> bool {
    seen.first().and_then(|(_, mark)| mark.as_ref()).is_some_and(|mark| mark.length > 0)
}

/// The main file first, whether it is there or not, then those beside it.
fn look(overrides: &Overrides, environment: &Environment) -> Vec<Seen> {
    let Ok((main, _)) = main_file(overrides, environment) else { return Vec::new() };
    let others = beside(&main).unwrap_or_default();
    let paths = std::iter::once(main).chain(others);
    paths.map(|path| (path.clone(), std::fs::metadata(&path).ok().as_ref().map(mark))).collect()
}

fn mark(metadata: &Metadata) -> Mark {
    #[cfg(unix)]
    let (which, changed) = {
        use std::os::unix::fs::MetadataExt;
        (metadata.ino(), (metadata.ctime(), metadata.ctime_nsec()))
    };
    #[cfg(not(unix))]
    let (which, changed) = (0, (0, 0));
    let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Mark { written, length: metadata.len(), which, changed }
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
        for gone in [true, false] {
            let done = if gone { fs::remove_file(&main) } else { fs::write(&main, "") };
            done.unwrap();
            assert!(watched.changed().is_none());
            assert!(matches!(watched.changed(), Some(Err(ConfigError::Gone(_)))));
        }
    }

    #[test]
    fn a_permission_that_was_mended_is_a_change() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut watched = watched(folder.path());
        let main = folder.path().join("config.toml");
        fs::set_permissions(&main, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(watched.changed().is_none());
        assert!(matches!(watched.changed(), Some(Err(ConfigError::WritableByOthers { .. }))));
        fs::set_permissions(&main, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(watched.changed().is_none());
        assert!(watched.changed().unwrap().is_ok());
    }

    #[test]
    fn the_current_context_of_the_start_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, "current-context: staging\n").unwrap();
        let main = folder.path().join("config.toml");
        let text = format!(
            "kubeconfig = \"kubeconfig\"\n{REPOSITORY}\n[mappings.cart]\nrepository = \"fleet\"\npath = \"cart\"\n"
        );
        fs::write(&main, &text).unwrap();
        let overrides = Overrides { config: Some(main.clone()), ..Overrides::default() };
        let environment = Environment::of(folder.path(), &[]);
        let settings = crate::config::load(&overrides, &environment).unwrap().settings;
        let mut watched = Watched::new(overrides, environment);
        watched.begin_with(&settings);
        fs::write(&kubeconfig, "current-context: production\n").unwrap();
        fs::write(&main, format!("{text}# more\n")).unwrap();
        assert!(watched.changed().is_none());
        let context =
            |settings: &crate::config::Settings| settings.mappings["cart"].target.context.clone();
        assert_eq!(context(&watched.changed().unwrap().unwrap()), "staging");
        // Another kubeconfig has a current context of its own.
        fs::write(folder.path().join("other"), "current-context: other\n").unwrap();
        fs::write(&main, text.replace("\"kubeconfig\"", "\"other\"")).unwrap();
        assert!(watched.changed().is_none());
        assert_eq!(context(&watched.changed().unwrap().unwrap()), "other");
    }
}
