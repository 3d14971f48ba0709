//! Write a new mapping, or another place of one, into the configuration; hand its record over, and sync it as confirmed.

use crate::config::{self, ConfigError, Environment, Settings, change, edit};
use crate::domain::{Holder, Mapping, Refusal};
use crate::engine::error::Stop;
use crate::engine::jobs::configure::unedited;
use crate::engine::jobs::foresee::{foresee, read_with};
use crate::engine::jobs::{Context, sync};
use crate::engine::journal::Intent;
use crate::engine::outlook::{Placement, Placing};
use crate::engine::turn::Turn;
use crate::engine::{Event, Failure};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// Takes every step; the sync only where one was confirmed.
pub(super) async fn run(ctx: &Context, confirmed: &Placement) -> Result<String, Stop> {
    ctx.check()?;
    let Placement { placing, digest, sync } = confirmed;
    let name = placing.name();
    // Nobody syncs from the old place meanwhile, and what was shown is what is there.
    let turn = Turn::wait(ctx, name).await?;
    let options = sync.clone().unwrap_or_default();
    let (outlook, aside) = Box::pin(foresee(ctx, placing, &options)).await?;
    if outlook.plan.digest != *digest {
        let what = format!("{name} would come to something else than was shown");
        return Err(Stop::Refused(vec![Refusal::Moved { what }]));
    }
    let holders = match &outlook.before {
        Some(before) => holders(ctx, &aside, (before, &outlook.mapping)).await?,
        None => None,
    };
    let (settings, file) = match &holders {
        Some(holders) => handing_over(ctx, placing, &outlook.mapping, holders).await?,
        None => written(ctx, placing).await?,
    };
    ctx.emit(Event::Placed { mapping: name.to_owned(), file: file.clone() }).await;
    drop(turn);
    let Some(options) = sync else { return Ok(format!("{name} is in {}", file.display())) };
    ctx.check()?;
    let under = Context { world: Arc::new(ctx.world.supposed(settings, name)), ..ctx.clone() };
    let request = sync::Request::confirmed(name.to_owned(), None, digest.clone(), options.clone());
    Box::pin(sync::run(&under, request)).await
}

pub(super) type Written = (Settings, PathBuf);

pub(super) async fn written(ctx: &Context, placing: &Placing) -> Result<Written, Stop> {
    let (overrides, placing) = (read_with(ctx), placing.clone());
    let write = move || {
        let environment = Environment::of_process();
        let file = match &placing {
            Placing::New(new) => edit::add_mapping(&overrides, &environment, new)?,
            Placing::Changed(change) => change::change_mapping(&overrides, &environment, change)?,
        };
        let settings = config::load(&overrides, &environment)?.settings;
        Ok::<_, ConfigError>((settings, file))
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(|error| {
        Failure::new(format!("the edit of the configuration ended early: {error}"))
    })?;
    Ok(written.map_err(|error| unedited(&error))?)
}

/// The record in the cluster says which repository, path and namespace it belongs to. Where that is the mapping as it is,
/// it has to become the mapping's as it will be: both.
async fn holders(
    ctx: &Context,
    aside: &Context,
    (before, after): (&Mapping, &Mapping),
) -> Result<Option<(Holder, Holder)>, Stop> {
    let (was, is) = (ctx.world.holder(before)?, aside.world.holder(after)?);
    if was == is || before.target.context != after.target.context {
        return Ok(None);
    }
    let cluster = ctx.world.cluster(&after.target.context).await?;
    let inventory = cluster.inventory(&after.name).await.map_err(Failure::from)?;
    Ok((inventory.holder.as_ref() == Some(&was)).then_some((was, is)))
}

const WRITE: &str = "write the configuration";
const GIVE: &str = "hand over the record";

/// Writes the configuration, and hands the record over. A process that is killed in between leaves an entry that says what
/// is missing.
async fn handing_over(
    ctx: &Context,
    placing: &Placing,
    mapping: &Mapping,
    holders: &(Holder, Holder),
) -> Result<Written, Stop> {
    let name = placing.name();
    let journal = &ctx.world.journal;
    let intent = Intent::HandOver { mapping: name.to_owned(), holders: Some(holders.clone()) };
    let id = journal.begin(intent, &placing.line(), Timestamp::now()).map_err(Failure::from)?;
    let steps = async {
        journal.before(id, 1, 2, WRITE).map_err(Failure::from)?;
        let done = written(ctx, placing).await?;
        journal.after(id, (1, 2), WRITE, None).map_err(Failure::from)?;
        journal.before(id, 2, 2, GIVE).map_err(Failure::from)?;
        give(ctx, mapping, holders).await?;
        journal.after(id, (2, 2), GIVE, None).map_err(Failure::from)?;
        Ok(done)
    };
    let done = steps.await;
    let error = match &done {
        Err(Stop::Failed(failure)) => Some(failure.message.as_str()),
        Err(_) => Some("stopped"),
        Ok(_) => None,
    };
    let state = if error.is_none() { "done" } else { "failed" };
    journal.end(id, state, error, Timestamp::now()).map_err(Failure::from)?;
    done
}

async fn give(
    ctx: &Context,
    mapping: &Mapping,
    (was, is): &(Holder, Holder),
) -> Result<(), Failure> {
    let claim = format!("`gitdeck sync {} --take-over` claims the record later", mapping.name);
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let given = cluster.hand_over(&mapping.name, was, is).await;
    given.map_err(|error| Failure::from(error).hint(claim))
}

/// Finishes what a killed process left: the record follows the configuration.
pub(super) async fn resume(
    ctx: &Context,
    name: &str,
    holders: &(Holder, Holder),
) -> Result<String, Stop> {
    let _mine = Turn::wait(ctx, name).await?;
    let mapping = ctx.world.mapping(name)?;
    if ctx.world.holder(mapping)? != holders.1 {
        return Ok(format!("{name} was not changed in the configuration, its record stays"));
    }
    give(ctx, mapping, holders).await?;
    Ok(format!("the record of {name} was handed over"))
}
