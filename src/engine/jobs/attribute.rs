//! The commit that last set the desired value of each differing path: blame of the line that it is written on.

use crate::domain::{FieldPath, Mapping, Operation, Origin, Plan, Revision};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::world::Rendered;
use crate::yaml::Lines;
use std::collections::HashMap;
use std::sync::Arc;

/// Content and blame of one file.
struct Blamed {
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
            attribute(operation, blamed, &manifest.origin);
        }
    }
}

// The manifest may leave out the namespace that the mapping gives it.
fn manifest_is(
    manifest: &crate::domain::Manifest,
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

fn attribute(operation: &mut Operation, blamed: &Blamed, origin: &Origin) {
    for change in &mut operation.changes {
        let Some(path) = FieldPath::parse(&change.path) else { continue };
        // A value of several lines has the commit of its first one, where its key is.
        let line = blamed.text.of(origin, &path).map(|lines| *lines.start());
        change.commit = line.and_then(|line| blamed.lines.get(line.saturating_sub(1)).cloned());
    }
}

async fn blame(
    ctx: &Context,
    mapping: &Mapping,
    revision: &Revision,
    file: &str,
) -> Result<Blamed, Stop> {
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
    let text = Lines::read(&content)
        .ok_or_else(|| Failure::new(format!("{file} has no certain lines")))?;
    Ok(Blamed { text, lines })
}
