//! `gitdeck repo`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::output::Output;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, table};
use crate::cli::print::time::age;
use crate::cli::select;
use crate::cli::session::Work;
use crate::config::edit::{self, NewRepository};
use crate::config::{Access, Environment, Overrides, duration};
use crate::domain::SecretRef;
use crate::domain::text::harmless;
use crate::engine::Command;
use crate::engine::store::RepositoryView;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// Add, list, check, accept and remove repositories
#[derive(Debug, Subcommand)]
pub enum Repo {
    Add(Box<Add>),
    /// List repositories with branch, access method and last fetch
    List,
    /// Show one repository
    Show {
        /// Repository
        #[arg(value_name = "REPOSITORY")]
        name: String,
    },
    /// Test repositories now: credential, connection, branch, right to push
    Check {
        /// Repositories; all where none is named
        #[arg(value_name = "REPOSITORY")]
        names: Vec<String>,
        /// Let ssh know the key of the host first, if the host shows the key with this fingerprint
        #[arg(long, value_name = "FINGERPRINT", requires = "names")]
        host_key: Option<String>,
    },
    Accept(super::accept::Accept),
    /// Take a repository out of the configuration
    Remove {
        /// Repository
        #[arg(value_name = "REPOSITORY")]
        name: String,
    },
}

/// Add a repository to the configuration
///
/// Secrets are given as references, never as values: `vault:NAME`, `keyring:NAME`, `env:NAME`, `file:PATH`,
/// `git-credential` or `ssh-agent`. `gitdeck secret set` keeps a value in the vault or in the keyring.
#[derive(Debug, Args)]
pub struct Add {
    /// Name in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// `https://`, `ssh://`, `git@host:path` or `file:///path`
    #[arg(value_name = "URL")]
    url: String,
    /// Branch [default: main]
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// User name
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Reference to the password
    #[arg(long, value_name = "REF")]
    password_ref: Option<SecretRef>,
    /// Reference to an access token
    #[arg(long, value_name = "REF", conflicts_with = "password_ref")]
    token_ref: Option<SecretRef>,
    /// Reference to an SSH key, or ssh-agent
    #[arg(long, value_name = "REF", conflicts_with_all = ["password_ref", "token_ref"])]
    key_ref: Option<SecretRef>,
    /// Reference to the passphrase of the key
    #[arg(long, value_name = "REF", requires = "key_ref")]
    passphrase_ref: Option<SecretRef>,
    /// The one project that may use it; shared with all where none is named
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// How often it is fetched
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    polling_interval: Option<Duration>,
}

fn interval(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "a duration like 20s or 3m".to_owned())
}

#[derive(Debug, Serialize)]
struct Document {
    repositories: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    display_name: String,
    url: String,
    branch: String,
    access: String,
    method: &'static str,
    polling_interval: String,
    tip: Option<String>,
    fetched_at: Option<Timestamp>,
    pending: usize,
    error: Option<String>,
    mappings: Vec<String>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Serialize)]
struct Check {
    name: String,
    passed: bool,
    detail: String,
}

impl Repo {
    /// Whether it only edits the configuration.
    pub(crate) fn edits(&self) -> bool {
        matches!(self, Self::Add(_) | Self::Remove { .. })
    }

    /// Edits the configuration.
    pub(crate) fn edit(
        &self,
        overrides: &Overrides,
        environment: &Environment,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        let (verb, name, file) = match self {
            Self::Add(add) => {
                ("added", &add.name, edit::add_repository(overrides, environment, &add.table())?)
            }
            Self::Remove { name } => {
                ("removed", name, edit::remove_repository(overrides, environment, name)?)
            }
            _ => return Ok(Exit::Fine),
        };
        super::mapping::tell_edit(out, (verb, "repository", name), &file);
        if verb == "added" {
            out.note(&format!("`gitdeck repo check {name}` tests it"));
        }
        Ok(Exit::Fine)
    }

    /// Lists, shows or checks.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        if let Self::Accept(accept) = self {
            return accept.run(work).await;
        }
        let mut names: Vec<String> = work.settings.repositories.keys().cloned().collect();
        if let Self::Show { name } = self {
            select::repository(&work.settings, name)?;
            names = vec![name.clone()];
        }
        let mut exit = Exit::Fine;
        if let Self::Check { names: named, host_key } = self {
            for name in named {
                select::repository(&work.settings, name)?;
            }
            if !named.is_empty() {
                names.clone_from(named);
            }
            if let Some(fingerprint) = host_key {
                exit = work.trust_hosts(&names, fingerprint).await;
            }
            exit = exit.and(work.check_repositories(&names).await);
        }
        let rows: Vec<Row> = names.iter().filter_map(|name| row(work, name)).collect();
        if !work.out.is_human() {
            work.out.document(&Document { repositories: rows });
            return Ok(exit);
        }
        let text = match self {
            Self::Check { .. } => print_checks(work.out.paint, &rows),
            Self::Show { .. } => print_details(&rows),
            _ => print_list(work.out.paint, &rows),
        };
        work.out.text(&text);
        if rows.is_empty() {
            work.out.note("no repository is configured yet; `gitdeck repo add NAME URL` adds one");
        }
        Ok(exit)
    }
}

