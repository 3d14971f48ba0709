//! Load a page of a log, or one commit.

use crate::domain::CommitDetails;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::mask::mask;
use crate::engine::{Event, Failure, Subject};
use crate::git::{GitError, LogQuery, Repository};
use std::sync::Arc;

/// Which part of a log.
pub(super) struct Page {
    pub from: Option<String>,
    pub skip: usize,
    pub limit: usize,
    pub path: Option<String>,
}

/// Loads one page.
pub(super) async fn run(ctx: &Context, subject: Subject, page: Page) -> Result<String, Stop> {
    let (repository, path) = match &subject {
        Subject::Repository(name) => (ctx.world.repository(name)?.remote.name.clone(), page.path),
        Subject::Mapping(name) => {
            let mapping = ctx.world.mapping(name)?;
            let path = match page.path {
                Some(below) => {
                    format!("{}/{below}", mapping.path).trim_start_matches('/').to_owned()
                }
                None => mapping.path.clone(),
            };
            (mapping.repository.clone(), Some(path))
        }
    };
    let (from, skip, limit) = (page.from, page.skip, page.limit);
    let loaded = ctx
        .world
        .git(&repository, move |git| {
            let from = from.map(|text| git.resolve(&text)).transpose()?;
            git.log(&LogQuery { from, path, skip, limit })
        })
        .await?;
    let count = loaded.commits.len();
    let name = subject.name().to_owned();
    ctx.emit(Event::LogLoaded { subject, skip, commits: loaded.commits, more: loaded.more }).await;
    Ok(format!("{count} commits of {name}"))
}

/// A commit with its diff, without the values of the Secrets in it.
fn shown(git: &Repository, text: &str) -> Result<CommitDetails, GitError> {
    let mut details = git.details(&git.resolve(text)?)?;
    let revisions: Vec<_> =
        details.commit.parents.first().into_iter().chain([&details.commit.revision]).collect();
    let mut contents = Vec::new();
    for file in &details.files {
        let paths = [Some(&file.path), file.old_path.as_ref()];
        for path in paths.into_iter().flatten() {
            // A file that is on one side only has nothing to hide on the other.
            contents.extend(revisions.iter().filter_map(|revision| git.file(revision, path).ok()));
        }
    }
    details.patch = mask(&details.patch, contents.iter().map(Vec::as_slice));
    Ok(details)
}

/// Loads one commit with its diff; without a repository, from the first one that has it.
pub(super) async fn show(
    ctx: &Context,
    repository: Option<String>,
    revision: String,
) -> Result<String, Stop> {
    let names: Vec<String> = match repository {
        Some(name) => vec![ctx.world.repository(&name)?.remote.name.clone()],
        None => ctx.world.settings.repositories.keys().cloned().collect(),
    };
    let mut fault = None;
    for name in names {
        let text = revision.clone();
        let found = ctx.world.git(&name, move |git| shown(git, &text)).await;
        match found {
            Ok(details) => {
                let title =
                    format!("{} {}", details.commit.revision.short(), details.commit.title());
                ctx.emit(Event::CommitLoaded { repository: name, details: Arc::new(details) })
                    .await;
                return Ok(title);
            }
            Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            Err(stop) => fault = Some(stop),
        }
    }
    Err(fault.unwrap_or_else(|| Failure::usage("no repository is configured").into()))
}
