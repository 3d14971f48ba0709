//! What a new mapping, or another place of one, would mean for Git and the clusters. Nothing is written.

use crate::config::{self, ConfigError, Environment, Overrides, Settings, change, edit, suggest};
use crate::domain::{Mapping, Op, Operation, Plan, Reason, Refusal, Revision, Source};
use crate::engine::error::Stop;
use crate::engine::jobs::configure::unedited;
use crate::engine::jobs::look::{self, Look, look};
use crate::engine::jobs::{Context, depends, observe};
use crate::engine::outlook::{Outlook, Placing};
use crate::engine::{Event, Failure, SyncOptions};
use crate::git::GitError;
use std::path::PathBuf;
use std::sync::Arc;

/// Paths that are looked through for those that may have been meant.
const LISTED: usize = 100_000;
/// Differences that are named one by one.
const NAMED: usize = 10;

/// Looks, and tells.
pub(super) async fn run(
    ctx: &Context,
    placing: &Placing,
    options: &SyncOptions,
) -> Result<String, Stop> {
    let (outlook, _) = Box::pin(foresee(ctx, placing, options)).await?;
    let said = match outlook.plan.operations.len() {
        1 => format!("{} would take 1 operation", placing.name()),
        many => format!("{} would take {many} operations", placing.name()),
    };
    ctx.emit(Event::Foreseen { job: ctx.job, outlook: Arc::new(outlook) }).await;
    Ok(said)
}

/// The outlook, and the engine under the settings as they would be.
pub(super) async fn foresee(
    ctx: &Context,
    placing: &Placing,
    options: &SyncOptions,
) -> Result<(Outlook, Context), Stop> {
    let Tried { before, settings, file } = tried(ctx, placing).await?;
    let name = placing.name();
    let Some(mapping) = settings.mappings.get(name).cloned() else {
        return Err(Failure::usage(format!("`{name}` would be no mapping")).into());
    };
    if before.as_ref().is_some_and(|before| !before.connected) {
        let failure =
            Failure::new(format!("`{name}` is disconnected, so nothing of it is changed"));
        return Err(failure
            .hint(format!("`gitdeck mapping connect {name}` connects it first"))
            .into());
    }
    let aside = Context { world: Arc::new(ctx.world.supposed(settings, name)), ..ctx.clone() };
    let head = look::desired_revision(&aside, &mapping, None).await?;
    let there = is_there(&aside, &mapping, &head).await?;
    if before.is_none() && !there {
        return Err(missing(&aside, &mapping, &head).await);
    }
    for other in aside.world.unclaimed(&mapping) {
        // What cannot be read claims nothing.
        let _ = Box::pin(look::claim(&aside, other)).await;
    }
    let moved_from = before.as_ref().map(|before| ctx.world.holder(before)).transpose()?;
    let options = SyncOptions { moved_from: moved_from.map(Box::new), ..options.clone() };
    let looked = look(&aside, &mapping, None, &options, depends::Sight::Aside);
    let mut seen = Box::pin(looked).await.map_err(Stop::from)?;
    let Plan { objects, operations, hooks, .. } = &seen.plan;
    if before.is_none() && objects.is_empty() && operations.is_empty() && hooks.is_empty() {
        return Err(Failure::new(format!(
            "\"{}\" of {} holds no object, so nothing would come of a mapping of it",
            shown(&mapping.path),
            mapping.repository
        ))
        .hint("choose a --path with manifests, a kustomization or a chart")
        .into());
    }
    if before.is_some() {
        if let Some(why) = &seen.plan.prune_blocked {
            let failure =
                Failure::new(format!("what the change would delete cannot be told: {why}"));
            return Err(failure.hint("mend that first; nothing was written").into());
        }
        count_deletions(&mut seen.plan, &options);
    }
    let said = match &before {
        Some(before) => changes(ctx, &aside, (before, &mapping), &seen, there).await?,
        None => arrivals(&mapping, &seen),
    };
    Ok((Outlook { mapping, before, file, plan: Arc::new(seen.plan), said }, aside))
}

/// Lists the paths of a repository.
pub(super) async fn paths(ctx: &Context, repository: &str) -> Result<String, Stop> {
    let list = |git: &crate::git::Repository| match git.head() {
        Some(head) => git.listing(&head, LISTED),
        None => Ok(Vec::new()),
    };
    let paths = Arc::new(ctx.world.git(repository, list).await?);
    let said = format!("{repository}: {} paths", paths.len());
    ctx.emit(Event::PathsListed { repository: repository.to_owned(), paths }).await;
    Ok(said)
}

