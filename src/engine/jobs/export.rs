//! Export: live objects become a clean file in a repository, and the file is committed.

use crate::cluster::{Exported, PlanOptions, PlanRequest};
use crate::config::Environment;
use crate::config::edit::{self, NewMapping};
use crate::domain::export::clean;
use crate::domain::owner::foreign_owner;
use crate::domain::sensitive::Places;
use crate::domain::template::Occasion;
use crate::domain::{FileEdit, Mapping, ObjectRef, Revision, Source};
use crate::engine::error::Stop;
use crate::engine::export::{Export, ExportWish};
use crate::engine::jobs::configure::unedited;
use crate::engine::jobs::foresee::read_with;
use crate::engine::jobs::wording::worded;
use crate::engine::jobs::{Context, commit, draft, look, placing, push, render, seal};
use crate::engine::message::Said;
use crate::engine::outlook::Placing;
use crate::engine::{Event, Failure};
use crate::git::{GitError, Repository};
use crate::yaml;
use serde_json::Value;
use std::sync::Arc;

/// Reads, cleans, writes it down as it would be committed, compares that with what is live, and tells.
pub(super) async fn run(
    ctx: &Context,
    new: &NewMapping,
    wish: &ExportWish,
) -> Result<String, Stop> {
    wish.check()?;
    let mapping = &tried(ctx, new).await?;
    let path = place(mapping, &wish.file);
    let base = free(ctx, mapping, &path).await?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let found = cluster.export(&mapping.target.namespace, &wish.selection).await;
    let found = found.map_err(Failure::from)?;
    if let [first, ..] = found.missing.as_slice() {
        let failure =
            Failure::new(format!("there is no {first} in namespace {}", mapping.target.namespace));
        return Err(failure.hint("name objects as Kind/name, as in Deployment/web").into());
    }
    let named = !wish.selection.names.is_empty();
    let mut left = found.unread.clone();
    let (kept, secrets) = keep(ctx, mapping, &found, named, &mut left).await?;
    let mut edits = Vec::new();
    if let Some(text) = written(&kept)? {
        edits.push(FileEdit { path: path.clone(), content: Some(text.into_bytes()) });
    }
    let mut objects = names(&kept);
    if let Some(edit) = sealed(ctx, mapping, &path, &secrets, &mut left).await? {
        edits.push(edit);
        objects.extend(names(&secrets));
    }
    if edits.is_empty() {
        let why = left.first().map(|first| format!(": {first}")).unwrap_or_default();
        return Err(Failure::new(format!("nothing is to be exported{why}"))
            .hint("`--all` takes everything that somebody made in the namespace")
            .into());
    }
    let drafted =
        draft::draft(ctx, mapping, edits.clone(), (&Occasion::Export.into(), false)).await?;
    if let Some(fault) = drafted.faults.first() {
        return Err(Failure::new(format!("what was exported does not render: {fault}")).into());
    }
    left.extend(differing(ctx, mapping, &edits, base.as_ref()).await?);
    let said = match objects.as_slice() {
        [one] => Said { summary: format!("export {one}"), body: String::new() },
        all => Said {
            summary: format!("export {} objects", all.len()),
            body: format!("- {}", all.join("\n- ")),
        },
    };
    let paths: Vec<String> = edits.iter().map(|edit| edit.path.clone()).collect();
    let message = worded(ctx, mapping, (&said, &paths), &Occasion::Export.into());
    let said = format!("{} objects to {}", objects.len(), paths.join(" and "));
    let (repository, diff) = (mapping.repository.clone(), drafted.diff);
    let export = Export { repository, edits, base, objects, left, message, diff };
    ctx.emit(Event::Exported { job: ctx.job, export: Arc::new(export) }).await;
    Ok(said)
}

/// Commits what was exported, and writes the mapping into the configuration; then pushes, where that is asked for: what is
/// committed is mapped, whether or not the push comes through.
pub(super) async fn track(
    ctx: &Context,
    new: &NewMapping,
    request: commit::Request,
) -> Result<String, Stop> {
    ctx.check()?;
    let mapping = tried(ctx, new).await?;
    let with_push = request.push;
    let request = commit::Request { push: false, ..request };
    let said = commit::carry(ctx, &mapping, request).await?;
    let name = new.name.clone();
    let (_, file) = placing::written(ctx, &Placing::New(new.clone())).await.map_err(unmapped)?;
    ctx.emit(Event::Placed { mapping: name, file }).await;
    if with_push { push::run(ctx, &mapping.repository).await } else { Ok(said) }
}

fn unmapped(stop: Stop) -> Stop {
    let Stop::Failed(failure) = stop else { return stop };
    Failure::new(format!("it is committed, and is no mapping: {}", failure.message))
        .hint("`gitdeck mapping add` makes it one")
        .into()
}

/// The mapping as it would be.
async fn tried(ctx: &Context, new: &NewMapping) -> Result<Mapping, Stop> {
    let (overrides, new) = (read_with(ctx), new.clone());
    let read = move || edit::try_mapping(&overrides, &Environment::of_process(), &new);
    let read = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::new(format!("reading the configuration ended early: {error}")))?;
    Ok(read.map_err(|error| unedited(&error))?)
}

