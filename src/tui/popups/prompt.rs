//! One field to fill in, an image, a value, or two: the reason and the end of a suspension.

use crate::config::duration;
use crate::domain::Secret;
use crate::engine::Alteration;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::ui::present;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{safe, wrap};
use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

const WIDTH: u16 = 76;
/// Room for the name of a line, where there are two.
const LABEL: u16 = 7;

/// What is asked for, and so what goes on with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The reason to suspend a mapping, and when that ends; both may be empty.
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
    fn step(&self, text: &str, until: Option<Timestamp>) -> Option<Step> {
        let pair = |text: &str| {
            let (name, to) = Alteration::pair(text)?;
            (!to.is_empty()).then_some((name, to))
        };
        Some(match self {
            Self::Reason { mapping } => {
                Step::Suspend { mapping: mapping.clone(), reason: text.to_owned(), until }
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
    /// The second line, where there is one.
    until: Option<Field>,
    /// Whether the second line is typed into.
    second: bool,
    /// What is wrong with it.
    fault: Option<&'static str>,
}

impl Prompt {
    /// Asks.
    pub fn new(title: String, about: Vec<String>, ask: Ask) -> Self {
        let field = if ask == Ask::Passphrase { Field::hidden() } else { Field::default() };
        let until = matches!(ask, Ask::Reason { .. }).then(Field::default);
        Self { title, about, ask, field, until, second: false, fault: None }
    }

    /// Types, goes to the other line, sends, or closes; what was typed is not given up by a single Esc.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match key.code {
            KeyCode::Esc if self.texts().all(str::is_empty) => return Reaction::Close,
            KeyCode::Esc => self.clear(),
            KeyCode::Enter => return self.send(),
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down
                if self.until.is_some() =>
            {
                self.second = !self.second;
            }
            _ => {
                self.fault = None;
                self.typed().key(key);
            }
        }
        Reaction::Stay
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.field].into_iter().chain(&self.until).map(Field::text)
    }

    /// The line that is typed into.
    fn typed(&mut self) -> &mut Field {
        match &mut self.until {
            Some(until) if self.second => until,
            _ => &mut self.field,
        }
    }

    /// Empties the line that is typed into, or the other one where it is empty.
    fn clear(&mut self) {
        self.fault = None;
        if self.ask == Ask::Passphrase {
            self.field = Field::hidden();
            return;
        }
        if self.typed().text().is_empty() {
            self.second = !self.second;
        }
        *self.typed() = Field::default();
    }

    fn send(&mut self) -> Reaction {
        let text = self.until.as_ref().map(|field| field.text().trim()).unwrap_or_default();
        let now = present();
        let until = duration::moment(text, now);
        self.fault = match until {
            _ if text.is_empty() => None,
            None => Some("neither a duration like 2h nor a time like 2026-01-31T18:00:00Z"),
            Some(until) if until <= now => Some("that is over already"),
            Some(_) => None,
        };
        if self.fault.is_some() {
            self.second = true;
            return Reaction::Stay;
        }
        self.ask.step(self.field.text(), until).map_or(Reaction::Stay, Reaction::Go)
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.fault = None;
        self.typed().paste(text);
    }

    /// Paints the prompt.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let width = WIDTH.min(screen.width).saturating_sub(4) as usize;
        let about: Vec<String> = self.about.iter().flat_map(|text| wrap(text, width)).collect();
        let lines = if self.until.is_some() { 6 } else { 4 };
        let area = place(screen, WIDTH, about.len() as u16 + lines);
        let hints = [("Tab", "other line"), ("Enter", self.ask.verb()), ("Esc", "cancel")];
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, safe(&self.title).into_owned())),
            foot: keys(look, &hints[usize::from(self.until.is_none())..]),
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
        let first = row(inner, about.len() + 1);
        let Some(until) = &self.until else { return self.field.paint(buffer, first, look) };
        let second = row(inner, about.len() + 2);
        line(buffer, first, ("why", &self.field, !self.second), look);
        line(buffer, second, ("until", until, self.second), look);
        let below = row(inner, about.len() + 3);
        let (role, said) = match self.fault {
            Some(fault) => (Role::Bad, fault),
            None => (Role::Muted, "2h, or a time like 2026-01-31T18:00:00Z; empty: until resumed"),
        };
        let room = below.width.saturating_sub(LABEL) as usize;
        buffer.set_stringn(below.x + LABEL, below.y, said, room, look.theme[role]);
    }
}

/// Paints one of two lines: its name, and what was typed.
fn line(
    buffer: &mut Buffer,
    area: Rect,
    (name, field, is_typed): (&str, &Field, bool),
    look: &Look,
) {
    let role = if is_typed { Role::TitleFocus } else { Role::Muted };
    buffer.set_stringn(area.x, area.y, name, area.width as usize, look.theme[role]);
    let room = area.width.saturating_sub(LABEL);
    let place = Rect { x: area.x + LABEL.min(area.width), width: room, ..area };
    if is_typed {
        field.paint(buffer, place, look);
    } else {
        buffer.set_style(place, look.theme[Role::Field]);
        buffer.set_stringn(
            place.x,
            place.y,
            safe(field.text()),
            room as usize,
            look.theme[Role::Field],
        );
    }
}
