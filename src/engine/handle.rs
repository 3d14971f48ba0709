//! The handle that a face holds: send commands, take events, cancel, stop.

use crate::config::Settings;
use crate::engine::jobs;
use crate::engine::world::World;
use crate::engine::{Command, Event, Failure, JobId, Outcome, Store, cache};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Events that may wait for the face. Jobs that find it full wait with them.
const QUEUE: usize = 1024;

/// A running engine. Dropping it cancels every job; [`Engine::stop`] also waits for them.
pub struct Engine {
    world: Arc<World>,
    sender: mpsc::Sender<Event>,
    receiver: mpsc::Receiver<Event>,
}

impl Engine {
    /// Opens the journal and the places on disk. Must be called inside a tokio runtime.
    pub fn start(settings: Arc<Settings>) -> Result<Self, Failure> {
        let world = Arc::new(World::open(settings)?);
        let (sender, receiver) = mpsc::channel(QUEUE);
        Ok(Self { world, sender, receiver })
    }

    /// What was known when gitdeck ran last: the first frame.
    pub fn cached_store(&self) -> Store {
        self.world.cached()
    }

    /// Keeps what is known for the next start. A cache that cannot be written is no fault of the work.
    pub fn remember(&self, store: &Store) {
        if let Err(error) = cache::save(&self.world.settings.cache_dir, store) {
            tracing::warn!(%error, "the cache was not written");
        }
    }

    /// Starts a job. Its events follow; the last one is `JobEnded`.
    pub fn send(&self, command: Command) -> JobId {
        start(&self.world, &self.sender, command).0
    }

    /// The next event; waits for one.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }

    /// Asks a job to end. A job that writes ends between two steps.
    pub fn cancel(&self, job: JobId) {
        self.world.jobs.cancel(job);
    }

    /// Cancels everything and waits until the steps that were begun have their outcome in the journal.
    pub async fn stop(mut self) {
        self.world.jobs.all.cancel();
        self.world.jobs.tracker.close();
        // Closed first: a job that waits for room in the queue would wait for ever.
        self.receiver.close();
        while self.receiver.try_recv().is_ok() {}
        self.world.jobs.tracker.wait().await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.world.jobs.all.cancel();
    }
}

/// Starts a job, for a face or for the engine itself. How it ends is told to whoever waits for it.
pub(crate) fn start(
    world: &Arc<World>,
    events: &mpsc::Sender<Event>,
    command: Command,
) -> (JobId, oneshot::Receiver<Outcome>) {
    let (job, token) = world.jobs.begin();
    let (mut after, mut sync) = (Vec::new(), None);
    if let Command::Sync { mapping, options, .. } = &command {
        // At once and in the order of the commands: what goes before this one was sent before it.
        let first = |name: &String| Some((name.clone(), world.jobs.sync_of(name)?));
        after = options.after.iter().filter_map(first).collect();
        sync = Some(world.jobs.begin_sync(mapping));
    }
    let ctx = jobs::Context { world: Arc::clone(world), events: events.clone(), job, token, after };
    let world = Arc::clone(world);
    let (ended, end) = oneshot::channel();
    let tracked = Arc::clone(&world);
    tracked.jobs.tracker.spawn(async move {
        let outcome = run(ctx, command).await;
        world.jobs.end(job);
        if let Some(sync) = sync {
            sync.send_replace(Some(outcome.clone()));
        }
        // Most jobs are waited for by their events alone.
        let _ = ended.send(outcome);
    });
    (job, end)
}

fn line(ctx: &jobs::Context, command: &Command) -> String {
    let Command::Commit { mapping, .. } = command else { return command.line() };
    let mapping = ctx.world.settings.mappings.get(mapping);
    mapping.map_or_else(|| command.line(), |mapping| command.line_below(&mapping.path))
}

async fn run(ctx: jobs::Context, command: Command) -> Outcome {
    let started = Event::JobStarted {
        job: ctx.job,
        title: jobs::title(&command),
        line: line(&ctx, &command),
        writes: command.writes(),
        at: Timestamp::now(),
    };
    ctx.emit(started).await;
    let (job, events) = (ctx.job, ctx.events.clone());
    // A task of its own: a panic in a job is the end of that job, not of the console.
    let outcome = match tokio::spawn(jobs::run(ctx, command)).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(Failure {
            message: format!(
                "an internal fault ended the job ({})",
                if error.is_panic() { "panic" } else { "abort" }
            ),
            hint: Some(
                "the log file has the place; what was done before is in `gitdeck activity`"
                    .to_owned(),
            ),
            usage: false,
        }),
    };
    // Nobody listens any more when the engine stops.
    let told = Event::JobEnded { job, outcome: outcome.clone(), at: Timestamp::now() };
    let _ = events.send(told).await;
    outcome
}
