//! Suspend a mapping with owner, reason and end; resume it.

use crate::domain::{Refusal, Suspension};
use crate::engine::error::Stop;
use crate::engine::jobs::{Context, observe};
use crate::engine::journal::Intent;
use crate::engine::{Command, Failure};
use crate::git;
use jiff::Timestamp;

/// Writes the suspension into the cluster, beside the inventory, so that every console sees it.
pub(super) async fn suspend(
    ctx: &Context,
    name: &str,
    reason: Option<String>,
    until: Option<Timestamp>,
) -> Result<String, Stop> {
    let now = Timestamp::now();
    if until.is_some_and(|until| until <= now) {
        return Err(Failure::usage("the end of the suspension is in the past").into());
    }
    let owner = ctx.world.settings.author.clone().or_else(git::configured_author).map_or_else(
        || "somebody".to_owned(),
        |author| if author.name.is_empty() { author.email } else { author.name },
    );
    let line = Command::Suspend { mapping: name.to_owned(), reason: reason.clone(), until }.line();
    write(ctx, name, Some(Suspension { owner, reason, since: now, until }), &line).await?;
    let all = ctx.world.settings.mappings.values();
    let on = all.filter(|one| one.depends_on.iter().any(|on| on == name));
    let on: Vec<&str> = on.map(|one| one.name.as_str()).collect();
    Ok(if on.is_empty() {
        format!("{name} is suspended")
    } else {
        format!("{name} is suspended; {} can wait for it", on.join(", "))
    })
}

/// Removes the suspension.
pub(super) async fn resume(ctx: &Context, name: &str) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let inventory = cluster.inventory(name).await.map_err(Failure::from)?;
    if inventory.suspension.is_none() && inventory.automation.fight.is_none() {
        return Ok(format!("{name} was not suspended"));
    }
    write(ctx, name, None, &Command::Resume { mapping: name.to_owned() }.line()).await?;
    Ok(format!("{name} is resumed"))
}

async fn write(
    ctx: &Context,
    name: &str,
    suspension: Option<Suspension>,
    line: &str,
) -> Result<(), Stop> {
    let mapping = ctx.world.mapping(name)?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    ctx.check()?;
    let inventory = cluster.inventory(name).await.map_err(Failure::from)?;
    if let Some(holder) = inventory.held_by_other(&ctx.world.holder(mapping)?) {
        return Err(Stop::Refused(vec![Refusal::Held { holder: holder.to_string() }]));
    }
    let journal = &ctx.world.journal;
    let owner = name.to_owned();
    let (word, intent) = match suspension {
        Some(_) => ("suspend", Intent::Suspend { mapping: owner }),
        None => ("resume", Intent::Resume { mapping: owner }),
    };
    let id = journal.begin(intent, line, Timestamp::now()).map_err(Failure::from)?;
    journal.before(id, 1, 1, word).map_err(Failure::from)?;
    let written = cluster.suspend(name, suspension).await.map_err(Failure::from);
    let error = written.as_ref().err().map(|failure| failure.message.as_str());
    journal.after(id, (1, 1), word, error).map_err(Failure::from)?;
    let state = if error.is_none() { "done" } else { "failed" };
    journal.end(id, state, error, Timestamp::now()).map_err(Failure::from)?;
    written?;
    observe::observe(ctx, name).await?;
    Ok(())
}
