//! One command's conversation with the engine: send, wait, show progress, stop on Ctrl-C.

use super::args::Global;
use super::exit::Exit;
use super::fault::Fault;
use super::output::Output;
use super::print::refusal;
use crate::config::Settings;
use crate::domain::Refusal;
use crate::engine::{Command, Engine, Event, JobId, Outcome, Store};
use futures::future::BoxFuture;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a session needs of an engine.
pub trait Backend: Send {
    /// Starts a job.
    fn send(&self, command: Command) -> JobId;
    /// Waits for the next event.
    fn next(&mut self) -> BoxFuture<'_, Option<Event>>;
    /// Asks a job to end.
    fn cancel(&self, job: JobId);
}

impl Backend for Engine {
    fn send(&self, command: Command) -> JobId {
        Self::send(self, command)
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        Box::pin(Self::next(self))
    }

    fn cancel(&self, job: JobId) {
        Self::cancel(self, job);
    }
}

/// Results of commands that ran side by side.
pub(crate) struct Ran {
    /// How each ended, in the order in which they were sent.
    pub outcomes: Vec<Outcome>,
    /// Everything that happened meanwhile.
    pub events: Vec<Event>,
}

/// Everything that a subcommand works with.
pub struct Work<'a> {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// What is known, as far as this process has seen or remembers it.
    pub store: Store,
    /// Streams.
    pub out: &'a mut Output,
    /// Global flags.
    pub global: &'a Global,
    backend: &'a mut dyn Backend,
    interrupts: Interrupts,
    interrupted: bool,
    abandoned: bool,
}

impl<'a> Work<'a> {
    /// Begins a session.
    pub fn new(
        backend: &'a mut dyn Backend,
        (settings, store): (Arc<Settings>, Store),
        out: &'a mut Output,
        global: &'a Global,
    ) -> Self {
        let interrupts = Interrupts::listen();
        Self {
            settings,
            store,
            out,
            global,
            backend,
            interrupts,
            interrupted: false,
            abandoned: false,
        }
    }

    /// What is known at the end.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Whether somebody pressed Ctrl-C.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether Ctrl-C was pressed twice: nothing is waited for.
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Waits for Ctrl-C or the like.
    pub(crate) async fn interrupt(&mut self) {
        self.interrupts.next().await;
        self.interrupted = true;
    }

    /// Starts to reach the clusters of mappings, and does not wait for it: what comes next does.
    pub(crate) fn reach(&self, mappings: &[String]) {
        let of = |name: &String| self.settings.mappings.get(name).map(|one| &one.target.context);
        let contexts: BTreeSet<&String> = mappings.iter().filter_map(of).collect();
        for context in contexts {
            self.backend.send(Command::Reach { context: context.clone() });
        }
    }

    /// Waits for a program that has the terminal: what is pressed there is for it.
    pub(crate) async fn lend<T>(&mut self, program: impl Future<Output = T>) -> T {
        tokio::pin!(program);
        loop {
            tokio::select! {
                ended = &mut program => return ended,
                () = self.interrupts.next() => {}
            }
        }
    }

    /// Runs one command.
    pub(crate) async fn run_one(&mut self, command: Command) -> (Outcome, Vec<Event>) {
        let mut ran = self.run(vec![command]).await;
        (ran.outcomes.pop().unwrap_or(Outcome::Cancelled), ran.events)
    }

    /// Runs commands side by side until all have ended. The first Ctrl-C asks them to end after their current step, the
    /// second leaves at once.
    pub(crate) async fn run(&mut self, commands: Vec<Command>) -> Ran {
        let jobs: Vec<JobId> =
            commands.into_iter().map(|command| self.backend.send(command)).collect();
        let mut ended: HashMap<JobId, Outcome> = HashMap::new();
        let mut events = Vec::new();
        while ended.len() < jobs.len() {
            tokio::select! {
                event = self.backend.next() => {
                    let Some(event) = event else { break };
                    if let Event::JobEnded { job, outcome, .. } = &event
                        && jobs.contains(job)
                    {
                        ended.insert(*job, outcome.clone());
                    }
                    self.show(&event, ended.len(), jobs.len());
                    self.store.apply(event.clone());
                    events.push(event);
                }
                () = self.interrupts.next() => {
                    if std::mem::replace(&mut self.interrupted, true) {
                        self.abandoned = true;
                        break;
                    }
                    self.out.note("stopping after the current step; Ctrl-C again leaves at once");
                    for job in &jobs {
                        self.backend.cancel(*job);
                    }
                }
            }
        }
        self.out.clear();
        let outcome = |job| ended.remove(&job).unwrap_or(Outcome::Cancelled);
        Ran { outcomes: jobs.into_iter().map(outcome).collect(), events }
    }

    /// Says how a command about `subject` ended, unless it ended well.
    pub(crate) fn settle(&mut self, subject: &str, outcome: &Outcome) -> Exit {
        match outcome {
            Outcome::Done(_) => Exit::Fine,
            Outcome::Failed(failure) => {
                let mut fault = Fault::from(failure.clone());
                if !fault.message.contains(&format!("`{subject}`")) {
                    fault.message = format!("{subject}: {}", fault.message);
                }
                self.out.fault(&fault)
            }
            Outcome::Refused(refusals) => self.refused(subject, refusals),
            Outcome::Cancelled => {
                self.out.note(&format!(
                    "{subject}: stopped; `gitdeck activity` lists what was done and what was not"
                ));
                Exit::Interrupted
            }
        }
    }

    /// Says what stands in the way.
    pub(crate) fn refused(&mut self, subject: &str, refusals: &[Refusal]) -> Exit {
        for refusal in refusals {
            let (what, release) = refusal::words(refusal);
            // What was skipped says so itself.
            let skipped = matches!(refusal, Refusal::Waits(wait) if wait.failed);
            let word = if skipped { "" } else { "refused: " };
            let fault = Fault {
                message: format!("{subject}: {word}{what}"),
                hint: Some(release),
                exit: Exit::Refused,
            };
            self.out.fault(&fault);
        }
        Exit::Refused
    }

    fn show(&mut self, event: &Event, ended: usize, jobs: usize) {
        if !self.out.live {
            return;
        }
        let title = |job: &JobId| {
            let view = self.store.jobs.iter().find(|view| view.id == *job);
            view.map_or(String::new(), |view| view.title.clone())
        };
        let several = if jobs > 1 { format!("{ended}/{jobs} ") } else { String::new() };
        match event {
            Event::JobStarted { title, .. } => self.out.draw(&format!("{several}{title}")),
            Event::JobProgressed { job, progress } => {
                let total = progress.total.map_or(String::new(), |total| format!(" of {total}"));
                let count = match progress.done {
                    0 => String::new(),
                    done => format!(" {done}{total} {}", progress.unit),
                };
                let line = format!("{several}{}{count} {}", title(job), progress.what);
                self.out.draw(&line);
            }
            _ => {}
        }
    }
}

/// SIGINT, SIGTERM and SIGHUP: all ask for a clean end.
struct Interrupts(Vec<Signal>);

impl Interrupts {
    fn listen() -> Self {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        // Where no handler can be installed, the system ends the process as it always did.
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(waits).await;
    }
}