/// The configuration as it would be.
struct Tried {
    before: Option<Mapping>,
    settings: Settings,
    file: PathBuf,
}

/// What the configuration is read with. Where a mapping goes is part of what is asked for here, and no filter.
pub(super) fn read_with(ctx: &Context) -> Overrides {
    Overrides { context: None, namespace: None, ..ctx.world.settings.read_with.clone() }
}

async fn tried(ctx: &Context, placing: &Placing) -> Result<Tried, Stop> {
    let (overrides, placing) = (read_with(ctx), placing.clone());
    let read = move || {
        let environment = Environment::of_process();
        let loaded = config::load(&overrides, &environment)?;
        let before = loaded.settings.mappings.get(placing.name()).cloned();
        let (settings, file, before) = match &placing {
            Placing::New(new) => {
                (edit::try_adding(&overrides, &environment, new)?, loaded.main, None)
            }
            Placing::Changed(change) => {
                let (settings, file) = change::try_change(&overrides, &environment, change)?;
                (settings, file, before)
            }
        };
        Ok::<_, ConfigError>(Tried { before, settings, file })
    };
    let read = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::new(format!("reading the configuration ended early: {error}")))?;
    Ok(read.map_err(|error| unedited(&error))?)
}

async fn is_there(ctx: &Context, mapping: &Mapping, head: &Revision) -> Result<bool, Stop> {
    let (path, head) = (mapping.path.clone(), head.clone());
    let look = move |git: &crate::git::Repository| match git.has(&head, &path) {
        Err(GitError::PathMissing { .. }) => Ok(false),
        Err(error) => Err(error),
        Ok(()) => Ok(true),
    };
    ctx.world.git(&mapping.repository, look).await
}

/// Nothing is at the path; what may have been meant.
async fn missing(ctx: &Context, mapping: &Mapping, head: &Revision) -> Stop {
    let (short, revision) = (head.short().to_owned(), head.clone());
    let listed = ctx.world.git(&mapping.repository, move |git| git.listing(&revision, LISTED));
    let listed = listed.await.unwrap_or_default();
    let paths = listed.iter().map(|path| path.trim_end_matches('/'));
    let near = suggest::likeliest(&mapping.path, paths, 3);
    let failure = Failure::new(format!(
        "there is no \"{}\" in {} at {short}",
        mapping.path, mapping.repository
    ));
    let hint = match near.as_slice() {
        [] => "`gitdeck repo check` says whether the branch is the right one".to_owned(),
        near => format!("near it are {}", near.join(", ")),
    };
    failure.hint(hint).into()
}

