//! Changes of the configuration that a face asks for. What they mean for what runs follows when the files are read again.

use crate::config::guide::{self, TableEdit};
use crate::config::{ConfigError, Environment, change};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;

/// Connects a mapping or disconnects it.
pub(super) async fn connect(ctx: &Context, name: &str, connected: bool) -> Result<String, Stop> {
    let (overrides, mapping) = (ctx.world.settings.read_with.clone(), name.to_owned());
    let edit = move || {
        change::connect_mapping(&overrides, &Environment::of_process(), &mapping, connected)
    };
    let edited = tokio::task::spawn_blocking(edit).await.map_err(|error| {
        Failure::new(format!("the edit of the configuration ended early: {error}"))
    })?;
    let word = if connected { "connected" } else { "disconnected" };
    Ok(match edited.map_err(|error| unedited(&error))? {
        Some(file) => format!("{name} {word} in {}", file.display()),
        None => format!("{name} is {word} already"),
    })
}

/// Writes what the answers of a guide come to.
pub(super) async fn guided(ctx: &Context, edits: Vec<TableEdit>) -> Result<String, Stop> {
    let overrides = ctx.world.settings.read_with.clone();
    let write = move || guide::apply(&overrides, &Environment::of_process(), &edits);
    let written = tokio::task::spawn_blocking(write).await.map_err(|error| {
        Failure::new(format!("the edit of the configuration ended early: {error}"))
    })?;
    let file = written.map_err(|error| unedited(&error))?;
    Ok(format!("written into {}", file.display()))
}

/// A configuration that was not edited.
pub(super) fn unedited(error: &ConfigError) -> Failure {
    Failure::usage(error.to_string()).hint("nothing was changed")
}