/// The file from the root of the repository.
fn place(mapping: &Mapping, file: &str) -> String {
    if mapping.path.is_empty() { file.to_owned() } else { format!("{}/{file}", mapping.path) }
}

/// Refuses a place where something is: it would become part of the mapping, or be overwritten. The head otherwise.
async fn free(ctx: &Context, mapping: &Mapping, file: &str) -> Result<Option<Revision>, Stop> {
    let (path, file) = (mapping.path.clone(), file.to_owned());
    let look = move |git: &Repository| {
        let Some(head) = git.head() else { return Ok((None, None)) };
        let found = match git.tree(&head, if path.is_empty() { &file } else { &path }) {
            Ok(files) => files.into_iter().next().map(|one| one.path),
            Err(GitError::PathMissing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok((Some(head), found))
    };
    let (head, found) = ctx.world.git(&mapping.repository, look).await?;
    match found {
        None => Ok(head),
        Some(there) => Err(Failure::new(format!(
            "{there} is in {} already, and would become part of {}",
            mapping.repository, mapping.name
        ))
        .hint("choose another --path, or make a mapping of what is there: `gitdeck mapping add`")
        .into()),
    }
}

/// The file with the Secrets, beside the other one, where SOPS may seal them; else each goes to `left`.
async fn sealed(
    ctx: &Context,
    mapping: &Mapping,
    beside: &str,
    secrets: &[Value],
    left: &mut Vec<String>,
) -> Result<Option<FileEdit>, Stop> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let stem = beside.rsplit_once('.').map_or(beside, |(stem, _)| stem);
    let file = format!("{stem}.sops.yaml");
    free(ctx, mapping, &file).await?;
    match seal::sealed(ctx, mapping, &file, secrets).await {
        Ok(edit) => Ok(Some(edit)),
        Err(reason) => {
            let all = secrets.iter().filter_map(ObjectRef::of);
            left.extend(all.map(|one| format!("{one} is a Secret: {reason}")));
            Ok(None)
        }
    }
}

/// The objects that are exported and the Secrets that may be, cleaned; what is left out goes to `left`.
async fn keep(
    ctx: &Context,
    mapping: &Mapping,
    found: &Exported,
    named: bool,
    left: &mut Vec<String>,
) -> Result<(Vec<Value>, Vec<Value>), Stop> {
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    for other in ctx.world.unclaimed(mapping) {
        // What cannot be read claims nothing.
        let _ = Box::pin(look::claim(ctx, other)).await;
    }
    let own = cluster.set_id(&mapping.name);
    let (mut kept, mut secrets) = (Vec::new(), Vec::new());
    for object in &found.objects {
        let Some(reference) = ObjectRef::of(object) else { continue };
        let claimed = ctx.world.claimants(&mapping.target.context, &reference.key());
        let claimed = claimed.into_iter().find(|name| *name != mapping.name);
        let owner = foreign_owner(object, &own).filter(|_| !named);
        if let Some(other) = claimed {
            left.push(format!("{reference} belongs to mapping {other}"));
        } else if let Some(owner) = owner {
            left.push(format!("{reference} belongs to {owner}; name it to export it all the same"));
        } else if reference.is_secret() {
            secrets.push(clean(object, &found.scaled));
        } else if !Places::of(object).is_empty() {
            left.push(format!(
                "{reference} has values that the configuration calls sensitive; its file is yours to write"
            ));
        } else {
            kept.push(clean(object, &found.scaled));
        }
    }
    Ok((kept, secrets))
}

fn names(objects: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |one: &Value| format!("{}/{}", text(&one["kind"]), text(&one["metadata"]["name"]));
    objects.iter().map(name).collect()
}

/// The documents of the file; nothing where there is none.
fn written(objects: &[Value]) -> Result<Option<String>, Failure> {
    if objects.is_empty() {
        return Ok(None);
    }
    let fault = || Failure::new("what is live cannot be written as YAML without a change");
    yaml::file_of(objects).map(Some).ok_or_else(fault)
}

/// Where the file would not say what is live, by the server's own word.
async fn differing(
    ctx: &Context,
    mapping: &Mapping,
    edits: &[FileEdit],
    base: Option<&Revision>,
) -> Result<Vec<String>, Stop> {
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let manifests = render::edited(ctx, mapping, edits.to_vec()).await?;
    let recorded = Mapping { source: Source::Cluster, ..mapping.clone() };
    let revision = base.cloned().unwrap_or_else(|| Revision::new(String::new()));
    let request = PlanRequest {
        mapping: &recorded,
        revision: &revision,
        desired: &manifests,
        previous: None,
        neighbours: &[],
        holder: None,
        options: PlanOptions::default(),
        ahead: None,
    };
    let plan = Box::pin(cluster.plan(&request)).await.map_err(Failure::from)?;
    let of = |one: &crate::domain::Operation| {
        let paths: Vec<&str> = one.changes.iter().map(|change| change.path.as_str()).collect();
        format!("{} is live with other values than exported: {}", one.object, paths.join(", "))
    };
    Ok(plan.operations.iter().map(of).collect())
}
