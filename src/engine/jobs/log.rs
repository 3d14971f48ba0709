//! Load a page of a log, or one commit.

use crate::domain::repository::Signature;
use crate::domain::{CommitDetails, Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::mask::mask;
use crate::engine::jobs::render::sources;
use crate::engine::jobs::{Context, index, verify};
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
    let mut beside = Vec::new();
    let (repository, path) = match &subject {
        Subject::Repository(name) => (ctx.world.repository(name)?.remote.name.clone(), page.path),
        Subject::Mapping(name) => {
            let mapping = ctx.world.mapping(name)?;
            let path = if let Some(below) = page.path {
                format!("{}/{below}", mapping.path).trim_start_matches('/').to_owned()
            } else {
                beside = bases(ctx, mapping, page.from.clone()).await;
                mapping.path.clone()
            };
            (mapping.repository.clone(), Some(path))
        }
    };
    let (from, skip, limit) = (page.from, page.skip, page.limit);
    let unfetched = ctx.world.unfetched(&repository);
    let known = unfetched.is_some();
    let loaded = ctx
        .world
        .git(&repository, move |git| {
            let from = from.map(|text| git.resolve(&text)).transpose()?;
            match git.log(&LogQuery { from, path, beside, follow: true, skip, limit }) {
                Err(GitError::Unborn { .. }) if known => Ok(None),
                found => found.map(Some),
            }
        })
        .await?;
    // Why there is no commit is said by what kept it from being fetched.
    let Some(loaded) = loaded else {
        return Err(unfetched.unwrap_or_else(|| Failure::new("nothing was fetched")).into());
    };
    if !loaded.indexed {
        index::begin(ctx, &repository);
    }
    let count = loaded.commits.len();
    let name = subject.name().to_owned();
    ctx.emit(Event::LogLoaded { subject, skip, commits: loaded.commits, more: loaded.more }).await;
    Ok(format!("{count} commits of {name}"))
}

/// What a mapping is made from beside its own path, as of where its log begins.
async fn bases(ctx: &Context, mapping: &Mapping, from: Option<String>) -> Vec<String> {
    let start = ctx.world.git(&mapping.repository, move |git| match from {
        Some(text) => git.resolve(&text).map(Some),
        None => Ok(git.head()),
    });
    let Ok(Some(revision)) = start.await else { return Vec::new() };
    let mut paths = sources(ctx, mapping, &revision).await;
    paths.retain(|path| *path != mapping.path);
    paths
}

/// A commit with its diff, without the values of the Secrets in it.
pub(super) fn shown(git: &Repository, text: &str) -> Result<CommitDetails, GitError> {
    Ok(masked(git, git.details(&git.resolve(text)?)?, None))
}

/// What commits after `base` and up to this one change together, without the values of the Secrets in it.
pub(super) fn shown_since(
    git: &Repository,
    revision: &Revision,
    base: &Revision,
) -> Result<CommitDetails, GitError> {
    Ok(masked(git, git.details_since(revision, Some(base))?, Some(base)))
}

fn masked(git: &Repository, mut details: CommitDetails, base: Option<&Revision>) -> CommitDetails {
    let new = &details.commit.revision;
    let old = base.or(details.commit.parents.first());
    let side = |revision: Option<&Revision>, path: &str| match revision.map(|r| git.file(r, path)) {
        Some(Ok(content)) => Ok(Some(content)),
        // On one side only.
        None | Some(Err(GitError::PathMissing { .. })) => Ok(None),
        Some(Err(_)) => Err(()),
    };
    let mut files = details.files.iter();
    details.patch = sections(&details.patch)
        .map(|section| match files.next() {
            Some(file) => {
                let before = file.old_path.as_ref().unwrap_or(&file.path);
                mask(section, &[side(old, before), side(Some(new), &file.path)])
            }
            None => mask(section, &[Err(()), Err(())]),
        })
        .collect();
    details
}

/// The parts of a patch, one for each file. Lines of files begin with a sign, so that this header is Git's own.
fn sections(patch: &str) -> impl Iterator<Item = &str> {
    const HEADER: &str = "diff --git ";
    let starts = patch.match_indices(HEADER).map(|(at, _)| at);
    let mut starts: Vec<usize> =
        starts.filter(|at| *at == 0 || patch[..*at].ends_with('\n')).collect();
    starts.push(patch.len());
    let ends = starts.clone().into_iter().skip(1);
    starts.into_iter().zip(ends).map(|(start, end)| &patch[start..end])
}

/// Loads one commit with its diff; without a repository, from the first one that has it.
pub(super) async fn show(
    ctx: &Context,
    repository: Option<String>,
    revision: String,
) -> Result<String, Stop> {
    let (repository, details) = found(ctx, repository, &revision).await?;
    let title = format!("{} {}", details.commit.revision.short(), details.commit.title());
    if details.commit.signature == Signature::Present {
        let of = std::slice::from_ref(&details.commit.revision);
        let verdicts = verify::verdicts(ctx, &repository, of, false).await?;
        ctx.emit(Event::Verified { verdicts }).await;
    }
    ctx.emit(Event::CommitLoaded { repository, details: Arc::new(details) }).await;
    Ok(title)
}

/// A commit with its diff and the repository that has it.
pub(super) async fn found(
    ctx: &Context,
    repository: Option<String>,
    revision: &str,
) -> Result<(String, CommitDetails), Stop> {
    let names: Vec<String> = match repository {
        Some(name) => vec![ctx.world.repository(&name)?.remote.name.clone()],
        None => ctx.world.settings.repositories.keys().cloned().collect(),
    };
    let mut fault = None;
    for name in names {
        let text = revision.to_owned();
        let found = ctx.world.git(&name, move |git| shown(git, &text)).await;
        match found {
            Ok(details) => return Ok((name, details)),
            Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            // A repository that cannot be read may have the commit; that is the fault to tell.
            Err(Stop::Failed(failure)) if failure.usage && fault.is_some() => {}
            Err(stop) => fault = Some(stop),
        }
    }
    Err(match fault {
        Some(Stop::Failed(failure)) if failure.usage => Failure::usage(format!(
            "no repository has a commit `{revision}`"
        ))
        .hint("give an id of at least four digits, a branch or a tag; `gitdeck log` lists commits")
        .into(),
        Some(stop) => stop,
        None => Failure::usage("no repository is configured").into(),
    })
}
