//! The console: one loop, one writer. Key -> Action -> update -> Effect -> Command -> Event -> Store -> frame.

pub mod action;
pub mod activity_line;
pub mod command_line;
pub mod console;
pub mod describe;
pub mod effect;
pub mod flows;
pub mod glyphs;
pub mod hangup;
pub mod header;
pub mod hints;
pub mod keymap;
pub mod layout;
pub mod look;
pub mod options;
pub mod pace;
pub mod panes;
pub mod picture;
pub mod popups;
pub mod refusal;
mod rendered;
pub mod signals;
pub mod style;
pub mod terminal;
pub mod ui;
pub mod update;
pub mod view;
pub mod widgets;
pub mod words;

pub use console::Console;
pub use options::ConsoleOptions;

use crate::config::{Notify, Settings};
use crate::engine::outside::Outside;
use crate::engine::{Command, Engine, Event};
use crossterm::event::{Event as Input, EventStream};
use effect::{Effect, Purpose};
use futures::StreamExt;
use hangup::Hangup;
use jiff::Timestamp;
use pace::Pace;
use signals::{Signal, Signals};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::Poll;
use style::Role;
use terminal::Screen;

/// Facts that are taken in between two frames.
const FACTS: usize = 2_000;
/// Input events that are taken in between two frames.
const INPUTS: usize = 500;

/// Why the console could not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// There is no terminal to draw on.
    #[error("there is no terminal here; `gitdeck status`, `diff` and `sync` work without one")]
    NoTerminal,
    /// The theme is not there or cannot be read.
    #[error(transparent)]
    Theme(#[from] style::ThemeError),
    /// The terminal failed.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
    /// The engine ended by itself.
    #[error("the engine ended by itself; what was begun is in `gitdeck activity`")]
    EngineGone,
}

/// Runs the console until somebody leaves it or the terminal is gone. The terminal is restored in every case.
pub async fn run(
    mut engine: Engine,
    settings: Arc<Settings>,
    options: ConsoleOptions,
) -> Result<(), ConsoleError> {
    let look = options.look(&settings.console, Timestamp::now())?;
    if !Screen::is_possible() {
        return Err(ConsoleError::NoTerminal);
    }
    let hangup = Hangup::watch()?;
    let console = Console::new(engine.cached_store(), settings.safety.read_only, look);
    let result = {
        let screen = Screen::enter()?;
        let (pace, input, notify) = (Pace::new(), EventStream::new(), settings.console.notify);
        let signals = Signals::new()?;
        let mut running = Running { console, screen, pace, input, signals, notify, options };
        let result = running.until_left(&mut engine, &hangup).await;
        engine.remember(&running.console.store);
        result
    };
    engine.stop().await;
    hangup.over();
    result
}

/// What woke the loop.
enum Wake {
    Input(Option<io::Result<Input>>),
    Fact(Option<Box<Event>>),
    Signal(Signal),
    Gone,
    Time,
}

/// The console on a terminal.
struct Running {
    console: Console,
    screen: Screen,
    pace: Pace,
    input: EventStream,
    signals: Signals,
    notify: Notify,
    options: ConsoleOptions,
}

impl Running {
    async fn until_left(
        &mut self,
        engine: &mut Engine,
        hangup: &Hangup,
    ) -> Result<(), ConsoleError> {
        // Rows and selection come before the first frame: an empty list would say that nothing is configured.
        let effects = self.console.begin();
        self.paint()?;
        engine.send(Command::Watch);
        let _ = self.carry_out(effects, engine).await?;
        loop {
            if self.pace.is_due() {
                self.paint()?;
            }
            let wake = tokio::select! {
                biased;
                () = hangup.seen() => Wake::Gone,
                signal = self.signals.next() => Wake::Signal(signal),
                input = self.input.next() => Wake::Input(input),
                fact = engine.next() => Wake::Fact(fact.map(Box::new)),
                () = self.pace.wake(self.console.is_animated()) => Wake::Time,
            };
            let effects = match wake {
                Wake::Gone | Wake::Signal(Signal::End) | Wake::Input(None) => return Ok(()),
                Wake::Signal(Signal::Stop) => {
                    self.stop()?;
                    Vec::new()
                }
                Wake::Input(Some(input)) => self.take_input(input?).await?,
                Wake::Fact(None) => return Err(ConsoleError::EngineGone),
                Wake::Fact(Some(fact)) => self.take_facts(*fact, engine),
                Wake::Time => {
                    self.pace.beat();
                    Vec::new()
                }
            };
            if self.carry_out(effects, engine).await?.is_break() {
                return Ok(());
            }
        }
    }

    fn paint(&mut self) -> io::Result<()> {
        let (width, height) = self.screen.size()?;
        self.console.look.set_now(ui::present());
        self.console.look.beat = self.pace.beats();
        let frame = self.console.frame(width, height);
        self.screen.paint(frame)?;
        self.pace.painted(self.console.look.lasts());
        Ok(())
    }

