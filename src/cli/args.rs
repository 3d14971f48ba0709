//! The command line: global flags and the list of subcommands.

use super::commands;
use crate::config::Overrides;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The GitOps operations console for the terminal.
///
/// Without a subcommand the console opens. Every subcommand does on its own what a key of the console does, for scripts
/// and pipelines.
///
/// Exit codes: 0 fine, 1 differences found, 2 usage or configuration, 3 failed, 4 refused by a guard, 130 interrupted.
/// Of several, the worst counts: 0 < 1 < 4 < 3 < 2 < 130.
#[derive(Debug, Parser)]
#[command(name = "gitdeck", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// Flags of every subcommand.
    #[command(flatten)]
    pub global: Global,
    /// What to do; the console where nothing is given.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags that every subcommand takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Only mappings of this kubeconfig context; mappings that name none are taken to it
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Only mappings of this namespace; mappings that name none are taken to it
    #[arg(long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The configuration file [default: `$GITDECK_CONFIG`, then
    /// `$XDG_CONFIG_HOME/gitdeck/config.toml`]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Refuse every write, to Git and to clusters
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How much goes into the log file of the data directory
    #[arg(long, global = true, value_name = "LEVEL", value_enum, default_value_t)]
    pub log_level: LogLevel,
    /// When to colour; `NO_COLOR` is honoured
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: When,
    /// Form of the results
    #[arg(long, short = 'o', global = true, value_name = "FORM", value_enum, default_value_t)]
    pub output: Format,
}

impl Global {
    /// What concerns the configuration.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            context: self.context.clone(),
            namespace: self.namespace.clone(),
            read_only: self.read_only,
            may_be_missing: false,
        }
    }
}

/// Form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document, stable.
    Json,
    /// The same document as YAML.
    Yaml,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Level of the log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Faults.
    Error,
    /// What will surprise.
    #[default]
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word that log filters know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The subcommands, in the order of the help.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "the doc comment of each subcommand is its help, and one here would replace it"
)]
pub enum Verb {
    #[command(flatten)]
    Work(WorkVerb),
    #[command(flatten)]
    Own(OwnVerb),
    /// Open the console on an embedded sandbox: a Git server and a Kubernetes API, no cluster, no network
    Demo(commands::demo::Demo),
}

/// Subcommands that need the engine.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "the doc comment of each subcommand is its help, and one here would replace it"
)]
pub enum WorkVerb {
    Status(commands::status::Status),
    Diff(commands::diff::Diff),
    Plan(commands::plan::Plan),
    Sync(commands::sync::Sync),
    Suspend(commands::suspend::Suspend),
    Resume(commands::resume::Resume),
    Activity(commands::activity::Activity),
    Log(commands::log::Log),
    Show(commands::show::Show),
    Blame(commands::blame::Blame),
    Set(commands::set::Set),
    Adopt(commands::adopt::Adopt),
    Edit(commands::edit_file::Edit),
    Commit(commands::commit::Commit),
    Push(commands::push::Push),
    Revert(commands::revert::Revert),
    Doctor(commands::doctor::Doctor),
    Guide(commands::guide::Guide),
}

/// Subcommands that look at the configuration or at gitdeck itself.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "the doc comment of each subcommand is its help, and one here would replace it"
)]
pub enum OwnVerb {
    #[command(subcommand)]
    Repo(commands::repo::Repo),
    #[command(subcommand)]
    Mapping(commands::mapping::Mapping),
    #[command(subcommand)]
    Secret(commands::secret::Secret),
    #[command(subcommand)]
    Config(commands::config::Config),
    Completions(commands::completions::Completions),
    Man(commands::man::Man),
}
