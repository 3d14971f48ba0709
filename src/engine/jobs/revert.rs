//! Undo commits: draft the commit that does it, as it will be.

use crate::domain::depends::order;
use crate::domain::revert::{RevertDraft, Undo, of_commit, of_range, to_state};
use crate::domain::{Author, Commit, Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::commit::{MAPPING_TRAILER, OPERATION_TRAILER, author};
use crate::engine::jobs::conflict::conflicts;
use crate::engine::jobs::render::sources;
use crate::engine::jobs::wording::reworded;
use crate::engine::jobs::{Context, log};
use crate::engine::revert::Wish;
use crate::engine::{Event, Failure};
use crate::git::{CommitRequest, GitError, LogQuery, Repository, Undone};
use std::sync::Arc;

/// Commits that a message names.
const NAMED: usize = 50;

/// Drafts, and tells what the commit would be.
pub(super) async fn draft(ctx: &Context, wish: &Wish) -> Result<String, Stop> {
    let mapping = wish.mapping.as_deref().map(|name| ctx.world.mapping(name)).transpose()?;
    let repository = match (mapping, &wish.repository) {
        (Some(mapping), _) => mapping.repository.clone(),
        (None, Some(name)) => ctx.world.repository(name)?.remote.name.clone(),
        (None, None) => holder(ctx, &wish.undo).await?,
    };
    let author = author(ctx)?;
    let path = mapping.map(|mapping| mapping.path.clone());
    let subject = mapping.map_or_else(|| repository.clone(), |mapping| mapping.name.clone());
    let trailers = trailers(mapping);
    let (wished, words) = (wish.clone(), (ctx.clone(), mapping.cloned(), repository.clone()));
    let drafted = ctx
        .world
        .git(&repository, move |git| {
            let (undone, message) = resolved(git, &wished, path.as_deref(), &subject)?;
            let message = wished
                .message
                .unwrap_or_else(|| reworded(&words.0, words.1.as_ref(), &words.2, message));
            let about = about(author, message, trailers);
            let drafted = match git.draft_revert(&undone, path.as_deref(), &about) {
                Err(GitError::Diverged { paths }) => {
                    let found = conflicts(git, &undone, &paths)?;
                    return Ok(Err((found, GitError::Diverged { paths })));
                }
                drafted => drafted?,
            };
            let details = log::shown(git, drafted.commit.revision.as_str())?;
            Ok(Ok((drafted, details, waiting(git)?)))
        })
        .await
        .map_err(|stop| hinted(stop, &subject_of(wish)))?;
    let (drafted, details, waiting) = match drafted {
        Ok(drafted) => drafted,
        Err((conflicts, error)) => {
            let conflicts = Arc::new(conflicts);
            ctx.emit(Event::RevertConflicted { job: ctx.job, conflicts }).await;
            let hint = "nothing was kept; undo what came since as well: a range A..B, or --to REV";
            return Err(Failure::from(error).hint(hint).into());
        }
    };
    let touches =
        touched(ctx, &repository, mapping, &drafted.commit.revision, &drafted.files).await;
    let title = details.commit.title().to_owned();
    let draft = RevertDraft {
        repository,
        mapping: wish.mapping.clone(),
        details,
        besides: drafted.besides,
        waiting,
        touches: in_turn(ctx, &touches),
    };
    ctx.emit(Event::RevertDrafted { job: ctx.job, draft: Arc::new(draft) }).await;
    Ok(title)
}

fn about(author: Author, message: String, trailers: Vec<(String, String)>) -> CommitRequest {
    CommitRequest {
        edits: Vec::new(),
        message,
        committer: author.clone(),
        author,
        trailers,
        expected_base: None,
        first: false,
    }
}

/// The commits that wait for a push, the newest first.
fn waiting(git: &Repository) -> Result<Vec<Commit>, GitError> {
    let query = LogQuery { limit: NAMED, ..LogQuery::default() };
    let mut waiting = git.log(&query)?.commits;
    waiting.retain(|commit| commit.pending);
    Ok(waiting)
}

/// Each after those that it depends on; what is disconnected is left alone.
fn in_turn(ctx: &Context, names: &[String]) -> Vec<String> {
    let mappings = &ctx.world.settings.mappings;
    let connected = |name: &&String| mappings.get(*name).is_none_or(|one| one.connected);
    let names: Vec<String> = names.iter().filter(connected).cloned().collect();
    let on = |name: &str| mappings.get(name).map_or(&[][..], |one| one.depends_on.as_slice());
    order(&names, on, |_| false).into_iter().map(|turn| turn.mapping).collect()
}

fn trailers(mapping: Option<&Mapping>) -> Vec<(String, String)> {
    let of = mapping.map(|mapping| (MAPPING_TRAILER.to_owned(), mapping.name.clone()));
    let operation = (OPERATION_TRAILER.to_owned(), "revert".to_owned());
    of.into_iter().chain([operation]).collect()
}

fn subject_of(wish: &Wish) -> String {
    wish.mapping.clone().or_else(|| wish.repository.clone()).unwrap_or_default()
}

fn hinted(stop: Stop, subject: &str) -> Stop {
    match stop {
        Stop::Failed(failure) if failure.hint.is_none() => {
            let at = if subject.is_empty() { String::new() } else { format!(" {subject}") };
            Failure {
                hint: Some(format!("nothing was kept; `gitdeck log{at}` shows what came since")),
                ..failure
            }
            .into()
        }
        stop => stop,
    }
}

/// The first repository that has the commit that is spoken of.
async fn holder(ctx: &Context, undo: &Undo) -> Result<String, Stop> {
    let text = match undo {
        Undo::Newest => return Err(Failure::usage("nothing says what is to be undone").into()),
        Undo::Commit(text) | Undo::Range(text, _) | Undo::Since(text) => text.clone(),
    };
    for name in ctx.world.settings.repositories.keys() {
        let text = text.clone();
        if ctx.world.git(name, move |git| git.resolve(&text)).await.is_ok() {
            return Ok(name.clone());
        }
    }
    Err(Failure::usage(format!("no repository has a commit `{text}`, and no mapping is called so"))
        .hint("give a mapping, or a commit; `gitdeck log` lists them")
        .into())
}

/// What the words mean, and the default message.
fn resolved(
    git: &Repository,
    wish: &Wish,
    path: Option<&str>,
    subject: &str,
) -> Result<(Undone, String), GitError> {
    Ok(match &wish.undo {
        Undo::Newest => {
            let query = LogQuery { path: path.map(str::to_owned), limit: 1, ..LogQuery::default() };
            one(git.log(&query)?.commits.pop().ok_or(GitError::NothingChanged)?, wish, path)
        }
        Undo::Commit(text) => one(described(git, text)?, wish, path),
        Undo::Range(first, last) => {
            let (first, last) = (git.resolve(first)?, git.resolve(last)?);
            let paths = [path.unwrap_or_default()];
            let count = git.ahead(Some(&first), &last, &paths)?;
            let query = LogQuery {
                from: Some(last.clone()),
                path: path.map(str::to_owned),
                limit: count.min(NAMED),
                ..LogQuery::default()
            };
            let message = of_range([&first, &last], &git.log(&query)?.commits, count, path);
            (Undone::Range(first, last), message)
        }
        Undo::Since(text) => {
            let state = described(git, text)?;
            let message = to_state(&state, subject, path);
            (Undone::Since(state.revision), message)
        }
    })
}

fn one(commit: Commit, wish: &Wish, path: Option<&str>) -> (Undone, String) {
    let line = wish.mainline.and_then(|line| commit.parents.get(line.checked_sub(1)?));
    let message = of_commit(&commit, line, path);
    (Undone::Commit(commit.revision, wish.mainline), message)
}

fn described(git: &Repository, text: &str) -> Result<Commit, GitError> {
    let query = LogQuery { from: Some(git.resolve(text)?), limit: 1, ..LogQuery::default() };
    let unknown = || GitError::UnknownRevision { text: text.to_owned() };
    git.log(&query)?.commits.pop().ok_or_else(unknown)
}

/// The mappings that are made from one of the files. A mapping that was named is one of them.
async fn touched(
    ctx: &Context,
    repository: &str,
    named: Option<&Mapping>,
    revision: &Revision,
    files: &[String],
) -> Vec<String> {
    let mut names: Vec<String> = named.iter().map(|mapping| mapping.name.clone()).collect();
    let own = ctx.world.settings.mappings.values().filter(|one| one.repository == repository);
    for mapping in own {
        let paths = sources(ctx, mapping, revision).await;
        let is_of = |file: &String| {
            paths.iter().any(|path| {
                let rest = file.strip_prefix(path.as_str());
                rest.is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
            })
        };
        if files.iter().any(is_of) && !names.contains(&mapping.name) {
            names.push(mapping.name.clone());
        }
    }
    names
}