    /// Takes an input event and every one that is at hand already.
    async fn take_input(&mut self, first: Input) -> io::Result<Vec<Effect>> {
        let mut effects = Vec::new();
        let mut next = Some(first);
        for _ in 0..INPUTS {
            let Some(input) = next.take() else { break };
            match input {
                Input::FocusGained => self.pace.look(true),
                Input::FocusLost => self.pace.look(false),
                Input::Resize(..) => self.pace.soon(),
                _ => self.pace.now(),
            }
            effects.extend(self.console.input(input));
            // What an effect asks for comes before the next key: a prompt may have opened.
            if !effects.is_empty() {
                break;
            }
            next = self.at_hand().await?;
        }
        Ok(effects)
    }

    fn take_facts(&mut self, first: Event, engine: &mut Engine) -> Vec<Effect> {
        let mut effects = self.take_fact(first);
        for _ in 0..FACTS {
            let Some(fact) = engine.try_next() else { break };
            effects.extend(self.take_fact(fact));
        }
        effects.extend(self.console.settle());
        self.pace.soon();
        effects
    }

    fn take_fact(&mut self, fact: Event) -> Vec<Effect> {
        let settings = match &fact {
            Event::Configured { settings, .. } => Some(Arc::clone(settings)),
            _ => None,
        };
        let effects = self.console.event(fact);
        if let Some(settings) = settings {
            self.notify = settings.console.notify;
            match self.options.look(&settings.console, Timestamp::now()) {
                Ok(look) => self.console.look = look,
                Err(error) => self.console.ui.say(Role::Bad, error.to_string()),
            }
        }
        effects
    }

    async fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        engine: &mut Engine,
    ) -> io::Result<ControlFlow<()>> {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Run(command, purpose) => self.send(engine, command, purpose),
                Effect::Cancel(job) => engine.cancel(job),
                Effect::Copy(text) => self.screen.copy(&text)?,
                Effect::Notify(text) => self.screen.notify(self.notify, &text)?,
                Effect::DrainInput => self.drain_input().await?,
                Effect::Outside { path, text } => {
                    effects.extend(self.outside(&path, &text, engine).await?);
                }
                Effect::Stop => signals::stop_job()?,
                Effect::Quit => return Ok(ControlFlow::Break(())),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn send(&mut self, engine: &Engine, command: Command, purpose: Purpose) {
        let job = engine.send(command);
        self.console.sent(job, purpose);
    }

    /// An input event that is there without waiting.
    ///
    /// The stream remembers who asked first and wakes nobody else until there is input: who asks has to be this task,
    /// or the next key waits for something else to happen.
    async fn at_hand(&mut self) -> io::Result<Option<Input>> {
        let asked = poll_fn(|task| match self.input.poll_next_unpin(task) {
            Poll::Ready(input) => Poll::Ready(input),
            Poll::Pending => Poll::Ready(None),
        });
        asked.await.transpose()
    }

    /// What was typed before the prompt was seen was not meant for it.
    async fn drain_input(&mut self) -> io::Result<()> {
        while self.at_hand().await?.is_some() {}
        self.paint()
    }

    /// Lends the terminal to the user's own editor, and takes what came of the text.
    async fn outside(
        &mut self,
        path: &str,
        text: &str,
        engine: &mut Engine,
    ) -> io::Result<Vec<Effect>> {
        let outside = match Outside::new(path, text) {
            Ok(outside) => outside,
            Err(error) => {
                self.console.edited(Err(format!("no place for the text: {error}")));
                return Ok(Vec::new());
            }
        };
        // The old stream would go on to read what is typed there.
        self.input = EventStream::new();
        self.screen.lend();
        let mut effects = Vec::new();
        let ended = self.wait_for(&outside, engine, &mut effects).await;
        self.screen.resume()?;
        let editor = outside.editor();
        self.console.edited(match ended {
            Ok(status) if status.success() => outside.text(),
            Ok(status) => Err(format!("{editor} ended with {status}; the text is as it was")),
            Err(error) => Err(format!(
                "{editor} cannot be started: {error}; $VISUAL or $EDITOR names another one"
            )),
        });
        effects.extend(self.console.settle());
        self.pace.now();
        Ok(effects)
    }

    /// Waits for the editor. Facts are taken in meanwhile; what they lead to comes after it.
    async fn wait_for(
        &mut self,
        outside: &Outside,
        engine: &mut Engine,
        effects: &mut Vec<Effect>,
    ) -> io::Result<ExitStatus> {
        let mut child = outside.start()?;
        loop {
            tokio::select! {
                status = child.wait() => return status,
                signal = self.signals.next() => match signal {
                    // Ctrl-Z in the editor stops the whole job, or the shell would not come back.
                    Signal::Stop => self.screen.stop_lent()?,
                    Signal::End => child.start_kill()?,
                },
                Some(fact) = engine.next() => effects.extend(self.take_fact(fact)),
            }
        }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.screen.stop()?;
        self.pace.now();
        Ok(())
    }
}
