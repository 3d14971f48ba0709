//! The labelled fields of a form, one below the other, with what is said below them.

use crate::tui::look::Look;
use crate::tui::popups::{keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{safe, wrap};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

const WIDTH: u16 = 84;
/// Cells of a label.
const LABEL: u16 = 12;
/// Lines of what is said that are shown.
const SAID: usize = 6;

/// What a key meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Something inside the form.
    Inside,
    /// The form is to close.
    Leave,
    /// What was typed is to be taken.
    Enter,
}

/// What is around the fields.
pub struct Around<'a> {
    /// Title of the frame.
    pub title: String,
    /// The line above the fields.
    pub about: &'a str,
    /// What `Enter` does.
    pub enter: &'a str,
}

/// State of the fields.
#[derive(Debug)]
pub struct Fields {
    labels: &'static [&'static str],
    rows: Vec<Field>,
    /// The first field that is there.
    first: usize,
    at: usize,
    /// What is wrong, or under way.
    said: Option<(Role, String)>,
    /// The fields as they were before anybody typed.
    given: Vec<String>,
    /// Whether `Esc` was pressed once on what was typed.
    leaving: bool,
}

impl Fields {
    /// Fields with what is known already; those before `first` are not shown.
    pub fn new(labels: &'static [&'static str], given: Vec<String>, first: usize) -> Self {
        let rows = given.iter().cloned().map(Field::new).collect();
        Self { labels, rows, first, at: first, said: None, given, leaving: false }
    }

    /// The same, as if all of it had been typed: it is not dropped without asking.
    #[must_use]
    pub fn typed(self) -> Self {
        let given = self.given.iter().map(|_| String::new()).collect();
        Self { given, ..self }
    }

    /// What a field holds.
    pub fn text(&self, index: usize) -> &str {
        self.rows[index].text()
    }

    /// What a field holds without spaces around it, where it holds anything.
    pub fn some(&self, index: usize) -> Option<String> {
        let text = self.text(index).trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Says something below the fields, until somebody types.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.said = Some((role, text.into()));
    }

    /// Says nothing any more.
    pub fn hush(&mut self) {
        self.said = None;
    }

    /// Types, moves, or asks before what was typed is dropped.
    pub fn key(&mut self, key: KeyEvent) -> Pressed {
        let (first, last) = (self.first, self.rows.len() - 1);
        let was_leaving = std::mem::take(&mut self.leaving);
        match key.code {
            KeyCode::Esc => {
                let typed =
                    self.rows.iter().zip(&self.given).any(|(field, given)| field.text() != given);
                if was_leaving || !typed {
                    return Pressed::Leave;
                }
                self.leaving = true;
                self.say(Role::Drift, "Esc again drops what was typed; any other key goes on");
            }
            KeyCode::Tab | KeyCode::Down => {
                self.at = if self.at == last { first } else { self.at + 1 };
            }
            KeyCode::BackTab | KeyCode::Up => {
                self.at = if self.at == first { last } else { self.at - 1 };
            }
            KeyCode::Enter => return Pressed::Enter,
            _ => {
                if self.rows[self.at].key(key) {
                    self.said = None;
                }
            }
        }
        Pressed::Inside
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.rows[self.at].paste(text);
    }

    /// Paints the form; `now` is what holds where a field is left empty.
    pub fn view(
        &self,
        (buffer, screen, look): (&mut Buffer, Rect, &Look),
        around: &Around<'_>,
        now: impl Fn(usize) -> String,
    ) {
        let width = WIDTH.min(screen.width).saturating_sub(4) as usize;
        let said = self.said.as_ref().map(|(role, text)| (*role, wrap(&safe(text), width)));
        let lines = said.as_ref().map_or(0, |(_, lines)| lines.len().min(SAID));
        let (first, rows) = (self.first, self.labels.len() - self.first);
        let area = place(screen, WIDTH, (rows + lines + 5) as u16);
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, around.title.clone())),
            foot: keys(look, &[("Tab", "next"), ("Enter", around.enter), ("Esc", "cancel")]),
            ..Frame::default()
        };
        let inner = padded(paint_frame(buffer, area, look, frame));
        let top = row(inner, 0);
        let muted = look.theme[Role::Muted];
        buffer.set_stringn(top.x, top.y, around.about, top.width as usize, muted);
        for (index, label) in self.labels.iter().enumerate().skip(first) {
            let line = row(inner, index - first + 2);
            let role = if index == self.at { Role::Strong } else { Role::Text };
            buffer.set_stringn(line.x, line.y, label, LABEL as usize, look.theme[role]);
            let x = line.x + LABEL.min(line.width);
            let field = Rect { x, width: line.right().saturating_sub(x), ..line };
            if index == self.at {
                self.rows[index].paint(buffer, field, look);
                continue;
            }
            let typed = self.rows[index].text();
            let (role, text) = if typed.is_empty() {
                (Role::Muted, now(index))
            } else {
                (Role::Text, typed.to_owned())
            };
            let width = field.width as usize;
            buffer.set_stringn(field.x, field.y, safe(&text), width, look.theme[role]);
        }
        for (index, (role, line)) in said
            .iter()
            .flat_map(|(role, lines)| lines.iter().map(|line| (*role, line)))
            .take(lines)
            .enumerate()
        {
            let place = row(inner, rows + 3 + index);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[role]);
        }
    }
}