/// Where something else backs a mapping, every deletion wants its number.
fn count_deletions(plan: &mut Plan, options: &SyncOptions) {
    let count = plan.operations.iter().filter(|one| one.op == Op::Delete).count();
    let counted = plan.refusals.iter().any(|one| matches!(one, Refusal::Deletions { .. }));
    if count > 0 && !counted && options.allow_delete != Some(count) {
        let because = "something else backs the mapping from then on".to_owned();
        plan.refusals.push(Refusal::Deletions { count, because });
    }
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// What a new mapping means.
fn arrivals(mapping: &Mapping, seen: &Look) -> Vec<String> {
    let mut said = vec![format!(
        "{} of {} at {}, to {}/{}",
        shown(&mapping.path),
        mapping.repository,
        seen.revision.short(),
        mapping.target.context,
        mapping.target.namespace
    )];
    if mapping.is_recorded() {
        said.push(recorded(&mapping.name, &seen.plan));
    }
    said.extend(by_itself(mapping));
    said
}

/// What another place of a mapping means.
async fn changes(
    ctx: &Context,
    aside: &Context,
    (before, after): (&Mapping, &Mapping),
    seen: &Look,
    there: bool,
) -> Result<Vec<String>, Stop> {
    let mut said = Vec::new();
    let (name, repository, path) = (&after.name, &after.repository, shown(&after.path));
    let moved = (&before.repository, &before.path) != (repository, &after.path);
    if moved {
        said.push(format!(
            "made from {path} of {repository} instead of {} of {}",
            shown(&before.path),
            before.repository
        ));
        if !there {
            said.push(format!("nothing is at {path} of {repository}: nothing would be left of it"));
        }
    }
    if moved && there && !after.is_recorded() {
        said.extend(undeployed(aside, (before, after), seen).await?);
    }
    if before.target.context != after.target.context {
        said.push(left_behind(ctx, before).await);
    } else if before.target.namespace != after.target.namespace {
        said.push(format!(
            "namespace {} instead of {}: what is in the old one is cleaned by the sync, as the plan says",
            after.target.namespace, before.target.namespace
        ));
    }
    match (before.source, after.source) {
        (Source::Git, Source::Cluster) => said.push(recorded(name, &seen.plan)),
        (Source::Cluster, Source::Git) => said.push(undone(&seen.plan)),
        _ => {}
    }
    said.extend(outcome(&seen.plan).filter(|_| !after.is_recorded()));
    said.extend(by_itself(after));
    Ok(said)
}

/// Commits at the new place that were never deployed.
async fn undeployed(
    aside: &Context,
    (before, after): (&Mapping, &Mapping),
    seen: &Look,
) -> Result<Option<String>, Stop> {
    let Some(synced) = &seen.inventory.synced_revision else { return Ok(None) };
    let (name, path) = (&after.name, shown(&after.path));
    if before.repository != after.repository {
        let short = seen.revision.short();
        return Ok(Some(format!(
            "nothing of {} was ever deployed by {name}: a sync brings {path} as of {short}",
            after.repository
        )));
    }
    let count = observe::behind(aside, after, Some(synced), &seen.revision).await?;
    Ok(match count {
        0 => None,
        1 => Some(format!("1 commit to {path} was never deployed by {name}")),
        many => Some(format!("{many} commits to {path} were never deployed by {name}")),
    })
}

/// What is cleaned, stopped and deployed, in one sentence.
fn outcome(plan: &Plan) -> Option<String> {
    let count = |ops: &[Op]| plan.operations.iter().filter(|one| ops.contains(&one.op)).count();
    let stops = plan.risk.stops.len();
    let parts = [
        (count(&[Op::Delete]), "clean"),
        (stops, "stop"),
        (count(&[Op::Create, Op::Update, Op::Recreate, Op::TakeOver]), "deploy or change"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{what} {count}"))
        .collect();
    (!parts.is_empty()).then(|| format!("a sync would {}", parts.join(", ")))
}

/// What a mapping leaves at the cluster that it goes away from.
async fn left_behind(ctx: &Context, before: &Mapping) -> String {
    let context = &before.target.context;
    let found = async {
        let cluster = ctx.world.cluster(context).await.ok()?;
        let inventory = cluster.inventory(&before.name).await.ok()?;
        Some((inventory.members.len(), cluster.set_id(&before.name)))
    };
    match found.await {
        Some((0, _)) => format!("nothing is at {context} that it would leave behind"),
        Some((count, id)) => format!(
            "{count} objects at {context} stay as they are, and nobody looks after them: `kubectl --context {context} get all,configmaps,ingresses -A -l applyset.kubernetes.io/part-of={id}` lists them"
        ),
        None => format!("what it has at {context}, which cannot be reached, stays as it is"),
    }
}

fn recorded(name: &str, plan: &Plan) -> String {
    let differing = match plan.operations.len() {
        0 => String::new(),
        1 => format!("; 1 object differs now, which waits for `gitdeck adopt {name}`"),
        many => format!("; {many} objects differ now, which waits for `gitdeck adopt {name}`"),
    };
    format!(
        "live changes are recorded as commits from then on, and no commit is applied{differing}"
    )
}

/// Whether somebody made the difference in the cluster: what is not there was there once, or Git alone knows it.
fn is_live(operation: &Operation) -> bool {
    operation.op != Op::Create || operation.reason == Reason::Drift
}

/// The live differences that Git undoes where it wins.
fn undone(plan: &Plan) -> String {
    let of = |one: &Operation| {
        let paths: Vec<&str> = one.changes.iter().map(|change| change.path.as_str()).collect();
        if one.op == Op::Create {
            format!("{}, which was deleted", one.object)
        } else if paths.is_empty() {
            one.object.to_string()
        } else {
            format!("{} {}", one.object, paths.join(" "))
        }
    };
    let all: Vec<String> = plan.operations.iter().filter(|one| is_live(one)).map(of).collect();
    match all.len() {
        0 => "Git wins from then on; no live difference would be undone".to_owned(),
        count => {
            let more = count.saturating_sub(NAMED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let named = all[..count.min(NAMED)].join(", ");
            format!("Git wins from then on; a sync would undo what differs live: {named}{more}")
        }
    }
}

/// Whether nobody needs to ask for the sync.
fn by_itself(mapping: &Mapping) -> Option<String> {
    let auto = mapping.sync.auto && !mapping.is_recorded() && mapping.connected;
    auto.then(|| {
        "a running console syncs it by itself (`sync.auto`), unless a guard holds it".to_owned()
    })
}
