//! `gitdeck mapping`.

use super::edit::Edit;
use super::export::Export;
use super::import::Import;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::output::Output;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, table};
use crate::cli::select;
use crate::cli::session::Work;
use crate::config::edit::{self, NewMapping};
use crate::config::{self, Environment, Overrides, change, duration};
use crate::domain::text::harmless;
use crate::domain::{self, EngineKind, IgnoreRule, RuleUse, Source, SyncPolicy, Target};
use crate::engine::{Command, Event, SyncOptions};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Add, import, export, list, show, edit, disconnect and remove mappings
#[derive(Debug, Subcommand)]
pub enum Mapping {
    Add(Box<Add>),
    Import(Box<Import>),
    Export(Box<Export>),
    /// List mappings with path, target, and whether they are connected
    List,
    /// Show one mapping with its settings and files
    Show {
        /// Mapping
        #[arg(value_name = "MAPPING")]
        name: String,
    },
    Edit(Box<Edit>),
    /// Leave a mapping alone: it stays in the configuration, and nothing is watched, planned, synced or recorded
    ///
    /// The repository and the cluster are left as they are. Other mappings that depend on it wait for it.
    Disconnect {
        /// Mapping
        #[arg(value_name = "MAPPING")]
        name: String,
    },
    /// Look after a mapping again that was disconnected
    Connect {
        /// Mapping
        #[arg(value_name = "MAPPING")]
        name: String,
    },
    /// Take a mapping out of the configuration; the cluster is left as it is
    Remove {
        /// Mapping
        #[arg(value_name = "MAPPING")]
        name: String,
    },
}

/// Add a mapping to the configuration: a path of a repository, tied to a context and a namespace
#[derive(Debug, Args)]
pub struct Add {
    /// Name
    #[arg(value_name = "NAME")]
    name: String,
    /// Repository, unless the project has one
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// File or directory, below the project's prefix; `.` is the whole repository
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Project that it inherits from
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Which side wins
    #[arg(long, value_name = "SIDE", value_enum)]
    source: Option<Side>,
}

/// Which side wins when Git and the cluster disagree.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Side {
    /// Git wins, the cluster is corrected
    Git,
    /// Live changes are recorded as commits
    Cluster,
}

impl Side {
    pub(super) fn source(self) -> Source {
        match self {
            Self::Git => Source::Git,
            Self::Cluster => Source::Cluster,
        }
    }
}

#[derive(Debug, Serialize)]
struct Document {
    mappings: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    project: Option<String>,
    repository: String,
    path: String,
    engine: EngineKind,
    source: Source,
    target: Target,
    connected: bool,
    production: bool,
    sync: SyncPolicy,
    ignore: Vec<IgnoreRule>,
    polling_interval: String,
    depends_on: Vec<String>,
    /// How the ignore rules are of use; absent where there are none, or the mapping cannot be planned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Edited<'a> {
    edit: &'a str,
    kind: &'a str,
    name: &'a str,
    file: &'a Path,
}

/// Says what was edited where.
pub(crate) fn tell_edit(out: &mut Output, (verb, kind, name): (&str, &str, &str), file: &Path) {
    if out.is_human() {
        let line = format!("{verb} {kind} {name} in {}", file.display());
        out.line(&harmless(&line));
    } else {
        out.document(&Edited { edit: verb, kind, name, file });
    }
}

impl Mapping {
    /// Whether it only edits the configuration.
    pub(crate) fn edits(&self) -> bool {
        matches!(
            self,
            Self::Add(_) | Self::Remove { .. } | Self::Connect { .. } | Self::Disconnect { .. }
        )
    }

    /// Edits the configuration. `--context` and `--namespace` are the target of a new mapping.
    pub(crate) fn edit(
        &self,
        overrides: &Overrides,
        environment: &Environment,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        match self {
            Self::Add(add) => {
                let new = NewMapping {
                    name: add.name.clone(),
                    repository: add.repository.clone(),
                    path: add.path.clone(),
                    project: add.project.clone(),
                    context: overrides.context.clone(),
                    namespace: overrides.namespace.clone(),
                    engine: None,
                    source: add.source.map(Side::source),
                };
                let file = edit::add_mapping(overrides, environment, &new)?;
                tell_edit(out, ("added", "mapping", &add.name), &file);
                out.note(&format!("`gitdeck status {}` shows how it stands", add.name));
            }
            Self::Remove { name } => {
                let file = edit::remove_mapping(overrides, environment, name)?;
                tell_edit(out, ("removed", "mapping", name), &file);
                out.note("the cluster is left as it is");
            }
            Self::Connect { name } => connect(overrides, environment, out, (name, true))?,
            Self::Disconnect { name } => connect(overrides, environment, out, (name, false))?,
            _ => {}
        }
        Ok(Exit::Fine)
    }

    /// Lists or shows.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        match self {
            Self::Export(export) => return export.run(work).await,
            Self::Import(import) => return import.run(work).await,
            Self::Edit(edit) => return edit.run(work).await,
            _ => {}
        }
        let Self::Show { name } = self else {
            let names = select::mappings(&work.settings, &[], work.global)?;
            let mappings = names.iter().filter_map(|name| work.settings.mappings.get(name));
            let rows: Vec<Row> = mappings.map(|mapping| row(mapping, None)).collect();
            if rows.is_empty() {
                work.nothing_configured();
            }
            let text = print_list(work.out.paint, &rows);
            if work.out.is_human() {
                work.out.text(&text);
            } else {
                work.out.document(&Document { mappings: rows });
            }
            return Ok(Exit::Fine);
        };
        let mapping = select::mapping(&work.settings, name)?.clone();
        let mut exit = work.fetch(std::slice::from_ref(name)).await;
        let (outcome, events) = work.run_one(Command::Files { mapping: name.clone() }).await;
        exit = exit.and(work.settle(name, &outcome));
        let files = events.iter().find_map(|event| match event {
            Event::FilesLoaded { files, .. } => {
                Some(files.iter().map(|file| file.path.clone()).collect())
            }
            _ => None,
        });
        let row = Row { rules: work.rules_of(&mapping).await, ..row(&mapping, files) };
        if work.out.is_human() {
            let text = print_details(work.out.paint, &row);
            work.out.text(&text);
        } else {
            work.out.document(&Document { mappings: vec![row] });
        }
        Ok(exit)
    }
}

