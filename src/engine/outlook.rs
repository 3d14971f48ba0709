//! A new mapping, or another place of one that is there: what is asked for, and what it would mean.

use crate::config::change::MappingChange;
use crate::config::edit::NewMapping;
use crate::domain::{Mapping, Plan};
use crate::engine::SyncOptions;
use crate::engine::command::quoted;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placing {
    /// A mapping of what is in a repository already.
    New(NewMapping),
    /// Another repository, path, target or source of a mapping.
    Changed(MappingChange),
}

impl Placing {
    /// The mapping.
    pub fn name(&self) -> &str {
        match self {
            Self::New(new) => &new.name,
            Self::Changed(change) => &change.name,
        }
    }

    /// The command line that asks for it.
    pub fn line(&self) -> String {
        let (verb, name, source, texts) = match self {
            Self::New(new) => (
                "import",
                &new.name,
                new.source,
                [&new.project, &new.repository, &new.path, &new.context, &new.namespace],
            ),
            Self::Changed(new) => (
                "edit",
                &new.name,
                new.source,
                [&new.project, &new.repository, &new.path, &new.context, &new.namespace],
            ),
        };
        let mut line = format!("gitdeck mapping {verb} {}", quoted(name));
        let flags = ["--project", "--repository", "--path", "--context", "--namespace"];
        for (flag, text) in flags.iter().zip(texts) {
            if let Some(text) = text {
                let _ = write!(line, " {flag} {}", quoted(text));
            }
        }
        if let Some(source) = source {
            let _ = write!(line, " --source {}", source.word());
        }
        line
    }
}

/// What it would mean; nothing was written yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The mapping as it would be, with everything that it inherits.
    pub mapping: Mapping,
    /// As it is; nothing where it is new.
    pub before: Option<Mapping>,
    /// The file that would say it.
    pub file: PathBuf,
    /// What a sync from there would do now.
    pub plan: Arc<Plan>,
    /// What else it means, a sentence each (may hold foreign text).
    pub said: Vec<String>,
}

/// A look at what it would mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foresight {
    /// What is asked for.
    pub placing: Placing,
    /// What a sync may do.
    pub options: SyncOptions,
}

/// What somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// What is asked for.
    pub placing: Placing,
    /// The digest of the plan that was shown: where another one would come of it by now, nothing is written.
    pub digest: String,
    /// What the sync right after may do; nothing where the configuration alone is written.
    pub sync: Option<SyncOptions>,
}

impl Placement {
    /// The command line that does the same.
    pub fn line(&self) -> String {
        let mut line = self.placing.line();
        match (&self.placing, &self.sync) {
            (Placing::New(_), None) => line.push_str(" --no-sync"),
            (Placing::Changed(_), Some(_)) => line.push_str(" --sync"),
            _ => {}
        }
        if let Some(options) = &self.sync {
            if let Some(number) = options.allow_delete {
                let _ = write!(line, " --allow-delete {number}");
            }
            if options.take_over {
                line.push_str(" --take-over");
            }
        }
        line
    }
}
