//! Face one: the command line. Parses, runs one command, prints, and gives an exit code back.

pub mod args;
mod commands;
pub mod exit;
pub mod fault;
mod misuse;
pub mod output;
#[cfg(test)]
mod parse_tests;
mod passphrase;
mod print;
mod prompt;
mod select;
pub mod session;
#[cfg(test)]
mod tests;

pub use args::Global;
pub use commands::demo::Demo;
pub use exit::Exit;
pub use fault::Fault;
pub use output::Output;

use crate::config::{self, Environment, Overrides, Settings};
use crate::domain::Refusal;
use crate::engine::{self, Engine};
use args::{Arguments, OwnVerb, Verb, WorkVerb};
use clap::Parser;
use session::Work;
use std::ffi::OsString;
use std::sync::Arc;

/// What was asked for: one of the faces.
#[derive(Debug)]
pub enum Face {
    /// The console.
    Console,
    /// The console, or nothing, on the embedded sandbox.
    Demo(Demo),
    /// One command.
    Command(Command),
}

/// A subcommand.
#[derive(Debug)]
pub enum Command {
    /// One that needs the engine.
    Work(WorkVerb),
    /// One that looks at the configuration or at gitdeck itself.
    Own(OwnVerb),
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Invocation {
    /// Flags of every subcommand.
    pub global: Global,
    /// What was asked for.
    pub face: Face,
}

/// Parses the command line. Help, version and usage errors are printed; then only the exit code is left.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Exit> {
    match Arguments::try_parse_from(arguments) {
        Ok(Arguments { global, verb }) => {
            let face = match verb {
                None => Face::Console,
                Some(Verb::Demo(demo)) => Face::Demo(demo),
                Some(Verb::Work(verb)) => Face::Command(Command::Work(verb)),
                Some(Verb::Own(verb)) => Face::Command(Command::Own(verb)),
            };
            Ok(Invocation { global, face })
        }
        Err(error) => {
            misuse::say(&error);
            Err(if error.use_stderr() { Exit::Usage } else { Exit::Fine })
        }
    }
}

impl Command {
    /// Whether it asks repositories or clusters, or only reads and edits files.
    pub fn needs_engine(&self) -> bool {
        match self {
            Self::Work(_) => true,
            Self::Own(OwnVerb::Repo(repo)) => !repo.edits(),
            Self::Own(OwnVerb::Mapping(mapping)) => !mapping.edits(),
            Self::Own(_) => false,
        }
    }

    /// Whether it writes files of the configuration, or secrets, without the engine, which looks by itself.
    fn writes_alone(&self) -> bool {
        match self {
            Self::Own(OwnVerb::Secret(secret)) => secret.writes(),
            Self::Own(OwnVerb::Repo(repo)) => repo.edits(),
            Self::Own(OwnVerb::Mapping(mapping)) => mapping.edits(),
            _ => false,
        }
    }

    /// Whether it may ask a repository or a cluster, and so want a secret.
    fn reads_secrets(&self) -> bool {
        match self {
            Self::Work(WorkVerb::Activity(_) | WorkVerb::Guide(_)) => false,
            Self::Work(WorkVerb::Status(status)) => !status.is_cached(),
            _ => true,
        }
    }

    /// Runs a command that needs no engine.
    pub fn run_alone(
        &self,
        global: &Global,
        environment: &Environment,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        let overrides = global.overrides();
        if self.writes_alone() && is_read_only(&overrides, environment) {
            let (what, release) = print::refusal::words(&Refusal::ReadOnly);
            let message = format!("refused: {what}");
            return Err(Fault { message, hint: Some(release), exit: Exit::Refused });
        }
        match self {
            Self::Own(OwnVerb::Repo(repo)) => repo.edit(&overrides, environment, out),
            Self::Own(OwnVerb::Mapping(mapping)) => mapping.edit(&overrides, environment, out),
            Self::Own(OwnVerb::Config(config)) => config.run(&overrides, environment, out),
            Self::Own(OwnVerb::Secret(secret)) => secret.run(&overrides, environment, out),
            Self::Own(OwnVerb::Completions(completions)) => Ok(completions.run(out)),
            Self::Own(OwnVerb::Man(man)) => man.run(out),
            Self::Work(_) => Err(Fault::usage("this command needs the engine")),
        }
    }

