//! `gitdeck config`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::output::Output;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, table};
use crate::config::fault::Fault as Line;
use crate::config::{self, ConfigError, Environment, Explanation, Overrides};
use crate::domain::text::harmless;
use clap::Subcommand;
use serde::Serialize;
use std::path::PathBuf;

/// Look at the configuration
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print which files are read
    Path,
    /// Check the configuration; faults are named with file and line
    Check,
    /// Show every setting of a mapping, repository or address with its origin, and which rule won
    Explain {
        /// Mapping, repository, or the address of a repository that need not be configured
        #[arg(value_name = "NAME|URL")]
        subject: String,
    },
}

#[derive(Debug, Serialize)]
struct Paths {
    main: PathBuf,
    files: Vec<PathBuf>,
    cache_dir: PathBuf,
    data_dir: PathBuf,
    kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Checked {
    valid: bool,
    faults: Vec<Place>,
    warnings: Vec<Place>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: PathBuf,
    line: usize,
    message: String,
}

#[derive(Debug, Serialize)]
struct Explanations {
    explanations: Vec<Explanation>,
}

impl Config {
    /// Looks and prints.
    pub(crate) fn run(
        &self,
        overrides: &Overrides,
        environment: &Environment,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        match self {
            Self::Path => path(overrides, environment, out),
            Self::Check => check(overrides, environment, out),
            Self::Explain { subject } => {
                let loaded = config::load(overrides, environment)?;
                let explanations = loaded.explain(subject).map_err(Fault::usage)?;
                if out.is_human() {
                    for explanation in &explanations {
                        let text = print_explanation(out.paint, explanation);
                        out.text(&text);
                    }
                } else {
                    out.document(&Explanations { explanations });
                }
                Ok(Exit::Fine)
            }
        }
    }
}

fn path(overrides: &Overrides, environment: &Environment, out: &mut Output) -> Result<Exit, Fault> {
    let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
    let loaded = config::load(&overrides, environment)?;
    let settings = loaded.settings;
    if out.is_human() {
        let main = harmless(&loaded.main.display().to_string()).into_owned();
        out.line(&main);
        for file in settings.files.iter().filter(|file| **file != loaded.main) {
            let file = harmless(&file.display().to_string()).into_owned();
            out.line(&file);
        }
        if !loaded.found {
            out.note("it does not exist yet; `gitdeck repo add NAME URL` makes it");
        }
    } else {
        out.document(&Paths {
            main: loaded.main,
            files: settings.files,
            cache_dir: settings.cache_dir,
            data_dir: settings.data_dir,
            kubeconfig: settings.kubeconfig,
        });
    }
    Ok(Exit::Fine)
}

fn check(
    overrides: &Overrides,
    environment: &Environment,
    out: &mut Output,
) -> Result<Exit, Fault> {
    let (faults, warnings, summary) = match config::load(overrides, environment) {
        Ok(loaded) => {
            let settings = &loaded.settings;
            let summary = format!(
                "{} files, {} repositories, {} projects, {} mappings: no faults",
                settings.files.len(),
                settings.repositories.len(),
                settings.projects.len(),
                settings.mappings.len()
            );
            (Vec::new(), loaded.warnings(), summary)
        }
        Err(ConfigError::Faults(faults)) => (faults, Vec::new(), String::new()),
        Err(error) => return Err(error.into()),
    };
    let exit = if faults.is_empty() { Exit::Fine } else { Exit::Usage };
    if out.is_human() {
        for fault in &faults {
            out.note(&fault.to_string());
        }
        for warning in &warnings {
            out.note(&format!("warning: {warning}"));
        }
        if exit == Exit::Fine {
            out.line(&summary);
        }
    } else {
        let places = |lines: &[Line]| lines.iter().map(place).collect();
        let (faults, warnings) = (places(&faults), places(&warnings));
        out.document(&Checked { valid: exit == Exit::Fine, faults, warnings });
    }
    Ok(exit)
}

fn place(line: &Line) -> Place {
    Place {
        file: line.place.file.to_path_buf(),
        line: line.place.line,
        message: line.message.clone(),
    }
}

fn print_explanation(paint: Paint, explanation: &Explanation) -> String {
    let mut text = paint.head(&harmless(&explanation.subject)) + "\n";
    let rows = explanation
        .values
        .iter()
        .map(|value| {
            let over: Vec<String> = value.overridden.iter().map(ToString::to_string).collect();
            let over =
                if over.is_empty() { String::new() } else { format!(", over {}", over.join(", ")) };
            vec![
                Cell::styled(&value.key, Paint::name),
                Cell::plain(&value.value),
                Cell::styled(&format!("{}{over}", value.origin), Paint::dim),
            ]
        })
        .collect();
    text.push_str(&table(paint, &["SETTING", "VALUE", "FROM"], rows));
    if !explanation.rules.is_empty() {
        let rows = explanation
            .rules
            .iter()
            .map(|rule| {
                let word = if rule.wins { "wins" } else { "shadowed" };
                vec![
                    Cell::plain(&rule.origin.to_string()),
                    Cell::styled(word, if rule.wins { Paint::good } else { Paint::warn }),
                    Cell::plain(&rule.gives.join(", ")),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(paint, &["RULE", "RESULT", "GIVES"], rows));
    }
    text.push('\n');
    text
}
