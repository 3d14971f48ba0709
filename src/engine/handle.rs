//! The handle that a face holds: send commands, take events, cancel, stop.

use crate::config::{ConfigError, Settings, Watched};
use crate::engine::jobs;
use crate::engine::renew::unusable;
use crate::engine::world::World;
use crate::engine::{Command, Event, Failure, JobId, Outcome, Store, cache};
use crate::secrets::Secrets;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Events that may wait for the face. Jobs that find it full wait with them.
const QUEUE: usize = 1024;

/// What reading the configuration again is called, and the command line that does the same.
pub const CONFIGURE: (&str, &str) = ("read the configuration", "gitdeck config check");
/// How often the files of the configuration are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A running engine. Dropping it cancels every job; [`Engine::stop`] also waits for them.
pub struct Engine {
    world: Arc<World>,
    sender: mpsc::Sender<Event>,
    receiver: mpsc::Receiver<Event>,
    followed: Option<Followed>,
    /// What the engine itself has to tell before anything else.
    told: VecDeque<Event>,
    /// The job that keeps everything observed.
    watch: Mutex<Option<JobId>>,
    /// Whether the configuration could not be used when it was read last.
    is_faulty: bool,
}

/// The files of the configuration, and when they are looked at next.
struct Followed {
    files: Watched,
    due: Instant,
}

impl Followed {
    /// Waits until the files are others. May be dropped and asked again.
    async fn next(&mut self) -> Result<Settings, ConfigError> {
        loop {
            tokio::time::sleep_until(self.due).await;
            self.due = Instant::now() + LOOK;
            if let Some(read) = self.files.changed() {
                return read;
            }
        }
    }
}

impl Engine {
    /// Where its jobs read secrets from.
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.world.secrets)
    }

    /// Opens the journal and the places on disk. Must be called inside a tokio runtime.
    pub fn start(settings: Arc<Settings>) -> Result<Self, Failure> {
        let world = Arc::new(World::open(settings)?);
        let (sender, receiver) = mpsc::channel(QUEUE);
        Ok(Self {
            world,
            sender,
            receiver,
            followed: None,
            told: VecDeque::new(),
            watch: Mutex::default(),
            is_faulty: false,
        })
    }

    /// From now on reads the configuration again when its files change, while somebody waits for the
    /// [`next`](Engine::next) event.
    pub fn follow(&mut self, mut files: Watched) {
        files.begin_with(&self.world.settings);
        self.followed = Some(Followed { files, due: Instant::now() + LOOK });
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
        let is_watch = command == Command::Watch;
        let job = start(&self.world, &self.sender, command).0;
        if is_watch {
            *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        }
        job
    }

    /// The next event; waits for one.
    pub async fn next(&mut self) -> Option<Event> {
        let told = self.told.pop_front();
        let Some(followed) = self.followed.as_mut().filter(|_| told.is_none()) else {
            return if told.is_some() { told } else { self.receiver.recv().await };
        };
        let read = tokio::select! {
            event = self.receiver.recv() => return event,
            read = followed.next() => read,
        };
        self.configure(read);
        self.told.pop_front()
    }

    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        self.told.pop_front().or_else(|| self.receiver.try_recv().ok())
    }

    /// Takes other settings, or tells why they cannot be taken, as a job that ended already.
    fn configure(&mut self, read: Result<Settings, ConfigError>) {
        let was_faulty = std::mem::replace(&mut self.is_faulty, read.is_err());
        let (event, outcome) = match read.map(|settings| self.world.renewed(settings)) {
            Ok(None) if !was_faulty => return,
            Ok(renewed) => {
                let mut what = "as before".to_owned();
                let mut clusters = false;
                if let Some((world, difference)) = renewed {
                    (what, clusters) = (difference.to_string(), difference.clusters);
                    self.world = Arc::new(world);
                    self.watch_anew();
                }
                let settings = Arc::clone(&self.world.settings);
                let event = Event::Configured { settings, what: what.clone(), clusters };
                (event, Outcome::Done(what))
            }
            Err(error) => {
                let failure = unusable(&error);
                (Event::Misconfigured { failure: failure.clone() }, Outcome::Failed(failure))
            }
        };
        let (job, _) = self.world.jobs.begin();
        self.world.jobs.end(job);
        let (title, line) = (CONFIGURE.0.to_owned(), CONFIGURE.1.to_owned());
        let at = Timestamp::now();
        let begun = Event::JobStarted { job, title, line, writes: false, at };
        self.told.extend([begun, event, Event::JobEnded { job, outcome, at }]);
    }

    fn watch_anew(&self) {
        let watch = *self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = watch {
            self.cancel(job);
            self.send(Command::Watch);
        }
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
