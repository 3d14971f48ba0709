//! Finish or drop what a killed process left.

use crate::domain::{Phase, Revision};
use crate::engine::error::Stop;
use crate::engine::intent::IntendedSync;
use crate::engine::jobs::activity::{how_far, made, tell};
use crate::engine::jobs::{Context, accept, drop, offer, placing, push, sync, undo};
use crate::engine::journal::{Intent, Operation};
use crate::engine::{Confirmed, Failure, SyncOptions};
use jiff::Timestamp;

/// Finishes an interrupted operation. Every step is safe to take again: applying is idempotent, a push is only
/// believed when the remote has the commit, and a commit is recognised by its trailer.
pub(super) async fn proceed(ctx: &Context, entry: u64) -> Result<String, Stop> {
    // What a revert begins has entries of its own, which end with it.
    if let Ok(Some(known)) = ctx.world.journal.operation(entry)
        && known.entry.state == "done"
    {
        return Ok(format!("entry {entry} is done already"));
    }
    let operation = interrupted(ctx, entry)?;
    let message = match operation.intent.clone() {
        Intent::Sync { .. } => match resumed(&operation) {
            Some(request) => sync::run(ctx, request).await?,
            None => how_far(ctx, &operation).await,
        },
        Intent::Push { repository, .. } => push::run(ctx, &repository).await?,
        Intent::Drop { repository, revision } => {
            if drop::waits(ctx, &repository, &revision).await? {
                drop::run(ctx, &repository, &revision).await?
            } else {
                how_far(ctx, &operation).await
            }
        }
        Intent::Commit { repository, .. } => match made(ctx, &repository, entry).await? {
            Some(revision) => format!("the commit was made: {revision}"),
            None => "the commit was not made; the edit has to be made again".to_owned(),
        },
        Intent::Offer { mapping, repository, branch, revision } => {
            let is_pushed = operation.done_steps.contains(&offer::push_step(&branch));
            let made = offer::Made { entry, revision, is_pushed };
            offer::proceed(ctx, made, (&mapping, &repository, &branch)).await?
        }
        Intent::Accept { repository, tip } => {
            accept::run(ctx, &repository, Revision::new(tip)).await?
        }
        Intent::Revert { repository, mapping, base, revision, push, syncs } => {
            let syncs = syncs.into_iter().map(IntendedSync::confirmed).collect();
            let draft = Revision::new(revision);
            let base = undo::base(ctx, &repository, base, &draft).await?;
            let confirmed = Confirmed { repository, base, draft, push, syncs };
            Box::pin(undo::steps(ctx, entry, mapping.as_deref(), &confirmed)).await?
        }
        Intent::HandOver { mapping, holders: Some(holders) } => {
            placing::resume(ctx, &mapping, &holders).await?
        }
        Intent::Suspend { .. }
        | Intent::Resume { .. }
        | Intent::StopHealing { .. }
        | Intent::HandOver { .. }
        | Intent::Record { .. }
        | Intent::Regress { .. } => how_far(ctx, &operation).await,
    };
    ctx.world
        .journal
        .end(entry, "done", Some(&message), Timestamp::now())
        .map_err(Failure::from)?;
    tell(ctx).await?;
    Ok(message)
}

/// What finishes a sync; nothing where the operation is none.
fn resumed(operation: &Operation) -> Option<sync::Request> {
    let Intent::Sync {
        mapping,
        revision,
        allow_delete,
        prune,
        recreate,
        take_over,
        owner,
        run,
        mut finished,
        ..
    } = operation.intent.clone()
    else {
        return None;
    };
    finished.extend(operation.done_steps.iter().filter(|step| is_hook(step)).cloned());
    let options = SyncOptions {
        everything: false,
        prune,
        allow_delete,
        recreate,
        take_over,
        dry_run: false,
        wait: None,
        // What was begun is better finished than left half done.
        ignore_dependencies: true,
        after: Vec::new(),
        moved_from: None,
    };
    Some(sync::Request {
        mapping,
        revision: Some(revision),
        confirmed: None,
        options,
        owner,
        resumed: Some(sync::Resumed { run, finished }),
    })
}

/// Whether a step ran a hook.
fn is_hook(step: &str) -> bool {
    let verb = step.split(' ').next().unwrap_or_default();
    Phase::ALL.iter().any(|phase| phase.word() == verb)
}

/// Closes an interrupted operation as it is. Commits that were not pushed stay in the outbox.
pub(super) async fn discard(ctx: &Context, entry: u64) -> Result<String, Stop> {
    let operation = interrupted(ctx, entry)?;
    let message = how_far(ctx, &operation).await;
    if let Intent::Offer { repository, branch, .. } = &operation.intent {
        let branch = branch.clone();
        ctx.world.git(repository, move |git| git.forget_offer(&branch)).await?;
    }
    ctx.world
        .journal
        .end(entry, "discarded", Some(&message), Timestamp::now())
        .map_err(Failure::from)?;
    tell(ctx).await?;
    Ok(format!("dropped; {message}"))
}

fn interrupted(ctx: &Context, entry: u64) -> Result<Operation, Failure> {
    let operation =
        ctx.world.journal.operation(entry).map_err(Failure::from)?.ok_or_else(|| {
            Failure::usage(format!("the journal has no entry {entry}"))
                .hint("`gitdeck activity` lists them")
        })?;
    match operation.entry.state.as_str() {
        "interrupted" => Ok(operation),
        state => Err(Failure::usage(format!("entry {entry} is {state}, not interrupted"))),
    }
}