/// Connects a mapping or disconnects it. What is so already is no fault.
fn connect(
    overrides: &Overrides,
    environment: &Environment,
    out: &mut Output,
    (name, on): (&str, bool),
) -> Result<(), Fault> {
    let word = if on { "connected" } else { "disconnected" };
    let Some(file) = change::connect_mapping(overrides, environment, name, on)? else {
        out.note(&format!("mapping {name} is {word} already"));
        return Ok(());
    };
    tell_edit(out, (word, "mapping", name), &file);
    if on {
        out.note(&format!("`gitdeck status {name}` shows how it stands"));
        return Ok(());
    }
    out.note("the repository and the cluster are left as they are");
    let settings = config::load(overrides, environment)?.settings;
    let waiting = settings.connected().filter(|one| one.depends_on.iter().any(|on| on == name));
    let waiting: Vec<&str> = waiting.map(|one| one.name.as_str()).collect();
    if !waiting.is_empty() {
        out.note(&format!("{} depends on it, and waits from now on", waiting.join(", ")));
    }
    Ok(())
}

impl Work<'_> {
    /// How the ignore rules of a mapping are of use. A mapping without any is not planned for it, and one that cannot be
    /// planned is shown all the same: `status` says why.
    async fn rules_of(&mut self, mapping: &domain::Mapping) -> Vec<RuleUse> {
        if mapping.ignore.is_empty() {
            return Vec::new();
        }
        let options = SyncOptions::default();
        let command = Command::Plan { mapping: mapping.name.clone(), revision: None, options };
        let (_, events) = self.run_one(command).await;
        let plan = events.iter().rev().find_map(|event| match event {
            Event::Planned { plan, .. } => Some(plan),
            _ => None,
        });
        plan.map(|plan| plan.rules.clone()).unwrap_or_default()
    }
}

fn row(mapping: &domain::Mapping, files: Option<Vec<String>>) -> Row {
    Row {
        name: mapping.name.clone(),
        project: mapping.project.clone(),
        repository: mapping.repository.clone(),
        path: mapping.path.clone(),
        engine: mapping.engine,
        source: mapping.source,
        target: mapping.target.clone(),
        connected: mapping.connected,
        production: mapping.production,
        sync: mapping.sync,
        ignore: mapping.ignore.clone(),
        polling_interval: duration::show(mapping.polling_interval),
        depends_on: mapping.depends_on.clone(),
        rules: Vec::new(),
        files,
    }
}

fn target(row: &Row) -> String {
    format!("{}/{}", row.target.context, row.target.namespace)
}

fn print_list(paint: Paint, rows: &[Row]) -> String {
    let cells = rows
        .iter()
        .map(|row| {
            vec![
                Cell::styled(&row.name, Paint::name),
                Cell::plain(row.project.as_deref().unwrap_or("-")),
                Cell::plain(&row.repository),
                Cell::plain(if row.path.is_empty() { "." } else { &row.path }),
                Cell::plain(&target(row)),
                connection(row),
                Cell::styled(if row.production { "production" } else { "" }, Paint::warn),
            ]
        })
        .collect();
    table(paint, &["NAME", "PROJECT", "REPOSITORY", "PATH", "TARGET", "CONNECTION", "GUARD"], cells)
}

fn connection(row: &Row) -> Cell {
    if row.connected {
        Cell::styled("connected", Paint::good)
    } else {
        Cell::styled("disconnected", Paint::dim)
    }
}

fn print_details(paint: Paint, row: &Row) -> String {
    let sync = &row.sync;
    let policy = format!(
        "auto {}, prune {} (limit {}), self-heal {}",
        sync.auto, sync.prune, sync.prune_limit, sync.self_heal
    );
    let facts = [
        ("name", row.name.clone()),
        ("project", row.project.clone().unwrap_or_else(|| "-".to_owned())),
        ("repository", row.repository.clone()),
        ("path", if row.path.is_empty() { ".".to_owned() } else { row.path.clone() }),
        ("target", target(row)),
        ("connected", if row.connected { "yes" } else { "no" }.to_owned()),
        ("production", if row.production { "yes" } else { "no" }.to_owned()),
        ("sync", policy),
        ("source", row.source.word().to_owned()),
        ("fetched every", row.polling_interval.clone()),
        ("depends on", row.depends_on.join(", ")),
    ];
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "{name:<14} {}", harmless(&value));
    }
    for rule in &row.ignore {
        let place = rule.short_place().map(|place| format!(" ({place})")).unwrap_or_default();
        let _ = writeln!(text, "{:<14} {}", "ignored", harmless(&format!("{rule}{place}")));
    }
    for dead in row.rules.iter().filter_map(RuleUse::dead) {
        let _ = writeln!(text, "{:<14} {}", "warning", paint.warn(&harmless(&dead)));
    }
    for file in row.files.iter().flatten() {
        let _ = writeln!(text, "{:<14} {}", "file", harmless(file));
    }
    text
}