impl Add {
    fn table(&self) -> NewRepository {
        NewRepository {
            name: self.name.clone(),
            url: self.url.clone(),
            branch: self.branch.clone(),
            display_name: self.display_name.clone(),
            username: self.username.clone(),
            password: self.password_ref.clone(),
            access_token: self.token_ref.clone(),
            private_key: self.key_ref.clone(),
            passphrase: self.passphrase_ref.clone(),
            project: self.project.clone(),
            polling_interval: self.polling_interval,
        }
    }
}

impl Work<'_> {
    /// Accepts one host key for repositories.
    async fn trust_hosts(&mut self, names: &[String], fingerprint: &str) -> Exit {
        let mut exit = Exit::Fine;
        for name in names {
            let fingerprint = fingerprint.to_owned();
            let (outcome, _) =
                self.run_one(Command::Trust { repository: name.clone(), fingerprint }).await;
            exit = exit.and(self.settle(name, &outcome));
        }
        exit
    }

    /// Checks repositories side by side. Fails if a check did.
    pub(crate) async fn check_repositories(&mut self, names: &[String]) -> Exit {
        let check = |name: &String| Command::CheckRepository { repository: name.clone() };
        let ran = self.run(names.iter().map(check).collect()).await;
        let mut exit = Exit::Fine;
        for (name, outcome) in names.iter().zip(&ran.outcomes) {
            exit = exit.and(self.settle(name, outcome));
            let view = self.store.repositories.get(name);
            let failed = view.is_some_and(|view| view.checks.iter().any(|(_, passed, _)| !passed));
            if failed {
                exit = exit.and(Exit::Failed);
            }
        }
        exit
    }
}

fn row(work: &Work<'_>, name: &str) -> Option<Row> {
    let settings = work.settings.repositories.get(name)?;
    let view: &RepositoryView = work.store.repositories.get(name)?;
    let feeds = work.settings.mappings.values().filter(|mapping| mapping.repository == name);
    let checks = view.checks.iter().map(|(name, passed, detail)| Check {
        name: name.clone(),
        passed: *passed,
        detail: detail.clone(),
    });
    Some(Row {
        name: name.to_owned(),
        display_name: settings.display_name.clone(),
        url: settings.remote.url.clone(),
        branch: settings.remote.branch.clone(),
        access: match &settings.access {
            Access::Shared => "shared".to_owned(),
            Access::Project(project) => format!("project {project}"),
        },
        method: settings.authentication.word(),
        polling_interval: duration::show(settings.polling_interval),
        tip: view.state.tip.as_ref().map(ToString::to_string),
        fetched_at: view.state.fetched_at,
        pending: view.state.pending,
        error: view.state.error.as_ref().map(ToString::to_string),
        mappings: feeds.map(|mapping| mapping.name.clone()).collect(),
        checks: checks.collect(),
    })
}

fn fetched(row: &Row) -> String {
    row.fetched_at.map_or_else(|| "never".to_owned(), |then| age(then, Timestamp::now()))
}

fn print_list(paint: Paint, rows: &[Row]) -> String {
    let cells = rows
        .iter()
        .map(|row| {
            let state = match &row.error {
                Some(error) => Cell::styled(error, Paint::bad),
                None if row.pending > 0 => {
                    Cell::styled(&format!("{} not pushed", row.pending), Paint::warn)
                }
                None => Cell::plain(""),
            };
            vec![
                Cell::styled(&row.name, Paint::name),
                Cell::plain(&row.branch),
                Cell::plain(row.method),
                Cell::plain(&row.access),
                Cell::plain(&fetched(row)),
                Cell::plain(&row.url),
                state,
            ]
        })
        .collect();
    table(paint, &["NAME", "BRANCH", "METHOD", "ACCESS", "FETCHED", "URL", "STATE"], cells)
}

fn print_details(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let pending = row.pending.to_string();
        let mappings = row.mappings.join(", ");
        let facts = [
            ("name", row.name.as_str()),
            ("display name", &row.display_name),
            ("address", &row.url),
            ("branch", &row.branch),
            ("access", &row.access),
            ("method", row.method),
            ("fetched every", &row.polling_interval),
            ("last fetch", &fetched(row)),
            ("tip", row.tip.as_deref().unwrap_or("-")),
            ("not pushed", &pending),
            ("error", row.error.as_deref().unwrap_or("-")),
            ("mappings", &mappings),
        ];
        for (name, value) in facts {
            let _ = writeln!(text, "{name:<14} {}", harmless(value));
        }
    }
    text
}

fn print_checks(paint: Paint, rows: &[Row]) -> String {
    let cells = rows.iter().flat_map(|row| {
        row.checks.iter().map(|check| {
            let (word, style) = if check.passed {
                ("ok", Paint::good as fn(Paint, &str) -> String)
            } else {
                ("failed", Paint::bad as fn(Paint, &str) -> String)
            };
            vec![
                Cell::styled(&row.name, Paint::name),
                Cell::plain(&check.name),
                Cell::styled(word, style),
                Cell::plain(&check.detail),
            ]
        })
    });
    table(paint, &["REPOSITORY", "CHECK", "RESULT", "DETAIL"], cells.collect())
}
