//! Keys in, picture out: the console without terminal and engine.

use crate::support::world::now;
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use gitdeck::engine::{Command, Event, JobId, Outcome, Store};
use gitdeck::tui::Console;
use gitdeck::tui::effect::Effect;
use gitdeck::tui::glyphs::UNICODE;
use gitdeck::tui::look::Look;
use gitdeck::tui::style::Theme;
use ratatui::buffer::Buffer;
use std::cell::Cell;

/// A console that is driven by hand.
pub struct Driver {
    /// The console.
    pub console: Console,
    /// Commands that were sent, with their jobs, oldest first.
    pub sent: Vec<(JobId, Command)>,
    /// Other effects, oldest first.
    pub effects: Vec<Effect>,
    size: (u16, u16),
}

impl Driver {
    /// A console of a size on a world.
    pub fn new(store: Store, size: (u16, u16)) -> Self {
        Self::with(store, size, false)
    }

    /// The same; perhaps read-only.
    pub fn with(store: Store, size: (u16, u16), read_only: bool) -> Self {
        let theme = Theme::named("dark").expect("a theme");
        let look = Look {
            theme,
            glyphs: UNICODE,
            no_colour: false,
            now: now(),
            beat: 0,
            changes_at: Cell::default(),
        };
        let mut console = Console::new(store, read_only, look);
        let effects = console.begin();
        let mut driver = Self { console, sent: Vec::new(), effects: Vec::new(), size };
        driver.take(effects);
        driver.buffer();
        driver
    }

    /// Presses keys, with a frame after each. Words in angle brackets are keys: `<enter>`, `<c-s>`, `<pgdn>`.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (event, length) = match rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
                Some((name, _)) => (named(name), name.len() + 2),
                None => (KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), c.len_utf8()),
            };
            self.input(Input::Key(event));
            rest = &rest[length..];
        }
        self
    }

    /// Gives an input event, and paints.
    pub fn input(&mut self, input: Input) {
        let effects = self.console.input(input);
        self.take(effects);
        self.buffer();
    }

    /// Gives a fact, and paints.
    pub fn fact(&mut self, event: Event) -> &mut Self {
        let mut effects = self.console.event(event);
        effects.extend(self.console.settle());
        self.take(effects);
        self.buffer();
        self
    }

    /// Ends the job of the last command that passes.
    pub fn end(&mut self, outcome: Outcome, which: impl Fn(&Command) -> bool) -> &mut Self {
        let (job, _) =
            self.sent.iter().rfind(|(_, command)| which(command)).expect("such a command");
        let event = Event::JobEnded { job: *job, outcome, at: now() };
        self.fact(event)
    }

    /// Ends the job of the last command that passes, successfully.
    pub fn done(&mut self, which: impl Fn(&Command) -> bool) -> &mut Self {
        self.end(Outcome::Done(String::new()), which)
    }

    /// The last command that passes.
    pub fn command(&self, which: impl Fn(&Command) -> bool) -> Option<&Command> {
        self.sent.iter().map(|(_, command)| command).rfind(|command| which(command))
    }

    /// The cells of the present frame.
    pub fn buffer(&mut self) -> Buffer {
        self.console.frame(self.size.0, self.size.1)
    }

    /// The present frame as text.
    pub fn picture(&mut self) -> String {
        picture(&self.buffer())
    }

    /// Another theme, or other signs.
    pub fn look(&mut self, change: impl FnOnce(&mut Look)) -> &mut Self {
        change(&mut self.console.look);
        self
    }

    /// Another size.
    pub fn resize(&mut self, size: (u16, u16)) -> &mut Self {
        self.size = size;
        self.input(Input::Resize(size.0, size.1));
        self
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Run(command, purpose) => {
                    let job = JobId(self.sent.len() as u64 + 1);
                    self.sent.push((job, command));
                    self.console.sent(job, purpose);
                }
                other => self.effects.push(other),
            }
        }
    }
}

/// The text of a painted screen, line by line, without the spaces at the ends.
pub fn picture(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in buffer.area.left()..buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
            }
            let width = unicode_width::UnicodeWidthStr::width(symbol);
            skip = if skip == 0 { width.saturating_sub(1) } else { skip - 1 };
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn named(name: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match name {
        "enter" => plain(KeyCode::Enter),
        "esc" => plain(KeyCode::Esc),
        "tab" => plain(KeyCode::Tab),
        "s-tab" => plain(KeyCode::BackTab),
        "up" => plain(KeyCode::Up),
        "down" => plain(KeyCode::Down),
        "left" => plain(KeyCode::Left),
        "right" => plain(KeyCode::Right),
        "home" => plain(KeyCode::Home),
        "end" => plain(KeyCode::End),
        "pgup" => plain(KeyCode::PageUp),
        "pgdn" => plain(KeyCode::PageDown),
        "bs" => plain(KeyCode::Backspace),
        "space" => plain(KeyCode::Char(' ')),
        "lt" => plain(KeyCode::Char('<')),
        control => {
            let c =
                control.strip_prefix("c-").and_then(|c| c.chars().next()).expect("a key's name");
            KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
        }
    }
}
