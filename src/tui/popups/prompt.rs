//! One field to fill in: the reason of a suspension, an image, a value.

use crate::domain::Secret;
use crate::engine::Alteration;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{safe, wrap};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

const WIDTH: u16 = 76;

/// What is asked for, and so what goes on with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The reason to suspend a mapping; it may be empty.
    Reason {
        /// Mapping.
        mapping: String,
    },
    /// `NAME=REF`.
    Image {
        /// Mapping.
        mapping: String,
    },
    /// The value at a path; or `PATH=VALUE` where no path is given.
    Value {
        /// Mapping.
        mapping: String,
        /// The path.
        path: Option<String>,
    },
    /// What opens the vault.
    Passphrase,
}

impl Ask {
    fn verb(&self) -> &'static str {
        match self {
            Self::Reason { .. } => "suspend",
            Self::Image { .. } | Self::Value { .. } => "show the commit",
            Self::Passphrase => "open",
        }
    }

    /// What goes on; nothing while the answer is not whole.
    fn step(&self, text: &str) -> Option<Step> {
        let pair = |text: &str| {
            let (name, to) = Alteration::pair(text)?;
            (!to.is_empty()).then_some((name, to))
        };
        Some(match self {
            Self::Reason { mapping } => {
                Step::Suspend { mapping: mapping.clone(), reason: text.to_owned() }
            }
            Self::Image { mapping } => {
                let (name, reference) = pair(text.trim())?;
                let alteration = Alteration::Image { name, reference };
                Step::Propose { mapping: mapping.clone(), alteration }
            }
            Self::Passphrase if text.is_empty() => return None,
            Self::Passphrase => Step::Unlock(Secret::new(text)),
            Self::Value { mapping, path } => {
                let (path, value) = match path {
                    Some(path) => (path.clone(), text.trim().to_owned()),
                    None => pair(text.trim())?,
                };
                let alteration = Alteration::Value { path, value };
                Step::Propose { mapping: mapping.clone(), alteration }
            }
        })
    }
}

/// State of the prompt.
#[derive(Debug)]
pub struct Prompt {
    title: String,
    about: Vec<String>,
    ask: Ask,
    field: Field,
}

impl Prompt {
    /// Asks.
    pub fn new(title: String, about: Vec<String>, ask: Ask) -> Self {
        let field = if ask == Ask::Passphrase { Field::hidden() } else { Field::default() };
        Self { title, about, ask, field }
    }

    /// Types, sends, or closes; what was typed is not given up by a single Esc.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match key.code {
            KeyCode::Esc if self.field.text().is_empty() => Reaction::Close,
            KeyCode::Esc => {
                let empty = matches!(self.ask, Ask::Passphrase).then(Field::hidden);
                self.field = empty.unwrap_or_default();
                Reaction::Stay
            }
            KeyCode::Enter => self.ask.step(self.field.text()).map_or(Reaction::Stay, Reaction::Go),
            _ => {
                self.field.key(key);
                Reaction::Stay
            }
        }
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
    }

    /// Paints the prompt.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let width = WIDTH.min(screen.width).saturating_sub(4) as usize;
        let about: Vec<String> = self.about.iter().flat_map(|text| wrap(text, width)).collect();
        let area = place(screen, WIDTH, about.len() as u16 + 4);
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, safe(&self.title).into_owned())),
            foot: keys(look, &[("Enter", self.ask.verb()), ("Esc", "cancel")]),
            ..Frame::default()
        };
        let inner = padded(paint_frame(buffer, area, look, frame));
        for (index, line) in about.iter().enumerate() {
            let place = row(inner, index);
            buffer.set_stringn(
                place.x,
                place.y,
                line,
                place.width as usize,
                look.theme[Role::Text],
            );
        }
        self.field.paint(buffer, row(inner, about.len() + 1), look);
    }
}
