//! What ends a command early, with what to do next and the exit code that it means.

use super::exit::Exit;
use crate::config::ConfigError;
use crate::engine::Failure;

/// A fault of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What failed and on what (may hold foreign text).
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// How the program ends.
    pub exit: Exit,
}

impl Fault {
    /// A fault of usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Usage }
    }

    /// A fault of an operation.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let exit = if failure.usage { Exit::Usage } else { Exit::Failed };
        Self { message: failure.message, hint: failure.hint, exit }
    }
}
