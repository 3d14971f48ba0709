//! The environment variables and the home directory, read once; tests bring their own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self { variables, home }
    }

    /// One that holds only these variables and this home.
    pub fn of(home: &Path, variables: &[(&str, &str)]) -> Self {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { variables: variables.collect(), home: Some(home.to_owned()) }
    }

    /// A variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// An XDG base directory: the variable where it holds an absolute path, else the default below the home directory.
    pub fn xdg(&self, variable: &str, default: &str) -> Option<PathBuf> {
        let configured = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        configured.or_else(|| Some(self.home()?.join(default)))
    }

    /// A path from a file: `~/` is the home directory, a relative one is below `base`.
    pub fn path(&self, text: &str, base: &Path) -> PathBuf {
        match (text.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(text),
        }
    }
}
