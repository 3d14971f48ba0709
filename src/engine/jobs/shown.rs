//! What a commit makes of the objects of mappings.

use crate::domain::folder::is_within;
use crate::domain::rendered::{RenderFaults, RenderedCommit, RenderedMapping, Rendering, compare};
use crate::domain::{CommitDetails, Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, log, render};
use crate::engine::{Event, Failure};
use crate::render::Gathered;
use crate::yaml::documents;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Renders the mappings at a commit and at its first parent. Where none is named, those are taken whose files the commit
/// touches.
pub(super) async fn run(
    ctx: &Context,
    repository: Option<String>,
    revision: String,
    names: &[String],
) -> Result<String, Stop> {
    let repository = match (repository, names.first()) {
        (None, Some(name)) => Some(ctx.world.mapping(name)?.repository.clone()),
        (repository, _) => repository,
    };
    let (repository, details) = log::found(ctx, repository, &revision).await?;
    let mut mappings = Vec::new();
    for mapping in chosen(ctx, &repository, &details, names).await? {
        ctx.check()?;
        ctx.doing(format!("rendering {}", mapping.name));
        mappings.push(one(ctx, mapping, &details).await?);
    }
    let (revision, count) = (details.commit.revision, mappings.len());
    let told = match count {
        1 => format!("{} changes 1 mapping", revision.short()),
        many => format!("{} changes {many} mappings", revision.short()),
    };
    let rendered = Arc::new(RenderedCommit { repository, revision, mappings });
    ctx.emit(Event::CommitRendered { rendered }).await;
    Ok(told)
}

async fn chosen<'a>(
    ctx: &'a Context,
    repository: &str,
    details: &CommitDetails,
    names: &[String],
) -> Result<Vec<&'a Mapping>, Stop> {
    if !names.is_empty() {
        let mut chosen = Vec::new();
        for name in names {
            let mapping = ctx.world.mapping(name)?;
            if mapping.repository != repository {
                let other = &mapping.repository;
                let why =
                    format!("{name} is a mapping of {other}, and the commit is of {repository}");
                return Err(Failure::usage(why).into());
            }
            chosen.push(mapping);
        }
        return Ok(chosen);
    }
    let files: Vec<&String> = details
        .files
        .iter()
        .flat_map(|file| [Some(&file.path), file.old_path.as_ref()])
        .flatten()
        .collect();
    let mut chosen = Vec::new();
    for mapping in ctx.world.settings.mappings.values() {
        if mapping.repository != repository {
            continue;
        }
        let mut sources = BTreeSet::new();
        for revision in sides(details) {
            sources.extend(render::sources(ctx, mapping, revision).await);
        }
        let touches = |source: &String| files.iter().any(|file| is_within(file, source));
        if sources.iter().any(touches) {
            chosen.push(mapping);
        }
    }
    Ok(chosen)
}

/// The commit, and its first parent.
fn sides(details: &CommitDetails) -> impl Iterator<Item = &Revision> {
    std::iter::once(&details.commit.revision).chain(details.commit.parents.first())
}

async fn one(
    ctx: &Context,
    mapping: &Mapping,
    details: &CommitDetails,
) -> Result<RenderedMapping, Stop> {
    let before = match details.commit.parents.first() {
        Some(parent) => side(ctx, mapping, parent).await?,
        None => Ok(Rendering::default()),
    };
    let after = side(ctx, mapping, &details.commit.revision).await?;
    let name = mapping.name.clone();
    Ok(match (before, after) {
        (Ok(before), Ok(after)) => {
            let (objects, unchanged) = compare(&before, &after);
            RenderedMapping { mapping: name, objects, unchanged, faults: RenderFaults::default() }
        }
        (before, after) => {
            let faults = RenderFaults { before: before.err(), after: after.err() };
            RenderedMapping { mapping: name, objects: Vec::new(), unchanged: 0, faults }
        }
    })
}

/// One side, or why it does not render. A path that is not there makes no objects.
async fn side(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
) -> Result<Result<Rendering, String>, Stop> {
    let rendered = match render::unseen(ctx, mapping, revision).await {
        Ok(rendered) => rendered,
        Err(Stop::Failed(failure)) => return Ok(Err(failure.message)),
        Err(stop) => return Err(stop),
    };
    let manifests = rendered.map(|rendered| rendered.as_ref().clone()).unwrap_or_default();
    let files: BTreeSet<String> = manifests.iter().map(|one| one.origin.file.clone()).collect();
    let sealed = match render::gather(ctx, mapping, revision).await? {
        Some(gathered) => sealed(ctx, mapping, (revision, &gathered), files).await?,
        None => Vec::new(),
    };
    Ok(Ok(Rendering { manifests, sealed }))
}

/// Those of some files that SOPS encrypted. One that cannot be read shows nothing either. Where values of the render come
/// from such a file, all are: which objects they are in is known to the program that renders alone.
pub(super) async fn sealed(
    ctx: &Context,
    mapping: &Mapping,
    (revision, gathered): (&Revision, &Gathered),
    files: BTreeSet<String>,
) -> Result<Vec<String>, Stop> {
    if gathered.has_sealed_values() {
        return Ok(files.into_iter().collect());
    }
    let at = revision.clone();
    let read = ctx.world.git(&mapping.repository, move |git| {
        let is_sealed = |file: &String| match git.file(&at, file) {
            Ok(content) if !content.windows(4).any(|part| part == b"sops") => false,
            Ok(content) => documents(&content).map_or_else(
                // Templates of charts are no YAML, and nothing encrypted is in them.
                |_| content.windows(4).any(|part| part == b"ENC["),
                |all| all.iter().any(|one| one.value["sops"]["mac"].is_string()),
            ),
            Err(_) => true,
        };
        Ok(files.into_iter().filter(is_sealed).collect::<Vec<_>>())
    });
    read.await
}
