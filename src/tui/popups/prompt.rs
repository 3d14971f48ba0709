//! One field to fill in: the reason of a suspension.

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

/// State of the prompt.
#[derive(Debug)]
pub struct Prompt {
    title: String,
    about: Vec<String>,
    mapping: String,
    field: Field,
}

impl Prompt {
    /// Asks for the reason to suspend a mapping.
    pub fn new(title: String, about: Vec<String>, mapping: String) -> Self {
        Self { title, about, mapping, field: Field::default() }
    }

    /// Types, sends, or closes; what was typed is not given up by a single Esc.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match key.code {
            KeyCode::Esc if self.field.text().is_empty() => Reaction::Close,
            KeyCode::Esc => {
                self.field = Field::default();
                Reaction::Stay
            }
            KeyCode::Enter => Reaction::Go(Step::Suspend {
                mapping: self.mapping.clone(),
                reason: self.field.text().to_owned(),
            }),
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
            foot: keys(look, &[("Enter", "suspend"), ("Esc", "cancel")]),
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
