//! The console without its terminal: input and facts in, effects and frames out. The loop drives it, and so do tests.

use crate::engine::{Event, JobId, Store};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::popups::Popup;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::{update, view};
use crossterm::event::Event as Input;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What is known, what only the screen knows, and how it looks.
#[derive(Debug)]
pub struct Console {
    /// What is known of the world.
    pub store: Store,
    /// What only the screen knows.
    pub ui: Ui,
    /// How things look.
    pub look: Look,
}

impl Console {
    /// A console on what is known already.
    pub fn new(store: Store, read_only: bool, look: Look) -> Self {
        Self { store, ui: Ui::new(read_only), look }
    }

    /// What the console wants before the first input: the log of what is selected.
    pub fn begin(&mut self) -> Vec<Effect> {
        self.ui.settle(&self.store)
    }

    /// Takes input from the terminal.
    pub fn input(&mut self, input: Input) -> Vec<Effect> {
        update::input(&mut self.ui, &self.store, input)
    }

    /// Takes in a fact. [`Console::settle`] has to follow when no more facts are at hand.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        self.store.apply(event.clone());
        update::event(&mut self.ui, &self.store, &event)
    }

    /// Brings rows and selections in line with the facts that were taken in.
    pub fn settle(&mut self) -> Vec<Effect> {
        self.ui.settle(&self.store)
    }

    /// What the user's own editor made of the text of the open editor, or why nothing came of it.
    pub fn edited(&mut self, text: Result<String, String>) {
        match (text, self.ui.popups.last_mut()) {
            (Ok(text), Some(Popup::Editor(editor))) => editor.take(&text),
            (Ok(_), _) => {}
            (Err(why), _) => self.ui.say(Role::Bad, why),
        }
    }

    /// The job that a command became.
    pub fn sent(&mut self, job: JobId, purpose: Purpose) {
        self.ui.sent(job, purpose);
    }

    /// Whether something on the screen moves by itself.
    pub fn is_animated(&self) -> bool {
        self.ui.is_animated(&self.store)
    }

    /// Paints a frame.
    pub fn frame(&mut self, width: u16, height: u16) -> Buffer {
        let screen = Rect::new(0, 0, width, height);
        self.ui.fit(screen, &self.store, &self.look);
        let mut buffer = Buffer::empty(screen);
        let scene = Scene { ui: &self.ui, store: &self.store, look: &self.look };
        view::view(&mut buffer, &scene);
        buffer
    }
}
