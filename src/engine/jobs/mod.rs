//! The jobs: one file per command, all with the same context.

mod accept;
mod activity;
mod adopt;
mod attribute;
mod auto;
mod beside;
mod blame;
mod chart;
mod check;
mod check_cluster;
mod commit;
mod configure;
mod conflict;
mod credentials;
mod depends;
mod diagnose;
mod draft;
mod drop;
mod export;
mod fetch;
mod files;
mod foresee;
mod index;
mod live_changes;
mod live_secrets;
mod log;
mod look;
mod mask;
mod observe;
mod offer;
mod others;
mod overlay;
mod place;
mod place_picks;
mod placing;
mod plan;
mod preview;
mod propose;
mod push;
mod reach;
mod record;
mod regress;
mod render;
mod resume;
mod revert;
mod revert_check;
mod revert_paths;
mod seal;
mod set;
mod shown;
mod skipped;
mod suspects;
mod suspend;
mod sync;
mod trial;
mod trust;
mod tryout;
mod undo;
mod unlock;
mod unseal;
mod verify;
mod vouch;
mod wait;
mod watch;
mod whole_lists;
mod wording;

use crate::domain::template::Occasion;
use crate::domain::{Refusal, Revision};
use crate::engine::error::Stop;
use crate::engine::job::SyncEnd;
use crate::engine::world::World;
use crate::engine::{Command, Event, JobId, Outcome, Progress};
use crate::git::FetchProgress;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a job works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub world: Arc<World>,
    pub events: mpsc::Sender<Event>,
    pub job: JobId,
    pub token: CancellationToken,
    /// Syncs of the same run that go before this one.
    pub after: Vec<(String, SyncEnd)>,
}

