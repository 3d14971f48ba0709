//! Write a new mapping, or another place of one, into the configuration; hand its record over, and sync it as confirmed.

use crate::config::{self, ConfigError, Environment, Settings, change, edit};
use crate::domain::Mapping;
use crate::engine::error::Stop;
use crate::engine::jobs::configure::unedited;
use crate::engine::jobs::foresee::read_with;
use crate::engine::jobs::{Context, sync};
use crate::engine::journal::Intent;
use crate::engine::outlook::Placing;
use crate::engine::{Event, Failure, SyncOptions};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// Takes every step; the sync only where one was confirmed.
pub(super) async fn run(
    ctx: &Context,
    placing: &Placing,
    confirmed: Option<(String, SyncOptions)>,
) -> Result<String, Stop> {
    ctx.check()?;
    let name = placing.name();
    let (before, settings, file) = written(ctx, placing).await?;
    ctx.emit(Event::Placed { mapping: name.to_owned(), file: file.clone() }).await;
    let world = ctx.world.supposed(settings, name);
    let under = Context { world: Arc::new(world), ..ctx.clone() };
    let mapping = under.world.mapping(name)?;
    if let Some(before) = &before {
        hand_over(&under, &ctx.world.holder(before)?, (before, mapping), &placing.line()).await?;
    }
    match confirmed {
        None => Ok(format!("{name} is in {}", file.display())),
        Some((digest, options)) => {
            ctx.check()?;
            let request = sync::Request::confirmed(name.to_owned(), None, digest, options);
            Box::pin(sync::run(&under, request)).await
        }
    }
}

type Written = (Option<Mapping>, Settings, PathBuf);

async fn written(ctx: &Context, placing: &Placing) -> Result<Written, Stop> {
    let (overrides, placing) = (read_with(ctx), placing.clone());
    let write = move || {
        let environment = Environment::of_process();
        let before = config::load(&overrides, &environment)?.settings;
        let before = before.mappings.get(placing.name()).cloned();
        let (file, before) = match &placing {
            Placing::New(new) => (edit::add_mapping(&overrides, &environment, new)?, None),
            Placing::Changed(change) => {
                (change::change_mapping(&overrides, &environment, change)?, before)
            }
        };
        let settings = config::load(&overrides, &environment)?.settings;
        Ok::<_, ConfigError>((before, settings, file))
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(|error| {
        Failure::new(format!("the edit of the configuration ended early: {error}"))
    })?;
    Ok(written.map_err(|error| unedited(&error))?)
}

/// The record in the cluster says which repository, path and namespace it belongs to. Where that was the mapping as it was
/// before, it is the mapping's as it is now.
async fn hand_over(
    ctx: &Context,
    was: &crate::domain::Holder,
    (before, after): (&Mapping, &Mapping),
    line: &str,
) -> Result<(), Stop> {
    let is = ctx.world.holder(after)?;
    if *was == is || before.target.context != after.target.context {
        return Ok(());
    }
    let name = &after.name;
    let cluster = ctx.world.cluster(&after.target.context).await?;
    let inventory = cluster.inventory(name).await.map_err(Failure::from)?;
    if inventory.holder.as_ref() != Some(was) {
        return Ok(());
    }
    let journal = &ctx.world.journal;
    let intent = Intent::HandOver { mapping: name.clone() };
    let id = journal.begin(intent, line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 1, 1, "hand over the record").map_err(Failure::from)?;
    let claim = format!("`gitdeck sync {name} --take-over` claims the record later");
    let done = cluster.hand_over(name, was, &is).await;
    let done = done.map_err(|error| Failure::from(error).hint(claim));
    let error = done.as_ref().err().map(|failure| failure.message.as_str());
    journal.after(id, (1, 1), "hand over the record", error).map_err(Failure::from)?;
    let state = if error.is_none() { "done" } else { "failed" };
    journal.end(id, state, error, Timestamp::now()).map_err(Failure::from)?;
    Ok(done?)
}
