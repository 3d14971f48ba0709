//! List the files of a mapping with their content at the head, pending commits included.

use crate::engine::error::Stop;
use crate::engine::event::{FileText, NotText};
use crate::engine::jobs::Context;
use crate::engine::{Event, Failure};
use crate::git::TreeFileKind;
use std::sync::Arc;

/// Loads the files.
pub(super) async fn run(ctx: &Context, name: &str) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let path = mapping.path.clone();
    let empty = ctx.world.is_empty(&mapping.repository);
    let read = ctx
        .world
        .git(&mapping.repository, move |git| match git.head() {
            Some(head) => git.tree(&head, &path).map(|files| Some((Some(head), files))),
            // There is nothing yet, and what is edited becomes the first commit.
            None if empty => Ok(Some((None, Vec::new()))),
            None => Ok(None),
        })
        .await?;
    let (revision, files) = read.ok_or_else(|| {
        Failure::new(format!("repository `{}` was not fetched yet", mapping.repository))
            .hint(format!("`gitdeck repo check {}` says why", mapping.repository))
    })?;
    let files: Vec<FileText> = files
        .into_iter()
        .map(|file| FileText { text: text(file.kind, file.content), path: file.path })
        .collect();
    let count = files.len();
    ctx.emit(Event::FilesLoaded { mapping: name.to_owned(), revision, files: Arc::new(files) })
        .await;
    Ok(format!("{count} files of {name}"))
}

/// What can be edited of a file.
fn text(kind: TreeFileKind, content: Vec<u8>) -> Result<String, NotText> {
    match kind {
        TreeFileKind::File => String::from_utf8(content).map_err(|_| NotText::Binary),
        TreeFileKind::LfsPointer => Err(NotText::Pointer),
        TreeFileKind::Symlink => Err(NotText::Link),
        TreeFileKind::Submodule => Err(NotText::Submodule),
        TreeFileKind::TooLarge { .. } => Err(NotText::TooLarge),
    }
}
