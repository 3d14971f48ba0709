//! `gitdeck mapping export`.

use super::commit::tell_made;
use super::landing::{Landing, show};
use super::mapping::{Side, tell_edit};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::config::Environment;
use crate::config::edit::{self, NewMapping};
use crate::domain::export::Selection;
use crate::domain::text::harmless;
use crate::engine::export::{Export as Exported, ExportWish};
use crate::engine::{Command, Event, Outcome};
use clap::Args;
use serde::Serialize;
use std::sync::Arc;

/// Export what runs in a namespace into a clean file of a repository, commit it, and make a mapping of it
///
/// What the server and its controllers keep is left out, and so are Secrets, objects of other tools and mappings, and what
/// something else makes (the pods of a Deployment); each is named where it may be missed. With --context and --namespace
/// the target is chosen. The cluster is left as it is. With `record = { secrets = "sops" }` in the configuration, Secrets go
/// into a file of their own that SOPS encrypts.
#[derive(Debug, Args)]
pub struct Export {
    /// Name of the mapping
    #[arg(value_name = "NAME")]
    name: String,
    /// Objects, `Kind/name` each
    #[arg(value_name = "OBJECT", required_unless_present_any = ["selector", "all"])]
    objects: Vec<String>,
    /// Everything with these labels, `app=web,tier in (front, back)`
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Everything in the namespace
    #[arg(long, conflicts_with_all = ["objects", "selector"])]
    all: bool,
    /// Repository, unless the project has one
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Folder of the mapping, below the project's prefix; nothing may be there yet
    #[arg(long, value_name = "PATH")]
    path: String,
    /// File in it [default: the mapping's name with `.yaml`]
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// Project that it inherits from
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Which side wins from now on
    #[arg(long, value_name = "SIDE", value_enum)]
    source: Option<Side>,
    /// What becomes of it
    #[command(flatten)]
    landing: Landing,
}

/// The document of a dry run.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    mapping: &'a str,
    file: &'a str,
    objects: &'a [String],
    left_out: &'a [String],
    message: &'a str,
    diff: &'a str,
}

impl Export {
    /// Reads, shows, asks, commits, and writes the mapping into the configuration.
    pub(super) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let (overrides, environment) = (work.global.overrides(), Environment::of_process());
        let new = self.mapping(work);
        let wish = self.wish()?;
        self.landing.refuse_silence(work)?;
        let mapping = edit::try_mapping(&overrides, &environment, &new)?;
        let repository = mapping.repository.clone();
        let fetched = work.fetch_repositories(std::slice::from_ref(&repository)).await;
        let command = Command::Export { new: Box::new(new.clone()), wish: wish.clone() };
        let (outcome, events) = work.run_one(command).await;
        let exported = events.iter().find_map(|event| match event {
            Event::Exported { export, .. } => Some(Arc::clone(export)),
            _ => None,
        });
        let Some(exported) = exported.filter(|_| matches!(outcome, Outcome::Done(_))) else {
            return Ok(work.settle(&self.name, &outcome));
        };
        for left in &exported.left {
            work.out.note(&format!("left out: {}", harmless(left)));
        }
        if self.landing.dry_run {
            self.show(work, &repository, &exported);
            return Ok(fetched);
        }
        let question = format!(
            "Commit {} objects to {repository} and map them as {}?",
            exported.objects.len(),
            harmless(&self.name)
        );
        let asked = (exported.diff.as_str(), question.as_str());
        let Some(place) = self.landing.decide(work, &repository, asked).await? else {
            work.out.note("nothing was committed");
            return Ok(Exit::Fine);
        };
        let command = Command::Track {
            new: Box::new(new),
            wish,
            edits: exported.edits.clone(),
            message: self.landing.said(&exported.message).to_owned(),
            base: exported.base.clone(),
            push: place.is_push(),
            branch: place.branch(),
        };
        let (outcome, events) = work.run_one(command).await;
        let exit = tell_made(work, &mapping, (&outcome, &events), place.is_push());
        let placed = events.iter().find_map(|event| match event {
            Event::Placed { file, .. } => Some(file),
            _ => None,
        });
        if let Some(file) = placed.filter(|_| work.out.is_human()) {
            tell_edit(work.out, ("added", "mapping", &self.name), file);
        }
        Ok(exit)
    }

    fn mapping(&self, work: &Work<'_>) -> NewMapping {
        NewMapping {
            name: self.name.clone(),
            repository: self.repository.clone(),
            path: Some(self.path.clone()),
            project: self.project.clone(),
            context: work.global.context.clone(),
            namespace: work.global.namespace.clone(),
            engine: None,
            source: self.source.map(Side::source),
        }
    }

    fn wish(&self) -> Result<ExportWish, Fault> {
        let file = self.file.clone().unwrap_or_else(|| format!("{}.yaml", self.name));
        let selection = Selection { names: self.objects.clone(), selector: self.selector.clone() };
        let wish = ExportWish { selection, file };
        wish.check().map_err(Fault::from)?;
        Ok(wish)
    }

    fn show(&self, work: &mut Work<'_>, repository: &str, exported: &Exported) {
        let message = self.landing.said(&exported.message);
        let document = Document {
            repository,
            mapping: &self.name,
            file: exported.edits.first().map_or("", |edit| edit.path.as_str()),
            objects: &exported.objects,
            left_out: &exported.left,
            message,
            diff: &exported.diff,
        };
        show(work, &exported.diff, message, &document);
    }
}
