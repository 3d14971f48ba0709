//! Undo commits: draft the commit that does it, as it will be.

use crate::domain::depends::order;
use crate::domain::folder::is_within;
use crate::domain::revert::{RevertDraft, Undo, of_commit, of_range, to_state};
use crate::domain::{Commit, Mapping, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::commit::{MAPPING_TRAILER, OPERATION_TRAILER, author, committer};
use crate::engine::jobs::conflict::conflicts;
use crate::engine::jobs::render::sources;
use crate::engine::jobs::wording::reworded;
use crate::engine::jobs::{Context, log, revert_check, revert_paths};
use crate::engine::revert::Wish;
use crate::engine::{Event, Failure};
use crate::git::{CommitRequest, GitError, Ground, LogQuery, Repository, Undoing, Undone};
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
    let paths = revert_paths::paths(ctx, mapping, wish).await;
    let paths = paths.map_err(|stop| hinted(stop, &subject_of(wish)))?;
    let subject = mapping.map_or_else(|| repository.clone(), |mapping| mapping.name.clone());
    let about = about(ctx, trailers(mapping))?;
    let (wished, words) = (wish.clone(), (ctx.clone(), mapping.cloned(), repository.clone()));
    let drafted = ctx
        .world
        .git(&repository, move |git| {
            let mut undoing = resolved(git, &wished, &paths, &subject)?;
            for one in &mut undoing {
                let own = std::mem::take(&mut one.message);
                let worded = || reworded(&words.0, words.1.as_ref(), &words.2, own);
                one.message = wished.message.clone().unwrap_or_else(worded);
            }
            let ground = if wished.branch.is_some() { Ground::Fetched } else { Ground::Newest };
            let drafted = match git.draft_revert(&undoing, &paths, (&about, ground)) {
                Err(GitError::Diverged { paths, at }) => {
                    let found = conflicts(git, &undoing, at.as_ref(), &paths)?;
                    return Ok(Err((found, GitError::Diverged { paths, at })));
                }
                drafted => drafted?,
            };
            let details = log::shown_since(git, &drafted.newest.revision, &drafted.base)?;
            // A branch of its own brings nothing of what waits.
            let waits = if ground == Ground::Newest { waiting(git)? } else { Vec::new() };
            Ok(Ok((drafted, details, waits)))
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
        touched(ctx, &repository, mapping, &drafted.newest.revision, &drafted.files).await;
    revert_check::renders(ctx, wish, &touches, (&drafted.base, &drafted.newest.revision)).await?;
    let draft = Arc::new(RevertDraft {
        repository,
        mapping: wish.mapping.clone(),
        base: drafted.base,
        commits: drafted.commits,
        details,
        besides: drafted.besides,
        waiting,
        touches: in_turn(ctx, &touches),
    });
    ctx.emit(Event::RevertDrafted { job: ctx.job, draft: draft.clone() }).await;
    Ok(draft.details.commit.title().to_owned())
}

fn about(ctx: &Context, trailers: Vec<(String, String)>) -> Result<CommitRequest, Stop> {
    let author = author(ctx)?;
    Ok(CommitRequest {
        edits: Vec::new(),
        message: String::new(),
        committer: committer(ctx, &author),
        author,
        trailers,
        expected_base: None,
        first: false,
    })
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

/// What the words mean: the commits to make, each with its default message.
fn resolved(
    git: &Repository,
    wish: &Wish,
    paths: &[String],
    subject: &str,
) -> Result<Vec<Undoing>, GitError> {
    let only = |undone, message| vec![Undoing { undone, message }];
    Ok(match &wish.undo {
        Undo::Newest => {
            // A branch of its own has nothing of what waits for a push.
            let from = wish.branch.as_ref().and_then(|_| git.tip());
            let query = LogQuery { from, limit: 1, ..query(paths) };
            let newest = git.log(&query)?.commits.pop().ok_or(GitError::NothingChanged)?;
            vec![one(newest, wish.mainline, paths)]
        }
        Undo::Commit(text) => vec![one(described(git, text)?, wish.mainline, paths)],
        Undo::Range(first, last) if wish.squash => {
            let (first, last) = (git.resolve(first)?, git.resolve(last)?);
            let all = [String::new()];
            let count =
                git.ahead(Some(&first), &last, if paths.is_empty() { &all } else { paths })?;
            let (from, limit) = (Some(last.clone()), count.min(NAMED));
            let undone = git.log(&LogQuery { from, limit, ..query(paths) })?.commits;
            let message = of_range([&first, &last], &undone, count, paths);
            only(Undone::Range(first, last), message)
        }
        Undo::Range(first, last) => {
            let (first, last) = (git.resolve(first)?, git.resolve(last)?);
            let range = git.range([&first, &last], paths, wish.mainline)?;
            if range.len() > 1 && wish.message.is_some() {
                let reason = format!(
                    "each of {} commits has a message of its own: leave --message out, or make one commit with --squash",
                    range.len()
                );
                return Err(GitError::Request { reason });
            }
            range.into_iter().map(|(commit, stays)| one(commit, stays, paths)).collect()
        }
        Undo::Since(text) => {
            let state = described(git, text)?;
            let message = to_state(&state, subject, paths);
            only(Undone::Since(state.revision), message)
        }
    })
}

/// The log of the paths; of everything where none is given.
fn query(paths: &[String]) -> LogQuery {
    let (path, beside) = match paths {
        [path, beside @ ..] => (Some(path.clone()), beside.to_vec()),
        [] => (None, Vec::new()),
    };
    LogQuery { path, beside, ..LogQuery::default() }
}

fn one(commit: Commit, mainline: Option<usize>, paths: &[String]) -> Undoing {
    let stays = mainline.and_then(|line| commit.parents.get(line.checked_sub(1)?));
    let message = of_commit(&commit, stays, paths);
    Undoing { undone: Undone::Commit(commit.revision, mainline), message }
}

fn described(git: &Repository, text: &str) -> Result<Commit, GitError> {
    let query = LogQuery { from: Some(git.resolve(text)?), limit: 1, ..LogQuery::default() };
    let unknown = || GitError::UnknownRevision { text: text.to_owned() };
    git.log(&query)?.commits.pop().ok_or_else(unknown)
}

/// The mappings that are made from one of the files. A mapping that was named is one of them.
pub(super) async fn touched(
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
        let is_of = |file: &String| paths.iter().any(|path| is_within(file, path));
        if files.iter().any(is_of) && !names.contains(&mapping.name) {
            names.push(mapping.name.clone());
        }
    }
    names
}