impl Context {
    /// Tells a fact. Nobody listens any more while the engine stops; the work goes on to its next step.
    pub async fn emit(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    /// Tells how far the job is; dropped where the face is busy, because the next one says more.
    pub fn progress(&self, progress: Progress) {
        let _ = self.events.try_send(Event::JobProgressed { job: self.job, progress });
    }

    /// Tells how much went over the wire.
    pub fn transferred(&self, step: &FetchProgress) {
        self.progress(Progress {
            done: step.objects as u64,
            total: Some(step.total as u64),
            unit: "objects",
            what: format!("{} bytes", step.bytes),
        });
    }

    /// Tells what is being done now.
    pub fn doing(&self, what: impl Into<String>) {
        self.progress(Progress { what: what.into(), ..Progress::default() });
    }

    /// Ends here when somebody asked for it.
    pub fn check(&self) -> Result<(), Stop> {
        if self.token.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Waits for something that may be dropped anywhere.
    pub async fn read<T>(&self, work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
        self.token.run_until_cancelled(work).await.unwrap_or(Err(Stop::Cancelled))
    }
}

/// What a job is called on the activity line.
pub(crate) fn title(command: &Command) -> String {
    match command {
        Command::Watch => "watch".to_owned(),
        Command::Fetch { repository, .. } => format!("fetch {repository}"),
        Command::CheckRepository { repository } => format!("check {repository}"),
        Command::CheckCluster { context } => format!("check {context}"),
        Command::Reach { context } => format!("reach {context}"),
        Command::Log { subject, .. } => format!("log {}", subject.name()),
        Command::Show { revision, .. } => {
            format!("show {}", Revision::new(revision.as_str()).short())
        }
        Command::Verify { repository, .. } => format!("signatures of {repository}"),
        Command::RenderCommit { revision, .. } => {
            format!("render {}", Revision::new(revision.as_str()).short())
        }
        Command::Blame { mapping, .. } => format!("blame {mapping}"),
        Command::Files { mapping } => format!("files of {mapping}"),
        Command::Observe { mapping, .. } => format!("observe {mapping}"),
        Command::Diagnose { mapping } => format!("diagnose {mapping}"),
        Command::Plan { mapping, .. } => format!("plan {mapping}"),
        Command::Preview { mapping, revision, .. } => {
            format!("preview {mapping} at {}", revision.short())
        }
        Command::Sync { mapping, .. } => format!("sync {mapping}"),
        Command::AutoSync { mapping, corrects, .. } if corrects.is_empty() => {
            format!("auto-sync {mapping}")
        }
        Command::AutoSync { mapping, .. } | Command::StopHealing { mapping, .. } => {
            format!("heal {mapping}")
        }
        Command::Record { mapping, .. } => format!("record {mapping}"),
        Command::Export { new, .. } | Command::Track { new, .. } => format!("export {}", new.name),
        Command::Paths { repository } => format!("list the paths of {repository}"),
        Command::Foresee(one) => format!("look at {}", one.placing.name()),
        Command::Place(one) => format!("place {}", one.placing.name()),
        Command::Draft { mapping, .. } | Command::Propose { mapping, .. } => {
            format!("draft {mapping}")
        }
        Command::Commit { mapping, .. } => format!("commit {mapping}"),
        Command::DraftRevert { wish } | Command::Revert { wish, .. } => {
            let of = wish.mapping.as_ref().or(wish.repository.as_ref());
            format!("revert {}", of.map_or("a commit", String::as_str))
        }
        Command::Push { repository } => format!("push {repository}"),
        Command::Drop { repository, .. } => format!("drop a commit of {repository}"),
        Command::Compare { repository } => format!("compare {repository}"),
        Command::Accept { repository, .. } => format!("accept {repository}"),
        Command::Trust { repository, .. } => format!("trust the host of {repository}"),
        Command::Unlock { .. } => "open the vault".to_owned(),
        Command::Suspend { mapping, .. } => format!("suspend {mapping}"),
        Command::Resume { mapping } => format!("resume {mapping}"),
        Command::Connect { mapping, connected: true } => format!("connect {mapping}"),
        Command::Connect { mapping, connected: false } => format!("disconnect {mapping}"),
        Command::Guide { level, .. } => format!("guide {}", level.word()),
        Command::Activity => "activity".to_owned(),
        Command::Continue { entry } => format!("continue {entry}"),
        Command::Discard { entry } => format!("discard {entry}"),
    }
}

/// Carries out one command.
pub(crate) async fn run(ctx: Context, command: Command) -> Outcome {
    if command.writes() && ctx.world.settings.safety.read_only {
        return Outcome::Refused(vec![Refusal::ReadOnly]);
    }
    let mapping = command.changed_mapping().and_then(|name| ctx.world.mapping(name).ok());
    if let Some(mapping) = mapping.filter(|mapping| !mapping.connected) {
        return Outcome::Refused(vec![Refusal::Disconnected { mapping: mapping.name.clone() }]);
    }
    let result = match command {
        Command::Watch => ctx.read(watch::run(&ctx)).await,
        Command::Fetch { repository, observe } => fetch::run(&ctx, &repository, observe).await,
        Command::CheckRepository { repository } => ctx.read(check::run(&ctx, &repository)).await,
        Command::CheckCluster { context } => ctx.read(check_cluster::run(&ctx, &context)).await,
        Command::Reach { context } => ctx.read(reach::run(&ctx, context)).await,
        Command::Log { subject, from, skip, limit, path } => {
            ctx.read(log::run(&ctx, subject, log::Page { from, skip, limit, path })).await
        }
        Command::Show { repository, revision } => {
            ctx.read(log::show(&ctx, repository, revision)).await
        }
        Command::Verify { repository, revisions, rest } => {
            ctx.read(verify::run(&ctx, &repository, &revisions, rest)).await
        }
        Command::RenderCommit { repository, revision, mappings } => {
            Box::pin(ctx.read(shown::run(&ctx, repository, revision, &mappings))).await
        }
        Command::Blame { mapping, revision, objects } => {
            Box::pin(ctx.read(blame::run(&ctx, &mapping, revision.as_deref(), &objects))).await
        }
        Command::Files { mapping } => ctx.read(files::run(&ctx, &mapping)).await,
        Command::Observe { mapping, fetch } => {
            Box::pin(ctx.read(observe::run(&ctx, &mapping, fetch))).await
        }
        Command::Diagnose { mapping } => Box::pin(ctx.read(diagnose::run(&ctx, &mapping))).await,
        Command::Plan { mapping, revision, options } => {
            Box::pin(ctx.read(plan::run(&ctx, &mapping, revision, &options))).await
        }
        Command::Preview { mapping, revision, rest } => {
            Box::pin(ctx.read(preview::run(&ctx, &mapping, &revision, rest))).await
        }
        Command::Export { new, wish } => Box::pin(ctx.read(export::run(&ctx, &new, &wish))).await,
        Command::Paths { repository } => ctx.read(foresee::paths(&ctx, &repository)).await,
        Command::Foresee(one) => {
            Box::pin(ctx.read(foresee::run(&ctx, &one.placing, &one.options))).await
        }
        other => Box::pin(write(&ctx, other)).await,
    };
    result.map_or_else(Outcome::from, Outcome::Done)
}

/// Carries out what changes something, or is about to.
async fn write(ctx: &Context, command: Command) -> Result<String, Stop> {
    match command {
        Command::Sync { mapping, revision, confirmed, options } => {
            sync::run(ctx, sync::Request::confirmed(mapping, revision, confirmed, options)).await
        }
        Command::AutoSync { mapping, revision, confirmed, corrects, last_at } => {
            let order = auto::Order { mapping, revision, confirmed, corrects, last_at };
            auto::run(ctx, order).await
        }
        Command::Record { mapping, last_at } => Box::pin(record::run(ctx, &mapping, last_at)).await,
        Command::StopHealing { mapping, fight } => auto::stop_healing(ctx, &mapping, fight).await,
        Command::Draft { mapping, edits } => {
            ctx.read(draft::run(ctx, &mapping, edits, Occasion::Commit)).await
        }
        Command::Propose { mapping, alteration } => {
            Box::pin(ctx.read(propose::run(ctx, &mapping, alteration))).await
        }
        Command::Commit { mapping, edits, message, base, push, branch, of, validate } => {
            let new = commit::Request::of(mapping, edits);
            commit::run(ctx, commit::Request { message, base, push, branch, of, validate, ..new })
                .await
        }
        Command::Track { new, wish: _, edits, message, base, push, branch } => {
            let own = commit::Request::of(new.name.clone(), edits);
            let message = Some(message);
            // They are live, and were compared by a dry run.
            let validate = false;
            let request = commit::Request { message, base, push, branch, validate, ..own };
            export::track(ctx, &new, request).await
        }
        Command::Place(one) => Box::pin(placing::run(ctx, &one)).await,
        Command::DraftRevert { wish } => ctx.read(revert::draft(ctx, &wish)).await,
        Command::Revert { wish, confirmed } => undo::run(ctx, &wish, &confirmed).await,
        Command::Push { repository } => push::run(ctx, &repository).await,
        Command::Drop { repository, revision } => drop::run(ctx, &repository, &revision).await,
        Command::Compare { repository } => accept::compare(ctx, &repository).await,
        Command::Accept { repository, tip } => accept::run(ctx, &repository, tip).await,
        Command::Trust { repository, fingerprint } => {
            trust::run(ctx, &repository, fingerprint).await
        }
        Command::Unlock { passphrase } => unlock::run(ctx, passphrase).await,
        Command::Suspend { mapping, reason, until } => {
            suspend::suspend(ctx, &mapping, reason, until).await
        }
        Command::Resume { mapping } => suspend::resume(ctx, &mapping).await,
        Command::Connect { mapping, connected } => {
            configure::connect(ctx, &mapping, connected).await
        }
        Command::Guide { edits, .. } => configure::guided(ctx, edits).await,
        Command::Activity => ctx.read(activity::run(ctx)).await,
        Command::Continue { entry } => resume::proceed(ctx, entry).await,
        Command::Discard { entry } => resume::discard(ctx, entry).await,
        // What only looks was carried out before.
        _ => Ok(String::new()),
    }
}
