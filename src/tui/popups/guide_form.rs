//! A guide: one question after the other, each answer checked where it is given.

use crate::config::guide::{self, Answers, Known, Level, Question};
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::safe;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

const WIDTH: u16 = 84;
/// Cells of a key.
const KEY: u16 = 12;

/// State of the guide.
#[derive(Debug)]
pub struct GuideForm {
    level: Level,
    known: Known,
    questions: Vec<Question>,
    answers: Answers,
    /// The question that is asked.
    at: usize,
    field: Field,
    wrong: Option<String>,
    /// Whether `Esc` was pressed once on what was typed.
    leaving: bool,
}

impl GuideForm {
    /// The first question of a level.
    pub fn new(level: Level, known: Known) -> Self {
        let questions = guide::questions(level, &known, None);
        let field = Field::default();
        let answers = Answers::new();
        Self { level, known, questions, answers, at: 0, field, wrong: None, leaving: false }
    }

    /// Types, answers, goes back to the question before, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        let was_leaving = std::mem::take(&mut self.leaving);
        match key.code {
            KeyCode::Esc => {
                let typed = !self.answers.is_empty() || !self.field.text().is_empty();
                if was_leaving || !typed {
                    return Reaction::Close;
                }
                self.leaving = true;
            }
            KeyCode::Up => self.back(),
            KeyCode::Enter => return self.answer(),
            _ => {
                self.field.key(key);
                self.wrong = None;
            }
        }
        Reaction::Stay
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
    }

    fn back(&mut self) {
        let Some((key, text)) = self.answers.pop() else { return };
        self.at = self.questions.iter().position(|one| one.key == key).unwrap_or_default();
        (self.field, self.wrong) = (Field::new(text), None);
    }

    fn answer(&mut self) -> Reaction {
        let Some(question) = self.questions.get(self.at) else { return Reaction::Close };
        match question.answered(&self.known, self.field.text()) {
            Err(why) => {
                self.wrong = Some(why);
                Reaction::Stay
            }
            Ok(answer) => {
                self.answers.push((question.key, answer));
                self.field = Field::default();
                match guide::next(&self.questions, self.at + 1, &self.answers) {
                    Some((index, _)) => {
                        self.at = index;
                        Reaction::Stay
                    }
                    None => {
                        Reaction::Go(Step::Guided(Box::new((self.level, self.answers.clone()))))
                    }
                }
            }
        }
    }

    /// Paints the guide.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let Some(question) = self.questions.get(self.at) else { return };
        let area = place(screen, WIDTH, (self.questions.len() + 7) as u16);
        let title = format!("Guide: {}", self.level.word());
        let corner = format!("{} of {}", self.at + 1, self.questions.len());
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            corner: Line::from(look.span(Role::Muted, corner)),
            foot: keys(look, &[("Enter", "next"), ("Up", "the one before"), ("Esc", "cancel")]),
            ..Frame::default()
        };
        let inner = padded(paint_frame(buffer, area, look, frame));
        let mut write = |index: usize, from: u16, role: Role, text: &str| {
            let line = row(inner, index);
            let room = line.width.saturating_sub(from) as usize;
            buffer.set_stringn(line.x + from, line.y, safe(text), room, look.theme[role]);
        };
        for (index, (key, text)) in self.answers.iter().enumerate() {
            write(index, 0, Role::Muted, key);
            write(index, KEY, Role::Text, if text.is_empty() { "-" } else { text });
        }
        let ask = self.answers.len() + usize::from(!self.answers.is_empty());
        write(ask, 0, Role::Strong, question.ask);
        let below = match (&self.wrong, question.default.as_str()) {
            _ if self.leaving => {
                let asked = "Esc again drops what was typed; any other key goes on";
                (Role::Drift, asked.to_owned())
            }
            (Some(why), _) => (Role::Bad, why.clone()),
            (None, "") => (Role::Muted, "Nothing is written before you confirm.".to_owned()),
            (None, default) => (Role::Muted, format!("Enter takes {default}.")),
        };
        write(ask + 3, 0, below.0, &below.1);
        self.field.paint(buffer, row(inner, ask + 1), look);
    }
}