    /// Starts the engine, runs a command on it, and keeps what was seen for the next start.
    pub async fn run_on_engine(
        &self,
        global: &Global,
        settings: Settings,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        let settings = Arc::new(settings);
        let mut engine = Engine::start(Arc::clone(&settings))?;
        let store = engine.cached_store();
        if self.reads_secrets() {
            passphrase::open_vault(&settings, &engine.secrets(), out).await?;
        }
        let mut work = Work::new(&mut engine, (settings, store), out, global);
        work.tell_interrupted(self).await;
        let exit = self.run(&mut work).await;
        let waits = !work.was_abandoned();
        let store = work.into_store();
        engine.remember(&store);
        if waits {
            engine.stop().await;
        }
        Ok(exit)
    }

    /// Runs a command on an engine.
    pub async fn run(&self, work: &mut Work<'_>) -> Exit {
        let result = match self {
            Self::Work(verb) => verb.run(work).await,
            Self::Own(OwnVerb::Repo(repo)) => repo.run(work).await,
            Self::Own(OwnVerb::Mapping(mapping)) => mapping.run(work).await,
            Self::Own(_) => Ok(Exit::Fine),
        };
        let exit = result.unwrap_or_else(|fault| work.out.fault(&fault));
        if work.was_interrupted() { exit.and(Exit::Interrupted) } else { exit }
    }
}

/// Whether writes are switched off, by the command line or the configuration. One that cannot be read is told by the edit.
fn is_read_only(overrides: &Overrides, environment: &Environment) -> bool {
    let read = || {
        let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
        config::load(&overrides, environment)
    };
    overrides.read_only || read().is_ok_and(|loaded| loaded.settings.safety.read_only)
}

impl Work<'_> {
    /// Says what a killed process left, before a command that looks or writes; `activity` says it itself.
    async fn tell_interrupted(&mut self, command: &Command) {
        if matches!(command, Command::Work(WorkVerb::Activity(_))) || !self.out.is_human() {
            return;
        }
        let _ = self.run_one(engine::Command::Activity).await;
        let open = self.store.journal.iter().filter(|entry| entry.state == "interrupted");
        let lines: Vec<String> = open
            .map(|entry| {
                let far = entry.message.as_deref().unwrap_or("begun");
                let (id, line) = (entry.id, &entry.line);
                format!("interrupted: {line}: {far}\n  `gitdeck activity --continue {id}` finishes it, `--discard {id}` drops it")
            })
            .collect();
        for line in lines {
            self.out.note(&line);
        }
    }
}

impl WorkVerb {
    async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        match self {
            Self::Status(verb) => verb.run(work).await,
            Self::Diff(verb) => verb.run(work).await,
            Self::Plan(verb) => verb.run(work).await,
            Self::Sync(verb) => verb.run(work).await,
            Self::Suspend(verb) => verb.run(work).await,
            Self::Resume(verb) => verb.run(work).await,
            Self::Activity(verb) => verb.run(work).await,
            Self::Log(verb) => verb.run(work).await,
            Self::Show(verb) => verb.run(work).await,
            Self::Blame(verb) => verb.run(work).await,
            Self::Set(verb) => verb.run(work).await,
            Self::Adopt(verb) => verb.run(work).await,
            Self::Edit(verb) => Box::pin(verb.run(work)).await,
            Self::Commit(verb) => verb.run(work).await,
            Self::Push(verb) => verb.run(work).await,
            Self::Revert(verb) => verb.run(work).await,
            Self::Doctor(verb) => verb.run(work).await,
            Self::Guide(verb) => verb.run(work).await,
        }
    }
}
