//! The handle that a face holds: send commands, take events, cancel, stop.

use crate::config::Settings;
use crate::engine::jobs;
use crate::engine::world::World;
use crate::engine::{Command, Event, Failure, JobId, Outcome, Store, cache};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that may wait for the face. Jobs that find it full wait with them.
const QUEUE: usize = 1024;

/// A running engine. Dropping it cancels every job; [`Engine::stop`] also waits for them.
pub struct Engine {
    world: Arc<World>,
    sender: mpsc::Sender<Event>,
    receiver: mpsc::Receiver<Event>,
    running: Arc<Mutex<HashMap<JobId, CancellationToken>>>,
    all: CancellationToken,
    tracker: TaskTracker,
    last_id: AtomicU64,
}

impl Engine {
    /// Opens the journal and the places on disk. Must be called inside a tokio runtime.
    pub fn start(settings: Arc<Settings>) -> Result<Self, Failure> {
        let world = Arc::new(World::open(settings)?);
        let (sender, receiver) = mpsc::channel(QUEUE);
        Ok(Self {
            world,
            sender,
            receiver,
            running: Arc::default(),
            all: CancellationToken::new(),
            tracker: TaskTracker::new(),
            last_id: AtomicU64::new(0),
        })
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
        let job = JobId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let token = self.all.child_token();
        lock(&self.running).insert(job, token.clone());
        let ctx = jobs::Context {
            world: Arc::clone(&self.world),
            events: self.sender.clone(),
            job,
            token,
        };
        let running = Arc::clone(&self.running);
        self.tracker.spawn(async move {
            run(ctx, command).await;
            lock(&running).remove(&job);
        });
        job
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
        if let Some(token) = lock(&self.running).get(&job) {
            token.cancel();
        }
    }

    /// Cancels everything and waits until the steps that were begun have their outcome in the journal.
    pub async fn stop(mut self) {
        self.all.cancel();
        self.tracker.close();
        // Closed first: a job that waits for room in the queue would wait for ever.
        self.receiver.close();
        while self.receiver.try_recv().is_ok() {}
        self.tracker.wait().await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.all.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A map of tokens is valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(ctx: &jobs::Context, command: &Command) -> String {
    let Command::Commit { mapping, .. } = command else { return command.line() };
    let mapping = ctx.world.settings.mappings.get(mapping);
    mapping.map_or_else(|| command.line(), |mapping| command.line_below(&mapping.path))
}

async fn run(ctx: jobs::Context, command: Command) {
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
    let _ = events.send(Event::JobEnded { job, outcome, at: Timestamp::now() }).await;
}
