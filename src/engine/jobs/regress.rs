//! Notice that a mapping was healthy and is not any more, and remember when it was.

use crate::domain::text::harmless;
use crate::domain::{Health, Healthy, MappingStatus, SyncState};
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::journal::Intent;
use crate::engine::{Command, Event, Failure};
use jiff::Timestamp;

/// What follows a look of whoever watches: a mapping that is healthy is put on record, one that fell ill is told.
pub(super) async fn look(ctx: &Context, status: &MappingStatus) {
    note_healthy(ctx, status).await;
    let now = Timestamp::now();
    if ctx.world.holds(&status.name) && ctx.world.sickness.falls(status, now) {
        // The notice is what counts; a journal that cannot be written is said by the next write.
        if let Err(Stop::Failed(failure)) = tell(ctx, status, now).await {
            tracing::debug!(%failure, mapping = status.name, "a regression was not journalled");
        }
    }
}

/// Puts on record that a mapping is in sync and healthy, once for each revision, and tells it: our own write of the record
/// is no news to the watch.
pub(super) async fn note_healthy(ctx: &Context, status: &MappingStatus) {
    if let Some(healthy) = write_healthy(ctx, status).await {
        let status = MappingStatus { last_healthy: Some(healthy), ..status.clone() };
        ctx.emit(Event::MappingObserved { status: Box::new(status) }).await;
    }
}

/// What was written, if something was.
async fn write_healthy(ctx: &Context, status: &MappingStatus) -> Option<Healthy> {
    let known = status.last_healthy.as_ref().map(|healthy| &healthy.revision);
    let revision = status.synced_revision.as_ref()?;
    let well = status.sync == SyncState::Synced
        && status.health == Health::Healthy
        && status.objects.total > 0;
    if !well || known == Some(revision) || ctx.world.settings.safety.read_only {
        return None;
    }
    if !ctx.world.sickness.may_note(&status.name) {
        return None;
    }
    let healthy = Healthy { revision: revision.clone(), at: Timestamp::now() };
    let mapping = ctx.world.mapping(&status.name).ok()?;
    let cluster = ctx.world.cluster(&mapping.target.context).await.ok()?;
    match cluster.note_healthy(&status.name, &healthy).await {
        Ok(()) => Some(healthy),
        Err(error) => {
            tracing::debug!(%error, mapping = status.name, "that it is healthy was not recorded");
            ctx.world.sickness.not_noted(&status.name);
            None
        }
    }
}

async fn tell(ctx: &Context, status: &MappingStatus, now: Timestamp) -> Result<(), Stop> {
    let mapping = status.name.clone();
    let message = words(status);
    let event = Event::Regressed { mapping: mapping.clone(), message: message.clone(), at: now };
    ctx.emit(event).await;
    let journal = &ctx.world.journal;
    let line = Command::Observe { mapping: mapping.clone(), fetch: false }.line();
    let id = journal.begin(Intent::Regress { mapping }, &line, now).map_err(Failure::from)?;
    journal.end(id, "done", Some(&message), now).map_err(Failure::from)?;
    Ok(())
}

/// `was healthy at 3f2a91c and is degraded: ...; suspected first: ...`.
fn words(status: &MappingStatus) -> String {
    let mut words = match &status.last_healthy {
        Some(healthy) => format!("was healthy at {}", healthy.revision.short()),
        None => "was healthy".to_owned(),
    };
    words += " and is ";
    words += status.health.word();
    if let Some(message) = &status.message {
        words += ": ";
        words += &harmless(message);
    }
    if let Some(first) = status.suspects.first() {
        words += "; suspected first: ";
        words += &harmless(&first.to_string());
    }
    words
}
