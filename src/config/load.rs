//! Finds the files, reads them, and resolves what they say.

use super::fault::{ConfigError, Fault, Place, Sited};
use super::raw::Raw;
use super::reader::File;
use super::resolve::resolve;
use super::{Environment, Settings};
use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--context`: the context of mappings that name none.
    pub context: Option<String>,
    /// `--namespace`: the namespace of mappings that name none.
    pub namespace: Option<String>,
    /// `--read-only`.
    pub read_only: bool,
    /// Whether a file that was named may be missing, because it is about to be written.
    pub may_be_missing: bool,
}

/// Where things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Cache directory.
    pub cache_dir: PathBuf,
    /// Data directory.
    pub data_dir: PathBuf,
    /// A kubeconfig that replaces the usual ones.
    pub kubeconfig: Option<PathBuf>,
    /// A `known_hosts` file that replaces the user's.
    pub known_hosts: Option<PathBuf>,
    /// Who may sign commits with ssh, where it is not the file that Git is set up with.
    pub allowed_signers: Option<PathBuf>,
}

/// A configuration that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The file that people and `add` commands write.
    pub main: PathBuf,
    /// Whether any file was found.
    pub found: bool,
    pub(super) raw: Raw,
    pub(super) overrides: Overrides,
    pub(super) environment: Environment,
    pub(super) places: Places,
}

/// The main file by the search order, and whether somebody named it.
pub fn main_file(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(PathBuf, bool), ConfigError> {
    if let Some(path) = &overrides.config {
        return Ok((path.clone(), true));
    }
    if let Some(path) = environment.get("GITDECK_CONFIG") {
        return Ok((PathBuf::from(path), true));
    }
    let folder = environment.xdg("XDG_CONFIG_HOME", ".config").ok_or(ConfigError::Homeless)?;
    Ok((folder.join("gitdeck/config.toml"), false))
}

/// Reads the configuration. No file at all gives empty settings.
pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Loaded, ConfigError> {
    load_with(overrides, environment, None)
}

/// Like [`load`], with another text in place of one file: what would be, if it were written.
pub(super) fn load_with(
    overrides: &Overrides,
    environment: &Environment,
    instead: Option<(&Path, &str)>,
) -> Result<Loaded, ConfigError> {
    let (main, named) = main_file(overrides, environment)?;
    let mut paths = Vec::new();
    let is_instead = |path: &Path| instead.is_some_and(|(file, _)| file == path);
    if main.exists() || is_instead(&main) {
        paths.push(main.clone());
    } else if named && !overrides.may_be_missing {
        return Err(ConfigError::Missing(main));
    }
    paths.extend(beside(&main)?);
    let mut raw = Raw::default();
    let mut faults = Vec::new();
    for path in &paths {
        let text = match instead.filter(|_| is_instead(path)) {
            Some((_, text)) => text.to_owned(),
            None => text_of(path)?,
        };
        faults.extend(read(path, text, &mut raw));
    }
    if !faults.is_empty() {
        return Err(ConfigError::Faults(faults));
    }
    let places = places(&raw, environment)?;
    let mut settings =
        resolve(&raw, overrides, environment, places.clone()).map_err(ConfigError::Faults)?;
    settings.files.clone_from(&paths);
    settings.read_with =
        Overrides { config: Some(main.clone()), may_be_missing: true, ..overrides.clone() };
    Ok(Loaded {
        settings,
        main,
        found: !paths.is_empty(),
        raw,
        overrides: overrides.clone(),
        environment: environment.clone(),
        places,
    })
}

/// `config.d/*.toml` beside the main file, by name.
pub(super) fn beside(main: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = main.with_file_name("config.d");
    let unreadable = |source| ConfigError::Unreadable { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    if !files.is_empty() {
        refuse_if_writable_by_others(&folder)?;
    }
    Ok(files)
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    refuse_if_writable_by_others(path)?;
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn read(path: &Path, text: String, raw: &mut Raw) -> Vec<Fault> {
    let file = File {
        path: Arc::from(path),
        text,
        faults: RefCell::default(),
        line_ends: OnceCell::new(),
    };
    match toml_edit::Document::parse(file.text.as_str()) {
        Ok(document) => raw.read(&file, document.as_table()),
        // The parser's own rendering repeats the line, which may hold a secret; its message does not.
        Err(error) => {
            let place = file.place(error.span().map(|span| span.start));
            file.fault(place, format!("not TOML: {}", error.message()));
        }
    }
    file.faults.into_inner()
}

/// A file that others can write could send credentials anywhere.
fn refuse_if_writable_by_others(path: &Path) -> Result<(), ConfigError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let mode = metadata.permissions().mode() & 0o7777;
        // Of a directory with the sticky bit, others cannot replace what is in it.
        if mode & 0o022 != 0 && !(metadata.is_dir() && mode & 0o1000 != 0) {
            return Err(ConfigError::WritableByOthers { path: path.to_owned(), mode });
        }
    }
    Ok(())
}

fn places(raw: &Raw, environment: &Environment) -> Result<Places, ConfigError> {
    let path = |text: &Sited<String>| {
        let Place { file, .. } = &text.place;
        environment.path(&text.value, file.parent().unwrap_or(Path::new(".")))
    };
    let directory = |variable: &str, configured: &Option<Sited<String>>, xdg: (&str, &str)| {
        environment
            .get(variable)
            .map(PathBuf::from)
            .or_else(|| configured.as_ref().map(path))
            .or_else(|| Some(environment.xdg(xdg.0, xdg.1)?.join("gitdeck")))
            .ok_or(ConfigError::Homeless)
    };
    Ok(Places {
        cache_dir: directory("GITDECK_CACHE_DIR", &raw.cache_dir, ("XDG_CACHE_HOME", ".cache"))?,
        data_dir: directory("GITDECK_DATA_DIR", &raw.data_dir, ("XDG_DATA_HOME", ".local/share"))?,
        kubeconfig: raw.kubeconfig.as_ref().map(path),
        known_hosts: raw.known_hosts.as_ref().map(path),
        allowed_signers: raw.allowed_signers.as_ref().map(path),
    })
}
