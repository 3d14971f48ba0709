//! The commit that last set the desired value of each differing path: blame of the line that it is written on.

use crate::domain::{FieldPath, Manifest, Mapping, Operation, Origin, Plan, Revision};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::world::Rendered;
use crate::yaml::{Document, Lines, documents};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Content and blame of one file.
struct Blamed {
    documents: Vec<Document>,
    text: Lines,
    lines: Arc<Vec<Revision>>,
}

/// Fills in `commit`. Where the line cannot be told with certainty, it stays empty: a wrong name is worse than none.
pub(super) async fn commits(ctx: &Context, mapping: &Mapping, desired: &Rendered, plan: &mut Plan) {
    let mut files: HashMap<String, Option<Blamed>> = HashMap::new();
    let revision = plan.revision.clone();
    for operation in &mut plan.operations {
        let key = operation.object.key();
        let Some(manifest) = desired.iter().find(|manifest| manifest_is(manifest, &key, mapping))
        else {
            continue;
        };
        let file = &manifest.origin.file;
        if !files.contains_key(file) {
            let blamed = blame(ctx, mapping, &revision, file).await.ok();
            files.insert(file.clone(), blamed);
        }
        if let Some(Some(blamed)) = files.get(file) {
            attribute(operation, blamed, manifest);
        }
    }
}

// The manifest may leave out the namespace that the mapping gives it.
pub(super) fn manifest_is(
    manifest: &Manifest,
    key: &crate::domain::ObjectKey,
    mapping: &Mapping,
) -> bool {
    let own = &manifest.reference;
    own.name == key.name
        && own.kind == key.kind
        && own.group == key.group
        && (own.namespace == key.namespace
            || own.namespace.is_none()
                && key.namespace.as_deref() == Some(&mapping.target.namespace))
}

/// The commits that wrote the lines of an object as they stand at a revision.
pub(super) async fn authors(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    origin: &Origin,
) -> Vec<Revision> {
    let Ok(blamed) = blame(ctx, mapping, revision, &origin.file).await else { return Vec::new() };
    let starts = blamed.documents.iter().flat_map(|one| {
        let items = one.item_lines.iter().copied();
        std::iter::once(one.line).chain(items)
    });
    let end = starts.filter(|line| *line > origin.line).min().unwrap_or(usize::MAX);
    let lines = blamed.lines.iter().enumerate();
    let own = lines.filter(|(index, _)| (origin.line..end).contains(&(index + 1)));
    let mut authors: Vec<Revision> = own.map(|(_, revision)| revision.clone()).collect();
    authors.sort();
    authors.dedup();
    authors
}

fn attribute(operation: &mut Operation, blamed: &Blamed, manifest: &Manifest) {
    let Some(written) = written(blamed, &manifest.origin) else { return };
    for change in &mut operation.changes {
        let Some(path) = FieldPath::parse(&change.path) else { continue };
        // Behind an overlay, a template or a variable the source may say something else than what is desired.
        if !says(path.find_written(written), path.find_written(&manifest.object)) {
            continue;
        }
        // A value of several lines has the commit of its first one, where its key is.
        let line = blamed.text.of(&manifest.origin, &path).map(|lines| *lines.start());
        change.commit = line.and_then(|line| blamed.lines.get(line.saturating_sub(1)).cloned());
    }
}

/// The object of a file as it is written there: a document, or an item of a list.
fn written<'a>(blamed: &'a Blamed, origin: &Origin) -> Option<&'a Value> {
    let document = blamed.documents.iter().find(|one| one.index == origin.document)?;
    if document.line == origin.line {
        return Some(&document.value);
    }
    let item = document.item_lines.iter().position(|line| *line == origin.line)?;
    document.value["items"].get(item)
}

/// Whether the source says the desired value; what SOPS encrypted there cannot be compared.
fn says(written: Option<&Value>, desired: Option<&Value>) -> bool {
    let is_encrypted =
        |value: &Value| value.as_str().is_some_and(|text| text.starts_with("ENC[AES256_GCM,"));
    written == desired || written.is_some_and(is_encrypted)
}

/// A file at a revision, and the commit that wrote each of its lines.
pub(super) async fn lines(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    file: &str,
) -> Result<(Vec<u8>, Arc<Vec<Revision>>), Stop> {
    let kept = ctx.world.blame(&mapping.repository, revision, file);
    let (at, path) = (revision.clone(), file.to_owned());
    let (content, lines) = ctx
        .world
        .git(&mapping.repository, move |git| {
            let content = git.file(&at, &path)?;
            let lines = match kept {
                Some(lines) => lines,
                None => Arc::new(git.blame(&at, &path)?),
            };
            Ok((content, lines))
        })
        .await?;
    ctx.world.keep_blame(&mapping.repository, revision, file, Arc::clone(&lines));
    Ok((content, lines))
}

async fn blame(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    file: &str,
) -> Result<Blamed, Stop> {
    let (content, lines) = lines(ctx, mapping, revision, file).await?;
    let text = Lines::read(&content)
        .ok_or_else(|| Failure::new(format!("{file} has no certain lines")))?;
    let documents = documents(&content).unwrap_or_default();
    Ok(Blamed { documents, text, lines })
}
